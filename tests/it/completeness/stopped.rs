//! A sync that ends early: what it did not read is partial.

use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::report::StopReason;
use ecs_sdm_producer::sync::Sink;
use kit::sync::stopped_by;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_beyond_its_time_stops_reading_and_is_partial() {
    let simulator = Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, "timeout");
    // Everything but the tasks is read long before.
    config.timeout = Some(Duration::from_secs(15));
    drop(simulator.fault(Fault::hold("DescribeTasks")));
    let report = sync(&config).await;
    assert_states(&report, [Complete, Complete, Partial, Complete]);
    assert_eq!((report.outcome, report.stop_reason.as_ref()), (Outcome::Partial, Some(&StopReason::Timeout)));
    assert_eq!(one(&report, "EcsTask").counts.described, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_before_a_scope_is_admitted_leaves_its_types_partial() {
    let simulator = Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, "not-admitted");
    config.regions = (0..40).map(|n| format!("region-{n}")).collect();
    let gate = simulator.fault(Fault::hold("GetCallerIdentity"));
    let mut engine = Engine::new(config, "eu-west-1".to_owned()).unwrap();
    let report = stopped_by(engine.start(Sink::Kafka), gate.wait_met(1)).await;
    gate.release();
    assert_eq!(report.outcome, Outcome::Aborted, "{}", report.text());
    assert_eq!(report.types.len(), 40 * 4, "admitted, waiting for it, or not: none is missing");
    assert!(report.types.iter().all(|one| one.state == Partial), "{}", report.text());
}

/// What still asks for a broker is left behind, as the program leaves it: the time-out of the start is longer.
#[test]
fn a_timeout_before_anything_was_read_is_no_empty_account() {
    let simulator = Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, "too-early");
    config.kafka.bootstrap_servers = vec!["127.0.0.1:1".to_owned()];
    config.timeout = Some(Duration::from_millis(100));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let report = runtime.block_on(sync(&config));
    runtime.shutdown_background();
    assert_eq!((report.outcome, report.types.len()), (Outcome::Failed, 0), "{}", report.text());
}
