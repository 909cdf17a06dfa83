//! What a sync reaches where AWS throttles: its time beside the floor that the token buckets set. See `benches/README.md`.
//!
//! The ECS simulator and its record of arrivals are in this process; every client is a process of its own, and so is the broker.
//!
//! | In reading order | |
//! |---|---|
//! | `alone`, `account`, `accounts`, `plan` | the tables: the task definition bucket alone, whole accounts, many accounts, what plans foretell |
//! | `case` | one client against one simulator, and what came of it |
//! | `traffic` | what arrivals tell: spans, windows, the least calls |
//! | `ours`, `boto3` | the clients |
//!
//! What benches share is in `kit::bench`: one sync of the product, meters, tables, and what a consumer finds on the topics.

mod account;
mod accounts;
mod alone;
mod boto3;
mod case;
mod ours;
mod plan;
mod traffic;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use kit::bench::table::Bar;
use kit::bench::{Result, frame};

kit::allocator!();

/// Measures syncs against AWS's token buckets.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --features jemalloc --bench throttled --")]
struct Flags {
    #[command(subcommand)]
    role: Option<Role>,
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
    /// A missed bar is a failure
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// 1,200 revisions under the task definition bucket
    Bucket,
    /// The same by boto3
    Boto3,
    /// A share of 0.75, looked at in every window
    Share,
    /// Beside somebody else who draws from the bucket
    Foreign,
    /// An account in which three buckets bind at once
    Mixed,
    /// 10,000 small clusters
    Clusters,
    /// 50 accounts, one of them a hundred times as large
    Huge,
    /// What `plan` foretells, for three accounts
    Plan,
}

impl Wanted {
    fn wants(&self, scenario: Scenario) -> bool {
        self.only.is_empty() || self.only.contains(&scenario)
    }
}

/// What a process that this program starts is there for.
#[derive(Debug, Subcommand)]
enum Role {
    /// One sync of the product, which says in JSON how it went
    #[command(hide = true)]
    Sync {
        /// [`ours::Settings`] as JSON
        settings: String,
    },
}

fn main() -> ExitCode {
    let Flags { role, wanted, bench: _ } = Flags::parse();
    let ended = match role {
        Some(Role::Sync { settings }) => ours::run(&settings).map(|()| true),
        None => frame::bench(wanted.strict, &ALLOCATOR, &mut io::stdout(), |broker, out| {
            tables(&wanted, broker.bootstrap_servers(), out)
        }),
    };
    frame::exit(ended)
}

/// Makes the tables that are wanted.
fn tables(wanted: &Wanted, brokers: &str, out: &mut impl Write) -> Result<Vec<Bar>> {
    let mut bars = alone::bench(wanted, brokers, out)?;
    bars.extend(account::bench(wanted, brokers, out)?);
    bars.extend(accounts::bench(wanted, brokers, out)?);
    bars.extend(plan::bench(wanted, out)?);
    Ok(bars)
}
