//! One sync of the product, in a process of its own.

use std::env;
use std::io::{self, Write};
use std::process::{Command, Stdio};

use ecs_sdm_producer::config::{Config, LogFormat, Rate, Rates, Secret, TopicsCreate};
use ecs_sdm_producer::report::Outcome;
use ecs_sdm_producer::sync::{Engine, Sink};
use ecs_sdm_producer::telemetry;
use serde::{Deserialize, Serialize};
use tracing_subscriber::util::SubscriberInitExt;

use crate::meter::Meter;
use crate::{REGION, Result};

/// Partitions of each topic.
pub(crate) const PARTITIONS: i32 = 6;

/// Settings of a sync. What is not named here is as users have it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) endpoint: String,
    pub(crate) brokers: String,
    pub(crate) prefix: String,
    pub(crate) objects: Vec<String>,
    pub(crate) api_share: f64,
    pub(crate) parallel_requests: usize,
    /// How many times AWS's rates and bursts are.
    pub(crate) rates_times: u32,
    pub(crate) roles: Vec<String>,
}

impl Default for Settings {
    /// The product's defaults.
    fn default() -> Self {
        let Config { objects, api_share, parallel_requests, .. } = Config::default();
        let (endpoint, brokers, prefix, roles) = Default::default();
        Self { endpoint, brokers, prefix, objects, api_share, parallel_requests, rates_times: 1, roles }
    }
}

/// How a sync went, in its own words.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// After the last acknowledgement, in milliseconds since the epoch.
    pub(crate) ended: i64,
    /// Of the whole process, in seconds.
    pub(crate) cpu: f64,
    /// Requests to ECS.
    pub(crate) attempts: u64,
    pub(crate) throttled: u64,
}

/// Runs a sync in a process of its own, away from the AWS settings of this machine.
pub(crate) fn measure(settings: &Settings) -> Result<Figures> {
    let mut command = Command::new(env::current_exe()?);
    command.env_clear().env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", "/nonexistent");
    command.arg("sync").arg(serde_json::to_string(settings)?).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("the sync on {} failed ({})", settings.prefix, output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Runs a sync and prints its figures.
pub(crate) fn run(settings: &str) -> Result<()> {
    let settings: Settings = serde_json::from_str(settings)?;
    let name = settings.prefix.clone();
    let config = config(settings);
    telemetry::subscriber(LogFormat::Text, "error", io::stderr, false).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let meter = Meter::of_process();
    let (engine, report) = runtime.block_on(async {
        let engine = Engine::new(config, REGION.to_owned())?;
        let report = engine.sync(Sink::Kafka, std::future::pending()).await;
        Result::Ok((engine, report))
    })?;
    let cpu = meter.read().cpu;
    drop(engine);
    if report.outcome != Outcome::Completed {
        // What is lost is judged by whoever counts what has landed.
        writeln!(io::stderr(), "{name}: {}", report.text())?;
    }
    let figures =
        Figures { ended: report.ended, cpu, attempts: report.calls.attempts, throttled: report.calls.throttled };
    Ok(writeln!(io::stdout(), "{}", serde_json::to_string(&figures)?)?)
}

fn config(settings: Settings) -> Config {
    let Settings { endpoint, brokers, prefix, objects, api_share, parallel_requests, rates_times, roles } = settings;
    // The simulator takes any.
    let key = || Some(Secret::Inline("simulated".to_owned()));
    let mut config = Config {
        endpoint_url: Some(endpoint),
        default_region: Some(REGION.to_owned()),
        access_key_id: key(),
        secret_access_key: key(),
        assume_role_arns: roles,
        objects,
        api_share,
        parallel_requests,
        ..Config::default()
    };
    config.rates = times(&config.rates, rates_times);
    config.kafka.bootstrap_servers = vec![brokers];
    config.kafka.topic_prefix = prefix;
    config.kafka.topics_create = TopicsCreate::IfMissing;
    config.kafka.partitions = PARTITIONS;
    config
}

fn times(rates: &Rates, n: u32) -> Rates {
    let times = |rate: Rate| Rate { burst: rate.burst * n, per_second: rate.per_second * n };
    Rates {
        cluster_read: times(rates.cluster_read),
        service_read: times(rates.service_read),
        cluster_resource_read: times(rates.cluster_resource_read),
        task_definition_read: times(rates.task_definition_read),
    }
}
