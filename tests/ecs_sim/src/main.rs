//! The ECS simulator as a process of its own. Its endpoint is the only line on standard output.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use ecs_sim::{Buckets, Category, Foreign, Pages, Refill, Shape, Simulator, World};

/// A loopback Amazon ECS and STS whose accounts are generated from a seed.
///
/// Every account and region holds what the flags say. Counters: GET /counters.
#[derive(Debug, Parser)]
#[command(version)]
struct Flags {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Two simulators with one seed hold the same objects
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Account of requests without a session token
    #[arg(long, default_value = "111111111111")]
    account: String,
    /// Clusters, inactive ones included
    #[arg(long, default_value_t = Shape::small().clusters)]
    clusters: u64,
    /// Clusters with status INACTIVE
    #[arg(long, default_value_t = Shape::small().inactive_clusters)]
    inactive_clusters: u64,
    /// Services in all clusters
    #[arg(long, default_value_t = Shape::small().services)]
    services: u64,
    /// Running tasks in all clusters
    #[arg(long, default_value_t = Shape::small().tasks)]
    tasks: u64,
    /// Stopped tasks in all clusters
    #[arg(long, default_value_t = Shape::small().stopped_tasks)]
    stopped_tasks: u64,
    /// ACTIVE task definition revisions
    #[arg(long, default_value_t = Shape::small().task_definitions)]
    task_definitions: u64,
    /// How lists are cut: full pages, short ones, or short and empty ones
    #[arg(long, value_enum, default_value_t = PageKind::Full)]
    pages: PageKind,
    /// Milliseconds that a request takes, as MIN..MAX
    #[arg(long, value_name = "MIN..MAX", value_parser = milliseconds, default_value = "0..0")]
    latency_ms: RangeInclusive<Duration>,
    /// Every n-th listed object is gone when it is described
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    vanish_every: Option<u64>,
    /// Every n-th page of a list repeats the last ARN of the page before it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    repeat_every: Option<u64>,
    /// Services of neighbouring clusters share names and short ARNs
    #[arg(long)]
    twin_services: bool,
    /// Every n-th task definition is as large as ECS allows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    large_task_definition_every: Option<u64>,
    /// Milliseconds after which sessions really end, whatever AssumeRole asks for
    #[arg(long, value_name = "MS")]
    session_life_ms: Option<u64>,
    /// Milliseconds after which sessions end as AssumeRole tells it, if not the truth
    #[arg(long, value_name = "MS")]
    session_told_ms: Option<u64>,
    /// Region that is not enabled; may be repeated
    #[arg(long, value_name = "REGION")]
    disabled_region: Vec<String>,
    /// Throttle as ECS does, by token buckets that are refilled smoothly or in steps of a second
    #[arg(long, value_enum)]
    buckets: Option<RefillKind>,
    /// How many times the published capacities and rates the buckets have
    #[arg(long, value_name = "N", requires = "buckets", default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..))]
    buckets_times: u32,
    /// Somebody else's task definition reads, as calls a second in one account and region; may be repeated
    #[arg(long, value_name = "ACCOUNT/REGION=PER_SECOND", requires = "buckets", value_parser = foreign)]
    foreign_task_definition_reads: Vec<Foreign>,
    /// Threads that answer requests
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    threads: u16,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PageKind {
    Full,
    Short,
    Empty,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RefillKind {
    Smooth,
    Stepped,
}

fn main() -> io::Result<()> {
    let flags = Flags::parse();
    let (listen, threads) = (flags.listen, usize::from(flags.threads));
    let simulator = Simulator::start_with_threads(world(flags), listen, threads)?;
    writeln!(io::stdout(), "{}", simulator.endpoint())?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(asked_to_stop())
}

fn world(flags: Flags) -> World {
    World {
        seed: flags.seed,
        base_account: flags.account,
        shape: Shape {
            clusters: flags.clusters,
            inactive_clusters: flags.inactive_clusters,
            services: flags.services,
            tasks: flags.tasks,
            stopped_tasks: flags.stopped_tasks,
            task_definitions: flags.task_definitions,
        },
        pages: match flags.pages {
            PageKind::Full => Pages::Full,
            PageKind::Short => Pages::Short,
            PageKind::Empty => Pages::ShortAndEmpty,
        },
        latency: flags.latency_ms,
        vanish_every: flags.vanish_every,
        twin_services: flags.twin_services,
        repeat_every: flags.repeat_every,
        large_task_definition_every: flags.large_task_definition_every,
        session_life: flags.session_life_ms.map(Duration::from_millis),
        session_told: flags.session_told_ms.map(Duration::from_millis),
        disabled_regions: BTreeSet::from_iter(flags.disabled_region),
        buckets: flags.buckets.map(|refill| {
            let refill = match refill {
                RefillKind::Smooth => Refill::Smooth,
                RefillKind::Stepped => Refill::Stepped,
            };
            Buckets::published(refill).times(flags.buckets_times)
        }),
        foreign: flags.foreign_task_definition_reads,
        ..World::default()
    }
}

fn milliseconds(text: &str) -> Result<RangeInclusive<Duration>, String> {
    let parsed = text.split_once("..").and_then(|(least, most)| Some((least.parse().ok()?, most.parse().ok()?)));
    match parsed {
        Some((least, most)) if least <= most => Ok(Duration::from_millis(least)..=Duration::from_millis(most)),
        _ => Err("two numbers of milliseconds are needed, as 50..250".to_owned()),
    }
}

fn foreign(text: &str) -> Result<Foreign, String> {
    let parsed = text.split_once('=').and_then(|(scope, rate)| Some((scope.split_once('/')?, rate.parse().ok()?)));
    match parsed {
        Some(((account, region), per_second)) => Ok(Foreign {
            account: account.to_owned(),
            region: region.to_owned(),
            category: Category::TaskDefinitionRead,
            per_second,
        }),
        None => Err("an account, a region and a rate are needed, as 111111111111/eu-central-1=2.5".to_owned()),
    }
}

/// Ctrl-C, or SIGTERM as from a container's runtime.
async fn asked_to_stop() -> io::Result<()> {
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminated.recv() => Ok(()),
    }
}
