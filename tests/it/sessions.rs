//! Sessions shorter than a sync: renewed before their end, or replaced where they end early.

use std::time::{Duration, Instant};

use ecs_sdm_producer::report::{Outcome, Report};
use ecs_sim::{Shape, Simulator, World};

use crate::scopes::role;
use crate::support::{config_on_kafka, sync};

/// Long enough for several short sessions: pages of five, each answer after 30 ms, in one list.
const LONG: Shape =
    Shape { clusters: 1, services: 0, tasks: 600, stopped_tasks: 0, task_definitions: 0, inactive_clusters: 0 };

async fn with_short_sessions(test: &str, told: Option<Duration>) -> (Report, Simulator, Duration) {
    let latency = Duration::from_millis(30);
    let world = World {
        shape: LONG,
        latency: latency..=latency,
        session_life: Some(Duration::from_secs(2)),
        session_told: told,
        ..World::default()
    };
    let simulator = Simulator::start(world).unwrap();
    let mut config = config_on_kafka(&simulator, test);
    config.assume_role_arns = vec![role(0)];
    config.objects = vec!["EcsTask".to_owned()];
    config.page_size = 5;
    let started = Instant::now();
    let report = sync(&config).await;
    let took = started.elapsed();
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    assert_eq!(report.types[0].acknowledged, 600);
    let calls = simulator.counters().calls;
    assert_eq!(
        report.calls.attempts - report.calls.retried,
        1 + 120 + 120,
        "no list was started again, and nothing asked twice: {calls:?}"
    );
    (report, simulator, took)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_renewed_before_it_ends_once_in_its_life() {
    let (_, simulator, took) = with_short_sessions("renewed", None).await;
    let issued = simulator.counters().roles[&role(0)].issued;
    // A third of its life before its end.
    let most = took.as_secs_f64() / (2.0 / 1.5) + 1.0;
    assert!(issued >= 2 && issued as f64 <= most, "{issued} sessions in {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_in_the_middle_of_a_list_is_replaced_and_the_list_goes_on() {
    let (report, simulator, took) = with_short_sessions("replaced", Some(Duration::from_secs(3_600))).await;
    let counters = simulator.counters();
    let (issued, expired) = (counters.roles[&role(0)].issued, counters.errors["ExpiredTokenException"]);
    let most = took.as_secs_f64() / 2.0 + 1.0;
    assert!(issued >= 2 && issued as f64 <= most, "{issued} sessions in {took:?}");
    assert_eq!(report.calls.retried, expired, "each refused request was sent once more");
}
