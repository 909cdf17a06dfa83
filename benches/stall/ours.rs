//! One sync of the product, in a process of its own.

use std::env;
use std::io::{self, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use ecs_sdm_producer::config::{Config, LogFormat, Rate, Rates, Secret, TopicsCreate};
use ecs_sdm_producer::kafka::Kafka;
use ecs_sdm_producer::report::Outcome;
use ecs_sdm_producer::sync::{Engine, Sink};
use ecs_sdm_producer::telemetry;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;
use tracing_subscriber::util::SubscriberInitExt;

use crate::meter::{self, Meter};
use crate::{REGION, Result};

/// Partitions of each topic.
pub(crate) const PARTITIONS: i32 = 6;

/// Calls a second, by the settings' token buckets: what holds a sync up must be as steady before the stall as after it, and neither
/// the machine nor the broker is.
pub(crate) const RATE: u32 = 80;

/// Settings of a sync. What is not named here is as users have it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) endpoint: String,
    pub(crate) brokers: String,
    pub(crate) prefix: String,
    pub(crate) objects: Vec<String>,
}

impl Settings {
    pub(crate) fn topic(&self, object: &str) -> String {
        self.config().kafka.topic(object)
    }

    /// Makes the topics as the product makes them.
    pub(crate) fn make_topics(&self) -> Result<()> {
        let config = self.config();
        let kafka = Arc::new(Kafka::connect(&config)?);
        runtime()?.block_on(kafka.ready(&config))?;
        Ok(())
    }

    fn config(&self) -> Config {
        // The simulator takes any.
        let key = || Some(Secret::Inline("simulated".to_owned()));
        // A bucket never holds more than ten tokens here (`aws::pace` leaves a second's and four more untouched): what is saved up
        // in a stall shall not be taken for the rate after it.
        let rate = Rate { burst: RATE + 4 + 10, per_second: RATE };
        let mut config = Config {
            endpoint_url: Some(self.endpoint.clone()),
            default_region: Some(REGION.to_owned()),
            access_key_id: key(),
            secret_access_key: key(),
            objects: self.objects.clone(),
            api_share: 1.0,
            rates: Rates::all(rate),
            ..Config::default()
        };
        config.kafka.bootstrap_servers = vec![self.brokers.clone()];
        config.kafka.topic_prefix.clone_from(&self.prefix);
        config.kafka.topics_create = TopicsCreate::IfMissing;
        config.kafka.partitions = PARTITIONS;
        config
    }
}

fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// How a sync went, in its own words.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) acknowledged: u64,
    /// Of the whole process, in seconds.
    pub(crate) cpu: f64,
    /// MiB that the process held when it started, and at most.
    pub(crate) held: f64,
    pub(crate) peak: f64,
}

/// Starts a sync in a process of its own, away from the AWS settings of this machine.
pub(crate) fn start(settings: &Settings) -> Result<Child> {
    let mut command = Command::new(env::current_exe()?);
    command.env_clear().env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", "/nonexistent");
    command.arg("sync").arg(serde_json::to_string(settings)?).stdin(Stdio::null()).stdout(Stdio::piped());
    Ok(command.spawn()?)
}

/// Runs a sync in this process, which held `held` MiB when it started, and prints its figures.
pub(crate) fn run(settings: &str, held: f64) -> Result<()> {
    let config = serde_json::from_str::<Settings>(settings)?.config();
    telemetry::subscriber(LogFormat::Text, "warn", io::stderr, false).init();
    let runtime = runtime()?;
    let meter = Meter::of_process();
    let (engine, report) = runtime.block_on(async {
        let engine = Engine::new(config, REGION.to_owned())?;
        let report = engine.sync(Sink::Kafka, std::future::pending()).await;
        Result::Ok((engine, report))
    })?;
    let (cpu, peak) = (meter.read().cpu, meter::peak()?);
    drop(engine);
    if report.outcome != Outcome::Completed {
        writeln!(io::stderr(), "{}", report.text())?;
        return Err(format!("the sync ended {}", report.outcome).into());
    }
    let acknowledged = report.types.iter().map(|one| one.acknowledged).sum();
    let figures = Figures { acknowledged, cpu, held, peak };
    Ok(writeln!(io::stdout(), "{}", serde_json::to_string(&figures)?)?)
}
