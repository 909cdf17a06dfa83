//! What a broker that stands still for two minutes does to a sync of 100,000 tasks, and how soon all is as before. See
//! `benches/README.md`.
//!
//! The ECS simulator is in this process; the sync and the broker are processes of their own.
//!
//! | In reading order | |
//! |---|---|
//! | `course` | the sync, the stop, the stall, the going on, and what is seen meanwhile |
//! | `series` | what is seen, over time: windows, medians, when a rate is back |
//! | `ours` | the sync |
//!
//! What benches share is in `kit::bench`: one sync of the product, meters, tables, and what a consumer finds on the topics.

mod course;
mod ours;
mod series;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use kit::bench::table::{Bar, Table, grouped, write_bars};
use kit::bench::{Result, frame, meter};
use kit::broker::Broker;

use crate::course::Course;
use crate::series::FULL;

kit::allocator!();

/// Half of them are on the topic when the broker stops.
const TASKS: u64 = 100_000;
const CLUSTERS: u64 = 200;

const LATENCY: Duration = Duration::from_millis(20);

/// Until then what fits into the sync is still asked for: bounds in flight and seats, at the rate of the buckets.
const SETTLING: Duration = Duration::from_secs(8);

/// Two minutes; in the dev profile no longer than it takes to see that all holds together.
const SECONDS: u64 = if cfg!(debug_assertions) { 12 } else { 120 };

/// Specification, "memory": MiB above start.
const MEMORY_BAR: f64 = 64.0;
/// Seconds from the broker's going on to the full rate.
const AGAIN_BAR: f64 = 5.0;

/// Measures a sync whose broker stands still for a while.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --features jemalloc --bench stall --")]
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
    /// How long the broker stands still
    #[arg(long, value_name = "N", default_value_t = SECONDS, value_parser = clap::value_parser!(u64).range(10..=600))]
    seconds: u64,
    /// A missed bar is a failure
    #[arg(long)]
    strict: bool,
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
    // What a process held before it did anything.
    let held = meter::resident();
    let Flags { role, wanted, bench: _ } = Flags::parse();
    let ended = match role {
        Some(Role::Sync { settings }) => held.and_then(|held| ours::run(&settings, held)).map(|()| true),
        None => frame::bench(wanted.strict, &ALLOCATOR, &mut io::stdout(), |broker, out| table(&wanted, broker, out)),
    };
    frame::exit(ended)
}

fn table(wanted: &Wanted, broker: &Broker, out: &mut impl Write) -> Result<Vec<Bar>> {
    let seconds = wanted.seconds;
    let (tasks, clusters, rate) = (grouped(TASKS as f64), grouped(CLUSTERS as f64), ours::RATE);
    writeln!(
        out,
        "\n## A broker that stands still: {seconds} s in the middle of {tasks} tasks in {clusters} clusters; {rate} calls/s, {} ms\n",
        LATENCY.as_millis()
    )?;
    let course = Course::run(broker, Duration::from_secs(seconds))?;
    let mut table = Table::new([
        "records",
        "lost",
        "twice",
        "landed/s before",
        "full rate again s",
        "landed/s after",
        "last call after the stop s",
        "calls while it stood",
        "peak RSS above start MiB",
        "before the stop, while it stood, after",
        "CPU s",
    ]);
    let Course { ours, lost, twice, before, again, after, last_call, calls, peak, peaks } = course;
    let [lost, twice] = [lost, twice].map(|count| count as f64);
    table.row([
        grouped(ours.acknowledged as f64),
        lost.to_string(),
        twice.to_string(),
        grouped(before),
        again.map_or("never".to_owned(), |seconds| format!("{seconds:.1}")),
        grouped(after),
        format!("{last_call:.1}"),
        calls.to_string(),
        format!("{peak:.1}"),
        peaks.map(|peak| format!("{peak:.1}")).join(", "),
        format!("{:.1}", ours.cpu),
    ]);
    table.write(out)?;
    writeln!(out)?;
    let settling = SETTLING.as_secs();
    let bars = vec![
        Bar::at_most(0.0, lost, "records", "acknowledged, and not on the topics"),
        Bar::at_most(0.0, twice, "records", "on the topics twice"),
        Bar::at_most(MEMORY_BAR, peak, "MiB", "peak RSS"),
        Bar::at_most(0.0, calls as f64, "calls", format!("from {settling} s after the stop until it went on")),
        Bar::at_most(AGAIN_BAR, again.unwrap_or(f64::NAN), "s", "until the full rate, from when it went on"),
        Bar::at_least(100.0 * FULL, 100.0 * after / before, "%", "rate from there to the end, of that before"),
    ];
    write_bars(&bars, out)?;
    Ok(bars)
}
