//! What is measured, each in a process of its own.

pub(crate) mod capture;
pub(crate) mod librdkafka;
pub(crate) mod ours;
pub(crate) mod sdk;

use std::io::{self, Write};
use std::sync::Arc;

use clap::{Args, Subcommand};
use ecs_sdm_producer::config::{Config, Rate, Rates, Secret, TopicsCreate};
use ecs_sdm_producer::kafka::Kafka;
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::gate::Gate;
use crate::{REGION, Result};

/// A sync of the product and what it is compared with.
#[derive(Debug, Subcommand)]
pub(crate) enum Subject {
    /// One sync of the product.
    Ours(ours::Sync),
    /// The AWS SDK listing tasks; what it lists goes to standard output.
    List {
        #[arg(long)]
        endpoint: String,
    },
    /// The AWS SDK describing what standard input lists; the answers are dropped.
    Describe {
        #[arg(long)]
        endpoint: String,
    },
    /// Both in one process.
    ListAndDescribe {
        #[arg(long)]
        endpoint: String,
        #[command(flatten)]
        gate: Gate,
    },
    /// One request after the other through the AWS SDK: what a request takes that waits for no other.
    Sequential {
        #[arg(long)]
        endpoint: String,
    },
    /// Makes topics, so that whoever is measured on them only finds them; this one is not.
    Make(Topics),
    /// Writes what a sync has put onto its topics to standard output; this one is not measured.
    Capture(Topics),
    /// librdkafka producing that once more, from standard input.
    Librdkafka {
        #[command(flatten)]
        topics: Topics,
        #[command(flatten)]
        gate: Gate,
    },
}

/// Where records lie.
#[derive(Debug, Clone, Args)]
pub(crate) struct Topics {
    #[arg(long)]
    brokers: String,
    #[arg(long)]
    prefix: String,
    /// The contract's objects
    #[arg(long, value_delimiter = ',')]
    objects: Vec<String>,
}

impl Topics {
    /// The product's settings for them.
    fn config(&self) -> Config {
        // The bench is about what the program can, not about what AWS allows.
        let endless = Rates::all(Rate { burst: 1_000_000, per_second: 500_000 });
        let mut config = Config { objects: self.objects.clone(), rates: endless, ..Config::default() };
        config.kafka.bootstrap_servers = vec![self.brokers.clone()];
        config.kafka.topic_prefix.clone_from(&self.prefix);
        config.kafka.topics_create = TopicsCreate::IfMissing;
        config.kafka.partitions = 6;
        config
    }

    /// Makes them as the product makes them.
    fn make(&self) -> Result<()> {
        let config = self.config();
        let kafka = Arc::new(Kafka::connect(&config)?);
        runtime()?.block_on(kafka.ready(&config))?;
        Ok(())
    }
}

/// Runs a subject, which held `held` MiB when it started, and prints its figures.
pub(crate) fn run(subject: Subject, held: f64) -> Result<()> {
    match subject {
        Subject::Ours(sync) => print(&sync.run(held)?),
        Subject::List { endpoint } => sdk::list(&endpoint),
        Subject::Describe { endpoint } => print(&sdk::describe_all(&endpoint)?),
        Subject::ListAndDescribe { endpoint, gate } => print(&sdk::list_and_describe(&endpoint, &gate)?),
        Subject::Sequential { endpoint } => print(&sdk::one_after_the_other(&endpoint)?),
        Subject::Make(topics) => topics.make(),
        Subject::Capture(topics) => capture::capture(&topics),
        Subject::Librdkafka { topics, gate } => print(&librdkafka::produce(&topics, &gate)?),
    }
}

fn print(figures: &impl Serialize) -> Result<()> {
    Ok(writeln!(io::stdout(), "{}", serde_json::to_string(figures)?)?)
}

/// The simulator takes any.
fn key() -> Secret {
    Secret::Inline("simulated".to_owned())
}

/// As the product has it.
fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

fn region() -> String {
    REGION.to_owned()
}
