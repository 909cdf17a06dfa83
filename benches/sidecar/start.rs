//! From exec to STARTED's acknowledgement beside librdkafka's handshake, which no program can shorten; and to a dry run's first line.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use kit::bench::Result;
use kit::bench::table::{Bar, Table, median, write_bars};
use kit::broker::Broker;
use kit::program::program;

use crate::subject::{ENDLESS, NEVER, Subject, small};
use crate::wire::{Seen, Wire};

/// Milliseconds beyond the handshake, and to a dry run's first line: specification, "start".
const BAR: f64 = 150.0;

const PATIENCE: Duration = Duration::from_secs(60);

/// One start, in milliseconds from exec.
#[derive(Debug, Clone, Copy)]
struct Start {
    /// To the first connection to the broker.
    connected: f64,
    /// From there to the producer id.
    handshake: f64,
    /// To STARTED's acknowledgement.
    acknowledged: f64,
}

/// What is taken of a start.
type Figure = fn(&Start) -> f64;

impl Start {
    fn beyond(&self) -> f64 {
        self.acknowledged - self.handshake
    }
}

pub(crate) fn bench(starts: u64, out: &mut impl Write) -> Result<Vec<Bar>> {
    let wire = Wire::start()?;
    let broker = Broker::start_behind(wire.port())?;
    wire.lead_to(broker.second());
    // The first one makes the topics.
    sidecar(&wire)?;
    let all = (0..starts).map(|_| sidecar(&wire)).collect::<Result<Vec<_>>>()?;
    let lines = (0..starts).map(|_| first_line()).collect::<Result<Vec<_>>>()?;
    writeln!(out, "\n## Start: {starts} times, the topics being there\n")?;
    let mut table = Table::new(["ms from exec", "median", "least", "most"]);
    let rows: [(&str, Figure); 4] = [
        ("to the first connection to the broker", |start| start.connected),
        ("the handshake: from there to the producer id", |start| start.handshake),
        ("to STARTED's acknowledgement", |start| start.acknowledged),
        ("the same without the handshake", Start::beyond),
    ];
    for (name, of) in rows {
        table.row(cells(name, &all.iter().map(of).collect::<Vec<_>>()));
    }
    table.row(cells("to a dry run's first line", &lines));
    table.write(out)?;
    writeln!(out)?;
    let beyond: Vec<f64> = all.iter().map(Start::beyond).collect();
    let bars = vec![
        Bar::at_most(
            BAR,
            median(beyond.iter().copied()),
            "ms",
            "exec to STARTED's acknowledgement beyond the handshake, median",
        ),
        Bar::beside(most(&beyond), "ms", "the same, the longest"),
        Bar::at_most(BAR, median(lines.iter().copied()), "ms", "exec to a dry run's first line, median"),
        Bar::beside(most(&lines), "ms", "the same, the longest"),
    ];
    write_bars(&bars, out)?;
    Ok(bars)
}

fn cells(name: &str, figures: &[f64]) -> [String; 4] {
    let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
    let [middle, least, most] = [median(figures.iter().copied()), least, most(figures)].map(|ms| format!("{ms:.0}"));
    [name.to_owned(), middle, least, most]
}

fn most(figures: &[f64]) -> f64 {
    figures.iter().copied().fold(0.0, f64::max)
}

/// Starts a sidecar, and stops it when its first sync has ended.
fn sidecar(wire: &Wire) -> Result<Start> {
    let simulator = small()?;
    wire.take();
    let exec = Instant::now();
    let brokers = format!("127.0.0.1:{}", wire.port());
    let subject = Subject::start(&simulator, &brokers, "start", &[&ENDLESS[..], &[NEVER]].concat());
    subject.first(PATIENCE)?;
    let Seen { connected: Some(connected), identified: Some(identified), acknowledged: Some(acknowledged) } =
        wire.take()
    else {
        return Err("no connection, no producer id or no acknowledgement was seen".into());
    };
    subject.sidecar.stop();
    let ms = |from: Instant, to: Instant| to.duration_since(from).as_secs_f64() * 1e3;
    Ok(Start {
        connected: ms(exec, connected),
        handshake: ms(connected, identified),
        acknowledged: ms(exec, acknowledged),
    })
}

/// Milliseconds to the first line of a dry run.
fn first_line() -> Result<f64> {
    let simulator = small()?;
    let mut command = program(Some(&simulator));
    command.args(["sync", "--dry-run"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let exec = Instant::now();
    let mut sync = command.spawn()?;
    let mut output = BufReader::new(sync.stdout.take().ok_or("no output")?);
    output.read_line(&mut String::new())?;
    let ms = exec.elapsed().as_secs_f64() * 1e3;
    output.read_to_end(&mut Vec::new())?;
    let status = sync.wait()?;
    if status.success() { Ok(ms) } else { Err(format!("the dry run failed ({status})").into()) }
}
