//! The second table: empty scopes, whose calls are all latency.

use std::io::Write;
use std::process::Stdio;

use kit::bench::Result;
use kit::bench::table::{Bar, Table, grouped, median, write_bars};

use crate::Wanted;
use crate::child::{SimulatorProcess, World, measure};
use crate::subject::ours;

/// What the simulator takes for each request.
const LATENCY_MS: u64 = 20;

/// The default of `parallel_requests`.
const PARALLEL: f64 = 8.0;

/// Roles at most; more scopes are more regions of each.
const ROLES: usize = 500;

const REGIONS: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

const OBJECTS: &str = "EcsCluster,EcsService,EcsTask,EcsTaskDefinition";

/// Up to this many are over in less than a second, most of which is the start, and their CPU time is a few hundredths of one:
/// only many rounds tell what a scope adds.
const FEW: usize = 10;

/// The bars are set for this many: fewer are over before the producer's handshake is forgotten.
const JUDGED: usize = 8_500;
const SHARE_BAR: f64 = 95.0;
const MEMORY_BAR: f64 = 64.0;
/// "Flat" leaves a tenth for the noise of a shared machine.
const FLAT_BAR: f64 = 1.1;

/// One number of scopes, measured.
struct Measured {
    scopes: usize,
    wall: f64,
    cpu: f64,
    peak: f64,
    calls: f64,
}

impl Measured {
    fn rate(&self) -> f64 {
        self.calls / self.wall
    }

    /// Milliseconds of CPU for each scope beyond the first, whose sync `first` is: the start of a process is in both.
    fn cpu_each(&self, first: &Measured) -> f64 {
        (self.cpu - first.cpu) / (self.scopes - first.scopes) as f64 * 1e3
    }

    /// The same for each call: a role is assumed once for all its regions, so not all scopes have as many.
    fn cpu_call(&self, first: &Measured) -> f64 {
        (self.cpu - first.cpu) / (self.calls - first.calls) * 1e3
    }
}

/// Measures all numbers of scopes against one simulator.
pub(crate) fn bench(wanted: &Wanted, brokers: &str, out: &mut impl Write) -> Result<Vec<Bar>> {
    writeln!(out, "\n## Scopes: empty ones, {LATENCY_MS} ms of latency, {PARALLEL} parallel requests\n")?;
    let simulator = SimulatorProcess::start(World { clusters: 0, tasks: 0, latency_ms: LATENCY_MS })?;
    let latency: f64 = measure(&["sequential", "--endpoint", simulator.endpoint()], Stdio::null())?;
    let allowed = PARALLEL / latency;
    let nominal = PARALLEL * 1e3 / LATENCY_MS as f64;
    let first = take(wanted, &simulator, brokers, 1)?;
    let mut measured = Vec::new();
    for &scopes in wanted.scopes.iter().filter(|&&scopes| scopes > 1) {
        measured.push(take(wanted, &simulator, brokers, scopes)?);
    }

    let mut table = Table::new([
        "scopes",
        "calls",
        "wall s",
        "calls/s",
        "of what is allowed",
        "of the nominal latency's",
        "CPU s",
        "CPU ms/scope beyond the first",
        "CPU ms/call beyond the first's",
        "peak RSS above start MiB",
    ]);
    for one in std::iter::once(&first).chain(&measured) {
        let beyond = |each: f64| if one.scopes > 1 { format!("{each:.3}") } else { "-".to_owned() };
        table.row([
            grouped(one.scopes as f64),
            grouped(one.calls),
            format!("{:.2}", one.wall),
            format!("{:.1}", one.rate()),
            format!("{:.1} %", 100.0 * one.rate() / allowed),
            format!("{:.1} %", 100.0 * one.rate() / nominal),
            format!("{:.3}", one.cpu),
            beyond(one.cpu_each(&first)),
            beyond(one.cpu_call(&first)),
            format!("{:.1}", one.peak),
        ]);
    }
    table.write(out)?;
    let milliseconds = latency * 1e3;
    writeln!(
        out,
        "\nOne caller alone sees {milliseconds:.2} ms a call, so {PARALLEL} parallel requests allow {allowed:.1} calls/s; \
         {LATENCY_MS} ms would allow {nominal:.1}.\n"
    )?;
    let bars = bars(&first, &measured, allowed);
    write_bars(&bars, out)?;
    Ok(bars)
}

fn take(wanted: &Wanted, simulator: &SimulatorProcess, brokers: &str, scopes: usize) -> Result<Measured> {
    let regions = scopes.div_ceil(ROLES);
    let roles = scopes / regions;
    if roles * regions != scopes || regions > REGIONS.len() {
        return Err(format!("{scopes} scopes are not up to {ROLES} roles in up to {} regions", REGIONS.len()).into());
    }
    let (roles, regions) = (roles.to_string(), REGIONS[..regions].join(","));
    let often = if scopes <= FEW { 15 } else { 3 };
    let rounds = wanted.rounds.unwrap_or(if scopes <= ROLES { often } else { 1 });
    let (mut figures, mut calls) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let before = simulator.seen()?;
        let prefix = format!("scopes-{scopes}-{round}");
        let arguments = ["ours", "--endpoint", simulator.endpoint(), "--brokers", brokers, "--prefix", &prefix];
        let rest = ["--objects", OBJECTS, "--roles", &roles, "--regions", &regions];
        let ours: ours::Figures = measure(&[&arguments[..], &rest[..]].concat(), Stdio::null())?;
        let after = simulator.seen()?;
        // A ListClusters and a ListTaskDefinitions say that there is nothing.
        let expected = 2 * scopes as u64;
        let seen = after.of_ecs() - before.of_ecs();
        if (ours.scopes, ours.records, ours.attempts, seen) != (scopes, 0, expected, expected) {
            return Err(format!("{expected} requests to ECS for {scopes} scopes; {seen} were seen: {ours:?}").into());
        }
        calls.push((after.requests - before.requests) as f64);
        figures.push(ours);
    }
    let of = |figure: fn(&ours::Figures) -> f64| median(figures.iter().map(figure));
    Ok(Measured {
        scopes,
        wall: of(|ours| ours.cost.wall),
        cpu: of(|ours| ours.cost.cpu),
        peak: of(|ours| ours.peak),
        calls: median(calls),
    })
}

fn bars(first: &Measured, measured: &[Measured], allowed: f64) -> Vec<Bar> {
    let mut bars = Vec::new();
    let Some(most) = measured.iter().find(|one| one.scopes >= JUDGED) else { return bars };
    let name = format!("{} scopes", grouped(most.scopes as f64));
    let share = 100.0 * most.rate() / allowed;
    bars.push(Bar::at_least(SHARE_BAR, share, "%", format!("{name}: calls/s, of what is allowed")));
    bars.push(Bar::at_most(MEMORY_BAR, most.peak, "MiB", format!("{name}: peak RSS")));
    for some in measured.iter().filter(|one| [FEW, ROLES].contains(&one.scopes)) {
        let each = most.cpu_each(first) / some.cpu_each(first);
        bars.push(Bar::at_most(FLAT_BAR, each, "x", format!("{name}: CPU/scope, of that with {}", some.scopes)));
    }
    bars
}
