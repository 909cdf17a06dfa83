//! One sync of the product, in a process of its own.

use std::io::{self, Write};
use std::process::{Child, Stdio};

use ecs_sdm_producer::config::{Config, Rate, Rates};
use kit::bench::{Result, meter, sync};
use serde::{Deserialize, Serialize};

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

    /// The product's settings.
    pub(crate) fn config(&self) -> Config {
        // A bucket never holds more than ten tokens here (`aws::pace` leaves a second's and four more untouched): what is saved up
        // in a stall shall not be taken for the rate after it.
        let rate = Rate { burst: RATE + 4 + 10, per_second: RATE };
        let config = sync::reading(self.endpoint.clone(), sync::on_topics(&self.brokers, &self.prefix));
        Config { objects: self.objects.clone(), api_share: 1.0, rates: Rates::all(rate), ..config }
    }
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

/// Starts a sync in a process of its own.
pub(crate) fn start(settings: &Settings) -> Result<Child> {
    Ok(sync::process(settings)?.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?)
}

/// Runs a sync in this process, which held `held` MiB when it started, and prints its figures.
pub(crate) fn run(settings: &str, held: f64) -> Result<()> {
    let config = serde_json::from_str::<Settings>(settings)?.config();
    let (report, (cpu, peak)) = sync::run(config, "warn", |meter| Ok((meter.read().cpu, meter::peak()?)))?;
    sync::completed(&report)?;
    let acknowledged = report.types.iter().map(|one| one.counts.acknowledged).sum();
    let figures = Figures { acknowledged, cpu, held, peak };
    Ok(writeln!(io::stdout(), "{}", serde_json::to_string(&figures)?)?)
}
