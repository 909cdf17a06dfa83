//! One sync of the product, from its settings to its last acknowledgement.

use clap::Args;
use ecs_sdm_producer::config::Config;
use ecs_sdm_producer::report::Report;
use kit::bench::meter::{self, Cost};
use kit::bench::{Result, sync};
use serde::{Deserialize, Serialize};

use super::Topics;

/// Settings of a sync.
#[derive(Debug, Args)]
pub(crate) struct Sync {
    #[arg(long)]
    endpoint: String,
    #[command(flatten)]
    topics: Topics,
    /// Roles to assume, each of an account of its own; 0 reads with the base credentials
    #[arg(long, default_value_t = 0)]
    roles: u64,
    /// Regions to read
    #[arg(long, value_delimiter = ',')]
    regions: Vec<String>,
}

/// What a sync cost and what it says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) cost: Cost,
    /// Peak RSS above that of the process when it started, MiB.
    pub(crate) peak: f64,
    /// Acknowledged, by the report's types.
    pub(crate) records: u64,
    /// What has come onto the topics, by their offsets.
    pub(crate) landed: i64,
    /// Requests to ECS.
    pub(crate) attempts: u64,
    /// Scopes that the report names.
    pub(crate) scopes: usize,
}

impl Sync {
    pub(crate) fn run(self, held: f64) -> Result<Figures> {
        let objects = self.topics.objects.len();
        let config = self.config();
        let (report, (cost, peak)) = sync::run(config, "warn", |meter| Ok((meter.read(), meter::peak()? - held)))?;
        sync::completed(&report)?;
        Ok(figures(&report, cost, peak, objects))
    }

    fn config(self) -> Config {
        let role = |n: u64| format!("arn:aws:iam::{:012}:role/reader", 100_000_000_000 + n);
        let config = sync::reading(self.endpoint, self.topics.config());
        Config { assume_role_arns: (0..self.roles).map(role).collect(), regions: self.regions, ..config }
    }
}

fn figures(report: &Report, cost: Cost, peak: f64, objects: usize) -> Figures {
    Figures {
        cost,
        peak,
        records: report.types.iter().map(|one| one.counts.acknowledged).sum(),
        landed: report.partitions.iter().map(|range| range.high - range.low).sum(),
        attempts: report.calls.attempts,
        scopes: report.types.len() / objects.max(1),
    }
}
