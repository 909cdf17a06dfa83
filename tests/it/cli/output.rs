//! What a sync writes to standard output: records, the report, and a pipe that ends early.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use ecs_sim::{Shape, Simulator, World};
use kit::broker;
use kit::settings::unique;
use serde_json::Value;

use super::*;

#[test]
fn a_dry_run_prints_json_lines_and_ends_with_the_report() {
    let simulator = Simulator::start(World::default()).unwrap();
    let output = program(Some(&simulator)).args(["sync", "--dry-run", "--report", "json"]).output().unwrap();
    assert_eq!((code(&output), text(&output.stderr)), (0, String::new()), "a quiet run is a healthy run");
    let lines: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (report, records) = lines.split_last().unwrap();
    let members: Vec<&String> = report.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        ["sync", "name", "emit", "outcome", "error", "started", "ended", "types", "calls", "partitions"]
    );
    assert_eq!((&report["outcome"], &report["partitions"]), (&Value::from("COMPLETED"), &serde_json::json!([])));
    let of_type =
        |object: &str| report["types"].as_array().unwrap().iter().find(|one| one["object"] == object).unwrap().clone();
    let acknowledged: u64 =
        report["types"].as_array().unwrap().iter().map(|one| one["acknowledged"].as_u64().unwrap()).sum();
    assert_eq!(acknowledged, records.len() as u64, "printed = acknowledged");
    assert_eq!(of_type("EcsTask")["account"], "111111111111");
    assert_eq!((&of_type("EcsTask")["role"], &of_type("EcsTask")["error"]), (&Value::Null, &Value::Null));
    for record in records {
        assert_eq!(record["timestamp"], report["sync"]);
        assert_eq!(record["value"]["LAST_CAPTURED"], report["sync"]);
        assert_eq!(record["value"]["UID"], record["key"]);
        assert!(record["headers"]["ce_id"].as_str().unwrap().starts_with(record["key"].as_str().unwrap()));
        let topic = record["topic"].as_str().unwrap();
        assert!(topic.starts_with("sdm.ecs."), "{topic}");
    }
}

#[test]
fn the_report_as_json_stands_alone_on_standard_output() {
    let simulator = Simulator::start(World::default()).unwrap();
    let servers = broker::bootstrap_servers().unwrap();
    let output = program(Some(&simulator))
        .args(["run", "--report", "json", "--set", "kafka.topics_create=if_missing"])
        .args([
            "--set",
            &format!("kafka.bootstrap_servers={servers}"),
            "--set",
            &format!("kafka.topic_prefix={}", unique("cli")),
        ])
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let report: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!(report["outcome"], "COMPLETED");
    assert_eq!(report["partitions"].as_array().unwrap().len(), 4 * 6);
}

#[test]
fn a_report_that_cannot_be_written_is_no_success() {
    let simulator = Simulator::start(World { shape: Shape::empty(), ..World::default() }).unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output =
        program(Some(&simulator)).args(["sync", "--dry-run", "--report", "json"]).stdout(full).output().unwrap();
    assert_eq!(code(&output), 1);
    assert!(text(&output.stderr).contains("standard output: No space left"), "{}", text(&output.stderr));
    let simulator = Simulator::start(World::default()).unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = program(Some(&simulator)).args(["sync", "--dry-run"]).stdout(full).output().unwrap();
    assert_eq!(code(&output), 2, "records that cannot be written are no closed pipe");
    assert!(text(&output.stderr).contains("standard output: No space left"), "{}", text(&output.stderr));
}

#[test]
fn a_closed_pipe_ends_a_dry_run_quietly() {
    let shape = Shape { clusters: 1, tasks: 5_000, ..Shape::small() };
    let simulator = Simulator::start(World { shape, ..World::default() }).unwrap();
    let mut child = program(Some(&simulator))
        .args(["sync", "--dry-run"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(first.starts_with('{'));
    assert_eq!((code(&output), text(&output.stderr)), (0, String::new()));
}
