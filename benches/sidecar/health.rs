//! A sync that AWS's buckets pace, alone and with thousands of requests on the health server during it.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use ecs_sim::{Buckets, Refill, Shape, Simulator, World};
use kit::bench::Result;
use kit::bench::table::{Bar, Table, grouped, write_bars};

use crate::amount;
use crate::clients::{self, AT_ONCE, Answers};
use crate::subject::{Ended, NEVER, Subject};

/// The bucket gives 20 a second: nearly a minute, which is longer than the requests take.
const REVISIONS: u64 = amount(1_200, 300);

const LATENCY_MS: [u64; 2] = [50, 150];

/// Until the bucket is full again, the simulator's and the program's own.
const REFILL: Duration = Duration::from_secs(5);

/// The sync's time with requests, of that without.
const TIME_BAR: f64 = 1.05;

const PATIENCE: Duration = Duration::from_secs(180);

/// A sync, and the most that the process held during it, in MiB.
struct Course {
    seconds: f64,
    peak: f64,
    throttled: u64,
}

pub(crate) fn bench(requests: u64, brokers: &str, out: &mut impl Write) -> Result<Vec<Bar>> {
    let [least, most] = LATENCY_MS.map(Duration::from_millis);
    let simulator = Simulator::start(World {
        shape: Shape { task_definitions: REVISIONS, ..Shape::empty() },
        buckets: Some(Buckets::published(Refill::Smooth)),
        latency: least..=most,
        ..World::default()
    })?;
    let settings = [NEVER, ("objects", "EcsTaskDefinition"), ("api_share", "1")];
    let subject = Subject::start(&simulator, brokers, "health", &settings);
    // The first sync makes its topics and connections, and is not measured.
    let first = subject.first(PATIENCE)?;
    let (alone, (), last) = course(&subject, &first, &simulator, || Ok(()))?;
    let (beside, (answers, took), _) = course(&subject, &last, &simulator, || {
        let start = Instant::now();
        let answers = clients::send(subject.sidecar.address(), requests);
        let took = start.elapsed().as_secs_f64();
        let ended = subject.sidecar.status()["ended"].is_string();
        if ended {
            Err(format!("the sync ended before the requests, which took {took:.0} s").into())
        } else {
            Ok((answers, took))
        }
    })?;
    subject.sidecar.stop();
    writeln!(
        out,
        "\n## Health: {} requests, {AT_ONCE} at a time, in {took:.0} s of a sync of {} revisions\n",
        grouped(requests as f64),
        grouped(REVISIONS as f64)
    )?;
    let mut table = Table::new(["sync", "s", "peak RSS MiB", "throttled"]);
    for (name, Course { seconds, peak, throttled }) in [("alone", &alone), ("beside the requests", &beside)] {
        table.row([name.to_owned(), format!("{seconds:.2}"), format!("{peak:.1}"), throttled.to_string()]);
    }
    table.write(out)?;
    writeln!(out)?;
    answers.table().write(out)?;
    writeln!(out)?;
    answers.why.iter().try_for_each(|why| writeln!(out, "wrong: {why}"))?;
    let bars = vec![
        Bar::at_most(
            TIME_BAR,
            beside.seconds / alone.seconds,
            "x",
            "health: the sync's time, of that without requests",
        ),
        Bar::at_most(0.0, answers.wrong as f64, "requests", "health: without the answer that they should have"),
        Bar::beside(beside.peak - alone.peak, "MiB", "health: peak RSS, above that without requests"),
    ];
    write_bars(&bars, out)?;
    Ok(bars)
}

/// A sync that is asked for when the bucket is full, and what is done during it.
fn course<T>(
    subject: &Subject,
    last: &Ended,
    simulator: &Simulator,
    meanwhile: impl FnOnce() -> Result<T>,
) -> Result<(Course, T, Ended)> {
    thread::sleep(REFILL);
    subject.forget_peak()?;
    let throttled = simulator.counters().throttles;
    subject.ask()?;
    let start = Instant::now();
    while subject.sidecar.status()["phase"] != "reading" {
        if start.elapsed() > PATIENCE {
            return Err("the sync does not begin to read".into());
        }
        thread::sleep(Duration::from_millis(10));
    }
    let done = meanwhile()?;
    let ended = subject.ended_after(Some(last), PATIENCE)?;
    if ended.outcome != "COMPLETED" {
        return Err(format!("{ended}").into());
    }
    let throttled = simulator.counters().throttles - throttled;
    Ok((Course { seconds: ended.seconds, peak: subject.peak()?, throttled }, done, ended))
}

impl Answers {
    fn table(&self) -> Table {
        let mut table = Table::new([
            "right answers",
            "to slow requests",
            "foreign ones refused",
            "stalled ones sent away",
            "broken off",
            "wrong",
            "the longest quick answer ms",
        ]);
        let counts = [self.right, self.slow, self.refused, self.sent_away, self.gone, self.wrong];
        let [right, slow, refused, sent_away, gone, wrong] = counts.map(|count| grouped(count as f64));
        let longest = self.longest.as_millis().to_string();
        table.row([right, slow, refused, sent_away, gone, wrong, longest]);
        table
    }
}
