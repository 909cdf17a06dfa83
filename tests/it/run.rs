//! A run that one can hold, and an engine that outlives it: status and stop while it runs, sessions and secrets from sync to sync.

use std::fs;

use ecs_sdm_producer::config::Secret;
use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::report::State::{Complete, Partial};
use ecs_sdm_producer::report::{Outcome, StopReason};
use ecs_sdm_producer::sync::Sink;
use ecs_sim::{Fault, Simulator, World};
use kit::REGION;
use kit::report::COUNTS;
use kit::settings::{config, config_on_kafka, role};
use kit::sync::SHAPE;

fn simulator() -> Simulator {
    Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap()
}

fn engine_with_a_role(simulator: &Simulator) -> Engine {
    let mut config = config(simulator);
    config.assume_role_arns = vec![role(0)];
    Engine::dry(config, REGION.to_owned())
}

fn print() -> Sink {
    Sink::Print(Box::new(std::io::sink()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_tells_at_any_moment_what_is_counted_and_ends_when_it_is_asked_to() {
    let simulator = simulator();
    let config = config_on_kafka(&simulator, "held");
    let gate = simulator.fault(Fault::hold("DescribeTasks"));
    let mut engine = Engine::new(config, REGION.to_owned()).unwrap();
    let run = engine.start(Sink::Kafka);
    let handle = run.handle();
    let before = handle.status();
    assert!(before.types.is_empty() && before.calls.attempts == 0, "it begins when it is awaited: {before:?}");
    let look = async {
        gate.wait_met(1).await;
        let amid = handle.status();
        let tasks = amid.types.iter().find(|one| one.object == "EcsTask").unwrap();
        assert_eq!((tasks.state, tasks.counts.described), (Partial, 0), "{tasks:?}");
        assert!(tasks.counts.asked > 0 && amid.calls.attempts > 0, "{amid:?}");
        handle.stop(StopReason::Signal);
    };
    let (report, ()) = tokio::join!(run.finish(), look);
    gate.release();
    assert_eq!((report.outcome, &report.stop_reason), (Outcome::Aborted, &Some(StopReason::Signal)));
    let after = handle.status();
    assert_eq!((&after.types, after.sync), (&report.types, report.sync), "a handle outlives its run");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_reads_again_and_its_sessions_outlive_a_sync() {
    let simulator = simulator();
    let mut engine = engine_with_a_role(&simulator);
    let first = engine.start(print()).finish().await;
    let second = engine.start(print()).finish().await;
    assert!(second.sync >= first.sync);
    for report in [&first, &second] {
        assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    }
    for (count, of) in COUNTS {
        let counts = [&first, &second].map(|report| report.types.iter().map(of).collect::<Vec<_>>());
        assert_eq!(counts[0], counts[1], "{count}: a sync counts for itself");
    }
    assert_eq!(simulator.counters().roles[&role(0)].issued, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_was_refused_is_asked_again_by_the_next_sync() {
    let simulator = simulator();
    let mut engine = engine_with_a_role(&simulator);
    drop(simulator.fault(Fault::refuse("AssumeRole", 403, "AccessDenied", "not trusted yet").times(1)));
    let refused = engine.start(print()).finish().await;
    assert_eq!(refused.outcome, Outcome::Failed, "{}", refused.text());
    let trusted = engine.start(print()).finish().await;
    assert_eq!(trusted.outcome, Outcome::Completed, "{}", trusted.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_refused_something_is_not_kept_for_the_next_sync() {
    let simulator = simulator();
    let mut engine = engine_with_a_role(&simulator);
    for (fault, issued) in [
        (Fault::access_denied("ListClusters").times(1), 1),
        (
            Fault::refuse("ListClusters", 400, "UnrecognizedClientException", "The security token is invalid.")
                .times(2),
            3,
        ),
    ] {
        drop(simulator.fault(fault));
        let refused = engine.start(print()).finish().await;
        assert_eq!(refused.outcome, Outcome::Partial, "{}", refused.text());
        assert_eq!(simulator.counters().roles[&role(0)].issued, issued);
    }
    let again = engine.start(print()).finish().await;
    assert_eq!(again.outcome, Outcome::Completed, "{}", again.text());
    assert_eq!(simulator.counters().roles[&role(0)].issued, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_a_secret_is_read_again_for_each_sync() {
    let simulator = simulator();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "secret\n").unwrap();
    let mut config = config(&simulator);
    config.secret_access_key = Some(Secret::File(file.path().to_owned()));
    let mut engine = Engine::dry(config, REGION.to_owned());
    let first = engine.start(print()).finish().await;
    assert!(first.types.iter().all(|one| one.state == Complete), "{}", first.text());
    fs::remove_file(file.path()).unwrap();
    let second = engine.start(print()).finish().await;
    let reason = second.stop_reason.as_ref().unwrap().to_string();
    assert!(second.outcome == Outcome::Failed && reason.contains("cannot read"), "{reason}");
    fs::write(file.path(), "another").unwrap();
    let third = engine.start(print()).finish().await;
    assert_eq!(third.outcome, Outcome::Completed, "{}", third.text());
}
