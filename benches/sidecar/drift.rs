//! The schedule: the start of each sync beside its tick, which lies so many intervals after the start of the first one.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use kit::bench::Result;
use kit::bench::table::{Bar, Table, write_bars};

use crate::subject::{ENDLESS, Subject, instant, small};

/// Syncs begin half a second around their ticks. With an interval of one second two neighbours could meet, and one be skipped.
const INTERVAL: Duration = Duration::from_secs(2);

/// How far from its tick a sync may begin, in seconds: a twentieth of the interval, and at least half a second.
const JITTER: f64 = 0.5;
/// What the machine may add, and the time from the program's own clock to the first sync's `started`.
const SLACK: f64 = 0.05;

/// Beyond the last tick.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn bench(ticks: u64, brokers: &str, out: &mut impl Write) -> Result<Vec<Bar>> {
    let simulator = small()?;
    let interval = format!("{}s", INTERVAL.as_secs());
    let begun = Instant::now();
    let subject = Subject::start(&simulator, brokers, "drift", &[&ENDLESS[..], &[("interval", &interval)]].concat());
    let count = usize::try_from(ticks)? + 1;
    let duration = INTERVAL * u32::try_from(ticks)?;
    thread::sleep(duration.saturating_sub(begun.elapsed()));
    let mut reports = subject.sidecar.reports();
    while reports.len() < count && begun.elapsed() < duration + PATIENCE {
        thread::sleep(Duration::from_millis(200));
        reports = subject.sidecar.reports();
    }
    let skipped = subject.sidecar.status()["skipped"].as_f64().ok_or("no skipped")?;
    subject.sidecar.stop();
    reports.truncate(count);
    let completed = reports.iter().filter(|report| report["outcome"] == "COMPLETED").count();
    let starts = reports.iter().map(|report| instant(&report["started"])).collect::<Result<Vec<_>>>()?;
    let first = *starts.first().ok_or("no sync")?;
    let mut from_tick = Vec::new();
    for (n, start) in starts.iter().enumerate() {
        from_tick.push(start.duration_since(first)?.as_secs_f64() - n as f64 * INTERVAL.as_secs_f64());
    }
    let late = from_tick.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let early = from_tick.iter().copied().fold(f64::INFINITY, f64::min);
    let drift = slope(&from_tick) * 1e3;
    writeln!(out, "\n## Schedule: {ticks} ticks, one every {interval}\n")?;
    let mut table = Table::new([
        "syncs",
        "COMPLETED",
        "ticks skipped",
        "earliest from its tick s",
        "latest s",
        "fitted drift ms/tick",
    ]);
    table.row([
        starts.len().to_string(),
        completed.to_string(),
        skipped.to_string(),
        format!("{early:.3}"),
        format!("{late:.3}"),
        format!("{drift:.2}"),
    ]);
    table.write(out)?;
    writeln!(out)?;
    let most = (INTERVAL.as_secs_f64() / 20.0).max(JITTER) + SLACK;
    let bars = vec![
        Bar::at_most(most, late.max(-early), "s", "schedule: the farthest start of a sync from its tick"),
        Bar::at_most(0.0, skipped, "ticks", "schedule: skipped"),
        Bar::at_least(count as f64, completed as f64, "syncs", "schedule: COMPLETED"),
    ];
    write_bars(&bars, out)?;
    Ok(bars)
}

/// What the figures gain from one to the next: the slope of the line that fits them best.
fn slope(figures: &[f64]) -> f64 {
    let count = figures.len() as f64;
    let (middle, mean) = ((count - 1.0) / 2.0, figures.iter().sum::<f64>() / count);
    let apart = |n: usize| n as f64 - middle;
    let together: f64 = figures.iter().enumerate().map(|(n, figure)| apart(n) * (figure - mean)).sum();
    together / (0..figures.len()).map(|n| apart(n).powi(2)).sum::<f64>()
}
