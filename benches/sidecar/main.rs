//! What a sidecar costs that runs for ever: its start, its idle time, thousands of syncs, its schedule, its health server. See
//! `benches/README.md`.
//!
//! The sidecar is the real program, a process of its own; so are the brokers. The ECS simulator and the clients of the health
//! server are in this process.
//!
//! | In reading order | |
//! |---|---|
//! | `subject` | the sidecar, the syncs it is asked for, and what the kernel says of its process |
//! | `start`, `wire` | from exec to STARTED's acknowledgement; what stands before the broker and sees it |
//! | `idle` | a core's share and memory between two syncs |
//! | `syncs`, `trouble` | memory, descriptors and threads over many syncs; how one in ten of them is made to fail |
//! | `drift` | the start of each sync beside its tick |
//! | `health`, `clients` | a paced sync without and with thousands of requests; who sends them |
//!
//! What benches share is in `kit::bench`.

mod clients;
mod drift;
mod health;
mod idle;
mod start;
mod subject;
mod syncs;
mod trouble;
mod wire;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Parser, ValueEnum};
use kit::bench::table::Bar;
use kit::bench::{Result, frame};

kit::allocator!();

/// In the dev profile there is no more of anything than it takes to see that all holds together.
const fn amount(release: u64, dev: u64) -> u64 {
    if cfg!(debug_assertions) { dev } else { release }
}

/// Measures a sidecar.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --features jemalloc --bench sidecar --")]
struct Flags {
    #[command(flatten)]
    wanted: Wanted,
    /// Cargo passes it to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// What is to be measured.
#[derive(Debug, Args)]
struct Wanted {
    /// Only these
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// Starts, each of a process of its own
    #[arg(long, value_name = "N", default_value_t = amount(20, 3), value_parser = clap::value_parser!(u64).range(1..))]
    starts: u64,
    /// How long the sidecar is idle
    #[arg(long, value_name = "N", default_value_t = amount(600, 10), value_parser = clap::value_parser!(u64).range(1..))]
    idle_seconds: u64,
    /// Syncs in one process
    #[arg(long, value_name = "N", default_value_t = amount(2_000, 12), value_parser = clap::value_parser!(u64).range(12..))]
    syncs: u64,
    /// Ticks after the first sync
    #[arg(long, value_name = "N", default_value_t = amount(120, 10), value_parser = clap::value_parser!(u64).range(2..))]
    ticks: u64,
    /// Requests on the health server
    #[arg(long, value_name = "N", default_value_t = amount(10_000, 1_000), value_parser = clap::value_parser!(u64).range(20..))]
    requests: u64,
    /// A missed bar is a failure
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// From exec to STARTED's acknowledgement, and to a dry run's first line
    Start,
    /// Between two syncs
    Idle,
    /// Many syncs in one process, one in ten of them failing
    Syncs,
    /// The schedule
    Drift,
    /// Requests on the health server during a sync
    Health,
}

impl Wanted {
    fn wants(&self, scenario: Scenario) -> bool {
        self.only.is_empty() || self.only.contains(&scenario)
    }
}

fn main() -> ExitCode {
    let Flags { wanted, bench: _ } = Flags::parse();
    frame::exit(frame::bench(wanted.strict, &ALLOCATOR, &mut io::stdout(), |broker, out| {
        tables(&wanted, broker.bootstrap_servers(), out)
    }))
}

/// Makes the tables that are wanted.
fn tables(wanted: &Wanted, brokers: &str, out: &mut impl Write) -> Result<Vec<Bar>> {
    let mut bars = Vec::new();
    if wanted.wants(Scenario::Start) {
        bars.extend(start::bench(wanted.starts, out)?);
    }
    if wanted.wants(Scenario::Idle) {
        bars.extend(idle::bench(wanted.idle_seconds, brokers, out)?);
    }
    if wanted.wants(Scenario::Syncs) {
        bars.extend(syncs::bench(wanted.syncs, out)?);
    }
    if wanted.wants(Scenario::Drift) {
        bars.extend(drift::bench(wanted.ticks, brokers, out)?);
    }
    if wanted.wants(Scenario::Health) {
        bars.extend(health::bench(wanted.requests, brokers, out)?);
    }
    Ok(bars)
}
