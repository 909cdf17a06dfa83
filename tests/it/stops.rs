//! SIGTERM in any state of a sync: out within 25 s, with a report, also with a broker that hangs or a resolver that does not answer.
//!
//! `cargo test` stops two syncs of each kind. Ten of each:
//!
//! ```sh
//! STOPS=10 cargo test --test it stops:: -- --nocapture
//! ```
//!
//! `STOPS_SEED` draws the moments of an earlier run again.

use std::env;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ecs_sdm_producer::config::{Config, KafkaConfig};
use ecs_sdm_producer::contract::rfc3339;
use ecs_sim::{Fault, Shape, Simulator, World};
use fastrand::Rng;
use kit::broker::Broker;
use kit::cases::side_by_side;
use kit::program::{program, text};
use kit::server;
use kit::settings::unique;
use kit::topic::read;
use kit::toxic::{FaultProxy, Toxics};
use serde_json::Value;

/// How long a stop may take.
const STOP: Duration = Duration::from_secs(25);

/// The resolver.
const RESOLVER: &str = include_str!("fixtures/hung_resolver.c");

#[derive(Debug, Clone, Copy)]
enum Trouble {
    Nothing,
    /// The broker accepts connections and answers nothing.
    Broker,
    /// No name is resolved any more, and connections are cut, so that names are asked for.
    Resolver,
}

/// When a sync is stopped.
#[derive(Debug, Clone, Copy)]
struct Moment {
    trouble: Trouble,
    /// How many requests ECS has had. At 0 the process has just been started.
    requests: u64,
    /// How long after that the trouble begins, and how long after the trouble the signal comes.
    waits: [Duration; 2],
}

impl Moment {
    fn draw(trouble: Trouble, amid_reading: bool, rng: &mut Rng) -> Self {
        let requests = if amid_reading { rng.u64(1..60) } else { 0 };
        let mut wait = || Duration::from_millis(rng.u64(0..1_200));
        Self { trouble, requests, waits: [wait(), wait()] }
    }
}

impl Display for Moment {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let [before, after] = self.waits;
        write!(formatter, "{:<8} {:>2} requests + {before:>7?} + {after:>7?}", self.trouble_name(), self.requests)
    }
}

impl Moment {
    fn trouble_name(&self) -> &'static str {
        match self.trouble {
            Trouble::Nothing => "no",
            Trouble::Broker => "broker",
            Trouble::Resolver => "resolver",
        }
    }
}

/// The shared object with the resolver.
pub(crate) fn resolver(folder: &Path) -> PathBuf {
    let (source, object) = (folder.join("hung_resolver.c"), folder.join("hung_resolver.so"));
    fs::write(&source, RESOLVER).unwrap();
    let mut compiler = Command::new("cc");
    server::run(compiler.args(["-shared", "-fPIC", "-o"]).arg(&object).arg(source).arg("-ldl")).unwrap();
    object
}

/// Whether a program handles SIGTERM. `SigCgt` is the mask of handled signals, with signal 1 as its lowest bit.
pub(crate) fn handles_signals(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> 14 & 1 == 1)
}

/// How many records of a sync lie on the topic of an object.
fn landed(servers: &str, prefix: &str, report: &Value, object: &str) -> u64 {
    let config = KafkaConfig { topic_prefix: prefix.to_owned(), ..Config::default().kafka };
    let records = read(servers, &config.topic(object));
    let captured = report["sync"].as_str().unwrap();
    records.iter().filter(|record| rfc3339(record.timestamp) == captured).count() as u64
}

/// Stops one sync, and returns how long it took.
fn stop(moment: Moment) -> Duration {
    let proxy = FaultProxy::start();
    let broker = Broker::start_behind(proxy.port()).unwrap();
    proxy.lead_to(broker.second());
    // Enough is read that something is to be delivered at any moment. The hold lets no sync end before its stop.
    let shape = Shape { clusters: 4, services: 40, tasks: 4_000, task_definitions: 40, ..Shape::empty() };
    let latency = Duration::from_millis(5)..=Duration::from_millis(50);
    let simulator = Simulator::start(World { shape, latency, ..World::default() }).unwrap();
    let hold = simulator.fault(Fault::hold("DescribeTasks").skip(30));
    let folder = tempfile::tempdir().unwrap();
    let hangs = folder.path().join("hangs");

    let mut command = program(Some(&simulator));
    command.env("AWS_ENDPOINT_URL", simulator.endpoint().replace("127.0.0.1", "localhost"));
    command.env("LD_PRELOAD", resolver(folder.path())).env("RESOLVER_HANGS_WHILE", &hangs);
    command.args(["sync", "--report", "json", "--set", "kafka.topics_create=if_missing", "--set", "page_size=20"]);
    command.args(["--set", &format!("kafka.bootstrap_servers=localhost:{}", proxy.port())]);
    let prefix = unique("stops");
    command.args(["--set", &format!("kafka.topic_prefix={prefix}")]);
    let mut sync = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

    wait_for(&mut sync, handles_signals);
    wait_for(&mut sync, |_| simulator.counters().requests >= moment.requests);
    thread::sleep(moment.waits[0]); // why: the moment of chance
    match moment.trouble {
        Trouble::Nothing => {}
        Trouble::Broker => proxy.set(Toxics { black_hole: true, ..Toxics::default() }),
        Trouble::Resolver => {
            fs::write(&hangs, "").unwrap();
            proxy.reset();
        }
    }
    thread::sleep(moment.waits[1]); // why: the moment of chance
    let signalled = Instant::now();
    server::send(&sync, "TERM").unwrap();
    while sync.try_wait().unwrap().is_none() {
        if signalled.elapsed() > STOP {
            sync.kill().unwrap();
            panic!("{moment}: it has not ended after {STOP:?}: {}", text(&sync.wait_with_output().unwrap().stderr));
        }
        thread::sleep(Duration::from_millis(5)); // why: a process tells nobody that it ends
    }
    let took = signalled.elapsed();
    let output = sync.wait_with_output().unwrap();
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{moment}: {}: {errors}", output.status);
    let printed = text(&output.stdout);
    let report: Value =
        serde_json::from_str(printed.trim_end()).unwrap_or_else(|why| panic!("{moment}: {why}: {printed}"));
    assert_eq!(report["outcome"], "ABORTED", "{moment}: {report}: {errors}");
    assert_eq!(report["error"], "stopped by a signal", "{moment}");
    for one in report["types"].as_array().unwrap() {
        let (object, acknowledged) = (one["object"].as_str().unwrap(), one["acknowledged"].as_u64().unwrap());
        assert!(one["state"] != "complete" || object != "EcsTask", "{moment}: a false complete: {one}");
        let landed = landed(broker.bootstrap_servers(), &prefix, &report, object);
        assert!(acknowledged <= landed, "{moment}: {landed} have landed of {one}");
    }
    hold.release();
    took
}

fn wait_for(sync: &mut Child, mut seen: impl FnMut(u32) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !seen(sync.id()) {
        assert!(Instant::now() < deadline, "a sync that does not come to its moment");
        assert!(sync.try_wait().unwrap().is_none(), "a sync that has ended before its stop");
        thread::sleep(Duration::from_millis(1)); // why: a process and the simulator's counters tell nobody that they change
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_within_its_time_in_any_state() {
    let number = |name: &str, default: u64| env::var(name).map_or(default, |value| value.parse().unwrap());
    let (stops, seed) = (number("STOPS", 2), number("STOPS_SEED", fastrand::u64(..1_000_000)));
    let mut rng = Rng::with_seed(seed);
    let mut moments: Vec<Moment> = Vec::new();
    for trouble in [Trouble::Broker, Trouble::Resolver, Trouble::Nothing] {
        // One of each kind meets its trouble from its first moment on.
        moments.push(Moment {
            trouble,
            requests: 0,
            waits: [Duration::ZERO, Duration::from_millis(rng.u64(100..900))],
        });
        moments.extend((1..stops).map(|number| Moment::draw(trouble, number % 2 == 1, &mut rng)));
    }
    // What stands beside a sync has runtimes of its own.
    let work = |moment| async move { (moment, tokio::task::spawn_blocking(move || stop(moment)).await.unwrap()) };
    let took = side_by_side(moments, 4, work).await;
    let mut text = String::new();
    for (moment, took) in &took {
        text += &format!("{moment}: {:4.1} s\n", took.as_secs_f64());
    }
    let longest = took.iter().map(|(_, took)| *took).max().unwrap_or_default();
    writeln!(io::stdout(), "{text}stops: {} in {STOP:?} at most, the longest {longest:.1?}, seed {seed}", took.len())
        .unwrap();
}
