//! Many syncs in one process, one in ten of them failing: memory, descriptors and threads.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use kit::bench::Result;
use kit::bench::table::{Bar, Table, grouped, median, write_bars};
use kit::broker::Broker;
use kit::settings::role;
use kit::toxic::FaultProxy;

use crate::amount;
use crate::subject::{ENDLESS, Ended, NEVER, Subject, small};
use crate::trouble::Trouble;

/// Syncs between two looks at descriptors and threads.
const HUNDRED: u64 = amount(100, 4);

/// Percent between the hundreds with the least and the most memory.
const FLAT_BAR: f64 = 5.0;

/// As many as there are parallel requests, and as many again: one that is begun is kept, also if another became free meanwhile.
const CONNECTIONS_BAR: f64 = 16.0;

/// One sync. A failing one lasts as long as its records wait.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long the process is left alone before descriptors and threads are counted: a thread for blocking calls that has nothing to do
/// ends after ten seconds.
const SETTLING: Duration = Duration::from_secs(12);

/// What failing waits for.
const TIMEOUTS: [(&str, &str); 3] =
    [("kafka.delivery_timeout", "3s"), ("kafka.startup_timeout", "3s"), ("maximum_retries", "0")];

/// What was seen of a hundred syncs.
#[derive(Debug)]
struct Hundred {
    syncs: usize,
    completed: usize,
    failed: usize,
    /// The median of those completed, in seconds, and the longest of the others.
    seconds: f64,
    failing: f64,
    /// MiB, the median of what was held after each sync, and the most.
    held: f64,
    most: f64,
    /// When idle. Connections to AWS that wait for the next request come and go with what happens to be in flight at once, so they
    /// are not among the descriptors.
    descriptors: f64,
    connections: f64,
    threads: f64,
    /// CPU seconds a sync.
    cpu: f64,
}

pub(crate) fn bench(syncs: u64, out: &mut impl Write) -> Result<Vec<Bar>> {
    let proxy = FaultProxy::start();
    let broker = Broker::start_behind(proxy.port())?;
    proxy.lead_to(broker.second());
    let simulator = small()?;
    let (brokers, role) = (format!("127.0.0.1:{}", proxy.port()), role(0));
    // The end of each partition is asked for, and through the proxy an answer takes up to 40 ms.
    let own = [NEVER, ("assume_role_arns", &role), ("kafka.partitions", "1")];
    let settings = [&ENDLESS[..], &TIMEOUTS, &own].concat();
    let subject = Subject::start(&simulator, &brokers, "syncs", &settings);
    let aws = simulator.endpoint().rsplit(':').next().unwrap_or_default().parse()?;
    let start = Instant::now();
    let mut last = subject.first(PATIENCE)?;
    let (mut hundreds, mut wrong) = (Vec::new(), Vec::new());
    for first in (0..syncs).step_by(usize::try_from(HUNDRED)?) {
        let (mut ended, mut held) = (Vec::new(), Vec::new());
        let cpu = subject.cpu()?;
        for sync in first..syncs.min(first + HUNDRED) {
            let trouble = Trouble::of(sync);
            let made = trouble.make(&simulator, &proxy, || subject.ask())?;
            last = subject.ended_after(Some(&last), PATIENCE)?;
            if !made.end() || last.outcome != trouble.outcome() {
                wrong.push(format!("sync {sync}, {trouble:?}: {last}"));
            }
            ended.push(last.clone());
            held.push(subject.resident()?);
        }
        let cpu = (subject.cpu()? - cpu) / ended.len() as f64;
        thread::sleep(SETTLING);
        hundreds.push(Hundred { cpu, ..Hundred::of(&ended, &held, &subject, aws)? });
    }
    writeln!(
        out,
        "\n## {} syncs of 1,000 objects, one in ten failing, in {:.0} s\n",
        grouped(syncs as f64),
        start.elapsed().as_secs_f64()
    )?;
    table(&hundreds).write(out)?;
    writeln!(out)?;
    // Why one ended otherwise is not to be guessed.
    wrong.iter().take(5).try_for_each(|wrong| writeln!(out, "{wrong}"))?;
    let bars = bars(&hundreds, wrong.len());
    write_bars(&bars, out)?;
    subject.sidecar.stop();
    Ok(bars)
}

impl Hundred {
    fn of(ended: &[Ended], held: &[f64], subject: &Subject, aws: u16) -> Result<Self> {
        let connections = subject.connections_to(aws)?;
        let count = |outcome: &str| ended.iter().filter(|ended| ended.outcome == outcome).count();
        let (completed, others): (Vec<&Ended>, Vec<&Ended>) =
            ended.iter().partition(|ended| ended.outcome == "COMPLETED");
        Ok(Self {
            syncs: ended.len(),
            completed: count("COMPLETED"),
            failed: count("FAILED"),
            seconds: median(completed.iter().map(|ended| ended.seconds)),
            failing: others.iter().map(|ended| ended.seconds).fold(0.0, f64::max),
            held: median(held.iter().copied()),
            most: held.iter().copied().fold(0.0, f64::max),
            descriptors: subject.descriptors()? - connections,
            connections,
            threads: subject.threads()?,
            cpu: 0.0,
        })
    }
}

fn table(hundreds: &[Hundred]) -> Table {
    let mut table = Table::new([
        "syncs",
        "COMPLETED",
        "FAILED",
        "s, COMPLETED, median",
        "s, others, the longest",
        "CPU s/sync",
        "RSS MiB, median",
        "most",
        "descriptors, idle",
        "connections to AWS, idle",
        "threads, idle",
    ]);
    let mut so_far = 0;
    for hundred in hundreds {
        let Hundred { syncs, completed, failed, seconds, failing, held, most, descriptors, connections, threads, cpu } =
            hundred;
        so_far += syncs;
        table.row([
            grouped(so_far as f64),
            completed.to_string(),
            failed.to_string(),
            format!("{seconds:.3}"),
            format!("{failing:.1}"),
            format!("{cpu:.3}"),
            format!("{held:.1}"),
            format!("{most:.1}"),
            descriptors.to_string(),
            connections.to_string(),
            threads.to_string(),
        ]);
    }
    table
}

/// The first hundred is there to fill what is filled once.
fn bars(hundreds: &[Hundred], wrong: usize) -> Vec<Bar> {
    let later = || hundreds.iter().skip(1);
    let most = |of: fn(&Hundred) -> f64| later().map(of).fold(f64::NAN, f64::max);
    let least = |of: fn(&Hundred) -> f64| later().map(of).fold(f64::NAN, f64::min);
    let apart = 100.0 * (most(|one| one.held) / least(|one| one.held) - 1.0);
    let growth = |of: fn(&Hundred) -> f64| most(of) - hundreds.first().map_or(f64::NAN, of);
    vec![
        Bar::at_most(0.0, wrong as f64, "syncs", "syncs: with another outcome than they should have"),
        Bar::at_most(
            FLAT_BAR,
            apart,
            "%",
            "syncs: RSS, from the hundred with the least to that with the most, without the first",
        ),
        Bar::at_most(
            0.0,
            growth(|one| one.descriptors),
            "descriptors",
            "syncs: the most after any hundred, above those after the first",
        ),
        Bar::at_most(
            CONNECTIONS_BAR,
            most(|one| one.connections),
            "connections",
            "syncs: the most to AWS after any hundred",
        ),
        Bar::at_most(
            0.0,
            growth(|one| one.threads),
            "threads",
            "syncs: the most after any hundred, above those after the first",
        ),
    ]
}
