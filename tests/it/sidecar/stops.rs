//! SIGTERM, SIGINT and SIGHUP in every state of a sidecar: out within 25 s with 0, what was described is acknowledged or counted, the
//! sync has its end on the sync topic if the broker is there, and no process is left.
//!
//! `cargo test` stops a few of each state. Two hundred, fifteen at least of each:
//!
//! ```sh
//! SIDECAR_STOPS=200 cargo test --test it sidecar::stops -- --nocapture
//! ```
//!
//! `SIDECAR_STOPS_SEED` draws the moments of an earlier run again.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use ecs_sim::{Buckets, Fault, Refill, Shape};
use fastrand::Rng;
use kit::broker::Broker;
use kit::cases::{number, side_by_side};
use kit::oracle;
use kit::server;
use kit::settings::role;
use kit::topic::read;
use kit::toxic::{FaultProxy, Toxics};
use tokio::task::spawn_blocking;

use super::*;
use crate::stops::{handles_signals, resolver};

/// How long a stop may take.
const STOP: Duration = Duration::from_secs(25);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// A secret's file is a pipe that nobody writes.
    Unread,
    /// Between syncs.
    Idle,
    /// STS does not answer.
    Assuming,
    /// A list does not answer.
    Listing,
    /// Requests wait for tokens.
    Throttled,
    /// Every request is refused for now, and waits before it is sent again.
    BackingOff,
    /// The broker accepts connections and answers nothing, in the midst of a sync.
    BrokerHung,
    /// There is no broker yet.
    BrokerAway,
    /// There is no registry yet.
    RegistryAway,
    /// No name is resolved any more.
    ResolverHung,
    /// Many roles wait for their turn.
    Waiting,
}

const STATES: [State; 11] = [
    State::Unread,
    State::Idle,
    State::Assuming,
    State::Listing,
    State::Throttled,
    State::BackingOff,
    State::BrokerHung,
    State::BrokerAway,
    State::RegistryAway,
    State::ResolverHung,
    State::Waiting,
];

/// When a sidecar is stopped, and by which signal.
#[derive(Debug, Clone, Copy)]
struct Moment {
    state: State,
    /// How long after the state was reached.
    wait: Duration,
    signal: &'static str,
}

impl Display for Moment {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "SIG{} {:?} after {:?}", self.signal, self.wait, self.state)
    }
}

impl Moment {
    fn draw(state: State, rng: &mut Rng) -> Self {
        let signal = ["TERM", "INT", "HUP"][rng.usize(..3)];
        Self { state, wait: Duration::from_millis(rng.u64(0..1_500)), signal }
    }

    /// An account that keeps a sync in this state.
    fn world(self) -> World {
        let shape = Shape { clusters: 4, services: 40, tasks: 2_000, task_definitions: 40, ..Shape::empty() };
        let latency = Duration::from_millis(5)..=Duration::from_millis(50);
        let small = Shape { clusters: 1, services: 2, tasks: 20, task_definitions: 2, ..Shape::empty() };
        match self.state {
            State::Idle => World { shape: small, ..World::default() },
            State::Throttled => {
                World { shape, latency, buckets: Some(Buckets::published(Refill::Smooth)), ..World::default() }
            }
            _ => World { shape, latency, ..World::default() },
        }
    }

    /// What never answers, or answers no, so that the state lasts.
    fn fault(self) -> Option<Fault> {
        match self.state {
            State::Assuming => Some(Fault::hold("AssumeRole")),
            State::Listing => Some(Fault::hold("ListTasks").skip(2)),
            State::BackingOff => Some(Fault::unavailable("DescribeTasks").skip(5)),
            State::BrokerHung | State::ResolverHung => Some(Fault::hold("DescribeTasks").skip(10)),
            State::Waiting => Some(Fault::hold("ListClusters")),
            _ => None,
        }
    }

    /// Whether a sync has begun when the state is reached.
    fn has_begun(self) -> bool {
        !matches!(self.state, State::Unread | State::BrokerAway | State::RegistryAway | State::Assuming)
    }
}

/// Stops one sidecar, and returns how long it took.
fn stop(moment: Moment) -> Duration {
    let Moment { state, wait, signal } = moment;
    let (proxy, nowhere) = (FaultProxy::start(), FaultProxy::start());
    let broker = Broker::start_behind(proxy.port()).unwrap();
    proxy.lead_to(broker.second());
    let simulator = Simulator::start(moment.world()).unwrap();
    let fault = moment.fault().map(|fault| simulator.fault(fault));
    let folder = tempfile::tempdir().unwrap();
    let (hangs, pipe) = (folder.path().join("hangs"), folder.path().join("pipe"));
    let port = if state == State::BrokerAway { nowhere.port() } else { proxy.port() };
    let prefix = unique("stopped");
    let mut settings = vec![
        ("kafka.bootstrap_servers", format!("localhost:{port}")),
        ("kafka.topics_create", "if_missing".to_owned()),
        ("kafka.topic_prefix", prefix.clone()),
        ("interval", "1h".to_owned()),
        ("page_size", "20".to_owned()),
    ];
    match state {
        State::Unread => {
            server::run(Command::new("mkfifo").arg(&pipe)).unwrap();
            settings.push(("kafka.security.protocol", "sasl_plaintext".to_owned()));
            settings.push(("kafka.security.mechanism", "PLAIN".to_owned()));
            settings.push(("kafka.security.username", "user".to_owned()));
            settings.push(("kafka.security.password_file", pipe.display().to_string()));
        }
        State::RegistryAway => settings.push(("schema_registry.url", format!("http://localhost:{}", nowhere.port()))),
        State::Assuming => settings.push(("assume_role_arns", role(0))),
        State::Waiting => {
            settings.push(("assume_role_arns", (0..100).map(role).collect::<Vec<_>>().join(",")));
            settings.push(("parallel_requests", "2".to_owned()));
        }
        _ => {}
    }
    let mut command = program(Some(&simulator));
    command.process_group(0);
    command.env("AWS_ENDPOINT_URL", simulator.endpoint().replace("127.0.0.1", "localhost"));
    command.env("LD_PRELOAD", resolver(folder.path())).env("RESOLVER_HANGS_WHILE", &hangs);
    let settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let mut sidecar = Sidecar::spawn(command, &settings);
    reach(moment, &mut sidecar, &simulator);
    match state {
        State::BrokerHung => proxy.set(Toxics { black_hole: true, ..Toxics::default() }),
        State::ResolverHung => {
            fs::write(&hangs, "").unwrap();
            proxy.reset();
        }
        _ => {}
    }
    std::thread::sleep(wait); // why: the moment of chance
    let (group, signalled) = (sidecar.id(), Instant::now());
    sidecar.signal(signal);
    let left = sidecar.end(STOP);
    let took = signalled.elapsed();
    assert_eq!(left.status.code(), Some(0), "{moment}: {}", left.logs);
    assert!(!has_processes(group), "{moment}: a process is left");
    if moment.has_begun() {
        let report = left.reports.last().unwrap_or_else(|| panic!("{moment}: no report: {}", left.logs));
        let ended = if state == State::Idle { "COMPLETED" } else { "ABORTED" };
        assert_eq!(report["outcome"], ended, "{moment}: {report}: {}", left.logs);
        for one in report["types"].as_array().unwrap() {
            let [described, acknowledged, failed] =
                ["described", "acknowledged", "failed"].map(|count| one[count].as_u64().unwrap());
            assert!(described <= acknowledged + failed, "{moment}: {one}");
            let is_there = !matches!(state, State::BrokerHung | State::ResolverHung);
            assert!(described == acknowledged || !is_there, "{moment}: {one}: {}", left.logs);
        }
        if !matches!(state, State::BrokerHung | State::ResolverHung) {
            assert_eq!(last_event(broker.bootstrap_servers(), &prefix, report), ended, "{moment}");
        }
    }
    if let Some(fault) = fault {
        fault.release();
    }
    took
}

/// Waits until the sidecar is in the state.
fn reach(moment: Moment, sidecar: &mut Sidecar, simulator: &Simulator) {
    let calls = |action: &str| simulator.counters().calls.get(action).copied().unwrap_or_default();
    let reached = |what: &str, is_so: &mut dyn FnMut(&Sidecar) -> bool| {
        kit::wait::wait_until(&format!("{moment}: {what}"), || is_so(sidecar));
    };
    match moment.state {
        State::Unread => reached("signals are handled", &mut |sidecar| handles_signals(sidecar.id())),
        State::Idle => reached("a sync has ended", &mut |sidecar| !sidecar.reports().is_empty()),
        State::Assuming => reached("a role is asked for", &mut |_| calls("AssumeRole") > 0),
        State::Listing => reached("tasks are listed", &mut |_| calls("ListTasks") > 2),
        State::Throttled => reached("the buckets are empty", &mut |_| calls("DescribeTasks") > 60),
        State::BackingOff => reached("tasks are refused", &mut |_| calls("DescribeTasks") > 8),
        State::BrokerHung | State::ResolverHung => reached("tasks are described", &mut |_| calls("DescribeTasks") > 8),
        State::BrokerAway => reached("no broker is told", &mut |sidecar| sidecar.logs().contains("no Kafka broker")),
        State::RegistryAway => {
            reached("no registry is told", &mut |sidecar| sidecar.logs().contains("no schema registry answers"));
        }
        State::Waiting => reached("roles are read", &mut |_| calls("ListClusters") > 0),
    }
}

/// Whether a process of this group lives. The fifth field of `/proc/PID/stat` is the group, and a `)` ends the second.
fn has_processes(group: u32) -> bool {
    let group = group.to_string();
    fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(2)) == Some(group.as_str())
    })
}

/// The last event of a sync on the sync topic, SCOPE events not counted.
fn last_event(servers: &str, prefix: &str, report: &Value) -> String {
    let schema = oracle::schema("SyncEvent");
    let events =
        read(servers, &format!("{prefix}.sync")).into_iter().map(|one| oracle::decode(&schema, &one.value[10..]));
    let mut of_sync = events.filter(|event| event["event"] != "SCOPE");
    let last = of_sync.next_back().unwrap_or_else(|| panic!("no event of {report}"));
    last["event"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_that_is_stopped_ends_in_time_in_every_state() {
    let (stops, seed) = (number("SIDECAR_STOPS", 22), number("SIDECAR_STOPS_SEED", fastrand::u64(..1_000_000)));
    let mut rng = Rng::with_seed(seed);
    let moments = (0..stops).map(|n| STATES[usize::try_from(n).unwrap() % STATES.len()]);
    let moments: Vec<Moment> = moments.map(|state| Moment::draw(state, &mut rng)).collect();
    let work = |moment| async move { (moment, spawn_blocking(move || stop(moment)).await.unwrap()) };
    let took = side_by_side(moments, 4, work).await;
    let mut by_state: BTreeMap<State, Vec<Duration>> = BTreeMap::new();
    for (Moment { state, .. }, took) in &took {
        by_state.entry(*state).or_default().push(*took);
    }
    let mut text = String::new();
    for (state, took) in &by_state {
        let longest = took.iter().max().unwrap().as_secs_f64();
        text += &format!("{:<13} {:>3} stops, the longest {longest:4.1} s\n", format!("{state:?}"), took.len());
    }
    let longest = took.iter().map(|(_, took)| *took).max().unwrap_or_default();
    writeln!(
        io::stdout(),
        "{text}sidecar stops: {} in {STOP:?} at most, the longest {longest:.1?}, seed {seed}",
        took.len()
    )
    .unwrap();
}
