//! One sync of the product, in a process of its own.

use std::io::{self, Write};
use std::process::Stdio;

use ecs_sdm_producer::config::{Config, Rate, Rates};
use ecs_sdm_producer::report::Outcome;
use kit::bench::{Result, sync};
use serde::{Deserialize, Serialize};

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

/// Runs a sync in a process of its own.
pub(crate) fn measure(settings: &Settings) -> Result<Figures> {
    let output = sync::process(settings)?.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("the sync on {} failed ({})", settings.prefix, output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Runs a sync and prints its figures.
pub(crate) fn run(settings: &str) -> Result<()> {
    let settings: Settings = serde_json::from_str(settings)?;
    let name = settings.prefix.clone();
    let (report, cpu) = sync::run(config(settings), "error", |meter| Ok(meter.read().cpu))?;
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
    let config = sync::reading(endpoint, sync::on_topics(&brokers, &prefix));
    let rates = times(&config.rates, rates_times);
    Config { assume_role_arns: roles, objects, api_share, parallel_requests, rates, ..config }
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
