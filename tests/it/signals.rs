//! Signals: the first ends a sync and delivers what was read, the second ends the program at once.

use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::report::{Outcome, StopReason};
use ecs_sdm_producer::sync::Sink;
use ecs_sim::{Fault, Shape, Simulator, World};
use kit::broker::{self, Broker};
use kit::program::{code, program, text};
use kit::settings::{config, on_broker, unique};
use kit::toxic::{FaultProxy, Toxics};
use kit::truth::truth;
use kit::wait::{unread, wait_until};
use kit::{ACCOUNT, OBJECTS, REGION, server};
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
    // The pipe fills up, since nobody reads.
    let mut output = child.stdout.take().unwrap();
    let mut first = [0];
    output.read_exact(&mut first).unwrap();
    server::send(&child, "TERM").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn logs_that_nobody_reads_hold_up_neither_the_first_signal_nor_the_second() {
    for signals in [1, 2] {
        let simulator = Simulator::start(World::default()).unwrap();
        let gate = simulator.fault(Fault::hold("DescribeTasks"));
        let mut child = program(Some(&simulator))
            .args(["sync", "--dry-run", "--report", "json"])
            .env("RUST_LOG", "trace")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A pipe has 64 KiB in pages that are seldom full. Soon the next line does not fit in, and whoever writes it stands still.
        let logs = child.stderr.take().unwrap();
        wait_until("the pipe of the logs is nearly full", || unread(&logs) > 40 << 10);
        while child.try_wait().unwrap().is_none() {
            server::send(&child, "TERM").unwrap();
            if signals == 1 {
                break;
            }
            std::thread::yield_now();
        }
        assert_eq!(child.wait().unwrap().code(), Some(1), "{signals} signals");
        gate.release();
    }
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
    let proxy = FaultProxy::start();
    let broker = Broker::start_behind(proxy.port()).unwrap();
    proxy.lead_to(broker.second());
    let simulator = Simulator::start(World::default()).unwrap();
    let gate = simulator.fault(Fault::hold("ListTasks"));
    let child = program(Some(&simulator))
        .args(["sync", "--report", "json", "--set", "kafka.topics_create=if_missing"])
        .args(["--set", &format!("kafka.bootstrap_servers=127.0.0.1:{}", proxy.port())])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(gate.wait_met(1));
    // What is read from now on cannot be delivered: the first signal alone would take 15 s and more.
    proxy.set(Toxics { black_hole: true, ..Toxics::default() });
    gate.release();
    wait_until("tasks are described", || simulator.counters().calls.contains_key("DescribeTasks"));
    while child.try_wait().unwrap().is_none() {
        server::send(&child, "TERM").unwrap();
        std::thread::yield_now();
    }
    let output = child.wait_with_output().unwrap();
    let errors = text(&output.stderr);
    assert_eq!((code(&output), text(&output.stdout)), (1, String::new()), "{errors}");
    assert!(errors.contains("ended at once by a second signal"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_after_everything_was_read_takes_nothing_from_a_sync_that_is_delivered() {
    let broker = Broker::start().unwrap();
    let simulator = Simulator::start(World::default()).unwrap();
    let gate = simulator.fault(Fault::hold("ListClusters"));
    let config = on_broker(config(&simulator), broker.bootstrap_servers(), "delivered");
    let mut engine = Engine::new(config, REGION.to_owned()).unwrap();
    let run = engine.start(Sink::Kafka);
    let handle = run.handle();
    let stop = async {
        gate.wait_met(1).await;
        broker.pause();
        gate.release();
        let objects: u64 =
            OBJECTS.iter().map(|object| truth(simulator.world(), object, ACCOUNT, REGION, false).len() as u64).sum();
        while handle.status().types.iter().map(|one| one.counts.emitted).sum::<u64>() < objects {
            tokio::time::sleep(Duration::from_millis(5)).await; // why: counters tell nobody that they change
        }
        handle.stop(StopReason::Signal);
        broker.resume();
    };
    let (report, ()) = tokio::join!(run.finish(), stop);
    assert_eq!((report.outcome, &report.stop_reason), (Outcome::Completed, &None), "{}", report.text());
}
