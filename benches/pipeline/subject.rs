//! What is measured, each in a process of its own.

pub(crate) mod capture;
mod dropped;
pub(crate) mod librdkafka;
pub(crate) mod ours;
pub(crate) mod sdk;

use std::io::{self, Write};

use clap::{Args, Subcommand};
use ecs_sdm_producer::config::{Config, Rate, Rates};
use kit::REGION;
use kit::bench::{Result, sync};
use serde::Serialize;

use self::sdk::Bodies;
use crate::gate::Gate;

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
    /// The same without reading the answers' bodies as JSON: HTTP, signing and the runtime alone.
    Receive {
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
        let rates = Rates::all(Rate { burst: 1_000_000, per_second: 500_000 });
        Config { objects: self.objects.clone(), rates, ..sync::on_topics(&self.brokers, &self.prefix) }
    }
}

/// Runs a subject, which held `held` MiB when it started, and prints its figures.
pub(crate) fn run(subject: Subject, held: f64) -> Result<()> {
    match subject {
        Subject::Ours(sync) => print(&sync.run(held)?),
        Subject::List { endpoint } => sdk::list(&endpoint),
        Subject::Describe { endpoint } => print(&sdk::describe_all(&endpoint, Bodies::Parsed)?),
        Subject::Receive { endpoint } => print(&sdk::describe_all(&endpoint, Bodies::Dropped)?),
        Subject::ListAndDescribe { endpoint, gate } => print(&sdk::list_and_describe(&endpoint, &gate)?),
        Subject::Sequential { endpoint } => print(&sdk::one_after_the_other(&endpoint)?),
        Subject::Make(topics) => sync::make_topics(&topics.config()),
        Subject::Capture(topics) => capture::capture(&topics),
        Subject::Librdkafka { topics, gate } => print(&librdkafka::produce(&topics, &gate)?),
    }
}

fn print(figures: &impl Serialize) -> Result<()> {
    Ok(writeln!(io::stdout(), "{}", serde_json::to_string(figures)?)?)
}

fn region() -> String {
    REGION.to_owned()
}
