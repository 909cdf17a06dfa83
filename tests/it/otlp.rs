//! Metrics and traces by OTLP: what the variables of OpenTelemetry ask for, and collectors that do not take it, with the real program.

mod traces;
mod trouble;

use std::process::{Command, Output};

use ecs_sim::{Simulator, World};
use kit::otlp::{Collector, Received};
use kit::program::{code, program, text};
use kit::server::Closed;
use kit::settings::unique;
use kit::sidecar::Sidecar;
use kit::sync::SHAPE;
use serde_json::Value;

/// So long that no push comes of itself.
const NEVER: [(&str, &str); 2] = [("OTEL_METRIC_EXPORT_INTERVAL", "3600000"), ("OTEL_BSP_SCHEDULE_DELAY", "3600000")];

type Variables<'a> = &'a [(&'a str, &'a str)];

fn simulator() -> Simulator {
    Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap()
}

fn exporting(simulator: &Simulator, variables: Variables<'_>) -> Command {
    let mut command = program(Some(simulator));
    command.envs(variables.iter().copied());
    command
}

/// One sync that prints its records, and its report in the last line.
fn dry_run(simulator: &Simulator, variables: Variables<'_>) -> (Output, Value) {
    let output = exporting(simulator, variables).args(["sync", "--dry-run", "--report", "json"]).output().unwrap();
    let report = text(&output.stdout).lines().last().map(|line| serde_json::from_str(line).unwrap());
    (output, report.unwrap_or_default())
}

/// A sidecar on the shared broker, with an hour between its syncs.
fn sidecar(simulator: &Simulator, test: &str, variables: Variables<'_>) -> Sidecar {
    Sidecar::on_shared_broker(exporting(simulator, variables), test, &[])
}

/// The lines that say that something is not exported.
fn told(logs: &str) -> Vec<&str> {
    logs.lines().filter(|line| line.contains(" are not exported")).collect()
}

/// What must have been pushed of a report whose sync is the only one.
fn assert_pushed(received: &Received, report: &Value) {
    for one in report["types"].as_array().unwrap() {
        let object = one["object"].as_str().unwrap();
        for (name, result, count) in [
            ("ecs_sdm.objects", "described", "described"),
            ("ecs_sdm.objects", "gone", "gone"),
            ("ecs_sdm.records", "acknowledged", "acknowledged"),
        ] {
            let pushed = received.sum(name, &[("object", object), ("result", result)]).unwrap_or_default();
            assert_eq!(Some(pushed), one[count].as_f64(), "{name} of {object}, {result}: {report}");
        }
    }
    let attempts: f64 = received.sum("ecs_sdm.aws.calls", &[]).unwrap_or_default();
    assert_eq!(Some(attempts), report["calls"]["attempts"].as_f64(), "{report}");
}

#[test]
fn a_sync_that_ends_pushes_its_last_values_and_spans_before_the_program_does() {
    for compression in ["none", "gzip"] {
        let (simulator, collector) = (simulator(), Collector::start());
        let endpoint = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())];
        let (output, report) =
            dry_run(&simulator, &[&endpoint[..], &NEVER, &[("OTEL_EXPORTER_OTLP_COMPRESSION", compression)]].concat());
        let logs = text(&output.stderr);
        assert_eq!((code(&output), told(&logs).len()), (0, 0), "{logs}");
        let received = collector.received();
        assert_pushed(&received, &report);
        assert_eq!(received.sum("ecs_sdm.syncs", &[("outcome", "completed")]), Some(1.0));
        assert_eq!(received.sum("ecs_sdm.syncs", &[]), Some(1.0), "and no other outcome");
        assert_eq!(received.sum("ecs_sdm.telemetry.exports", &[("result", "failed")]).unwrap_or_default(), 0.0);
        let (syncs, scopes) = (collector.spans("sync"), collector.spans("scope"));
        assert_eq!((syncs.len(), scopes.len(), scopes[0].links.len()), (1, 1, 1), "{syncs:?} {scopes:?}");
        assert_eq!(scopes[0].links[0].0, syncs[0].trace);
        let resource = received.resource();
        assert_eq!(resource["service.name"], "ecs-sdm-producer");
        assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
        assert!(collector.asked().iter().all(|asked| asked.status == Some(200)), "{:?}", collector.asked());
    }
}

#[test]
fn the_variables_say_what_is_exported_to_where_and_under_which_name() {
    let (simulator, both, own) = (simulator(), Collector::start(), Collector::start());
    let of_metrics = format!("{}/own/v1/metrics?key=1", own.url());
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", both.url()),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", &of_metrics),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=shared"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "Authorization=Basic%20YTpi"),
        ("OTEL_SERVICE_NAME", "inventory"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=hidden,deployment.environment.name=of%20tests"),
    ];
    let (output, _) = dry_run(&simulator, &variables);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(!own.asked().is_empty() && own.asked().iter().all(|asked| asked.target == "/own/v1/metrics?key=1"));
    assert!(!both.asked().is_empty() && both.asked().iter().all(|asked| asked.target == "/v1/traces"));
    assert!(own.asked().iter().all(|asked| asked.headers["x-tenant"] == "shared"));
    for asked in both.asked() {
        assert_eq!(asked.headers["authorization"], "Basic YTpi");
        assert!(!asked.headers.contains_key("x-tenant"), "those of a signal take the place of the shared");
    }
    for resource in [both.received().resource(), own.received().resource()] {
        assert_eq!(resource["service.name"], "inventory");
        assert_eq!(resource["deployment.environment.name"], "of tests");
    }
    let off = [("OTEL_EXPORTER_OTLP_ENDPOINT", both.url()), ("OTEL_TRACES_SAMPLER", "always_off")];
    let (before, (output, _)) = (both.received().traces.len(), dry_run(&simulator, &off));
    assert_eq!((code(&output), both.received().traces.len()), (0, before), "nothing is sampled");
    assert!(both.sum("ecs_sdm.syncs", &[]).is_some(), "metrics are not sampled");
}

#[test]
fn a_sidecar_pushes_at_every_interval_and_what_it_counts_never_falls() {
    let (simulator, collector) = (simulator(), Collector::start());
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()), ("OTEL_METRIC_EXPORT_INTERVAL", "200")];
    let mut sidecar = sidecar(&simulator, "pushed", &variables);
    let mut last = 0.0;
    for syncs in 1..=2 {
        let reports = sidecar.wait_for_reports(syncs);
        assert_eq!(reports[syncs - 1]["outcome"], "COMPLETED", "{reports:?}");
        let pushes = collector.received().metrics.len();
        collector.wait_for("three pushes more", |received| received.metrics.len() >= pushes + 3);
        collector.wait_for("the sync is told", |received| {
            let count = received.sum("ecs_sdm.syncs", &[("outcome", "completed")]).unwrap_or_default();
            assert!(count >= last, "{count} after {last}");
            last = count;
            u32::try_from(syncs).is_ok_and(|syncs| count == f64::from(syncs))
        });
        assert_eq!(sidecar.ask("POST", "/sync").0, 202);
    }
    sidecar.wait_for_reports(3);
    let left = sidecar.stop();
    assert_eq!((left.status.code(), told(&left.logs).len()), (Some(0), 0), "{}", left.logs);
    assert_eq!(
        collector.sum("ecs_sdm.syncs", &[("outcome", "completed")]),
        Some(3.0),
        "the last values come at the end"
    );
    assert_eq!(collector.spans("sync").len(), 3);
}

#[test]
fn what_is_pushed_is_what_metrics_says() {
    let (simulator, collector) = (simulator(), Collector::start());
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()), ("OTEL_METRIC_EXPORT_INTERVAL", "200")];
    let mut sidecar = sidecar(&simulator, "twice", &variables);
    sidecar.wait_for_reports(1);
    let answer = sidecar.raw(&format!("GET /metrics HTTP/1.1\r\nHost: {}", sidecar.address()));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // Both names of one counter, as docs/metrics.md has them.
    let line = answer.lines().find(|line| {
        line.starts_with("ecs_sdm_objects_total{")
            && line.contains(r#"object="EcsTask""#)
            && line.contains(r#"result="described""#)
    });
    let (_, value) = line.and_then(|line| line.rsplit_once(' ')).unwrap_or_else(|| panic!("no such series: {answer}"));
    assert_eq!(value.parse(), Ok(SHAPE.tasks as f64));
    let attributes = [("object", "EcsTask"), ("result", "described")];
    collector
        .wait_for("the same is pushed", |received| received.sum("ecs_sdm.objects", &attributes) == value.parse().ok());
}

/// The default endpoint is one of this machine, which a test cannot have to itself. So what goes to it has to take a proxy.
#[test]
fn nothing_is_exported_unless_a_variable_asks_for_it() {
    let (simulator, proxy) = (simulator(), Collector::start());
    let way = [("HTTP_PROXY", proxy.url()), ("NO_PROXY", "127.0.0.1")];
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", proxy.url());
    let cases: [(Variables<'_>, bool); 6] = [
        (&[("OTEL_SERVICE_NAME", "inventory"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "")], false),
        (&[endpoint, ("OTEL_SDK_DISABLED", "true")], false),
        (&[("OTEL_METRICS_EXPORTER", "otlp"), ("OTEL_TRACES_EXPORTER", "otlp"), ("OTEL_SDK_DISABLED", "TRUE")], false),
        (&[endpoint, ("OTEL_METRICS_EXPORTER", "none"), ("OTEL_TRACES_EXPORTER", "none")], false),
        (&[("OTEL_METRICS_EXPORTER", "prometheus")], false),
        (&[("OTEL_METRICS_EXPORTER", "otlp")], true),
    ];
    for (variables, is_exported) in cases {
        let (output, _) = dry_run(&simulator, &[&way[..], variables].concat());
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        assert_eq!(proxy.connections() > 0, is_exported, "{variables:?}: {:?}", proxy.asked());
    }
    let targets: Vec<String> = proxy.asked().into_iter().map(|asked| asked.target).collect();
    assert!(targets.iter().all(|target| target == "/v1/metrics"), "{targets:?}");
    assert!(proxy.asked().iter().all(|asked| asked.headers["host"] == "localhost:4318"), "{:?}", proxy.asked());
}

#[test]
fn a_proxy_is_taken_and_no_proxy_obeyed() {
    let (simulator, collector, closed) = (simulator(), Collector::start(), Closed::new().unwrap());
    let proxy = format!("http://{}", closed.address().unwrap());
    // AWS's requests go to an address, and those of OTLP to a name.
    let endpoint = collector.url().replace("127.0.0.1", "localhost");
    for (no_proxy, arrives) in [("127.0.0.1", false), ("127.0.0.1,localhost", true), ("*", true)] {
        let variables =
            [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("HTTP_PROXY", &proxy), ("NO_PROXY", no_proxy)];
        let before = collector.asked().len();
        let (output, report) = dry_run(&simulator, &variables);
        let logs = text(&output.stderr);
        assert_eq!((code(&output), &report["outcome"]), (0, &"COMPLETED".into()), "{no_proxy}: {logs}");
        assert_eq!(collector.asked().len() > before, arrives, "{no_proxy}: {logs}");
        let told = told(&logs);
        assert_eq!(told.len(), usize::from(!arrives), "{no_proxy}: {logs}");
        assert!(told.iter().all(|line| line.contains("the proxy of HTTP_PROXY")), "{logs}");
    }
}
