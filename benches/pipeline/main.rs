//! Two tables: what a record costs beyond the AWS SDK and librdkafka, and what a scope costs. See `benches/README.md`.
//!
//! Simulator, broker and every measured subject are processes of their own, so that each has CPU time and memory of its own:
//! this program starts itself again for all of them but the broker.
//!
//! | In reading order | |
//! |---|---|
//! | `records`, `scopes` | the two tables |
//! | `subject` | what is measured: ours, the SDK alone, librdkafka alone |
//! | `child`, `gate` | starts subjects and the simulator; starts two subjects at the same moment |
//! | `tape` | the records of a sync in a file, for librdkafka alone |
//!
//! What benches share is in `kit::bench`: one sync of the product, meters, tables, and what stands around them.

mod child;
mod gate;
mod records;
mod scopes;
mod subject;
mod tape;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use kit::bench::table::Bar;
use kit::bench::{Result, frame, meter};

kit::allocator!();

/// Measures the pipeline between the ECS simulator and a real broker.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --features jemalloc --bench pipeline --")]
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
    /// Only this table
    #[arg(long, value_enum)]
    table: Option<Which>,
    /// Rounds of each size; without it five for 10,000 and three for more
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: Option<u64>,
    /// Tasks in 200 clusters [default: 10000,100000,1000000]
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..))]
    tasks: Option<Vec<u64>>,
    /// Tasks in one cluster; 0 leaves it out [default: 1000000, or 0 with --tasks]
    #[arg(long, value_name = "N")]
    one_cluster: Option<u64>,
    /// Empty scopes, up to 500 roles in up to 17 regions
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_value = "10,500,8500")]
    scopes: Vec<usize>,
    /// A missed bar is a failure
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    Records,
    Scopes,
}

/// What a process that this program starts is there for.
#[derive(Debug, Subcommand)]
enum Role {
    /// Simulates ECS and STS until standard input ends
    #[command(hide = true)]
    Simulator(child::World),
    /// Is measured, and says so in JSON
    #[command(hide = true)]
    Subject {
        #[command(subcommand)]
        subject: subject::Subject,
    },
}

fn main() -> ExitCode {
    // What a process held before it did anything.
    let held = meter::resident();
    let Flags { role, wanted, bench: _ } = Flags::parse();
    let ended = match role {
        Some(Role::Simulator(world)) => child::simulate(&world).map(|()| true),
        Some(Role::Subject { subject }) => held.and_then(|held| subject::run(subject, held)).map(|()| true),
        None => frame::bench(wanted.strict, &ALLOCATOR, &mut io::stdout(), |broker, out| {
            tables(&wanted, broker.bootstrap_servers(), out)
        }),
    };
    frame::exit(ended)
}

/// Makes the tables that are wanted.
fn tables(wanted: &Wanted, brokers: &str, out: &mut impl Write) -> Result<Vec<Bar>> {
    let mut bars = Vec::new();
    if wanted.table != Some(Which::Scopes) {
        bars.extend(records::bench(wanted, brokers, out)?);
    }
    if wanted.table != Some(Which::Records) {
        bars.extend(scopes::bench(wanted, brokers, out)?);
    }
    Ok(bars)
}
