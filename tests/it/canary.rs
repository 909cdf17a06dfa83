//! Environment values never leave the describe step: no record, log line, error or dry-run line holds one, whatever is asked of the logs.

mod secrets;
mod syncs;

use ecs_sim::{CANARY, Effect, Fault, Shape, Simulator, World};
use kit::program::{code, program, text};
use kit::settings::unique;
use kit::topic::read;
use kit::{OBJECTS, broker};

const SHAPE: Shape =
    Shape { clusters: 2, services: 20, tasks: 150, stopped_tasks: 10, task_definitions: 60, inactive_clusters: 0 };

fn world() -> World {
    World { shape: SHAPE, ..World::default() }
}

/// Faults of all kinds, so that errors are said too.
fn troubled() -> Simulator {
    let simulator = Simulator::start(world()).unwrap();
    drop(simulator.fault(Fault::refuse("DescribeTaskDefinition", 500, "ServerException", "down").times(5)));
    drop(simulator.fault(Fault::new("DescribeTasks", Effect::Close).times(2)));
    drop(simulator.fault(Fault::access_denied("DescribeServices")));
    simulator
}

#[test]
fn the_simulator_does_hold_canaries() {
    let definitions: Vec<_> = world().task_definitions("111111111111", "eu-west-1").collect();
    let tasks: Vec<_> = world().tasks("111111111111", "eu-west-1", false).collect();
    assert!(serde_json::to_string(&definitions).unwrap().contains(CANARY));
    assert!(serde_json::to_string(&tasks).unwrap().contains(CANARY));
}

#[test]
fn no_environment_value_is_in_a_dry_run_or_its_logs() {
    let simulator = troubled();
    let output = program(Some(&simulator))
        .args(["sync", "--dry-run", "--report", "json", "--set", "operation_options.EcsTask.fetchStoppedTasks=true"])
        .env("RUST_LOG", "trace,aws_smithy_runtime=trace,hyper=trace,h2=trace")
        .output()
        .unwrap();
    let (lines, logs) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(code(&output), 1, "{logs}");
    assert!(logs.contains("DEBUG"), "the logs do speak");
    assert!(!logs.contains("TRACE aws_") && !logs.contains("TRACE hyper"), "bodies are written at TRACE");
    assert!(lines.contains("ENVIRONMENT_KEYS"));
    assert!(!lines.contains(CANARY), "a value is on standard output");
    assert!(!logs.contains(CANARY), "a value is in the logs");
}

/// Answers that cannot be read, because of a value or in the middle of one.
fn malformed() -> Vec<(&'static str, String)> {
    let variable = format!(r#"{{"name": "KEY", "value": "{CANARY}"}}"#);
    let definition = |members: &str| format!(r#"{{"taskDefinition": {{"taskDefinitionArn": "arn", {members}}}}}"#);
    let task = |members: &str| format!(r#"{{"tasks": [{{"taskArn": "arn", {members}}}], "failures": []}}"#);
    let environment = definition(&format!(r#""containerDefinitions": [{{"environment": [{variable}]}}]"#));
    let cut = environment.find(CANARY).unwrap() + CANARY.len() - 1;
    vec![
        ("DescribeTaskDefinition", environment[..cut].to_owned() + CANARY),
        ("DescribeTaskDefinition", environment.clone() + CANARY),
        ("DescribeTaskDefinition", environment.replace(r#""value""#, r#""name""#)),
        ("DescribeTaskDefinition", definition(&format!(r#""revision": "{CANARY}""#))),
        ("DescribeTaskDefinition", definition(&format!(r#""registeredAt": "{CANARY}""#))),
        ("DescribeTaskDefinition", definition(&format!(r#""containerDefinitions": "{CANARY}""#))),
        ("DescribeTaskDefinition", definition(&format!(r#""containerDefinitions": [{{"environment": "{CANARY}"}}]"#))),
        (
            "DescribeTaskDefinition",
            definition(&format!(r#""containerDefinitions": [{{"environment": ["{CANARY}"]}}]"#)),
        ),
        ("DescribeTasks", task(&format!(r#""createdAt": "{CANARY}""#))),
        ("DescribeTasks", task(&format!(r#""containers": ["{CANARY}"]"#))),
        ("DescribeTasks", task(&format!(r#""{CANARY}": {CANARY}"#))),
        ("DescribeTasks", CANARY.to_owned()),
    ]
}

#[test]
fn no_environment_value_is_in_the_logs_of_answers_that_cannot_be_read() {
    // So few that no rate limit holds them up.
    let shape = Shape { tasks: 20, stopped_tasks: 0, task_definitions: 10, ..SHAPE };
    for (action, body) in malformed() {
        let simulator = Simulator::start(World { shape, ..World::default() }).unwrap();
        drop(simulator.fault(Fault::new(action, Effect::Replace(body.clone()))));
        let output = program(Some(&simulator))
            .args(["sync", "--dry-run", "--report", "json", "--set", "maximum_retries=1"])
            .args(["--set", "objects=EcsTask,EcsTaskDefinition"])
            .env("RUST_LOG", "trace,aws_smithy_runtime=trace,hyper=trace,h2=trace")
            .output()
            .unwrap();
        let (lines, logs) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(code(&output), 1, "{logs}");
        let cause = format!("{action}: Response: the answer was cut or malformed");
        assert!(logs.contains(&cause) || lines.contains(&cause), "{body}: {lines}");
        assert!(!lines.contains(CANARY), "{body} is on standard output");
        assert!(!logs.contains(CANARY), "{body} is in the logs");
    }
}

#[test]
fn no_environment_value_is_on_a_topic() {
    let simulator = troubled();
    let (servers, prefix) = (broker::bootstrap_servers().unwrap(), unique("canary"));
    let output = program(Some(&simulator))
        .args([
            "sync",
            "--set",
            &format!("kafka.bootstrap_servers={servers}"),
            "--set",
            "kafka.topics_create=if_missing",
        ])
        .args(["--set", &format!("kafka.topic_prefix={prefix}"), "--set", "kafka.properties.debug=all"])
        .env("RUST_LOG", "trace")
        .output()
        .unwrap();
    let logs = text(&output.stderr);
    assert_eq!(code(&output), 1, "{logs}");
    assert!(logs.contains("librdkafka"), "the logs do speak");
    assert!(!logs.contains(CANARY), "a value is in the logs");
    let topics = ["cluster", "service", "task", "task-definition"].map(|topic| format!("{prefix}.{topic}"));
    for (topic, object) in topics.iter().zip(OBJECTS) {
        let records = read(servers, topic);
        assert_eq!(records.is_empty(), object == "EcsService", "{topic}");
        for record in records {
            assert!(!String::from_utf8_lossy(&record.value).contains(CANARY), "a value is on {topic}");
        }
    }
}

#[test]
fn no_key_is_in_the_logs_when_a_profile_assumes_a_role_and_sts_answers_nonsense() {
    let simulator = Simulator::start(world()).unwrap();
    // The SDK shows what it could not read.
    let answer = "<Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>canary-secret</SecretAccessKey>\
                  <SessionToken>canary-token</SessionToken><Expiration>garbage</Expiration></Credentials>";
    drop(simulator.fault(Fault::new("AssumeRole", Effect::Replace(answer.to_owned()))));
    let folder = tempfile::tempdir().unwrap();
    let profiles = folder.path().join("config");
    let base = "[profile base]\naws_access_key_id = AKIA\naws_secret_access_key = secret\n";
    let reader = "[profile reader]\nrole_arn = arn:aws:iam::222222222222:role/reader\nsource_profile = base\n";
    std::fs::write(&profiles, format!("{base}{reader}")).unwrap();
    for directives in ["", "trace"] {
        let mut command = program(Some(&simulator));
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        command.env("AWS_CONFIG_FILE", &profiles).env("AWS_PROFILE", "reader").env("RUST_LOG", directives);
        let output = command.args(["sync", "--dry-run", "--set", "maximum_retries=0"]).output().unwrap();
        let logs = text(&output.stderr);
        assert_eq!(code(&output), 2, "{logs}");
        assert!(simulator.counters().calls["AssumeRole"] > 0, "the profile assumes its role: {logs}");
        assert!(!logs.contains("canary-"), "keys are in the logs: {logs}");
    }
}
