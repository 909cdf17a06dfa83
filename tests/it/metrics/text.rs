//! The text of `/metrics`: every row of the table is there under its name, and Prometheus's own linter has nothing to say.

use kit::otlp::Collector;
use kit::program::text;
use kit::promtool::promtool;
use kit::wait::wait_until;

use super::*;

/// Histograms of what has not come are absent; so is what there is only while a sync runs.
const ABSENT: [&str; 3] = ["ecs_sdm_sync_start_timestamp_seconds", "ecs_sdm_channel_depth", "ecs_sdm_channel_capacity"];

#[test]
fn each_row_of_the_table_is_there_and_nothing_else_is() {
    let simulator = simulator(SHAPE);
    let often = [("kafka.properties.statistics.interval.ms", "100")];
    let mut sidecar = sidecar(program(Some(&simulator)), "metrics_text", &often);
    sidecar.wait_for_reports(1);
    wait_until("librdkafka tells of itself", || {
        !sidecar.scrape().all("ecs_sdm_kafka_round_trip_seconds", &[]).is_empty()
    });
    sidecar.wait_for("the sync is over", |status| status["last"].is_object() && status["phase"].is_null());
    let scrape = sidecar.scrape();
    let names = scrape.names();
    for row in INSTRUMENTS {
        let is_there = names.contains(row.prometheus);
        assert!(is_there != ABSENT.contains(&row.prometheus), "{}: {is_there}: {names:?}", row.prometheus);
    }
    let known = |name: &str| INSTRUMENTS.iter().any(|row| row.prometheus == name) || name == "target_info";
    assert_eq!(names.iter().find(|name| !known(name)), None);
    for row in INSTRUMENTS.iter().filter(|row| matches!(row.kind, Kind::Histogram(_))) {
        assert!(scrape.sum(&format!("{}_count", row.prometheus), &[]) > 0.0, "{} is recorded", row.prometheus);
    }
    let info = scrape.all("target_info", &[("service_name", "ecs-sdm-producer")]);
    assert_eq!(info.len(), 1, "{:?}", scrape.all("target_info", &[]));
    let answer = sidecar.raw(&format!("HEAD /metrics HTTP/1.1\r\nHost: {}", sidecar.address()));
    assert!(answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{answer}");
}

#[test]
fn promtool_has_nothing_to_say_of_it() {
    let simulator = simulator(SHAPE);
    let mut sidecar = sidecar(program(Some(&simulator)), "metrics_lint", &[]);
    sidecar.wait_for_reports(1);
    let answer = sidecar.raw(&format!("GET /metrics HTTP/1.1\r\nHost: {}", sidecar.address()));
    let text_of = answer.split_once("\r\n\r\n").unwrap().1;
    let folder = tempfile::tempdir().unwrap();
    let said = promtool(&["check", "metrics"], folder.path(), text_of);
    assert!(said.status.success() && said.stderr.is_empty(), "{}", text(&said.stderr));
    // It would have something to say.
    let wrong = text_of.replace("process_open_fds", "process_unix_file_descriptor_count");
    assert!(!promtool(&["check", "metrics"], folder.path(), &wrong).status.success());
}

/// What has gone is gone for whoever reads, however often others read.
#[test]
fn who_scrapes_and_who_is_pushed_to_see_the_same() {
    let (simulator, collector) = (simulator(SHAPE), Collector::start());
    let mut command = program(Some(&simulator));
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()).env("OTEL_METRIC_EXPORT_INTERVAL", "50");
    let mut sidecar = sidecar(command, "metrics_both", &[]);
    sidecar.wait_for_reports(1);
    sidecar.wait_for("the sync is over", |status| status["last"].is_object() && status["phase"].is_null());
    let pushes = collector.received().metrics.len();
    collector.wait_for("pushes come after it", |received| received.metrics.len() > pushes + 3);
    let names = sidecar.scrape().names().iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert!(!names.iter().any(|name| name == ABSENT[0] || name == ABSENT[1]), "{names:?}");
    assert_eq!(collector.received().points("ecs_sdm.telemetry.exports").len(), 4);
}
