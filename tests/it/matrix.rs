//! The fault matrix: every fault, at the first, a middle and the last call of every action that it can hit, once and from then on.
//!
//! What must come of each is said by the table below and the few rules under it, in the words of the specification. Whatever
//! comes, no type is called complete that lacks something, none but those that the action feeds is touched, no record comes
//! twice, and every object asked for is accounted for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ecs_sdm_producer::config::Config;
use ecs_sdm_producer::report::State::{self, Complete, Denied, Partial};
use ecs_sim::{Effect, Fault, Refusal, Shape, Simulator, World};
use kit::cases::side_by_side;
use kit::dry::{Dry, Records, truth_of};
use kit::judgement::{assert_landed, assert_landed_as_reported};
use kit::report::states;
use kit::settings::{config, config_on_kafka};
use kit::sync::sync;
use kit::{ACCOUNT, OBJECTS, REGION};

/// With pages of two every list has more than one page, and every action three calls or more.
const SHAPE: Shape =
    Shape { clusters: 5, services: 15, tasks: 15, stopped_tasks: 0, task_definitions: 7, inactive_clusters: 0 };
const PAGE: u32 = 2;

/// One attempt, in the cells that are about time. Requests that nothing happens to keep it on a busy machine too.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Syncs side by side: most of their time is the processor's.
const AT_ONCE: usize = 6;

/// Those that are about time, beside the others: they wait.
const WAITING: usize = 16;

const ALL: &[&str] = &[
    "ListClusters",
    "DescribeClusters",
    "ListServices",
    "DescribeServices",
    "ListTasks",
    "DescribeTasks",
    "ListTaskDefinitions",
    "DescribeTaskDefinition",
];
const LISTS: &[&str] = &["ListClusters", "ListServices", "ListTasks", "ListTaskDefinitions"];
const DESCRIBES: &[&str] = &["DescribeClusters", "DescribeServices", "DescribeTasks", "DescribeTaskDefinition"];
/// Those whose answer has failures.
const BATCHES: &[&str] = &["DescribeClusters", "DescribeServices", "DescribeTasks"];
/// Those that name a cluster.
const CHILDREN: &[&str] = &["ListServices", "DescribeServices", "ListTasks", "DescribeTasks"];
const REVISION: &[&str] = &["DescribeTaskDefinition"];

/// What becomes of the types that an action feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Complete: it was tried or asked again.
    Healed,
    /// Complete, without what the answer says is no more.
    Gone,
    /// In the middle of a list its token has lapsed: it starts again. A list's first page had no token, which is a plain refusal.
    Restarted,
    /// Partial.
    Lost,
    /// Denied where nothing of a type could be read, else partial.
    Forbidden,
}
use End::{Forbidden, Gone, Healed, Lost, Restarted};

/// A fault: what it is, where it can hit, what the report says of it, and what becomes of it met once and for good.
struct Row {
    name: &'static str,
    effect: Effect,
    hits: &'static [&'static str],
    says: &'static str,
    once: End,
    for_good: End,
}

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    let refuse = |status, code, message: &str| Effect::Refuse(Refusal::new(status, code, message));
    let row = |name, effect, hits, says, once, for_good| Row { name, effect, hits, says, once, for_good };
    vec![
        row("throttle",            refuse(400, "ThrottlingException", "Rate exceeded"),                 ALL,       "ThrottlingException",         Healed,    Lost),
        row("500",                 refuse(500, "ServerException", "try again"),                         ALL,       "ServerException",             Healed,    Lost),
        row("load balancer's 503", Effect::Unavailable,                                                 ALL,       "HTTP 503",                    Healed,    Lost),
        row("close",               Effect::Close,                                                       ALL,       "Connection",                  Healed,    Lost),
        row("reset",               Effect::Reset,                                                       ALL,       "Connection",                  Healed,    Lost),
        row("hang",                Effect::Hang,                                                        ALL,       "Timeout",                     Healed,    Lost),
        row("too slow",            Effect::Slow(TIMEOUT / 4),                                           ALL,       "Timeout",                     Healed,    Lost),
        row("slow",                Effect::Slow(Duration::from_millis(4)),                                 ALL,       "",                            Healed,    Healed),
        row("cut",                 Effect::Cut(20),                                                     ALL,       "Response",                    Healed,    Lost),
        row("cut to nothing",      Effect::Cut(0),                                                      ALL,       "Response",                    Healed,    Lost),
        row("denied",              refuse(400, "AccessDeniedException", "not authorized"),              ALL,       "AccessDeniedException",       Forbidden, Forbidden),
        row("expired keys",        refuse(400, "ExpiredTokenException", "expired"),                     ALL,       "ExpiredTokenException",       Healed,    Forbidden),
        row("unknown keys",        refuse(400, "UnrecognizedClientException", "invalid"),               ALL,       "UnrecognizedClientException", Healed,    Forbidden),
        row("client's mistake",    refuse(400, "ClientException", "The account is blocked"),            ALL,       "ClientException",             Lost,      Lost),
        row("revision gone",       refuse(400, "ClientException", "Unable to describe task definition."), REVISION, "",                           Gone,      Gone),
        row("cluster gone",        refuse(400, "ClusterNotFoundException", "Cluster not found."),       CHILDREN,  "",                            Gone,      Gone),
        row("cluster inactive",    refuse(400, "InvalidParameterException", "The cluster is inactive"), CHILDREN,  "",                            Gone,      Gone),
        row("token lapsed",        refuse(400, "InvalidParameterException", "Invalid token"),           LISTS,     "InvalidParameterException",   Restarted, Lost),
        row("token twice",         Effect::RepeatToken,                                                 LISTS,     "RepeatedToken",               Lost,      Lost),
        row("invalid parameter",   refuse(400, "InvalidParameterException", "Invalid parameter"),       DESCRIBES, "InvalidParameterException",   Lost,      Lost),
        row("silent shortfall",    Effect::DropObjects(1),                                              DESCRIBES, "missing from the answer",     Healed,    Lost),
        row("another failure",     Effect::Fail("UNSTABLE".to_owned()),                                 BATCHES,   "UNSTABLE",                    Healed,    Lost),
    ]
}

/// Which call of an action is the first to meet the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    First,
    Middle,
    Last,
}

#[derive(Clone)]
struct Cell {
    row: Arc<Row>,
    action: &'static str,
    place: Place,
    for_good: bool,
    /// Calls that pass before it.
    skip: u64,
}

impl Display for Cell {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Cell { row, action, place, for_good, .. } = self;
        let times = if *for_good { "for good from" } else { "once at" };
        write!(formatter, "{} {times} the {place:?} {action}", row.name)
    }
}

/// Every cell; `calls` are those of a sync that nothing happens to.
fn cells(calls: &BTreeMap<String, u64>) -> Vec<Cell> {
    let (rows, mut cells): (Vec<_>, _) = (rows().into_iter().map(Arc::new).collect(), Vec::new());
    for action in ALL {
        for row in rows.iter().filter(|row| row.hits.contains(action)) {
            let places = [(Place::First, 0), (Place::Middle, calls[*action] / 2), (Place::Last, calls[*action] - 1)];
            for (place, skip) in places {
                let cell = |for_good| Cell { row: Arc::clone(row), action, place, for_good, skip };
                cells.extend([false, true].map(cell));
            }
        }
    }
    cells
}

impl Cell {
    fn fault(&self) -> Fault {
        let times = if self.for_good { u64::MAX } else { 1 };
        Fault::new(self.action, self.row.effect.clone()).skip(self.skip).times(times)
    }

    /// The types that rest on the action.
    fn concerned(&self) -> &'static [&'static str] {
        match self.action {
            "ListClusters" => &["EcsCluster", "EcsService", "EcsTask"],
            "DescribeClusters" => &["EcsCluster"],
            "ListServices" | "DescribeServices" => &["EcsService"],
            "ListTasks" | "DescribeTasks" => &["EcsTask"],
            _ => &["EcsTaskDefinition"],
        }
    }

    fn end(&self) -> End {
        if self.for_good { self.row.for_good } else { self.row.once }
    }

    /// What becomes of the types concerned.
    fn state(&self) -> State {
        let first = self.place == Place::First;
        // A list of the account that is not allowed its first page leaves nothing to read.
        let all = self.for_good || ["ListClusters", "ListTaskDefinitions"].contains(&self.action);
        match self.end() {
            Healed | Gone => Complete,
            Restarted if !first => Complete,
            Forbidden if first && all => Denied,
            Restarted | Lost | Forbidden => Partial,
        }
    }

    /// Whether an attempt may time out.
    fn is_about_time(&self) -> bool {
        matches!(self.row.effect, Effect::Hang | Effect::Slow(_))
    }

    fn set_up(&self, mut config: Config) -> Config {
        (config.page_size, config.maximum_retries) = (PAGE, 2);
        if self.is_about_time() {
            config.limits.attempt_timeout = TIMEOUT;
        }
        if self.row.once == Restarted {
            // One after the other, so that it is known which call is whose.
            config.parallel_requests = 1;
        }
        config
    }

    /// Meets the fault and judges what comes of it; whether all is complete.
    async fn run(self, truth: Arc<Records>) -> bool {
        let simulator = simulator();
        let fault = simulator.fault(self.fault());
        let dry = Dry::run(&self.set_up(config(&simulator))).await;
        dry.assert_honest(&truth);
        let met = fault.met();
        assert!(met == 1 || (met > 1 && self.for_good), "{self}: met {met} times");
        for one in &dry.report.types {
            let concerned = self.concerned().contains(&one.object);
            let expected = if concerned { self.state() } else { Complete };
            assert_eq!(one.state, expected, "{self}: {one:?}");
            let missing = dry.missing(&truth, one.object);
            if !concerned || (expected == Complete && self.end() != Gone) {
                assert_eq!(missing.len(), 0, "{self}: a false complete: {missing:?}");
                continue;
            }
            if let Some(error) = &one.error {
                let named = error.starts_with(&format!("{}: ", self.action)) && error.contains(self.row.says);
                assert!(named, "{self}: {error}");
            }
            if DESCRIBES.contains(&self.action) {
                assert_eq!(missing.len() as u64, one.counts.gone + one.counts.failed, "{self}: {one:?}");
                assert_ne!(missing.len(), 0, "{self}");
            }
            if CHILDREN.contains(&self.action) && !self.for_good {
                let clusters: BTreeSet<_> = missing.iter().map(|record| record["CLUSTER_ARN"].as_str()).collect();
                assert!(clusters.len() <= 1, "{self}: one cluster was hit, and these miss something: {clusters:?}");
            }
        }
        let (counters, calls) = (simulator.counters(), dry.report.calls);
        assert_eq!(counters.breaches, Vec::<String>::new(), "{self}");
        assert_eq!(calls.throttled, if self.row.name == "throttle" { met } else { 0 }, "{self}");
        if !self.is_about_time() {
            let ecs: u64 = ALL.iter().filter_map(|action| counters.calls.get(*action)).sum();
            assert_eq!(calls.attempts, ecs, "{self}");
        }
        dry.report.types.iter().all(|one| one.state == Complete)
    }
}

fn simulator() -> Simulator {
    Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap()
}

/// What a sync that nothing happens to calls, and prints.
async fn undisturbed() -> (BTreeMap<String, u64>, Records) {
    let simulator = simulator();
    let config = Config { page_size: PAGE, ..config(&simulator) };
    let truth = truth_of(simulator.world(), &config);
    let dry = Dry::run(&config).await;
    dry.assert_honest(&truth);
    assert_eq!(dry.records, truth);
    (simulator.counters().calls, truth)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_fault_at_any_call_makes_a_false_complete() {
    let start = Instant::now();
    let (calls, truth) = undisturbed().await;
    assert!(ALL.iter().all(|action| calls[*action] >= 3), "{calls:?}");
    let truth = Arc::new(truth);
    let (waiting, others) = cells(&calls).into_iter().partition(Cell::is_about_time);
    let run = move |cell: Cell| cell.run(Arc::clone(&truth));
    let (waited, others) =
        tokio::join!(side_by_side(waiting, WAITING, run.clone()), side_by_side(others, AT_ONCE, run));
    let complete = [waited, others].concat();
    let (all, complete) = (complete.len(), complete.iter().filter(|complete| **complete).count());
    let (incomplete, seconds) = (all - complete, start.elapsed().as_secs_f64());
    writeln!(
        io::stderr(),
        "matrix: {all} cells: {complete} complete, {incomplete} incomplete, 0 false completes, {seconds:.1} s"
    )
    .unwrap();
}

/// A row of the matrix once more, on a real broker: what can be healed lands whole, and of what cannot nothing lands.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_the_matrix_on_kafka() {
    let (calls, _) = undisturbed().await;
    let told = |cell: &Cell| matches!((cell.place, cell.for_good), (Place::Middle, false) | (Place::First, true));
    let row = cells(&calls).into_iter().filter(|cell| cell.row.name == "500" && told(cell)).collect();
    let landed = side_by_side(row, AT_ONCE, |cell| async move {
        let simulator = simulator();
        drop(simulator.fault(cell.fault()));
        let config = cell.set_up(config_on_kafka(&simulator, "matrix"));
        let report = sync(&config).await;
        let (states, world, scopes) = (states(&report), simulator.world(), [(ACCOUNT, REGION, "")]);
        for object in OBJECTS {
            let expected = if cell.concerned().contains(&object) { cell.state() } else { Complete };
            assert_eq!(states.get(object), Some(&expected), "{cell}: {}", report.text());
        }
        match cell.for_good {
            false => assert_landed(world, &config, &report, &scopes),
            true => assert_landed_as_reported(world, &config, &report, &scopes),
        }
    });
    assert_eq!(landed.await.len(), 2 * ALL.len());
}
