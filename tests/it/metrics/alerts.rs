//! The alert rules, over series that were recorded from a sidecar in each of five situations: each alert fires in its own, and in no
//! other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use kit::program::text;
use kit::prometheus::now;
use kit::promtool::promtool;
use kit::wait::wait_until;

use super::situations::{self, Situation, has_ended};
use super::*;

const RULES: &str = "prometheus-alerts.yml";

const ALERTS: [&str; 5] = ["EcsSdmStale", "EcsSdmDenied", "EcsSdmThrottled", "EcsSdmKafkaSlow", "EcsSdmRecordsLost"];

/// What `/metrics` said, tenth by tenth of a second of the process.
#[derive(Default)]
struct Recorded {
    /// By tenth, the last scrape in it.
    scrapes: BTreeMap<u64, Scrape>,
    /// When the process began, seconds since the epoch.
    epoch: f64,
}

impl Recorded {
    /// Scrapes until a scrape is so.
    fn until(sidecar: &Sidecar, what: &str, mut is_so: impl FnMut(&Scrape) -> bool) -> Self {
        let mut recorded = Self::default();
        wait_until(what, || {
            let scrape = sidecar.scrape();
            let uptime = scrape.get("process_uptime_seconds", &[]);
            recorded.epoch = now() - uptime;
            let so = is_so(&scrape);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            recorded.scrapes.insert((uptime * 10.0) as u64, scrape);
            so
        });
        recorded
    }

    /// The last tenth.
    fn end(&self) -> u64 {
        *self.scrapes.keys().last().unwrap()
    }

    /// The series as promtool wants them, a value a tenth. Its clock begins with the process, so that points in time are moved there.
    fn series(&self) -> String {
        let names: BTreeSet<&String> = self.scrapes.values().flat_map(|scrape| scrape.0.keys()).collect();
        let mut yaml = String::new();
        for series in names {
            let shift = if series.contains("_timestamp_seconds") { self.epoch } else { 0.0 };
            let mut last = None;
            let values = (0..=self.end()).map(|tenth| {
                if let Some(scrape) = self.scrapes.get(&tenth) {
                    last = scrape.0.get(series).map(|value| value - shift);
                }
                last.map_or_else(|| "_".to_owned(), |value: f64| value.to_string())
            });
            let values: Vec<String> = values.collect();
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let separator = if labels == "}" { "" } else { "," };
            let named = format!("{name}{{job=\"ecs\",instance=\"a\"{separator}{labels}").replace('\'', "''");
            writeln!(yaml, "      - series: '{named}'\n        values: '{}'", values.join(" ")).unwrap();
        }
        yaml
    }

    /// Which alerts fire at its end.
    fn assert_fires(&self, situation: &str, expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(RULES);
        fs::copy(rules, folder.path().join(RULES)).unwrap();
        let mut test = format!(
            "rule_files: [{RULES}]\nevaluation_interval: 100ms\ntests:\n  - interval: 100ms\n    input_series:\n"
        );
        test += &self.series();
        test += "    promql_expr_test:\n";
        for alert in ALERTS {
            let expression = format!(
                "clamp_max(count(max_over_time(ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}[1h])), 1)"
            );
            let sample = if expected.contains(&alert) { "[{labels: '{}', value: 1}]" } else { "[]" };
            writeln!(
                test,
                "      - expr: '{expression}'\n        eval_time: {}ms\n        exp_samples: {sample}",
                100 * self.end()
            )
            .unwrap();
        }
        fs::write(folder.path().join("test.yml"), &test).unwrap();
        let said = promtool(&["test", "rules", "test.yml"], folder.path(), "");
        let words = format!("{}{}", text(&said.stdout), text(&said.stderr));
        assert!(said.status.success(), "{situation}: {words}");
    }
}

#[test]
fn the_rules_are_rules_and_each_names_a_section_that_is_there() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let said = promtool(&["check", "rules", RULES], &config, "");
    assert!(said.status.success(), "{}{}", text(&said.stdout), text(&said.stderr));
    let rules = fs::read_to_string(config.join(RULES)).unwrap();
    let operations = fs::read_to_string(config.join("../docs/operations.md")).unwrap();
    let anchors: Vec<String> = operations
        .lines()
        .filter_map(|line| line.strip_prefix("### ").or(line.strip_prefix("## ")))
        .map(|heading| heading.to_lowercase().replace(' ', "-"))
        .collect();
    let named: Vec<&str> =
        rules.lines().filter_map(|line| line.split_once("docs/operations.md#")).map(|(_, to)| to).collect();
    assert_eq!(named.len(), ALERTS.len());
    assert!(named.iter().all(|anchor| anchors.iter().any(|known| known == anchor)), "{named:?}");
    for name in rules.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_') {
        let is_metric = name.starts_with("ecs_sdm_") || name.starts_with("process_");
        assert!(!is_metric || INSTRUMENTS.iter().any(|row| row.prometheus == name), "no metric: {name}");
    }
}

/// Judges what was recorded of a sidecar until its situation has come, and gives it.
fn assert_fires(name: &str, situation: &Situation, expected: &[&str]) -> Recorded {
    let recorded = Recorded::until(&situation.sidecar, name, situation.has_come);
    recorded.assert_fires(name, expected);
    recorded
}

#[test]
fn nothing_fires_where_all_is_well() {
    assert_fires("all is well", &situations::well("alerts_well", |_| ()), &[]);
}

#[test]
fn aws_that_throttles_fires_its_alert() {
    assert_fires("throttled", &situations::throttled("alerts_throttled", |_| ()), &["EcsSdmThrottled"]);
}

#[test]
fn a_broker_that_stands_still_fires_its_alert() {
    assert_fires("slow broker", &situations::slow_kafka("alerts_slow", |_| ()), &["EcsSdmKafkaSlow"]);
}

#[test]
fn a_denied_role_fires_its_alert() {
    assert_fires("denied role", &situations::denied("alerts_denied", |_| ()), &["EcsSdmDenied"]);
}

#[test]
fn a_scope_that_is_complete_no_more_fires_its_alert() {
    assert_fires("stale scope", &situations::stale("alerts_stale", |_| ()), &["EcsSdmStale"]);
}

/// One of two scopes: the other is fresh.
#[test]
fn a_scope_that_never_was_complete_is_stale_too() {
    let simulator = simulator(SHAPE);
    let second = role(1);
    for action in ["ListClusters", "ListTaskDefinitions"] {
        drop(simulator.fault(Fault::server_error(action).account(second.split(':').nth(4).unwrap())));
    }
    let roles = format!("{},{}", role(0), role(1));
    let settings = [("interval", "2s"), ("maximum_retries", "0"), ("assume_role_arns", roles.as_str())];
    let sidecar = sidecar(program(Some(&simulator)), "alerts_scope", &settings);
    let old = |scrape: &Scrape| has_ended(scrape) && scrape.get("process_uptime_seconds", &[]) > 6.0;
    Recorded::until(&sidecar, "two intervals are over", old).assert_fires("scope never complete", &["EcsSdmStale"]);
}

#[test]
fn a_type_that_never_was_complete_is_stale_too() {
    let simulator = simulator(SHAPE);
    drop(simulator.fault(Fault::server_error("ListTasks")));
    let sidecar = sidecar(program(Some(&simulator)), "alerts_never", &[("interval", "2s"), ("maximum_retries", "0")]);
    let old = |scrape: &Scrape| has_ended(scrape) && scrape.get("process_uptime_seconds", &[]) > 6.0;
    Recorded::until(&sidecar, "two intervals are over", old).assert_fires("never complete", &["EcsSdmStale"]);
}

#[test]
fn records_that_are_refused_fire_their_alert() {
    let recorded = assert_fires("refused", &situations::refused("alerts_refused", |_| ()), &["EcsSdmRecordsLost"]);
    let last = recorded.scrapes.values().last().unwrap();
    assert_eq!(last.get("ecs_sdm_records_total", &[("object", "EcsTask"), ("result", "dead_letter")]), 330.0);
}
