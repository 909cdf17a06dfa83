//! Signals: the first ends a sync and delivers what was read, the second ends the program at once.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;

use ecs_sim::{Fault, Shape, Simulator, World};
use kit::broker;
use kit::program::{code, program, text};
use kit::settings::unique;
use serde_json::Value;

#[test]
fn a_stopped_dry_run_whose_reader_does_not_read_ends_all_the_same() {
    let simulator =
        Simulator::start(World { shape: Shape { tasks: 3_000, ..Shape::small() }, ..World::default() }).unwrap();
    let mut child = program(Some(&simulator))
        .args(["sync", "--dry-run", "--report", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The pipe fills up, since nobody reads; two signals end the program at once.
    let mut output = child.stdout.take().unwrap();
    let mut first = [0];
    output.read_exact(&mut first).unwrap();
    let pid = child.id().to_string();
    while child.try_wait().unwrap().is_none() {
        std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        std::thread::yield_now();
    }
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_signal_ends_a_sync_aborted_with_what_was_read_delivered() {
    let simulator = Simulator::start(World::default()).unwrap();
    // Tasks and task definitions stay at the gate; clusters and services are read.
    let gate = simulator.fault(Fault::hold("DescribeTasks"));
    let servers = broker::bootstrap_servers().unwrap();
    let mut child = program(Some(&simulator))
        .args(["sync", "--report", "json", "--set", "kafka.topics_create=if_missing"])
        .args([
            "--set",
            &format!("kafka.bootstrap_servers={servers}"),
            "--set",
            &format!("kafka.topic_prefix={}", unique("abort")),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(gate.wait_met(1));
    let killed = std::process::Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success());
    let mut report = String::new();
    child.stdout.take().unwrap().read_to_string(&mut report).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 1, "{}", text(&output.stderr));
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["outcome"], "ABORTED");
    let tasks = report["types"].as_array().unwrap().iter().find(|one| one["object"] == "EcsTask").unwrap();
    assert_eq!((&tasks["state"], &tasks["described"]), (&Value::from("partial"), &Value::from(0)));
    for one in report["types"].as_array().unwrap() {
        assert_eq!(one["described"], one["acknowledged"], "what was read is delivered: {one}");
    }
    gate.release();
}

#[test]
fn a_second_signal_ends_at_once() {
    let simulator = Simulator::start(World::default()).unwrap();
    // A broker that accepts and never answers keeps the sync in its start.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut child = program(Some(&simulator))
        .args(["sync", "--set", &format!("kafka.bootstrap_servers={}", silent.local_addr().unwrap())])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(silent.accept().unwrap());
    let pid = child.id().to_string();
    let term = || std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(term().success());
    let output = loop {
        if child.try_wait().unwrap().is_some() {
            break child.wait_with_output().unwrap();
        }
        term();
        std::thread::yield_now();
    };
    assert_eq!(code(&output), 1);
    std::io::stderr().flush().unwrap();
}
