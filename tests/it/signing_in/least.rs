//! `config/kafka-acls.md` and `config/msk-iam-policy.json` name the least rights: a user who has just these does what they are for, and
//! each of them that is taken away is missed as the document says.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use ecs_sim::Simulator;
use kit::cases::side_by_side;
use kit::secured::{Listener, Operation, Resource, USER};
use kit::settings::unique;
use kit::topic::{limit, read, set_topic};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::rights::sync_with;
use super::{secured, simulator};

const DOCUMENT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/kafka-acls.md"));
const POLICY: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/config/msk-iam-policy.json"));

/// The prefix of topics in the document.
const PREFIX: &str = "sdm.ecs";

/// What follows a heading, up to the next.
fn section(heading: &str) -> &'static str {
    let (_, rest) = DOCUMENT.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    rest.split("\n## ").next().unwrap()
}

/// The rights that the command of a section gives, on topics with this prefix.
pub(crate) fn rights(heading: &str, prefix: &str) -> Vec<(Resource, Operation)> {
    let command = section(heading).split("```").nth(1).unwrap().replace("\\\n", " ");
    let words: Vec<_> = command.split_whitespace().collect();
    assert_eq!(words[..2], ["sh", "kafka-acls.sh"], "{heading} has one command");
    let of = |option: &str| words.windows(2).filter(|pair| pair[0] == option).map(|pair| pair[1]).collect::<Vec<_>>();
    let is_prefixed = of("--resource-pattern-type") == ["prefixed"];
    let topic = if is_prefixed { Resource::Topics } else { Resource::Topic };
    let mut resources: Vec<_> = of("--topic").iter().map(|name| topic(name.replacen(PREFIX, prefix, 1))).collect();
    resources.extend(words.contains(&"--cluster").then_some(Resource::Cluster));
    let operations = of("--operation");
    assert!(!resources.is_empty() && !operations.is_empty(), "{heading}: {command}");
    let named = |name: &&str| Operation::named(name).unwrap_or_else(|| panic!("{heading}: {name}"));
    let each = |operation| resources.iter().map(move |resource| (resource.clone(), operation));
    operations.iter().map(named).flat_map(each).collect()
}

/// The rows of the table of rights, by column.
fn rows() -> Vec<Vec<&'static str>> {
    let lines = section("What each right is for").lines().filter(|line| line.starts_with("| "));
    let cells = |line: &'static str| line.trim_matches('|').split(" | ").map(str::trim).collect();
    lines.skip(1).map(cells).collect()
}

/// What the table says of a right that is missing: the quotes of its last column.
pub(crate) fn quotes(operation: Operation) -> Vec<&'static str> {
    let rows = rows();
    let row = rows.iter().find(|row| row[0] == format!("{operation:?}")).unwrap();
    row[4].split('"').skip(1).step_by(2).collect()
}

/// A thing that the producer is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Feature {
    Sync,
    DeadLetters,
    Making,
    MakingByCluster,
    Warnings,
    All,
}

use Feature::{All, DeadLetters, Making, MakingByCluster, Sync, Warnings};

impl Feature {
    fn heading(self) -> &'static str {
        match self {
            Sync => "Every sync",
            DeadLetters => "Dead letters",
            Making => "Topics that are made",
            MakingByCluster => "Topics that are made, by a right on the cluster",
            Warnings => "Warnings about topics",
            All => "All of it, by prefix",
        }
    }

    fn makes(self) -> bool {
        matches!(self, Making | MakingByCluster | All)
    }

    fn settings(self) -> &'static [&'static str] {
        match self {
            Sync | Warnings => &[],
            DeadLetters => &["errors.tolerance=dlq"],
            Making | MakingByCluster => &["kafka.topics_create=if_missing"],
            All => &["kafka.topics_create=if_missing", "errors.tolerance=dlq"],
        }
    }
}

/// A sync with the rights of a feature; perhaps without one of them.
struct Case {
    feature: Feature,
    without: Option<Operation>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let without = self.without.map(|operation| format!(", without {operation:?}")).unwrap_or_default();
        write!(f, "{}{without}", self.feature.heading())
    }
}

impl Case {
    async fn run(self, simulator: &Simulator) {
        let (broker, feature, prefix) = (secured(), self.feature, unique("least"));
        let (guest, servers) = (broker.guest(), broker.at(Listener::Plaintext));
        let topic = |name: &str| format!("{prefix}.{name}");
        if !feature.makes() {
            let settings = ["kafka.topics_create=if_missing", "errors.tolerance=dlq"];
            let (exit, said) = sync_with(simulator, &prefix, USER, &settings);
            assert_eq!(exit, 0, "{said}");
        }
        if feature == Warnings {
            set_topic(&servers, &topic("sync"), "cleanup.policy", "compact").await;
        }
        if feature == DeadLetters {
            // Too little for any record.
            limit(&servers, &topic("cluster"), 80).await;
        }
        if !matches!(feature, Sync | All) {
            broker.grant(&guest, &rights(Sync.heading(), &prefix));
        }
        let (taken, given): (Vec<_>, Vec<_>) =
            rights(feature.heading(), &prefix).into_iter().partition(|(_, operation)| Some(*operation) == self.without);
        if !given.is_empty() {
            broker.grant(&guest, &given);
        }
        for (resource, operation) in &taken {
            // WRITE implies it, unless it is forbidden.
            if let (Resource::Topic(topic), Operation::Describe) = (resource, operation) {
                broker.deny(&guest, topic, Operation::Describe);
            }
        }
        assert_eq!(taken.is_empty(), self.without.is_none());
        let (exit, said) = sync_with(simulator, &prefix, &guest, feature.settings());
        let said_of = |operation: Operation, which: usize| {
            let words = quotes(operation)[which].replace(PREFIX, &prefix);
            let mut parts = words.split('…').filter(|part| !part.is_empty());
            assert!(parts.all(|part| said.contains(part)), "{self}: not {words:?} but {said}");
        };
        // Of a slow start and the like others may warn.
        let is_of_rights = |line: &str| ["uthoriz", "right", "allow", "may not"].iter().any(|word| line.contains(word));
        let warnings = said.lines().filter(|line| line.contains(" WARN ") && is_of_rights(line)).count();
        let is_compacted = said.contains("the sync topic is compacted");
        match (feature, self.without) {
            (DeadLetters, None) => {
                let landed = read(&servers, &topic("dlq")).len();
                assert!(exit == 1 && landed > 0 && warnings == 0, "{self}: {landed}, {said}");
            }
            (_, None) => {
                assert!(exit == 0 && said.contains("COMPLETED"), "{self}: {said}");
                assert_eq!(warnings, 0, "{self}: {said}");
                assert_eq!(is_compacted, feature == Warnings, "{self}: {said}");
            }
            (Warnings, Some(Operation::DescribeConfigs)) => {
                assert!(exit == 0 && warnings == 0, "{self}: {said}");
                said_of(Operation::DescribeConfigs, 0);
            }
            (DeadLetters, Some(Operation::Write)) => {
                let landed = read(&servers, &topic("dlq")).len();
                assert!(exit == 1 && landed == 0, "{self}: {landed}, {said}");
                said_of(Operation::Write, 2);
            }
            (_, Some(operation)) => {
                assert_eq!(exit, 2, "{self}: {said}");
                said_of(operation, 0);
            }
        }
    }
}

#[test]
fn the_documented_rights_are_enough_and_none_is_too_many() {
    let mut cases = Vec::new();
    for feature in [Sync, DeadLetters, Making, MakingByCluster, Warnings, All] {
        cases.push(Case { feature, without: None });
        // That of all by prefix is the sum of the others.
        let mut operations: Vec<_> = rights(feature.heading(), PREFIX).into_iter().map(|(_, one)| one).collect();
        operations.dedup();
        let operations = operations.into_iter().filter(|_| feature != All);
        cases.extend(operations.map(|operation| Case { feature, without: Some(operation) }));
    }
    assert!(cases.len() > 12, "the document names fewer rights than it did");
    let simulator = Arc::new(simulator());
    Runtime::new().unwrap().block_on(side_by_side(cases, 4, move |case| {
        let simulator = Arc::clone(&simulator);
        async move { case.run(&simulator).await }
    }));
}

#[test]
fn one_topic_that_may_not_be_written_costs_its_type() {
    let (simulator, prefix) = (simulator(), unique("least"));
    let guest = secured().guest();
    assert_eq!(sync_with(&simulator, &prefix, USER, &["kafka.topics_create=if_missing"]).0, 0);
    let service = Resource::Topic(format!("{prefix}.service"));
    let mut rights = rights(Sync.heading(), &prefix);
    rights.retain(|(topic, operation)| *topic != service || *operation != Operation::Write);
    secured().grant(&guest, &rights);
    let (exit, said) = sync_with(&simulator, &prefix, &guest, &[]);
    assert!(exit == 1 && said.contains("PARTIAL") && said.contains(quotes(Operation::Write)[1]), "{said}");
}

/// The actions of the policy, by statement.
fn statements() -> Vec<(String, BTreeSet<String>, String)> {
    let policy: Value = serde_json::from_str(POLICY).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let actions = |value: &Value| {
        value.as_array().map_or_else(|| BTreeSet::from([text(value)]), |all| all.iter().map(text).collect())
    };
    let statements = policy["Statement"].as_array().unwrap().iter();
    statements.map(|one| (text(&one["Sid"]), actions(&one["Action"]), text(&one["Resource"]))).collect()
}

#[test]
fn the_policy_of_msk_allows_what_the_document_does() {
    // Signing in is no right of Kafka's own.
    let mut documented = BTreeSet::from(["kafka-cluster:Connect".to_owned()]);
    let mut operations = BTreeSet::new();
    for row in rows() {
        assert!(documented.insert(row[2].trim_matches('`').to_owned()), "{} comes twice", row[2]);
        assert!(Operation::named(row[0]).is_some() && operations.insert(row[0]), "{}", row[0]);
    }
    let commands = DOCUMENT.split("--operation ").skip(1).map(|rest| rest.split_whitespace().next().unwrap());
    assert_eq!(operations, commands.collect(), "the commands and the table name the same rights");
    let statements = statements();
    let allowed: Vec<_> = statements.iter().flat_map(|(_, actions, _)| actions.clone()).collect();
    assert_eq!(allowed.len(), documented.len(), "no action comes twice: {allowed:?}");
    assert_eq!(allowed.into_iter().collect::<BTreeSet<_>>(), documented);
    let msk = section("Amazon MSK with IAM");
    for (name, actions, resource) in statements {
        assert!(msk.contains(&format!("| {name} |")), "{name} is not explained");
        let of_cluster = ["kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"];
        let is_of_cluster = actions.iter().all(|action| of_cluster.contains(&action.as_str()));
        let kind = if is_of_cluster {
            ":cluster/CLUSTER_NAME/CLUSTER_UUID"
        } else {
            ":topic/CLUSTER_NAME/CLUSTER_UUID/sdm.ecs.*"
        };
        assert_eq!(resource, format!("arn:aws:kafka:REGION:ACCOUNT{kind}"), "{name}");
    }
}
