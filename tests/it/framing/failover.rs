//! A registry with several URLs, one that is away, and one that goes away.

use ecs_sdm_producer::config::RegistryMode;
use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::report::Outcome;
use ecs_sdm_producer::sync::Sink;
use ecs_sim::Fault;
use kit::guard::{Door, Guard, Way};
use kit::judgement::{assert_landed, frame};
use kit::registry::{self, Registry};
use kit::report::assert_failed;
use kit::server::Closed;
use kit::sync::{stopped_by, sync};
use kit::{ACCOUNT, REGION};
use tokio::task::JoinSet;

use super::{RECORDS, SHAPE, assert_nothing_produced, framed, simulator, values, with_records, world};

/// What a lookup of everything asks, by the names of the records.
fn all_lookups() -> [String; 5] {
    RECORDS.map(|record| format!("POST /subjects/sdm.ecs.{record}"))
}

/// A URL where nobody listens.
fn closed_url(port: &Closed) -> String {
    format!("http://{}/apis/ccompat/v7", port.address().unwrap())
}

async fn open(registry: &str) -> Guard {
    Guard::start(registry, Door::Open).await
}

/// A sync whose first URL has this trouble (none: nobody listens there) takes all ids from the second.
async fn failed_over(trouble: Option<Way>) {
    let simulator = simulator();
    let [first, second] = [open(registry::url().unwrap()).await, open(registry::url().unwrap()).await];
    let mut config = framed(&simulator, "failover");
    with_records(&mut config);
    let judge = config.clone();
    let closed = Closed::new().unwrap();
    let url = match trouble {
        Some(way) => {
            first.then(way);
            first.url().to_owned()
        }
        None => closed_url(&closed),
    };
    config.schema_registry.url = vec![url, second.url().to_owned()];
    let report = sync(&config).await;
    assert_landed(&world(), &judge, &report, &[(ACCOUNT, REGION, "")]);
    assert_eq!(second.asked(), all_lookups(), "{trouble:?}");
    assert_eq!(first.asked().first(), trouble.is_some().then_some(&all_lookups()[0]), "{trouble:?}: in their order");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_url_is_asked_where_one_does_not_answer() {
    registry::url().unwrap();
    for troubles in [
        [None, Some(Way::Closed), Some(Way::Status(408))],
        [Some(Way::Status(429)), Some(Way::Status(500)), Some(Way::Status(503))],
    ] {
        troubles.into_iter().map(failed_over).collect::<JoinSet<()>>().join_all().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_an_answer_and_the_next_url_is_not_asked() {
    for (status, words, way_out) in [
        (401, "Unauthorized (401)", "schema_registry.username"),
        (404, "Subject not found. (40401)", "schemas register"),
        (409, "incompatible with an earlier schema (409)", "compatibility level"),
        (422, "Invalid schema (42201)", "schema_registry.url"),
    ] {
        let simulator = simulator();
        let [first, second] = [open(registry::url().unwrap()).await, open(registry::url().unwrap()).await];
        first.then(Way::Status(status));
        let mut config = framed(&simulator, "answered");
        config.schema_registry.url = vec![first.url().to_owned(), second.url().to_owned()];
        let reason = assert_failed(&sync(&config).await, &simulator);
        for part in [words, way_out] {
            assert!(reason.contains(part), "{part} is not in: {reason}");
        }
        assert_eq!((first.asked().len(), second.asked().len()), (1, 0), "{status}");
        assert_nothing_produced(&config);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_being_restarted_is_asked_again() {
    let simulator = simulator();
    let guard = open(registry::url().unwrap()).await;
    guard.next(2, Way::Status(503));
    let mut config = framed(&simulator, "restarted");
    with_records(&mut config);
    config.schema_registry.url = vec![guard.url().to_owned()];
    assert_eq!(sync(&config).await.outcome, Outcome::Completed);
    let first = format!("POST /subjects/sdm.ecs.{}", RECORDS[0]);
    assert_eq!(guard.asked(), [vec![first.clone(), first], all_lookups().to_vec()].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_away_fails_the_sync_with_its_url() {
    let simulator = simulator();
    let mut config = framed(&simulator, "away");
    let ports = [Closed::new().unwrap(), Closed::new().unwrap()];
    let urls = ports.each_ref().map(closed_url);
    config.schema_registry.url = urls.to_vec();
    let reason = assert_failed(&sync(&config).await, &simulator);
    for part in [urls[0].as_str(), &urls[1], "Connection refused", "schema_registry.url"] {
        assert!(reason.contains(part), "{part} is not in: {reason}");
    }
    assert_nothing_produced(&config);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_never_answers_holds_up_no_stop() {
    let simulator = simulator();
    let guard = open(registry::url().unwrap()).await;
    guard.then(Way::Silence);
    let mut config = framed(&simulator, "silent");
    config.schema_registry.url = vec![guard.url().to_owned()];
    let mut engine = Engine::new(config.clone(), REGION.to_owned()).unwrap();
    let report = stopped_by(engine.start(Sink::Kafka), guard.wait_asked()).await;
    assert_eq!((report.outcome, report.types.len()), (Outcome::Aborted, 0), "{}", report.text());
    assert!(guard.asked().len() == 1 && simulator.counters().requests == 0, "the first request was still waited for");
    assert_nothing_produced(&config);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_asked_again_by_the_next_sync_and_what_is_known_is_not() {
    let simulator = simulator();
    let guard = open(registry::url().unwrap()).await;
    let mut config = framed(&simulator, "comes-back");
    with_records(&mut config);
    config.schema_registry.url = vec![guard.url().to_owned()];
    let mut engine = Engine::new(config.clone(), REGION.to_owned()).unwrap();
    // Only the first two ids are to be had.
    guard.next(2, Way::Through);
    guard.then(Way::Closed);
    let failed = engine.start(Sink::Kafka).finish().await;
    assert_failed(&failed, &simulator);
    assert_nothing_produced(&config);
    guard.asked();

    guard.then(Way::Through);
    let second = engine.start(Sink::Kafka).finish().await;
    assert_eq!(second.outcome, Outcome::Completed, "{}", second.text());
    assert_eq!(guard.asked(), all_lookups()[2..], "what it has, it keeps");

    guard.then(Way::Closed);
    let third = engine.start(Sink::Kafka).finish().await;
    assert_eq!(third.outcome, Outcome::Completed, "{}", third.text());
    assert_eq!(guard.asked(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_goes_away_in_the_middle_of_a_sync_stops_neither_it_nor_the_next() {
    let simulator = simulator();
    let registry = Registry::start().unwrap();
    let mut config = framed(&simulator, "goes-away");
    config.schema_registry.url = vec![registry.url()];
    config.schema_registry.mode = RegistryMode::Auto;
    let mut engine = Engine::new(config.clone(), REGION.to_owned()).unwrap();
    let gate = simulator.fault(Fault::hold("ListTasks"));
    let (first, frames) = tokio::join!(engine.start(Sink::Kafka).finish(), async {
        gate.wait_met(1).await;
        let frames = RECORDS.map(|record| frame(&config, record));
        drop(registry);
        gate.release();
        frames
    });
    let second = engine.start(Sink::Kafka).finish().await;
    for report in [&first, &second] {
        assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    }
    let values = values(&config);
    for (frame, values) in frames.iter().zip(&values) {
        assert!(values.iter().all(|value| value.starts_with(frame)));
    }
    let counts = values.map(|values| values.len() as u64);
    assert_eq!(counts[..3], [2 * SHAPE.clusters, 2 * SHAPE.services, 2 * SHAPE.tasks]);
}
