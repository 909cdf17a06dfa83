//! One sync to its end, on Kafka.

use std::convert::Infallible;

use ecs_sdm_producer::config::Config;
use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::report::{Report, StopReason};
use ecs_sdm_producer::sync::{Run, Sink};
use ecs_sim::{Fault, Shape, Simulator, World};

use crate::REGION;
use crate::settings::config_on_kafka;

/// The account that [`sync_with`] reads.
pub const SHAPE: Shape =
    Shape { clusters: 3, services: 36, tasks: 330, task_definitions: 30, stopped_tasks: 0, inactive_clusters: 0 };

/// Runs one sync to its end.
pub async fn sync(config: &Config) -> Report {
    let mut engine = Engine::new(config.clone(), REGION.to_owned()).unwrap();
    engine.start(Sink::Kafka).finish().await
}

/// Runs a sync to its end. It is stopped, as a signal stops it, when `stop` is done.
pub async fn stopped_by(run: Run<'_>, stop: impl Future<Output = ()>) -> Report {
    let handle = run.handle();
    let stop = async {
        stop.await;
        handle.stop(StopReason::Signal);
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        biased;
        report = run.finish() => report,
        never = stop => match never {},
    }
}

/// Runs one sync of an account of [`SHAPE`] that meets these faults.
pub async fn sync_with(test: &str, faults: impl IntoIterator<Item = Fault>) -> (Report, Simulator) {
    let simulator = Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap();
    for fault in faults {
        // Dropped, a handle leaves its fault in place.
        drop(simulator.fault(fault));
    }
    let mut config = config_on_kafka(&simulator, test);
    config.maximum_retries = 3;
    (sync(&config).await, simulator)
}
