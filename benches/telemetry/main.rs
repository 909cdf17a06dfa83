//! What metrics and traces cost a sync, in instructions (callgrind): they do not vary as times do. See `benches/README.md`.
//!
//! The program runs under valgrind, once with OTEL_SDK_DISABLED and once pushing metrics and traces, every trace sampled, to a collector
//! in this process. The simulator is in this process too, the broker is one of its own.

use std::io::{self, Write};
use std::process::{Command, ExitCode, Stdio};

use clap::Parser;
use ecs_sim::{Shape, Simulator, World};
use kit::bench::table::{Bar, Table, grouped, write_bars};
use kit::bench::{Result, frame};
use kit::broker::Broker;
use kit::otlp::Collector;
use kit::program::program;
use kit::settings::unique;

kit::allocator!();

/// In the dev profile as many as it takes to see that all holds together.
const TASKS: u64 = if cfg!(debug_assertions) { 1_000 } else { 100_000 };
const CLUSTERS: u64 = 200;

/// Percent of the instructions of a sync without telemetry.
const COST_BAR: f64 = 2.0;

/// Measures what metrics and traces cost.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --features jemalloc --bench telemetry --")]
struct Flags {
    /// The largest number of tasks
    #[arg(long, value_name = "N", default_value_t = TASKS)]
    tasks: u64,
    /// A missed bar is a failure
    #[arg(long)]
    strict: bool,
    /// Cargo passes it to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let Flags { tasks, strict, bench: _ } = Flags::parse();
    frame::exit(frame::bench(strict, &ALLOCATOR, &mut io::stdout(), |broker, out| table(tasks, broker, out)))
}

fn table(tasks: u64, broker: &Broker, out: &mut impl Write) -> Result<Vec<Bar>> {
    writeln!(out, "\n## Metrics and traces: instructions of a sync in {CLUSTERS} clusters, with and without them\n")?;
    let mut table = Table::new(["tasks", "without, in millions", "with", "beyond %", "pushes", "spans"]);
    let mut bars = Vec::new();
    for tasks in [tasks / 10, tasks] {
        let collector = Collector::start();
        let without = instructions(tasks, broker, &[("OTEL_SDK_DISABLED", "true")])?;
        let with = instructions(tasks, broker, &[("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())])?;
        let received = collector.received();
        if received.metrics.is_empty() || received.sum("ecs_sdm.syncs", &[]).is_none() {
            return Err("nothing was pushed".into());
        }
        let beyond = 100.0 * (with - without) / without;
        table.row([
            grouped(tasks as f64),
            grouped(without / 1e6),
            grouped(with / 1e6),
            format!("{beyond:.2}"),
            received.metrics.len().to_string(),
            received.all_spans().len().to_string(),
        ]);
        let what = format!("{} tasks: instructions beyond those without telemetry", grouped(tasks as f64));
        // What it costs to begin and to end is the same for a sync of any size.
        bars.push(if bars.is_empty() {
            Bar::beside(beyond, "%", what)
        } else {
            Bar::at_most(COST_BAR, beyond, "%", what)
        });
    }
    table.write(out)?;
    writeln!(out)?;
    write_bars(&bars, out)?;
    Ok(bars)
}

/// The instructions of the program for one sync.
fn instructions(tasks: u64, broker: &Broker, variables: &[(&str, &str)]) -> Result<f64> {
    let shape = Shape { clusters: CLUSTERS, tasks, ..Shape::empty() };
    let simulator = Simulator::start(World { shape, ..World::default() })?;
    let program = program(Some(&simulator));
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program.get_program());
    command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.args(["sync", "--report", "json", "--set", "objects=EcsCluster,EcsTask"]);
    for setting in [
        format!("kafka.bootstrap_servers={}", broker.bootstrap_servers()),
        format!("kafka.topic_prefix={}", unique("telemetry")),
        "kafka.topics_create=if_missing".to_owned(),
        // Nothing waits for AWS's buckets, which would be idle time in which threads wake up.
        "rates.cluster_resource_read.burst=1000000".to_owned(),
        "rates.cluster_read.burst=1000000".to_owned(),
    ] {
        command.args(["--set", &setting]);
    }
    let output = command
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .map_err(|why| format!("valgrind cannot be run: {why}; install it (Debian: apt-get install valgrind)"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("the sync has failed: {said}").into());
    }
    let collected = said.lines().find_map(|line| line.split_once("Collected : "));
    let (_, count) = collected.ok_or_else(|| format!("callgrind has counted nothing: {said}"))?;
    Ok(count.trim().parse()?)
}
