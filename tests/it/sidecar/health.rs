//! What the health server says in each state, to whom, and what `healthcheck` makes of it.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::Output;

use ecs_sim::Fault;
use kit::program::{code, text};
use serde_json::json;

use super::*;

#[test]
fn the_status_shows_a_sync_as_far_as_it_is_known() {
    let simulator = simulator();
    let start = simulator.fault(Fault::hold("GetCallerIdentity"));
    let gate = simulator.fault(Fault::hold("DescribeTasks"));
    let mut sidecar = sidecar(&simulator, "status", &[("name", "shown")]);
    let before = sidecar.wait_for("the first sync is tried", |status| status["phase"] == "starting");
    for member in ["sync", "outcome", "error", "started", "ended", "calls", "last", "scopes", "next"] {
        assert!(before[member].is_null(), "{member}: {before}");
    }
    assert_eq!((&before["types"], &before["partitions"]), (&json!([]), &json!([])), "{before}");
    assert_eq!((&before["name"], &before["skipped"]), (&json!("shown"), &json!(0)), "{before}");
    let (code, ready) = sidecar.ask("GET", "/readyz");
    assert_eq!((code, &ready["ready"]), (503, &json!(false)), "{ready}");
    let (code, live) = sidecar.ask("GET", "/livez");
    assert_eq!((code, &live["program"], &live["name"]), (200, &json!("ecs-sdm-producer"), &json!("shown")));
    start.release();

    let amid = sidecar.wait_for("all but the tasks is read", |status| {
        status["phase"] == "reading"
            && status["types"].as_array().unwrap().iter().filter(|one| one["state"] == "complete").count() == 3
    });
    assert_eq!(
        (&amid["outcome"], &amid["ended"], &amid["scopes"]),
        (&json!(null), &json!(null), &json!({"asked": 1, "ended": 0}))
    );
    let tasks = of(&amid, "EcsTask");
    assert_eq!(
        (&tasks["state"], &tasks["failed"], &tasks["error"]),
        (&json!(null), &json!(0), &json!(null)),
        "{tasks}"
    );
    assert!(tasks["asked"].as_u64() > Some(0) && amid["calls"]["attempts"].as_u64() > Some(0), "{amid}");
    assert_eq!(
        sidecar.ask("GET", "/readyz"),
        (200, json!({"program": "ecs-sdm-producer", "name": "shown", "ready": true, "reason": null}))
    );
    assert_eq!(sidecar.ask("POST", "/sync"), (409, json!({"sync": amid["sync"]})));
    assert!(amid["next"].is_string(), "the next tick is known while a sync runs: {amid}");
    gate.release();

    let after = sidecar.wait_for("the sync has ended", |status| status["last"].is_object());
    let report = sidecar.wait_for_reports(1).remove(0);
    for member in ["sync", "name", "emit", "outcome", "error", "started", "ended", "types", "calls", "partitions"] {
        assert_eq!(after[member], report[member], "{member}");
    }
    assert_eq!(report["outcome"], "COMPLETED", "{report}");
    let last = json!({"sync": report["sync"], "outcome": "COMPLETED", "error": null, "started": report["started"], "ended": report["ended"]});
    assert_eq!((&after["last"], &after["phase"]), (&last, &json!(null)));
    assert_eq!(after["next"], amid["next"], "jitter is drawn once a tick");

    assert_eq!(sidecar.ask("POST", "/sync"), (202, json!({})));
    let reports = sidecar.wait_for_reports(2);
    assert!(reports[1]["sync"].as_str() > reports[0]["sync"].as_str());
    assert_eq!(sidecar.status()["next"], amid["next"], "a sync that is asked for moves no tick");
    let left = sidecar.stop();
    assert_eq!((left.status.code(), left.reports.len()), (Some(0), 2), "{}", left.logs);
    assert!(!left.logs.contains("have changed"), "one producer serves all syncs: {}", left.logs);
}

#[test]
fn only_who_may_is_answered() {
    let simulator = simulator();
    let sidecar = sidecar(&simulator, "asked", &[]);
    let host = sidecar.address().to_owned();
    for (head, status) in [
        (format!("GET /livez HTTP/1.1\r\nHost: {host}"), "200"),
        (format!("HEAD /livez HTTP/1.1\r\nHost: {host}"), "200"),
        ("GET /livez HTTP/1.1\r\nHost: 127.0.0.1.evil.example".to_owned(), "421"),
        ("GET /nothing HTTP/1.1\r\nHost: evil.example".to_owned(), "421"),
        ("GET /livez HTTP/1.0".to_owned(), "421"),
        (format!("POST /livez HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0"), "405"),
        (format!("GET /sync HTTP/1.1\r\nHost: {host}"), "405"),
        (format!("GET /nothing HTTP/1.1\r\nHost: {host}"), "404"),
        (format!("POST /sync HTTP/1.1\r\nHost: {host}\r\nOrigin: http://evil.example\r\nContent-Length: 0"), "403"),
        (format!("POST /sync HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 0"), "403"),
    ] {
        let answer = sidecar.raw(&head);
        let (first, rest) = answer.split_once("\r\n").unwrap();
        assert!(first.contains(status), "{head}: {answer}");
        assert!(
            rest.contains("cache-control: no-store") && rest.contains("content-type: application/json"),
            "{answer}"
        );
        let body = rest.split_once("\r\n\r\n").unwrap().1;
        assert_eq!(body.is_empty(), head.starts_with("HEAD"), "{answer}");
    }
    assert!(sidecar.raw(&format!("GET /sync HTTP/1.1\r\nHost: {host}")).contains("allow: POST"));
}

/// Clients that never send their request, hundreds more than there are places.
#[test]
fn clients_that_stall_keep_nobody_from_an_answer() {
    let simulator = simulator();
    let sidecar = sidecar(&simulator, "stalled", &[]);
    let stalled: Vec<TcpStream> = (0..700)
        .map(|n| {
            let mut stream = TcpStream::connect(sidecar.address()).unwrap();
            if n % 2 == 0 {
                stream.write_all(b"GET /livez HTTP/1.1\r\nHost: loc").unwrap();
            }
            stream
        })
        .collect();
    // How soon that is, a benchmark says.
    assert_eq!(sidecar.ask("GET", "/livez").0, 200);
    drop(stalled);
    assert_eq!(sidecar.stop().status.code(), Some(0));
}

fn check(args: &[&str]) -> Output {
    program(None).arg("healthcheck").args(args).output().unwrap()
}

#[test]
fn a_healthcheck_asks_this_program_alone() {
    let simulator = simulator();
    let gate = simulator.fault(Fault::hold("GetCallerIdentity"));
    let mut sidecar = sidecar(&simulator, "checked", &[("name", "ours")]);
    let listen = format!("telemetry.listen={}", sidecar.address());
    let listening = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = listening.local_addr().unwrap().to_string();
    for (args, expected, words) in [
        (vec!["--set", &listen], 0, ""),
        (vec!["--address", sidecar.address()], 0, ""),
        // Nothing else of the settings is judged.
        (vec!["--set", &listen, "--set", "page_size=0", "--set", "name=ours"], 0, ""),
        (vec!["--ready", "--set", &listen], 1, "no sync has begun yet"),
        (vec!["--set", &listen, "--set", "name=theirs"], 1, "ours answers at"),
        (vec!["--set", "telemetry.listen=localhost:1"], 1, "telemetry.listen: "),
        (vec!["--config", "/nonexistent.toml"], 1, "No such file"),
        (vec!["--set", "telemetry.listen=none"], 1, "telemetry.listen is none"),
        (vec!["--address", simulator.endpoint().trim_start_matches("http://")], 1, "another program answers"),
        (vec!["--address", &silent], 1, "does not answer"),
    ] {
        let output = check(&args);
        assert_eq!(code(&output), expected, "{args:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(words), "{args:?}: {}", text(&output.stderr));
    }
    gate.release();
    sidecar.wait_for_reports(1);
    assert_eq!(code(&check(&["--ready", "--set", &listen])), 0);
}

#[test]
fn an_address_that_was_set_has_to_be_free() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let simulator = simulator();
    let mut command = program(Some(&simulator));
    command.args(["run", "--dry-run", "--set", "interval=1h", "--set", &format!("telemetry.listen={address}")]);
    let output = command.output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains(&format!("cannot listen on {address}")), "{}", text(&output.stderr));
}
