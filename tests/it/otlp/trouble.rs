//! Collectors that are away, that hang or refuse, and variables that are wrong: the inventory is none the worse for it, and the logs
//! say it once.

use std::time::Duration;

use ecs_sim::{Fault, Shape};
use kit::broker::Broker;
use kit::otlp::Reply;
use kit::toxic::{FaultProxy, Toxics};
use kit::wait::wait_until;

use super::*;

/// What stands where a secret may stand.
const SECRET: &str = "otlp-canary";

/// How long the stop of a sidecar may take.
const STOP: Duration = Duration::from_secs(25);

/// Headers with a secret; how they are written, and how they are sent.
const HEADERS: (&str, &str) = ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20otlp-canary,x-key=otlp-canary");

#[test]
fn a_sync_is_the_same_whatever_the_collector_does_and_the_logs_say_it_once() {
    let closed = Closed::new().unwrap();
    let replies = [
        (None, "cannot be reached"),
        (Some(Reply::Hang), "does not answer"),
        (Some(Reply::Status(401, SECRET)), "answers 401 Unauthorized; see OTEL_EXPORTER_OTLP_HEADERS"),
        (Some(Reply::Status(404, SECRET)), "answers 404 Not Found; see OTEL_EXPORTER_OTLP_ENDPOINT"),
        (Some(Reply::Status(429, SECRET)), "answers 429"),
        (Some(Reply::Status(503, SECRET)), "answers 503"),
        (Some(Reply::Reject(1)), "rejects 1 "),
    ];
    for (reply, words) in replies {
        let simulator = simulator();
        let collector = Collector::with(reply.unwrap_or(Reply::Accept));
        let there =
            if reply.is_some() { collector.url().to_owned() } else { format!("http://{}", closed.address().unwrap()) };
        let endpoint = format!("{there}/in?key={SECRET}");
        // With all that can be logged.
        let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), HEADERS, ("RUST_LOG", "trace")];
        let (output, report) = dry_run(&simulator, &[&variables[..], &NEVER].concat());
        let (lines, logs) = (text(&output.stdout), text(&output.stderr));
        assert_eq!((code(&output), &report["outcome"]), (0, &"COMPLETED".into()), "{reply:?}");
        let told = told(&logs);
        assert_eq!(told.len(), 1, "{reply:?}: {told:?}");
        assert!(told[0].contains(words) && told[0].contains("WARN"), "{reply:?}: {told:?}");
        let leak = [&lines, &logs].into_iter().flat_map(|text| text.lines()).find(|line| line.contains(SECRET));
        assert_eq!(leak, None, "{reply:?}");
        assert!(!logs.contains("panicked"), "{reply:?}");
        assert_eq!(collector.asked().is_empty(), reply.is_none());
        assert!(collector.asked().iter().all(|asked| asked.headers["authorization"] == format!("Bearer {SECRET}")));
    }
}

#[test]
fn a_sidecar_says_once_that_nothing_is_exported_and_once_that_it_is_again() {
    let (simulator, collector) = (simulator(), Collector::with(Reply::Status(503, SECRET)));
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "50"),
        ("OTEL_TRACES_EXPORTER", "none"),
        HEADERS,
    ];
    let mut sidecar = sidecar(&simulator, "unexported", &variables);
    sidecar.wait_for_reports(1);
    collector.wait_for_requests(20);
    assert_eq!(told(&sidecar.logs()).len(), 1, "{}", sidecar.logs());
    let failed = collector.asked().len();
    collector.reply(Reply::Accept);
    collector.wait_for("what has failed is counted", |received| {
        let failed_is = received.sum("ecs_sdm.telemetry.exports", &[("result", "failed"), ("signal", "metrics")]);
        failed_is.is_some_and(|count| count >= 20.0) && received.sum("ecs_sdm.syncs", &[]) == Some(1.0)
    });
    assert!(failed >= 20, "{failed}");
    let left = sidecar.stop();
    assert_eq!(left.logs.matches("metrics are exported again").count(), 1, "{}", left.logs);
    assert_eq!((left.status.code(), told(&left.logs).len()), (Some(0), 1), "{}", left.logs);
    assert!(!left.logs.contains(SECRET), "{}", left.logs);
}

/// The longest stop there is: what was read cannot be delivered, the outcome not published, and the last metrics not pushed.
#[test]
fn a_collector_that_hangs_keeps_the_stop_of_a_sidecar_within_its_time() {
    let proxy = FaultProxy::start();
    let broker = Broker::start_behind(proxy.port()).unwrap();
    proxy.lead_to(broker.second());
    for is_broker_hung in [false, true] {
        let shape = Shape { clusters: 4, services: 40, tasks: 2_000, task_definitions: 40, ..Shape::empty() };
        let simulator = Simulator::start(World { shape, ..World::default() }).unwrap();
        let held = is_broker_hung.then(|| simulator.fault(Fault::hold("DescribeTasks").skip(10)));
        let collector = Collector::with(Reply::Hang);
        let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()), ("OTEL_METRIC_EXPORT_INTERVAL", "200")];
        let prefix = unique("hung");
        let servers = format!("localhost:{}", proxy.port());
        let settings = [
            ("kafka.bootstrap_servers", servers.as_str()),
            ("kafka.topics_create", "if_missing"),
            ("kafka.topic_prefix", prefix.as_str()),
            ("interval", "1h"),
            ("page_size", "20"),
        ];
        let mut sidecar = Sidecar::start(exporting(&simulator, &variables), &settings);
        // A push is under way, and the last comes behind it.
        collector.wait_for_requests(1);
        if is_broker_hung {
            let described = || simulator.counters().calls.get("DescribeTasks").copied().unwrap_or_default();
            wait_until("tasks are described", || described() > 8);
            proxy.set(Toxics { black_hole: true, ..Toxics::default() });
        } else {
            sidecar.wait_for_reports(1);
        }
        sidecar.signal("TERM");
        let left = sidecar.end(STOP);
        assert_eq!(left.status.code(), Some(0), "{}", left.logs);
        let outcome = if is_broker_hung { "ABORTED" } else { "COMPLETED" };
        assert_eq!(left.reports.last().map(|report| &report["outcome"]), Some(&outcome.into()), "{}", left.logs);
        assert_eq!(told(&left.logs).len(), 1, "{}", left.logs);
        if let Some(held) = held {
            held.release();
        }
    }
}

#[test]
fn variables_that_cannot_be_used_are_told_once_and_never_fail_a_sync() {
    let (simulator, collector) = (simulator(), Collector::start());
    let user = collector.url().replace("http://", &format!("http://user:{SECRET}@"));
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
    let cases: &[(Variables<'_>, &str, bool)] = &[
        (&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], "OTEL_EXPORTER_OTLP_PROTOCOL: ", false),
        (&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")], "OTEL_EXPORTER_OTLP_PROTOCOL: ", false),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", &user)], "OTEL_EXPORTER_OTLP_ENDPOINT: ", false),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")], "OTEL_EXPORTER_OTLP_ENDPOINT: ", false),
        (&[endpoint, ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nonexistent")], "OTEL_EXPORTER_OTLP_CERTIFICATE: ", false),
        (&[endpoint, ("OTEL_METRIC_EXPORT_INTERVAL", "0")], "OTEL_METRIC_EXPORT_INTERVAL: ", true),
        (&[endpoint, ("OTEL_BSP_SCHEDULE_DELAY", "0")], "OTEL_BSP_SCHEDULE_DELAY: ", true),
        (&[endpoint, ("OTEL_TRACES_SAMPLER", "xray")], "OTEL_TRACES_SAMPLER: ", true),
        (&[endpoint, ("OTEL_EXPORTER_OTLP_HEADERS", SECRET)], "OTEL_EXPORTER_OTLP_HEADERS: header 1 ", true),
    ];
    for (variables, words, is_exported) in cases {
        let before = collector.asked().len();
        let (output, report) = dry_run(&simulator, variables);
        let logs = text(&output.stderr);
        assert_eq!((code(&output), &report["outcome"]), (0, &"COMPLETED".into()), "{variables:?}: {logs}");
        assert_eq!(collector.asked().len() > before, *is_exported, "{variables:?}: {logs}");
        assert!(!logs.contains(SECRET), "{logs}");
        assert_eq!(logs.matches(words).count(), 1, "{words}: {logs}");
        // `check` says it too, and is as content.
        let mut check = exporting(&simulator, variables);
        let checked = check.args(["check", "--dry-run"]).output().unwrap();
        let (said, shown) = (text(&checked.stderr), text(&checked.stdout));
        assert_eq!(code(&checked), 0, "{said}");
        assert!(said.contains(words) || shown.contains(words), "{words}: {said}");
        assert!(!said.contains(SECRET) && !shown.contains(SECRET), "{said}");
    }
}
