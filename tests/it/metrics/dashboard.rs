//! Grafana's dashboard, asked of a real Prometheus that scrapes a running sidecar: each panel has data, and its stats alone tell the
//! situations apart.

mod file;

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use kit::prometheus::{Prometheus, now};
use kit::wait::wait_until;

use super::situations::{self, Situation};
use super::*;
use file::{Dashboard, Panel, Target, is_alarm};

/// How often Prometheus scrapes. It is far from what a scrape takes on a machine that is busy.
const EVERY: Duration = Duration::from_secs(1);

/// The stat of the alerts. Prometheus has the rules.
const ALERTS: &str = "Alerts that fire";

/// A thousand series and more come with each scrape.
const EVERY_OF_MANY: Duration = Duration::from_secs(2);

/// Prometheus, and how the dashboard's variables are to be read.
struct Recording {
    prometheus: Prometheus,
    every: Duration,
    /// How many seconds before the first scrape the time range begins.
    before: f64,
}

impl Recording {
    fn start(sidecar: &Sidecar, every: Duration) -> Self {
        Self { prometheus: Prometheus::start(&[sidecar.address()], every), every, before: 0.0 }
    }

    /// Waits for two more scrapes, and gives the moment of the last one.
    fn two_more(&self) -> f64 {
        self.prometheus.scraped_after(self.prometheus.scraped_after(now()))
    }

    /// An expression as Grafana would send it, for all that was recorded until this moment.
    fn filled(&self, expression: &str, at: f64) -> String {
        let range = (self.before + self.prometheus.recorded(at)).ceil();
        let (interval, rate) = (self.every.as_millis(), 4 * self.every.as_millis());
        let filled = expression
            .replace("$__rate_interval", &format!("{rate}ms"))
            .replace("$__range_s", &range.to_string())
            .replace("$__range", &format!("{range}s"))
            .replace("$__interval", &format!("{interval}ms"));
        let filled = ["$job", "$instance", "$account"].iter().fold(filled, |text, name| text.replace(name, ".*"));
        assert!(!filled.contains('$'), "a variable that the test does not know: {filled}");
        filled
    }

    /// What is wrong with an expression that should have a value at some moment.
    fn fault(&self, expression: &str, at: f64) -> Option<String> {
        match self.prometheus.query_range(&self.filled(expression, at), at, self.every.as_secs_f64()) {
            Err(why) => Some(why),
            Ok(series) if series.iter().flat_map(|(_, values)| values).any(|(_, value)| value.is_finite()) => None,
            Ok(series) => Some(format!("no value in {} series", series.len())),
        }
    }

    /// What is wrong with the expressions of the dashboard, each with the title of its panel.
    fn faults(&self, dashboard: &Dashboard, at: f64) -> Vec<String> {
        let named = dashboard.named_expressions();
        let faults = named.iter().filter_map(|(name, expression)| {
            self.fault(expression, at).map(|fault| format!("{name}: {fault}: {expression}"))
        });
        faults.collect()
    }

    /// How many series a target has at a moment, or at all moments together.
    fn count(&self, target: &Target, at: f64) -> usize {
        let filled = self.filled(&target.expression, at);
        if target.is_instant {
            return self.prometheus.query(&filled, at).unwrap().len();
        }
        self.prometheus.query_range(&filled, at, self.every.as_secs_f64()).unwrap().len()
    }

    /// The value that a stat shows.
    fn shown(&self, stat: &Panel, at: f64) -> Option<f64> {
        let found = self.prometheus.query(&self.filled(&stat.targets[0].expression, at), at).unwrap();
        assert!(found.len() <= 1, "{}: {found:?}", stat.title);
        found.first().map(|(_, value)| *value)
    }
}

/// A sidecar whose sync was held at its first requests and amid its tasks, until Prometheus had seen it there; and the end of that.
fn recorded_sync() -> (Situation, Recording, f64) {
    let mut recording = None;
    let (situation, gate) = situations::held_amid("dashboard", |sidecar| {
        let started = Recording::start(sidecar, EVERY);
        started.two_more();
        recording = Some(started);
    });
    let recording = recording.unwrap();
    wait_until("the tasks are held", || gate.met() > 0);
    recording.two_more();
    gate.release();
    situation.wait();
    let at = recording.two_more();
    (situation, recording, at)
}

#[test]
fn no_panel_and_no_variable_is_empty_where_a_sync_ran_and_what_is_broken_is_found() {
    let (_situation, recording, at) = recorded_sync();
    let dashboard = Dashboard::read();
    let faults = recording.faults(&dashboard, at);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    for panel in dashboard.stats() {
        let colour = panel.colour(recording.shown(panel, at));
        assert!(!is_alarm(&colour), "{} is {colour}", panel.title);
    }
    // The same check with one that Prometheus does not take, and one that nothing answers.
    for (spoilt, fault) in [("sum(", "parse error"), ("sum(ecs_sdm_nothing)", "no value")] {
        let mut broken = Dashboard::read();
        broken.panels[0].targets[0].expression = spoilt.to_owned();
        let found = recording.faults(&broken, at);
        let title = &broken.panels[0].title;
        assert!(found.len() == 1 && found[0].starts_with(title.as_str()) && found[0].contains(fault), "{found:?}");
    }
}

/// Counters come with the values that they have, and do not seem to have grown. They have, in the time range in which the process began.
#[test]
fn what_a_sync_did_before_the_first_scrape_is_counted() {
    let mut situation = situations::throttled("dashboard_late", |_| ());
    let report = situation.sidecar.wait_for_reports(1).remove(0);
    situation.wait();
    let mut recording = Recording::start(&situation.sidecar, EVERY);
    let at = recording.two_more();
    let dashboard = Dashboard::read();
    let stat = |title: &str| dashboard.stats().find(|stat| stat.title == title).unwrap();
    assert_eq!(recording.shown(stat("Requests"), at), Some(0.0), "it began before this time range");
    assert_eq!(recording.shown(stat("Share of requests throttled"), at), None, "no requests");

    recording.before = situation.sidecar.scrape().get("process_uptime_seconds", &[]);
    let shown = |title: &str| recording.shown(stat(title), at).unwrap();
    let requests = report["calls"]["attempts"].as_f64().unwrap();
    assert_eq!(shown("Requests"), requests);
    assert_eq!(shown("Requests for 1,000 objects"), 1000.0 * requests / total(&report, "described"));
    assert!(shown("Share of requests throttled") > 0.2);
}

#[test]
fn five_hundred_scopes_fill_no_panel_with_lines() {
    let shape =
        Shape { clusters: 1, services: 0, tasks: 1, task_definitions: 0, stopped_tasks: 0, inactive_clusters: 0 };
    let simulator = simulator(shape);
    let gate = simulator.fault(Fault::hold("ListClusters"));
    let mut command = program(Some(&simulator));
    command.env("ECS_SDM_ASSUME_ROLE_ARNS", (0..500).map(role).collect::<Vec<_>>().join(","));
    let settings = [
        ("parallel_requests", "64"),
        ("objects", "EcsCluster,EcsTask"),
        ("kafka.properties.statistics.interval.ms", "100"),
    ];
    let mut sidecar = sidecar(command, "dashboard_scopes", &settings);
    let recording = Recording::start(&sidecar, EVERY_OF_MANY);
    recording.two_more();
    gate.release();
    sidecar.wait_for_reports(1);
    sidecar.wait_for("the sync is over", |status| status["last"].is_object() && status["phase"].is_null());
    let at = recording.two_more();
    let dashboard = Dashboard::read();
    let faults = recording.faults(&dashboard, at);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    for panel in &dashboard.panels {
        let most = if panel.kind == "stat" { 1 } else { 25 };
        for target in &panel.targets {
            let count = recording.count(target, at);
            assert!(count <= most, "{}: {count} series of {}", panel.title, target.expression);
        }
    }
}

/// Makes a situation while Prometheus watches, and gives what the stats show then.
fn stats_in(make: impl FnOnce(&mut dyn FnMut(&Sidecar)) -> Situation) -> Vec<(Option<f64>, String)> {
    let mut recording = None;
    let situation = make(&mut |sidecar| recording = Some(Recording::start(sidecar, EVERY)));
    let recording = recording.unwrap();
    situation.wait();
    // Alerts are judged as often as scraped, after what they judge.
    let at = recording.two_more();
    let dashboard = Dashboard::read();
    let shown = dashboard.stats().map(|stat| {
        let value = recording.shown(stat, at);
        (value, stat.colour(value))
    });
    shown.collect()
}

#[test]
#[allow(clippy::print_stdout, reason = "the values are for whoever asks with --nocapture")]
fn the_stats_alone_tell_the_situations_apart() {
    type Make = fn(&mut dyn FnMut(&Sidecar)) -> Situation;
    let situations: [(&str, &[&str], Make); 8] = [
        ("all is well", &[], |begun| situations::well("dashboard_well", begun)),
        ("AWS throttles", &["Share of requests throttled", ALERTS], |begun| {
            situations::throttled("dashboard_throttled", begun)
        }),
        ("Kafka stands still", &["Oldest record without acknowledgement", ALERTS], |begun| {
            situations::slow_kafka("dashboard_slow", begun)
        }),
        ("a role is denied", &["Types that are denied", ALERTS], |begun| situations::denied("dashboard_denied", begun)),
        ("a type is stale", &["Oldest part of the inventory", "Types that are partial", ALERTS], |begun| {
            situations::stale("dashboard_stale", begun)
        }),
        ("records are refused", &["Records not on their topic", "Types that are partial", ALERTS], |begun| {
            situations::refused("dashboard_refused", begun)
        }),
        ("an object has no answer", &["Objects without an answer", "Types that are partial"], |begun| {
            situations::unanswered("dashboard_unanswered", begun)
        }),
        ("no broker is there", &["Sidecars that are not ready"], |begun| {
            situations::not_ready("dashboard_not_ready", begun)
        }),
    ];
    let told: BTreeSet<BTreeSet<&str>> = situations.iter().map(|(_, told, _)| told.iter().copied().collect()).collect();
    assert_eq!(told.len(), situations.len(), "two situations look alike");
    let dashboard = Dashboard::read();
    let silent =
        dashboard.stats().find(|stat| stat.can_alarm() && !told.iter().any(|told| told.contains(stat.title.as_str())));
    assert!(silent.is_none(), "no situation alarms {}", silent.unwrap().title);
    // Each may take half a minute, and waits more than it works.
    let shown: Vec<Vec<(Option<f64>, String)>> = thread::scope(|scope| {
        let running = situations.each_ref().map(|(_, _, make)| scope.spawn(|| stats_in(*make)));
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for ((name, ..), shown) in situations.iter().zip(&shown) {
        println!("{name}");
        for (stat, (value, colour)) in dashboard.stats().zip(shown) {
            let value = value.map_or_else(|| stat.no_value.clone(), |value| format!("{value:.3}"));
            println!("  {:40} {value:>20} {colour}", stat.title);
        }
    }
    for ((name, expected, _), shown) in situations.iter().zip(&shown) {
        let alarms: BTreeSet<&str> = dashboard
            .stats()
            .zip(shown)
            .filter(|(_, (_, colour))| is_alarm(colour))
            .map(|(stat, _)| stat.title.as_str())
            .collect();
        assert_eq!(alarms, expected.iter().copied().collect(), "{name}");
    }
}
