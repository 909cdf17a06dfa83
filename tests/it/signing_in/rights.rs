//! Rights on the topics of a sync: one that is missing is told with its topics.

use ecs_sim::Simulator;
use kit::program::{code, program, text};
use kit::secured::Operation::{Describe, Write};
use kit::secured::{GUESTS, Listener, Operation, PASSWORD, USER};
use kit::settings::unique;

use super::{secured, simulator};

/// A sync as this user. Gives its exit code, and all that it said.
fn sync(simulator: &Simulator, prefix: &str, user: &str, topics_create: &str) -> (i32, String) {
    sync_with(simulator, prefix, user, &[&format!("kafka.topics_create={topics_create}")])
}

/// The same with these settings.
pub(super) fn sync_with(simulator: &Simulator, prefix: &str, user: &str, settings: &[&str]) -> (i32, String) {
    let mut command = program(Some(simulator));
    command.arg("sync").args(settings.iter().flat_map(|setting| ["--set", setting]));
    command.args(["--set", &format!("kafka.topic_prefix={prefix}"), "--set", "kafka.startup_timeout=5s"]);
    command.env("RUST_LOG", "warn,ecs_sdm_producer::kafka=debug");
    command.args(["--set", &format!("kafka.bootstrap_servers={}", secured().at(Listener::Sasl))]);
    command.envs([
        ("ECS_SDM_KAFKA__SECURITY__PROTOCOL", "sasl_plaintext"),
        ("ECS_SDM_KAFKA__SECURITY__MECHANISM", "PLAIN"),
        ("ECS_SDM_KAFKA__SECURITY__USERNAME", user),
        ("ECS_SDM_KAFKA__SECURITY__PASSWORD", PASSWORD),
    ]);
    let output = command.output().unwrap();
    (code(&output), text(&output.stderr))
}

/// Who may write to some topics, and who may write to none.
const WRITER: &str = GUESTS[0];
const READER: &str = GUESTS[1];

/// Topics that are there, and what a guest may do to them.
fn topics(simulator: &Simulator, guest: &str, operations: &[Operation]) -> String {
    let prefix = unique("rights");
    let (exit, said) = sync(simulator, &prefix, USER, "if_missing");
    assert_eq!(exit, 0, "{said}");
    secured().allow(guest, &prefix, operations);
    prefix
}

#[test]
fn a_missing_right_is_told_with_its_topics() {
    let simulator = simulator();
    for allowed in [&[] as &[Operation], &[Describe]] {
        let prefix = topics(&simulator, READER, allowed);
        let (exit, said) = sync(&simulator, &prefix, READER, "never");
        let words = format!("no right to write to any of the topics; allow WRITE and DESCRIBE on {prefix}.cluster, ");
        assert!(exit == 2 && said.contains(&words), "{allowed:?}: {said}");
    }
    // Who may write to some other topic has a producer id.
    secured().allow(WRITER, "elsewhere", &[Write]);
    let prefix = topics(&simulator, WRITER, &[]);
    let (exit, said) = sync(&simulator, &prefix, WRITER, "never");
    let words = format!("absent, or there is no right to describe them: {prefix}.cluster, ");
    assert!(exit == 2 && said.contains(&words) && said.contains("allow DESCRIBE and WRITE on them"), "{said}");
}

#[test]
fn a_denied_topic_costs_its_own_type() {
    let simulator = simulator();
    let prefix = topics(&simulator, WRITER, &[Describe, Write]);
    let denied = format!("{prefix}.service");
    secured().deny(WRITER, &denied, Write);
    let (exit, said) = sync(&simulator, &prefix, WRITER, "never");
    assert!(exit == 1 && said.contains("PARTIAL") && said.contains(&denied), "{said}");
    for (object, complete) in [("EcsCluster", "1"), ("EcsService", "0"), ("EcsTask", "1"), ("EcsTaskDefinition", "1")] {
        let row = said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let row = row.filter(|row| row.len() > 2).find(|row| row[0] == object);
        assert!(row.is_some_and(|row| row[2] == complete), "{object}: {said}");
    }
}
