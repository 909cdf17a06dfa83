//! A sidecar in each of the situations that alerts and the dashboard tell apart. Its first sync is held at its first requests until the
//! test has `begun`, so that whoever watches has seen what was before.

use ecs_sim::FaultHandle;
use kit::broker::Broker;
use kit::prometheus::now;
use kit::server::Closed;
use kit::topic::limit;
use kit::wait::wait_until;
use tokio::runtime::Runtime;

use super::*;

/// A sidecar, and what it needs to stay in its situation.
pub(super) struct Situation {
    pub(super) sidecar: Sidecar,
    /// Whether the situation has come, by what `/metrics` says.
    pub(super) has_come: fn(&Scrape) -> bool,
    simulator: Simulator,
    broker: Option<Broker>,
}

impl Situation {
    /// Starts a sidecar on this account, and lets its first sync go on once the test has begun.
    fn start(
        test: &str,
        simulator: Simulator,
        settings: &[(&str, &str)],
        has_come: fn(&Scrape) -> bool,
        begun: impl FnOnce(&Sidecar),
    ) -> Self {
        let gates = ["ListClusters", "ListTaskDefinitions"].map(|action| simulator.fault(Fault::hold(action)));
        let sidecar = sidecar(program(Some(&simulator)), test, settings);
        begun(&sidecar);
        for gate in gates {
            gate.release();
        }
        Self { sidecar, has_come, simulator, broker: None }
    }

    /// Waits until the situation has come.
    pub(super) fn wait(&self) {
        wait_until("the situation has come", || (self.has_come)(&self.sidecar.scrape()));
    }
}

impl Drop for Situation {
    fn drop(&mut self) {
        // Nobody waits for a broker that stands still.
        if let Some(broker) = &self.broker {
            broker.resume();
        }
    }
}

fn sum_of(scrape: &Scrape, result: &str) -> f64 {
    scrape.sum("ecs_sdm_records_total", &[("result", result)])
}

/// Whether a sync has ended.
pub(super) fn has_ended(scrape: &Scrape) -> bool {
    scrape.sum("ecs_sdm_syncs_total", &[]) > 0.0
}

pub(super) fn well(test: &str, begun: impl FnOnce(&Sidecar)) -> Situation {
    Situation::start(test, simulator(SHAPE), &[], has_ended, begun)
}

/// All is well, and the sync is held once more, at its tasks. Releasing what is given lets it go on.
pub(super) fn held_amid(test: &str, begun: impl FnOnce(&Sidecar)) -> (Situation, FaultHandle) {
    let simulator = simulator(SHAPE);
    let gate = simulator.fault(Fault::hold("DescribeTasks"));
    let often = [("kafka.properties.statistics.interval.ms", "100")];
    (Situation::start(test, simulator, &often, has_ended, begun), gate)
}

pub(super) fn throttled(test: &str, begun: impl FnOnce(&Sidecar)) -> Situation {
    let simulator = simulator(SHAPE);
    drop(simulator.fault(Fault::throttling("DescribeTaskDefinition").times(20)));
    Situation::start(test, simulator, &[], has_ended, begun)
}

/// The broker stands still when the tasks come.
pub(super) fn slow_kafka(test: &str, begun: impl FnOnce(&Sidecar)) -> Situation {
    let (broker, simulator) = (Broker::start().unwrap(), simulator(SHAPE));
    let gate = simulator.fault(Fault::hold("DescribeTasks"));
    let settings = [("kafka.bootstrap_servers", broker.bootstrap_servers())];
    let old = |scrape: &Scrape| scrape.get("ecs_sdm_kafka_oldest_age_seconds", &[]) > 32.0;
    let mut situation = Situation::start(test, simulator, &settings, old, begun);
    wait_until("the tasks are held", || gate.met() > 0 && sum_of(&situation.sidecar.scrape(), "acknowledged") > 60.0);
    broker.pause();
    gate.release();
    situation.broker = Some(broker);
    situation
}

/// One of two roles is denied.
pub(super) fn denied(test: &str, begun: impl FnOnce(&Sidecar)) -> Situation {
    let simulator = simulator(SHAPE);
    drop(simulator.fault(Fault::access_denied("AssumeRole").role(&role(1))));
    let roles = format!("{},{}", role(0), role(1));
    Situation::start(test, simulator, &[("assume_role_arns", roles.as_str())], has_ended, begun)
}

/// The tasks were complete, and are so no more.
pub(super) fn stale(test: &str, begun: impl FnOnce(&Sidecar)) -> Situation {
    let old = |scrape: &Scrape| {
        let tasks = scrape.all("ecs_sdm_last_complete_timestamp_seconds", &[("object", "EcsTask")]);
        // Where the first sync was held for long, its tasks are as old as that from the start.
        let is_partial = scrape.sum("ecs_sdm_types", &[("object", "EcsTask"), ("state", "partial")]) > 0.0;
        is_partial && tasks.first().is_some_and(|(_, at)| now() - at > 7.0)
    };
    let settings = [("interval", "2s"), ("maximum_retries", "0")];
    let situation = Situation::start(test, simulator(SHAPE), &settings, old, begun);
    wait_until("the tasks were complete", || {
        let tasks = [("object", "EcsTask")];
        !situation.sidecar.scrape().all("ecs_sdm_last_complete_timestamp_seconds", &tasks).is_empty()
    });
    // Lists that break off make a type partial, and deny nothing.
    drop(situation.simulator.fault(Fault::server_error("ListTasks")));
    situation
}

/// AWS leaves tasks that it listed without an answer.
pub(super) fn unanswered(test: &str, begun: impl FnOnce(&Sidecar)) -> Situation {
    let simulator = simulator(SHAPE);
    drop(simulator.fault(Fault::fail("DescribeTasks", "ACCESS")));
    Situation::start(test, simulator, &[], has_ended, begun)
}

/// No broker answers.
pub(super) fn not_ready(test: &str, begun: impl FnOnce(&Sidecar)) -> Situation {
    let closed = Closed::new().unwrap();
    let address = closed.address().unwrap().to_string();
    let no = |scrape: &Scrape| scrape.get("ecs_sdm_ready", &[]) == 0.0;
    Situation::start(test, simulator(SHAPE), &[("kafka.bootstrap_servers", address.as_str())], no, begun)
}

/// The tasks of a second sync are refused.
pub(super) fn refused(test: &str, begun: impl FnOnce(&Sidecar)) -> Situation {
    let prefix = unique(test);
    let settings = [
        ("kafka.topic_prefix", prefix.as_str()),
        ("errors.tolerance", "dlq"),
        ("kafka.properties.compression.codec", "none"),
    ];
    let again = |scrape: &Scrape| scrape.sum("ecs_sdm_syncs_total", &[]) > 1.0;
    let mut situation = Situation::start(test, simulator(SHAPE), &settings, again, begun);
    situation.sidecar.wait_for_reports(1);
    situation.sidecar.wait_for("the first sync is over", |status| status["phase"].is_null());
    // No task is as short as that.
    let servers = broker::bootstrap_servers().unwrap();
    Runtime::new().unwrap().block_on(limit(servers, &format!("{prefix}.task"), 200));
    assert_eq!(situation.sidecar.ask("POST", "/sync").0, 202);
    situation
}
