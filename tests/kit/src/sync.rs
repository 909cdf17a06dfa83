//! One sync to its end, on Kafka.

use ecs_sdm_producer::config::Config;
use ecs_sdm_producer::report::Report;
use ecs_sdm_producer::sync::{Engine, Sink};
use ecs_sim::{Fault, Shape, Simulator, World};

use crate::REGION;
use crate::settings::config_on_kafka;

/// The account that [`sync_with`] reads.
pub const SHAPE: Shape =
    Shape { clusters: 3, services: 36, tasks: 330, task_definitions: 30, stopped_tasks: 0, inactive_clusters: 0 };

/// Runs one sync to its end.
pub async fn sync(config: &Config) -> Report {
    let engine = Engine::new(config.clone(), REGION.to_owned()).unwrap();
    engine.sync(Sink::Kafka, std::future::pending()).await
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
