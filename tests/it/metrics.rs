//! What `/metrics` says: of a sync that runs, over several syncs, of many scopes, and in words that Prometheus takes.

mod alerts;
mod dashboard;
mod situations;
mod text;

use std::process::Command;

use ecs_sdm_producer::telemetry::{INSTRUMENTS, Kind};
use ecs_sim::{CANARY, Fault, Shape, Simulator, World};
use kit::broker;
use kit::metrics::Scrape;
use kit::program::program;
use kit::settings::{role, unique};
use kit::sidecar::Sidecar;
use kit::sync::SHAPE;
use kit::{ACCOUNT, OBJECTS, REGION};
use serde_json::Value;

fn simulator(shape: Shape) -> Simulator {
    Simulator::start(World { shape, ..World::default() }).unwrap()
}

/// A sidecar on the shared broker, with these settings too.
fn sidecar(program: Command, test: &str, settings: &[(&str, &str)]) -> Sidecar {
    let quick = [("rates.service_read.burst", "10000"), ("rates.task_definition_read.burst", "10000")];
    Sidecar::on_shared_broker(program, test, &[&quick, settings].concat())
}

/// The sum over all types of a report.
fn total(report: &Value, count: &str) -> f64 {
    report["types"].as_array().unwrap().iter().map(|one| one[count].as_f64().unwrap()).sum()
}

/// What only grows.
fn counters(scrape: &Scrape) -> Vec<(String, f64)> {
    let is_counter = |name: &str| name.ends_with("_total") || name.ends_with("_count") || name.ends_with("_bucket");
    let named = |series: &str| series.split('{').next().unwrap().to_owned();
    scrape
        .0
        .iter()
        .filter(|(series, _)| is_counter(&named(series)))
        .map(|(series, value)| (series.clone(), *value))
        .collect()
}

#[test]
fn a_sync_that_runs_is_seen_and_sums_over_syncs_never_fall() {
    let simulator = simulator(SHAPE);
    let gate = simulator.fault(Fault::hold("DescribeTasks"));
    let mut sidecar = sidecar(program(Some(&simulator)), "metrics", &[]);
    sidecar.wait_for("all but the tasks is read", |status| {
        status["types"].as_array().unwrap().iter().filter(|one| one["state"] == "complete").count() == 3
    });
    let amid = sidecar.scrape();
    assert_eq!(amid.get("ecs_sdm_objects_total", &[("object", "EcsService"), ("result", "described")]), 36.0);
    assert_eq!(amid.get("ecs_sdm_records_total", &[("object", "EcsService"), ("result", "acknowledged")]), 36.0);
    assert_eq!(amid.get("ecs_sdm_objects_total", &[("object", "EcsTask"), ("result", "described")]), 0.0);
    assert_eq!(amid.get("ecs_sdm_scopes", &[("state", "asked")]), 1.0);
    assert_eq!(amid.get("ecs_sdm_scopes", &[("state", "ended")]), 0.0);
    assert!(amid.get("ecs_sdm_aws_calls_open", &[]) > 0.0 && amid.get("ecs_sdm_aws_calls_limit", &[]) == 8.0);
    assert!(amid.get("ecs_sdm_buffers_used", &[]) > 0.0 && amid.get("ecs_sdm_buffers_limit", &[]) == 16.0);
    assert!(amid.get("ecs_sdm_sync_start_timestamp_seconds", &[]) > 1_700_000_000.0);
    assert_eq!(amid.get("ecs_sdm_ready", &[]), 1.0);
    assert!(amid.all("ecs_sdm_last_complete_timestamp_seconds", &[]).is_empty(), "nothing has ended yet");
    assert_eq!(amid.sum("ecs_sdm_syncs_total", &[]), 0.0);
    gate.release();
    let mut before = amid;
    for syncs in 1..=3 {
        if syncs > 1 {
            assert_eq!(sidecar.ask("POST", "/sync").0, 202);
        }
        let report = sidecar.wait_for_reports(syncs).pop().unwrap();
        sidecar.wait_for("the sync is over", |status| {
            status["last"]["sync"] == report["sync"] && status["phase"].is_null()
        });
        let after = sidecar.scrape();
        assert_eq!(after.get("ecs_sdm_syncs_total", &[("outcome", "completed")]), syncs as f64);
        assert_eq!(after.get("ecs_sdm_sync_duration_seconds_count", &[("outcome", "completed")]), syncs as f64);
        let acknowledged = after.sum("ecs_sdm_records_total", &[("result", "acknowledged")]);
        assert_eq!(acknowledged, syncs as f64 * total(&report, "acknowledged"));
        assert_eq!(after.sum("messaging_client_sent_messages_total", &[]), acknowledged);
        assert!(
            after.get("ecs_sdm_kafka_in_flight", &[]) == 0.0
                && after.get("ecs_sdm_kafka_oldest_age_seconds", &[]) == 0.0
        );
        assert_eq!(after.sum("ecs_sdm_types", &[("state", "complete")]), 4.0);
        let place = [("account", ACCOUNT), ("region", REGION)];
        let complete = after.all("ecs_sdm_last_complete_timestamp_seconds", &place);
        assert_eq!(complete.len(), OBJECTS.len(), "{complete:?}");
        let sync = humantime::parse_rfc3339(report["sync"].as_str().unwrap()).unwrap();
        let sync = sync.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        assert!(complete.iter().all(|(_, at)| (at - sync).abs() < 0.001), "{complete:?}, {sync}");
        for (series, value) in counters(&before) {
            let now = after.0.get(&series).copied().unwrap_or_else(|| panic!("{series} is gone"));
            assert!(now >= value, "{series} fell from {value} to {now}");
        }
        before = after;
    }
    let calls: f64 = sidecar.reports().iter().map(|report| report["calls"]["attempts"].as_f64().unwrap()).sum();
    assert_eq!(before.sum("ecs_sdm_aws_calls_total", &[]), calls);
    assert_eq!(before.sum("ecs_sdm_aws_call_duration_seconds_count", &[]), calls);
    assert_eq!(before.sum("ecs_sdm_aws_calls_total", &[("result", "answered")]), calls);
}

#[test]
fn what_goes_wrong_has_its_number() {
    let simulator = simulator(SHAPE);
    drop(simulator.fault(Fault::throttling("DescribeServices").times(2)));
    drop(simulator.fault(Fault::server_error("ListTasks").times(1)));
    drop(simulator.fault(Fault::access_denied("ListTaskDefinitions")));
    // Requests that come at once have to wait for each other.
    let few = [("rates.service_read.burst", "2"), ("rates.service_read.per_second", "4")];
    let mut sidecar = sidecar(program(Some(&simulator)), "metrics_wrong", &few);
    let report = sidecar.wait_for_reports(1).remove(0);
    sidecar.wait_for("the sync is over", |status| status["last"].is_object() && status["phase"].is_null());
    let scrape = sidecar.scrape();
    let stray = scrape.0.keys().find(|series| series.contains(CANARY) || series.contains("arn:"));
    assert_eq!(stray, None, "a value of an environment, or an ARN, is a label");
    let place = [("account", ACCOUNT), ("region", REGION)];
    let of = |category| [place[0], place[1], ("category", category)];
    assert_eq!(scrape.get("ecs_sdm_aws_throttled_total", &of("service_read")), 2.0);
    assert_eq!(scrape.get("ecs_sdm_aws_throttled_total", &of("cluster_read")), 0.0);
    assert!(scrape.get("ecs_sdm_aws_wait_seconds_total", &of("service_read")) > 0.0);
    let calls = |category, result| scrape.get("ecs_sdm_aws_calls_total", &[("category", category), ("result", result)]);
    assert_eq!((calls("service_read", "throttled"), calls("cluster_resource_read", "failed")), (2.0, 1.0));
    assert_eq!(calls("task_definition_read", "failed"), 1.0);
    assert_eq!(scrape.sum("ecs_sdm_aws_retries_total", &[]), report["calls"]["retried"].as_f64().unwrap());
    assert_eq!(scrape.get("ecs_sdm_types", &[("object", "EcsTaskDefinition"), ("state", "denied")]), 1.0);
    assert_eq!(scrape.get("ecs_sdm_syncs_total", &[("outcome", "partial")]), 1.0);
    let complete = scrape.all("ecs_sdm_last_complete_timestamp_seconds", &place);
    assert_eq!(complete.len(), 3, "{complete:?}");
    assert!(complete.iter().all(|(series, _)| !series.contains("EcsTaskDefinition")), "{complete:?}");
}

#[test]
fn five_hundred_scopes_have_fifteen_series_each_at_most_and_too_many_have_none() {
    for (roles, is_told) in [(500, true), (1_001, false)] {
        let simulator = simulator(Shape::empty());
        let arns = (0..roles).map(role).collect::<Vec<_>>().join(",");
        let mut command = program(Some(&simulator));
        command.env("ECS_SDM_ASSUME_ROLE_ARNS", arns);
        let settings = [("parallel_requests", "64"), ("objects", "EcsCluster,EcsTask")];
        let mut sidecar = sidecar(command, "metrics_scopes", &settings);
        sidecar.wait_for_reports(1);
        sidecar.wait_for("the sync is over", |status| status["last"].is_object() && status["phase"].is_null());
        let scrape = sidecar.scrape();
        let of_scopes = scrape.0.keys().filter(|series| series.contains("account=\"")).count();
        let omitted = scrape.get("ecs_sdm_scopes_omitted", &[]);
        let told = sidecar.logs().matches("metrics of each account and region are left out").count();
        if is_told {
            assert!(of_scopes > 0 && of_scopes <= 15 * roles, "{of_scopes} series of {roles} scopes");
            assert_eq!((omitted, told), (0.0, 0));
        } else {
            assert_eq!((of_scopes, omitted, told), (0, roles as f64, 1));
        }
        let others = scrape.0.len() - of_scopes;
        assert!(others <= 250, "{others} other series");
    }
}
