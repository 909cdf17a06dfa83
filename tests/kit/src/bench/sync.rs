//! One sync of the product: its settings for a simulator and a broker, a process of its own, and the run.

use std::env;
use std::io::{self, Write};
use std::process::Command;
use std::sync::Arc;

use ecs_sdm_producer::config::{Config, LogFormat, Secret, TopicsCreate};
use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::kafka::Producer;
use ecs_sdm_producer::observe::Observers;
use ecs_sdm_producer::report::{Outcome, Report};
use ecs_sdm_producer::sync::Sink;
use ecs_sdm_producer::telemetry::{self, Storms};
use serde::Serialize;
use tokio::runtime::Runtime;
use tracing_subscriber::util::SubscriberInitExt;

use crate::REGION;
use crate::bench::Result;
use crate::bench::meter::Meter;

/// Partitions of each topic.
pub const PARTITIONS: i32 = 6;

/// The product's settings for topics of its own.
pub fn on_topics(brokers: &str, prefix: &str) -> Config {
    let mut config = Config::default();
    config.kafka.bootstrap_servers = vec![brokers.to_owned()];
    config.kafka.topic_prefix = prefix.to_owned();
    config.kafka.topics_create = TopicsCreate::IfMissing;
    config.kafka.partitions = PARTITIONS;
    config
}

/// The same settings for a sync of what is simulated there.
pub fn reading(endpoint: String, config: Config) -> Config {
    // The simulator takes any.
    let key = || Some(Secret::Inline("simulated".to_owned()));
    Config {
        endpoint_url: Some(endpoint),
        default_region: Some(REGION.to_owned()),
        access_key_id: key(),
        secret_access_key: key(),
        ..config
    }
}

/// Makes the topics as the product makes them.
pub fn make_topics(config: &Config) -> Result<()> {
    let kafka = Arc::new(Producer::connect(config, &Observers::default())?);
    runtime()?.block_on(kafka.topics(config))?;
    Ok(())
}

/// This program once more, for a sync of its own, away from the AWS settings of this machine.
pub fn process(settings: &impl Serialize) -> Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.env_clear().env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", "/nonexistent");
    command.arg("sync").arg(serde_json::to_string(settings)?);
    Ok(command)
}

/// Runs a sync in this process, from its settings to its last acknowledgement, and looks at what it took.
///
/// The product never runs without logs, and what they filter costs a little in each call: `directives` are those of `RUST_LOG`.
pub fn run<T>(config: Config, directives: &str, look: impl FnOnce(&Meter) -> Result<T>) -> Result<(Report, T)> {
    telemetry::subscriber(LogFormat::Text, directives, io::stderr, false, &Storms::default()).init();
    let runtime = runtime()?;
    let meter = Meter::of_process();
    let (engine, report) = runtime.block_on(async {
        let mut engine = Engine::new(config, REGION.to_owned())?;
        let report = engine.start(Sink::Kafka).finish().await;
        Result::Ok((engine, report))
    })?;
    let looked = look(&meter)?;
    // The end of the producer is no part of a sync.
    drop(engine);
    Ok((report, looked))
}

/// An error where a sync did not complete, after saying how it went.
pub fn completed(report: &Report) -> Result<()> {
    if report.outcome == Outcome::Completed {
        return Ok(());
    }
    writeln!(io::stderr(), "{}", report.text())?;
    Err(format!("the sync ended {}", report.outcome).into())
}

/// As the product has it.
pub fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
