//! A sidecar between two syncs: its share of a core, and what it holds.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use kit::bench::Result;
use kit::bench::table::{Bar, Table, write_bars};

use crate::subject::{ENDLESS, Subject, small};

/// Specification, "idle sidecar".
const CORE_BAR: f64 = 0.2;
const GROWTH_BAR: f64 = 10.0;
const HELD_BAR: f64 = 40.0;

const PATIENCE: Duration = Duration::from_secs(60);

/// What happens once after a sync is no part of the idle time.
const SETTLING: Duration = Duration::from_secs(1);

pub(crate) fn bench(seconds: u64, brokers: &str, out: &mut impl Write) -> Result<Vec<Bar>> {
    let simulator = small()?;
    let subject = Subject::start(&simulator, brokers, "idle", &[&ENDLESS[..], &[("interval", "1h")]].concat());
    subject.first(PATIENCE)?;
    let held = subject.resident()?;
    thread::sleep(SETTLING);
    let (calls, start, cpu) = (simulator.counters().requests, Instant::now(), subject.cpu()?);
    // Nobody asks it for anything meanwhile.
    thread::sleep(Duration::from_secs(seconds));
    let (cpu, wall) = (subject.cpu()? - cpu, start.elapsed().as_secs_f64());
    let (held_then, descriptors, threads) = (subject.resident()?, subject.descriptors()?, subject.threads()?);
    if simulator.counters().requests != calls {
        return Err("it was not idle: AWS was asked for something".into());
    }
    let (core, growth) = (100.0 * cpu / wall, 100.0 * (held_then / held - 1.0));
    writeln!(out, "\n## Idle: {seconds} s after the first sync, of 1,000 objects\n")?;
    let mut table = Table::new([
        "idle s",
        "CPU s",
        "of a core",
        "RSS after the sync MiB",
        "RSS at the end MiB",
        "descriptors",
        "threads",
    ]);
    table.row([
        format!("{wall:.0}"),
        format!("{cpu:.2}"),
        format!("{core:.3} %"),
        format!("{held:.1}"),
        format!("{held_then:.1}"),
        descriptors.to_string(),
        threads.to_string(),
    ]);
    table.write(out)?;
    writeln!(out)?;
    let bars = vec![
        Bar::at_most(CORE_BAR, core, "%", "idle: of a core"),
        Bar::at_most(GROWTH_BAR, growth, "%", "idle: RSS at the end, above that after the first sync"),
        Bar::at_most(HELD_BAR, held_then, "MiB", "idle: RSS at the end"),
    ];
    write_bars(&bars, out)?;
    subject.sidecar.stop();
    Ok(bars)
}
