//! The task definition bucket alone, which binds nearly every account: one call for each revision.

use std::io::Write;
use std::thread;

use ecs_sim::{Buckets, Category, Foreign, Refill, Shape};
use kit::REGION;
use kit::bench::Result;
use kit::bench::table::{Bar, Table, grouped, write_bars};

use crate::case::{Case, Run, world};
use crate::ours::Settings;
use crate::traffic::Traffic;
use crate::{Scenario, Wanted, boto3};

const OBJECT: &str = "EcsTaskDefinition";
const LATENCY_MS: [u64; 2] = [50, 250];

/// Revisions where the time is judged, and where it is not.
const MANY: u64 = 1_200;
const SOME: u64 = 600;

/// Calls a second of somebody else: five would keep step with the refill, and always or never find a token.
const FOREIGN: f64 = 4.9;

/// Percent above the floor.
const CALLS_BAR: f64 = 3.0;
const ACKNOWLEDGED_BAR: f64 = 4.0;
/// Percent of the calls.
const THROTTLED_BAR: f64 = 1.0;
const FOREIGN_BAR: f64 = 2.0;

/// One line of the table, to be measured.
#[derive(Debug)]
struct Line {
    scenario: Scenario,
    case: Case,
    refill: Refill,
}

/// Measures all lines side by side: each is a few calls a second. boto3 comes after ours, in the same way.
pub(crate) fn bench(wanted: &Wanted, brokers: &str, out: &mut impl Write) -> Result<Vec<Bar>> {
    let lines: Vec<Line> = lines().into_iter().filter(|line| wanted.wants(line.scenario)).collect();
    let runs = side_by_side(&lines, |line| line.case.run(brokers))?;
    let peers = if wanted.wants(Scenario::Boto3) { peers()? } else { Vec::new() };
    if lines.is_empty() && peers.is_empty() {
        return Ok(Vec::new());
    }
    let [least, most] = LATENCY_MS;
    writeln!(out, "\n## The task definition bucket alone: {least} to {most} ms\n")?;
    let mut table = Table::new([
        "client",
        "refill",
        "others/s",
        "revisions",
        "calls",
        "floor s",
        "first to last call s",
        "of the floor",
        "acknowledged, of the floor",
        "throttled",
        "lost",
        "fullest window",
        "others throttled",
    ]);
    let mut bars = Vec::new();
    for (line, run) in lines.iter().zip(&runs) {
        table.row(line.cells(run));
        bars.extend(line.bars(run));
    }
    peers.iter().for_each(|peer| table.row(peer.cells()));
    table.write(out)?;
    peers.iter().filter_map(Peer::missing).take(1).try_for_each(|why| writeln!(out, "\nboto3 was not run: {why}"))?;
    writeln!(out)?;
    write_bars(&bars, out)?;
    Ok(bars)
}

/// Each in a thread of its own; the answers in the order of the questions.
fn side_by_side<T: Sync, R: Send>(all: &[T], measure: impl Fn(&T) -> Result<R> + Sync) -> Result<Vec<R>> {
    thread::scope(|scope| {
        let threads: Vec<_> = all.iter().map(|one| scope.spawn(|| measure(one))).collect();
        let joined = threads.into_iter().map(|thread| thread.join().map_err(|_| "a measuring thread panicked")?);
        joined.collect()
    })
}

fn lines() -> Vec<Line> {
    let mut lines = Vec::new();
    for refill in [Refill::Smooth, Refill::Stepped] {
        lines.push(Line::new(Scenario::Bucket, refill, MANY, 1.0, 0.0));
        lines.push(Line::new(Scenario::Share, refill, SOME, 0.75, 0.0));
        lines.push(Line::new(Scenario::Foreign, refill, SOME, 1.0, FOREIGN));
        lines.push(Line::new(Scenario::Foreign, refill, SOME, 0.75, FOREIGN));
    }
    lines
}

fn shape(task_definitions: u64) -> Shape {
    Shape { task_definitions, ..Shape::empty() }
}

impl Line {
    fn new(scenario: Scenario, refill: Refill, task_definitions: u64, api_share: f64, foreign: f64) -> Self {
        let mut world = world(shape(task_definitions), Buckets::published(refill), LATENCY_MS);
        if foreign > 0.0 {
            world.foreign = vec![Foreign {
                account: world.base_account.clone(),
                region: REGION.to_owned(),
                category: Category::TaskDefinitionRead,
                per_second: foreign,
            }];
        }
        let prefix = format!("{scenario:?}-{refill:?}-{api_share}").to_lowercase();
        let settings = Settings { prefix, objects: vec![OBJECT.to_owned()], api_share, ..Settings::default() };
        let case = Case { world, settings };
        Self { scenario, case, refill }
    }

    fn floor(&self) -> f64 {
        self.case.floor(&self.case.world.shape, Category::TaskDefinitionRead)
    }

    fn name(&self) -> String {
        let Self { scenario, case, refill, .. } = self;
        let share = case.settings.api_share;
        let beside = if *scenario == Scenario::Foreign { ", beside others" } else { "" };
        format!("share {share:.2}, {}{beside}", format!("{refill:?}").to_lowercase())
    }

    fn foreign(&self) -> Option<f64> {
        self.case.world.foreign.first().map(|foreign| foreign.per_second)
    }

    /// Percent of the others' calls that found no token, of those between our first and last one.
    fn foreign_throttled(&self, run: &Run) -> Option<f64> {
        let seconds = run.traffic.span();
        Some(100.0 * run.foreign?.throttled as f64 / (self.foreign()? * seconds))
    }

    fn window(&self, traffic: &Traffic) -> f64 {
        traffic.worst_window(Buckets::published(self.refill).task_definition_read)
    }

    fn cells(&self, run: &Run) -> [String; 13] {
        let Run { traffic, acknowledged, lost, .. } = run;
        [
            format!("ours, share {:.2}", self.case.settings.api_share),
            format!("{:?}", self.refill).to_lowercase(),
            self.foreign().map_or("-".to_owned(), |rate| rate.to_string()),
            grouped(self.case.world.shape.task_definitions as f64),
            grouped(traffic.calls() as f64),
            format!("{:.2}", self.floor()),
            format!("{:.2}", traffic.span()),
            format!("{:.3}", traffic.span() / self.floor()),
            format!("{:.3}", acknowledged / self.floor()),
            format!("{} ({:.1} %)", traffic.throttled(), traffic.throttled_share()),
            lost.to_string(),
            format!("{:.3}", self.window(traffic)),
            self.foreign_throttled(run).map_or("-".to_owned(), |share| format!("{share:.1} %")),
        ]
    }

    fn bars(&self, run: &Run) -> Vec<Bar> {
        let Run { traffic, acknowledged, lost, .. } = run;
        let what = |what: &str| format!("{}: {what}", self.name());
        let above = |seconds: f64| 100.0 * (seconds / self.floor() - 1.0);
        let calls = above(traffic.span());
        let theirs = self.foreign_throttled(run).unwrap_or(f64::NAN);
        let lost = Bar::at_most(0.0, *lost as f64, "revisions", what("lost"));
        match (self.scenario, self.case.settings.api_share < 1.0) {
            (Scenario::Bucket, _) => vec![
                Bar::at_most(CALLS_BAR, calls, "%", what("first to last call, above the floor")),
                Bar::at_most(
                    ACKNOWLEDGED_BAR,
                    above(*acknowledged),
                    "%",
                    what("to the last acknowledgement, above the floor"),
                ),
                Bar::at_most(THROTTLED_BAR, traffic.throttled_share(), "%", what("throttled")),
                lost,
            ],
            (Scenario::Share, _) => {
                let [share, window] = [self.case.settings.api_share, self.window(traffic)].map(|part| 100.0 * part);
                vec![Bar::at_most(share, window, "%", what("the fullest window, of what the bucket gives")), lost]
            }
            (_, false) => vec![
                Bar::beside(calls, "%", what("first to last call, above the floor of what others leave")),
                Bar::beside(traffic.throttled_share(), "%", what("throttled")),
                Bar::beside(theirs, "%", what("the others' calls that were throttled")),
                lost,
            ],
            (_, true) => {
                vec![Bar::at_most(FOREIGN_BAR, theirs, "%", what("the others' calls that were throttled")), lost]
            }
        }
    }
}

/// A line of boto3's.
#[derive(Debug)]
struct Peer {
    mode: &'static str,
    refill: Refill,
    run: std::result::Result<boto3::Run, String>,
}

/// boto3 as a team would use it, against simulators of its own.
fn peers() -> Result<Vec<Peer>> {
    let wanted: Vec<(&'static str, Refill)> = ["standard", "adaptive"]
        .into_iter()
        .flat_map(|mode| [Refill::Smooth, Refill::Stepped].map(|refill| (mode, refill)))
        .collect();
    let python = boto3::python();
    side_by_side(&wanted, |&(mode, refill)| {
        let world = world(shape(MANY), Buckets::published(refill), LATENCY_MS);
        let run = match &python {
            Ok(python) => Ok(boto3::run(python, mode, world)?),
            Err(why) => Err(why.clone()),
        };
        Ok(Peer { mode, refill, run })
    })
}

impl Peer {
    fn missing(&self) -> Option<&str> {
        self.run.as_ref().err().map(String::as_str)
    }

    fn cells(&self) -> [String; 13] {
        let dash = || "-".to_owned();
        let floor = Line::new(Scenario::Bucket, self.refill, MANY, 1.0, 0.0).floor();
        let [calls, span, ratio, throttled, lost, window] = match &self.run {
            Ok(boto3::Run { traffic, lost }) => [
                grouped(traffic.calls() as f64),
                format!("{:.2}", traffic.span()),
                format!("{:.3}", traffic.span() / floor),
                format!("{} ({:.1} %)", traffic.throttled(), traffic.throttled_share()),
                lost.to_string(),
                format!("{:.3}", traffic.worst_window(Buckets::published(self.refill).task_definition_read)),
            ],
            Err(_) => std::array::from_fn(|_| "not run".to_owned()),
        };
        [
            format!("boto3, {}", self.mode),
            format!("{:?}", self.refill).to_lowercase(),
            dash(),
            grouped(MANY as f64),
            calls,
            format!("{floor:.2}"),
            span,
            ratio,
            dash(),
            throttled,
            lost,
            window,
            dash(),
        ]
    }
}
