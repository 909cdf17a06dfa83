//! The first table: records, from 10,000 to a million, beside the SDK alone, librdkafka alone, and both at once.

mod tables;

use std::fs::File;
use std::io::{Seek, Write};
use std::process::Stdio;

use kit::bench::Result;
use kit::bench::table::{Bar, write_bars};

use crate::child::{SimulatorProcess, World, measure, record};
use crate::subject::{librdkafka, ours, sdk};
use crate::{Wanted, gate};

const CLUSTERS: u64 = 200;

/// Tasks, and the clusters that come with their lists anyhow: the calls are then those of the SDK's floor and a handful.
const OBJECTS: &str = "EcsCluster,EcsTask";

/// The bars are set for a million; with fewer records than this a start of a tenth of a second decides.
const JUDGED: u64 = 100_000;

/// One size, measured.
struct Measured {
    tasks: u64,
    clusters: u64,
    rounds: Vec<Round>,
}

/// One round: each subject once.
struct Round {
    ours: ours::Figures,
    /// ECS and STS, as the simulator counts them.
    calls: u64,
    floors: Option<Floors>,
}

/// What ours is compared with.
struct Floors {
    sdk: sdk::Figures,
    /// The same calls, whose bodies nobody parses.
    received: sdk::Figures,
    librdkafka: librdkafka::Figures,
    /// Only where the wall is judged.
    together: Option<Together>,
}

/// The same two, as processes that start at the same moment and share the machine, the simulator and the broker. A program that
/// is made of both does at least that, so where this keeps all cores busy (a million: 98 % of two) it cannot be faster.
struct Together {
    sdk: sdk::Figures,
    librdkafka: librdkafka::Figures,
}

/// Measures all sizes.
pub(crate) fn bench(wanted: &Wanted, brokers: &str, out: &mut impl Write) -> Result<Vec<Bar>> {
    writeln!(out, "\n## Records: {OBJECTS}, headers on, six partitions a topic, 8 parallel requests\n")?;
    let sizes = wanted.tasks.clone().unwrap_or_else(|| vec![10_000, 100_000, 1_000_000]);
    let mut measured = Vec::new();
    for tasks in sizes {
        measured.push(Measured::take(wanted, brokers, tasks, CLUSTERS, true)?);
    }
    let alone = wanted.one_cluster.unwrap_or(if wanted.tasks.is_some() { 0 } else { 1_000_000 });
    if alone > 0 {
        measured.push(Measured::take(wanted, brokers, alone, 1, false)?);
    }
    tables::costs(&measured).write(out)?;
    writeln!(out, "\nBeside the floors, in turns with ours; medians, and medians of ratios:\n")?;
    tables::cpu(&measured).write(out)?;
    writeln!(out)?;
    tables::walls(&measured).write(out)?;
    writeln!(out)?;
    let bars = tables::bars(&measured);
    write_bars(&bars, out)?;
    Ok(bars)
}

impl Measured {
    fn take(wanted: &Wanted, brokers: &str, tasks: u64, clusters: u64, with_floors: bool) -> Result<Self> {
        let rounds = wanted.rounds.unwrap_or(5);
        let simulator = SimulatorProcess::start(World { clusters, tasks, latency_ms: 0 })?;
        let tape = unnamed()?;
        let mut measured = Self { tasks, clusters, rounds: Vec::new() };
        for round in 0..rounds {
            let prefix = format!("{tasks}-{clusters}-{round}");
            let (ours, calls) = measured.ours(&simulator, brokers, &prefix)?;
            if with_floors && round == 0 {
                // What the first round has put onto its topics.
                record(&[&["capture"], &topics(brokers, &prefix)[..]].concat(), Stdio::from(tape.try_clone()?))?;
            }
            let floors = with_floors.then(|| measured.floors(&simulator, &tape, brokers, &prefix)).transpose()?;
            measured.rounds.push(Round { ours, calls, floors });
        }
        Ok(measured)
    }

    fn ours(&self, simulator: &SimulatorProcess, brokers: &str, prefix: &str) -> Result<(ours::Figures, u64)> {
        make(brokers, prefix)?;
        let before = simulator.seen()?;
        let arguments = [&["ours", "--endpoint", simulator.endpoint()], &topics(brokers, prefix)[..]].concat();
        let ours: ours::Figures = measure(&arguments, Stdio::null())?;
        let after = simulator.seen()?;
        let records = self.tasks + self.clusters;
        let landed = u64::try_from(ours.landed)?;
        if (ours.records, landed) != (records, records) {
            let reported = ours.records;
            return Err(format!("{records} records exist, {reported} are reported, {landed} have landed").into());
        }
        let (seen, reported) = (after.of_ecs() - before.of_ecs(), ours.attempts);
        if seen != reported {
            return Err(format!("the simulator saw {seen} requests to ECS, the report says {reported}").into());
        }
        Ok((ours, after.requests - before.requests))
    }

    fn floors(&self, simulator: &SimulatorProcess, tape: &File, brokers: &str, prefix: &str) -> Result<Floors> {
        let [sdk, received] = self.sdk(simulator)?;
        let librdkafka = self.librdkafka(tape, brokers, &format!("{prefix}-again"))?;
        let judged = self.tasks >= JUDGED;
        let together = || self.together(simulator, tape, brokers, &format!("{prefix}-together"));
        Ok(Floors { sdk, received, librdkafka, together: judged.then(together).transpose()? })
    }

    /// The SDK describing, then only receiving the same answers.
    fn sdk(&self, simulator: &SimulatorProcess) -> Result<[sdk::Figures; 2]> {
        let listed = unnamed()?;
        let endpoint = ["--endpoint", simulator.endpoint()];
        record(&[&["list"][..], &endpoint[..]].concat(), Stdio::from(listed.try_clone()?))?;
        let describe =
            |subject| self.whole_sdk(measure(&[&[subject][..], &endpoint[..]].concat(), from_start(&listed)?)?);
        Ok([describe("describe")?, describe("receive")?])
    }

    fn librdkafka(&self, tape: &File, brokers: &str, prefix: &str) -> Result<librdkafka::Figures> {
        make(brokers, prefix)?;
        let arguments = [&["librdkafka"], &topics(brokers, prefix)[..]].concat();
        self.whole_librdkafka(measure(&arguments, from_start(tape)?)?)
    }

    fn together(&self, simulator: &SimulatorProcess, tape: &File, brokers: &str, prefix: &str) -> Result<Together> {
        make(brokers, prefix)?;
        let sdk = ["list-and-describe", "--endpoint", simulator.endpoint()];
        let librdkafka = [&["librdkafka"], &topics(brokers, prefix)[..]].concat();
        let (sdk, librdkafka) = gate::measure((&sdk, Stdio::null()), (&librdkafka, from_start(tape)?))?;
        Ok(Together { sdk: self.whole_sdk(sdk)?, librdkafka: self.whole_librdkafka(librdkafka)? })
    }

    /// What described fewer tasks would be cheaper.
    fn whole_sdk(&self, sdk: sdk::Figures) -> Result<sdk::Figures> {
        if sdk.tasks == self.tasks { Ok(sdk) } else { Err(format!("the SDK described {} tasks", sdk.tasks).into()) }
    }

    fn whole_librdkafka(&self, produced: librdkafka::Figures) -> Result<librdkafka::Figures> {
        if produced.records == self.tasks + self.clusters {
            Ok(produced)
        } else {
            Err(format!("librdkafka produced {} records", produced.records).into())
        }
    }
}

/// Flags that name topics.
fn topics<'a>(brokers: &'a str, prefix: &'a str) -> [&'a str; 6] {
    ["--brokers", brokers, "--prefix", prefix, "--objects", OBJECTS]
}

/// Makes topics in a process of its own: neither its time nor its memory is that of whoever is measured on them.
fn make(brokers: &str, prefix: &str) -> Result<()> {
    record(&[&["make"], &topics(brokers, prefix)[..]].concat(), Stdio::null())
}

/// A file without a name: the disk is free again however this process ends.
fn unnamed() -> Result<File> {
    Ok(tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR"))?)
}

/// A file from its start, which all who hold it share.
fn from_start(mut file: &File) -> Result<Stdio> {
    file.rewind()?;
    Ok(Stdio::from(file.try_clone()?))
}
