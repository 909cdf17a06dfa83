//! A set-up that is whole: a role to assume, topics and rights, subjects. Tests break one thing of it.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::LazyLock;

use ecs_sim::{FaultHandle, RoleRule, Simulator, World};
use kit::program::{code, program, text};
use kit::registry;
use kit::secured::Operation::{Describe, DescribeConfigs, Write};
use kit::secured::{Listener, Operation, PASSWORD, Resource};
use kit::settings::{role, unique};
use kit::topic::{admin, delete};
use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use serde::Deserialize;

use crate::signing_in::secured;

/// The role that is assumed.
pub(super) static ROLE: LazyLock<String> = LazyLock::new(|| role(0));
/// What its trust policy asks for.
pub(super) const EXTERNAL_ID: &str = "external";
/// What the user of a whole set-up may do with its topics.
pub(super) const RIGHTS: [Operation; 3] = [Write, Describe, DescribeConfigs];

/// What the topics of a sync are called behind their prefix.
pub(super) const TOPICS: [&str; 5] = ["cluster", "service", "task", "task-definition", "sync"];

pub(super) struct Setup {
    pub(super) simulator: Simulator,
    pub(super) prefix: String,
    pub(super) faults: Vec<FaultHandle>,
    guest: String,
    settings: BTreeMap<String, String>,
    pub(super) variables: BTreeMap<String, String>,
}

/// What came of a check.
#[derive(Debug, Deserialize)]
pub(super) struct Checked {
    pub(super) exit: i32,
    #[serde(rename = "checks")]
    pub(super) rows: Vec<Row>,
}

/// A row of it. Nothing may be left out, and nothing else may be there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) kind: String,
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    pub(super) role: Option<String>,
    #[serde(deserialize_with = "name")]
    pub(super) name: String,
    pub(super) result: String,
    pub(super) error: Option<String>,
}

fn name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Setup {
    pub(super) async fn whole(world: World) -> Self {
        let rule = RoleRule { external_id: Some(EXTERNAL_ID.to_owned()), ..RoleRule::default() };
        let simulator = Simulator::start(World { roles: [(ROLE.clone(), rule)].into(), ..world }).unwrap();
        let prefix = unique("online");
        let (settings, variables, faults) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let mut setup = Self { simulator, prefix, faults, guest: String::new(), settings, variables };
        for (key, value) in [
            ("assume_role_arns", ROLE.as_str()),
            ("external_id", EXTERNAL_ID),
            ("kafka.topic_prefix", &setup.prefix.clone()),
            ("kafka.bootstrap_servers", &secured().at(Listener::Sasl)),
            ("kafka.startup_timeout", "3s"),
            ("kafka.security.protocol", "sasl_plaintext"),
            ("kafka.security.mechanism", "PLAIN"),
            ("schema_registry.url", registry::url().unwrap()),
        ] {
            setup.set(key, value);
        }
        setup.variables.insert("ECS_SDM_KAFKA__SECURITY__PASSWORD".to_owned(), PASSWORD.to_owned());
        for topic in setup.topics() {
            setup.make(&topic).await;
        }
        setup.becomes_guest(&RIGHTS);
        setup.register();
        setup
    }

    pub(super) fn set(&mut self, key: &str, value: &str) {
        self.settings.insert(key.to_owned(), value.to_owned());
    }

    pub(super) fn unset(&mut self, key: &str) {
        self.settings.remove(key);
    }

    /// Signs in as somebody who may do this with each topic.
    pub(super) fn becomes_guest(&mut self, operations: &[Operation]) -> String {
        let guest = secured().guest();
        self.set("kafka.security.username", &guest);
        if !operations.is_empty() {
            secured().allow(&guest, &format!("{}.", self.prefix), operations);
        }
        guest
    }

    /// Signs in as somebody who may do everything with all topics but one, and this with that one.
    pub(super) fn has_all_but(&mut self, topic: &str, operations: &[Operation]) {
        self.guest = self.becomes_guest(&[]);
        for other in TOPICS {
            self.grant(other, if other == topic { operations } else { &RIGHTS });
        }
    }

    /// Gives whoever signs in these rights on a topic.
    pub(super) fn grant(&self, topic: &str, operations: &[Operation]) {
        let topic = Resource::Topic(self.topic(topic));
        let rights: Vec<_> = operations.iter().map(|operation| (topic.clone(), *operation)).collect();
        if !rights.is_empty() {
            secured().grant(&self.guest, &rights);
        }
    }

    pub(super) fn topics(&self) -> Vec<String> {
        TOPICS.iter().map(|topic| self.topic(topic)).collect()
    }

    pub(super) fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    pub(super) fn servers(&self) -> String {
        self.settings["kafka.bootstrap_servers"].clone()
    }

    /// Where one may do anything.
    pub(super) fn plain(&self) -> String {
        secured().at(Listener::Plaintext)
    }

    pub(super) async fn make(&self, topic: &str) {
        let policy = if topic.ends_with(".sync") { "delete" } else { "compact,delete" };
        let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1)).set("cleanup.policy", policy);
        admin(&self.plain()).create_topics([&new], &AdminOptions::new()).await.unwrap().pop().unwrap().unwrap();
    }

    pub(super) async fn remove(&self, topic: &str) {
        delete(&self.plain(), topic).await;
    }

    /// Registers all schemas, as the way out of a check says.
    pub(super) fn register(&self) {
        let output = self.program(&["schemas", "register"]).output().unwrap();
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    }

    /// The subjects of this set-up, as the registry knows them.
    pub(super) fn subjects(&self) -> Vec<String> {
        let (_, all) = registry::ask("GET", &format!("{}/subjects", registry::url().unwrap()), None);
        let names = all.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
        let mut names: Vec<String> = names.filter(|name| name.starts_with(&self.prefix)).collect();
        names.sort();
        names
    }

    pub(super) fn program(&self, args: &[&str]) -> Command {
        let mut command = program(Some(&self.simulator));
        command.args(args).envs(&self.variables);
        self.settings.iter().for_each(|(key, value)| _ = command.args(["--set", &format!("{key}={value}")]));
        command
    }

    pub(super) fn check(&self) -> Checked {
        let output = self.program(&["check", "--online", "--report", "json"]).output().unwrap();
        let said = text(&output.stdout);
        let checked: Checked =
            serde_json::from_str(&said).unwrap_or_else(|why| panic!("{why}: {said} {}", text(&output.stderr)));
        assert_eq!(checked.exit, code(&output), "{said}");
        checked
    }
}
