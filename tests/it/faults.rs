//! The fault matrix: whole syncs while brokers, networks and records go wrong, each followed by a sync without a fault. After each,
//! what is acknowledged is on the topics, and what is not is counted.
//!
//! Each cell says a line. Those whose name has a word, and faults that last for half a minute instead of some seconds:
//!
//! ```sh
//! FAULT_CELLS=replicas cargo test --test it faults::
//! FAULT_SECONDS=30 cargo test --test it faults::
//! ```

mod heard;
mod injected;
mod judgement;
mod link;
mod nodes;
mod refused;
mod scene;

use std::io::{self, Write};
use std::panic::resume_unwind;
use std::time::Duration;
use std::{env, fmt, thread};

use kit::cluster::Cluster;

use self::judgement::Judgement;
use self::link::Link;

/// A cell: its name, and what happens.
type Cell<T> = (&'static str, fn(&mut T, &'static str) -> Line);

/// What came of a cell, in one line.
struct Line {
    cell: &'static str,
    took: Duration,
    renewed: u64,
    judgement: Judgement,
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cell, took, renewed, judgement } = self;
        let took = took.as_secs_f64();
        write!(formatter, "{cell:<32} {took:>5.1} s {judgement} {renewed} anew")?;
        judgement.outcomes.iter().try_for_each(|outcome| write!(formatter, " {outcome}"))?;
        judgement.complaints.iter().take(5).try_for_each(|complaint| write!(formatter, "\n    {complaint}"))
    }
}

/// A fault that has no end of its own lasts so many seconds, or FAULT_SECONDS.
fn lasts(seconds: u64) {
    let given = env::var("FAULT_SECONDS").map(|text| text.parse().expect("FAULT_SECONDS is a number"));
    thread::sleep(Duration::from_secs(given.unwrap_or(seconds))); // why: this is how long the fault is
}

/// Runs those cells that are wanted, one after the other, in a place that is only made for them.
fn run<T: 'static>(cells: &'static [Cell<T>], place: impl FnOnce() -> T) -> Vec<Line> {
    let word = env::var("FAULT_CELLS").unwrap_or_default();
    let mut wanted = cells.iter().filter(|(name, _)| name.contains(&word)).peekable();
    if wanted.peek().is_none() {
        return Vec::new();
    }
    let mut place = place();
    let run = |(name, cell): &Cell<T>| {
        let line = cell(&mut place, name);
        io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
        line
    };
    wanted.map(run).collect()
}

#[test]
fn nothing_is_lost_and_what_is_missing_is_counted() {
    // Nodes take their time, and less of the processors'.
    let lines: Vec<Line> = thread::scope(|scope| {
        let nodes = scope.spawn(|| run(nodes::CELLS, || Cluster::start().unwrap()));
        let mut lines = run(injected::CELLS, || ());
        lines.extend(run(refused::CELLS, refused::start));
        lines.extend(run(link::CELLS, Link::start));
        lines.extend(nodes.join().unwrap_or_else(|panic| resume_unwind(panic)));
        lines
    });
    assert!(!lines.is_empty(), "no cell has that name");
    let sum = |count: fn(&Line) -> u64| lines.iter().map(count).sum::<u64>();
    writeln!(
        io::stderr(),
        "faults: {} cells, {} lost, {} twice, {} producers made anew, {} records counted as failed",
        lines.len(),
        sum(|line| line.judgement.lost),
        sum(|line| line.judgement.duplicates),
        sum(|line| line.renewed),
        sum(|line| line.judgement.failed)
    )
    .unwrap();
    assert!(lines.iter().all(|line| line.judgement.complaints.is_empty()), "see the lines above");
}
