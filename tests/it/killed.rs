//! Kill -9 at random points: however many syncs were killed on the same topics, and wherever, a consumer that uses the sync topic
//! ends with exactly the account that one clean sync has read, as `examples/snapshot` does.
//!
//! `cargo test` kills a dozen. More of them, and quicker:
//!
//! ```sh
//! KILLS=100 cargo test --release --test it killed::
//! ```
//!
//! `KILLS_SEED` draws the worlds and points of an earlier run again; where exactly a kill strikes stays the machine's affair.

mod point;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ecs_sdm_producer::config::Config;
use ecs_sdm_producer::contract::rfc3339;
use ecs_sim::{Fault, FaultHandle, Shape, Simulator, World};
use fastrand::Rng;
use kit::cases::number;
use kit::program::{code, program, text};
use kit::settings::on_broker;
use kit::snapshot::{Snapshot, snapshot};
use kit::topic::{Landed, read};
use kit::truth::{event_id, truth};
use kit::{ACCOUNT, OBJECTS, REGION, broker, oracle};
use serde_json::Value;

use self::point::{Point, Watch, until};

/// Rounds side by side: most of a sync's time is the producer's handshake.
const AT_ONCE: usize = 2;

/// What the syncs of a round came to.
#[derive(Debug, Default)]
struct Seen {
    points: BTreeMap<String, u64>,
    /// Killed syncs of which the topics know nothing.
    unannounced: u64,
    /// Killed syncs with a STARTED and no outcome.
    open: u64,
    /// Killed syncs whose outcome had been sent.
    over: u64,
    /// Killed syncs that left records, and how many these are.
    littered: u64,
    stale: u64,
    /// How many of these lie among the records of the last clean sync.
    among: u64,
    clean: u64,
}

/// Syncs on the same topics, one after the other.
struct Round {
    rng: Rng,
    config: Config,
    /// The newest sync that the consumer knows of, and what there was to read.
    newest: Option<(i64, World)>,
    /// What clean syncs have said of themselves, by their instant.
    reports: BTreeMap<String, Value>,
    seen: Seen,
}

impl Round {
    fn run(seed: u64, number: u64) -> Seen {
        let config = on_broker(Config::default(), broker::bootstrap_servers().unwrap(), "killed");
        let rng = Rng::with_seed(seed.wrapping_add(number));
        let mut round = Self { rng, config, newest: None, reports: BTreeMap::new(), seen: Seen::default() };
        let mut points = Point::ALL;
        if number.is_multiple_of(2) {
            // There are no topics yet, nor surely after the first kill: what is watched comes later.
            round.rng.shuffle(&mut points[2..]);
        } else {
            // An older snapshot, whole and of another world, lies below.
            round.finish();
            round.rng.shuffle(&mut points);
        }
        points.into_iter().for_each(|point| round.kill(point));
        round.overtake();
        round.count();
        round.seen
    }

    /// Some objects are the same as in another world, some have changed, some are others altogether.
    fn world(&mut self) -> World {
        let rng = &mut self.rng;
        let shape = Shape {
            clusters: rng.u64(1..5),
            services: rng.u64(20..60),
            tasks: rng.u64(200..600),
            task_definitions: rng.u64(20..60),
            ..Shape::empty()
        };
        World {
            seed: rng.u64(1..4),
            shape,
            latency: Duration::from_millis(5)..=Duration::from_millis(25),
            ..World::default()
        }
    }

    /// A sync in small pages, so that it has many points, and as quick as the simulator lets it.
    fn program(&self, simulator: &Simulator) -> Command {
        let mut command = program(Some(simulator));
        command.args(["sync", "--report", "json", "--set", "page_size=10", "--set", "kafka.topics_create=if_missing"]);
        for category in ["cluster_read", "service_read", "cluster_resource_read", "task_definition_read"] {
            command.args(["--set", &format!("rates.{category}={{burst=1000000,per_second=100000}}")]);
        }
        let kafka = &self.config.kafka;
        command
            .args(["--set", &format!("kafka.bootstrap_servers={}", kafka.bootstrap_servers.join(","))])
            .args(["--set", &format!("kafka.topic_prefix={}", kafka.topic_prefix)])
            .args(["--set", &format!("kafka.partitions={}", kafka.partitions)])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// One sync that is killed.
    fn kill(&mut self, point: Point) {
        let simulator = Simulator::start(self.world()).unwrap();
        let watches = [Point::Announced, Point::Landed, Point::Settled].contains(&point);
        let watch = watches.then(|| Watch::from_now(&self.config));
        let mut sync = self.program(&simulator).spawn().unwrap();
        point.wait(&mut sync, &simulator, watch, &mut self.rng);
        sync.kill().unwrap();
        let Output { status, stderr, .. } = sync.wait_with_output().unwrap();
        assert!(status.signal() == Some(9) || status.success(), "{point:?}: {status}: {}", text(&stderr));
        *self.seen.points.entry(format!("{point:?}")).or_default() += 1;
        self.look(simulator.world());
    }

    /// One clean sync, which the consumer holds afterwards.
    fn finish(&mut self) {
        let simulator = Simulator::start(self.world()).unwrap();
        let output = self.program(&simulator).output().unwrap();
        self.hold(simulator.world(), &output);
    }

    /// One clean sync that begins while another still runs, which is then killed: their records lie among one another.
    fn overtake(&mut self) {
        let latency = Duration::from_millis(100)..=Duration::from_millis(300);
        let slow = Simulator::start(World { latency, ..self.world() }).unwrap();
        let simulator = Simulator::start(self.world()).unwrap();
        let gates = ["ListClusters", "ListTaskDefinitions"].map(|action| simulator.fault(Fault::hold(action)));
        // The doomed one has its tasks, some hundreds, to send while both run, and cannot end.
        let tasks = slow.fault(Fault::hold("DescribeTasks"));
        drop(slow.fault(Fault::hold("ListTaskDefinitions")));
        let mut watch = Watch::from_now(&self.config);
        let mut doomed = self.program(&slow).spawn().unwrap();
        until(&mut doomed, || watch.landed().events >= 1);
        let mut clean = self.program(&simulator).spawn().unwrap();
        until(&mut clean, || watch.landed().events >= 2);
        let some = watch.landed().records + self.rng.u64(50..150);
        tasks.release();
        until(&mut doomed, || watch.landed().records >= some);
        doomed.kill().unwrap();
        assert_eq!(doomed.wait().unwrap().signal(), Some(9), "it was in the middle");
        *self.seen.points.entry("Overtaken".to_owned()).or_default() += 1;
        gates.iter().for_each(FaultHandle::release);
        let output = clean.wait_with_output().unwrap();
        self.hold(simulator.world(), &output);
    }

    fn hold(&mut self, world: &World, clean: &Output) {
        assert_eq!(code(clean), 0, "{}", text(&clean.stderr));
        let report: Value = serde_json::from_slice(&clean.stdout).unwrap();
        assert!(self.look(world), "a clean sync is whole");
        let newest = rfc3339(self.newest.as_ref().unwrap().0);
        assert_eq!((&report["outcome"], &report["sync"]), (&Value::from("COMPLETED"), &Value::from(newest.as_str())));
        self.reports.insert(newest, report);
    }

    /// Whether the consumer takes what it finds for a whole account: then it is exactly that of its sync. The last sync's was `world`.
    fn look(&mut self, world: &World) -> bool {
        let Snapshot { sync, whole, words, records } = match snapshot(&self.config) {
            Ok(snapshot) => snapshot,
            Err(error) => {
                assert!(self.newest.is_none(), "{error}");
                return false;
            }
        };
        if self.newest.as_ref().is_none_or(|(newest, _)| *newest != sync) {
            self.newest = Some((sync, world.clone()));
        }
        let (sync, world) = self.newest.as_ref().unwrap();
        if whole {
            let found =
                records.iter().map(|line| (line["object"].as_str().unwrap().to_owned(), line["record"].clone()));
            assert!(named(found) == named(account(world, *sync)), "not the account of its sync: {words}");
        }
        whole
    }

    /// Holds the keys of the last clean sync against its account too, and counts what the others left.
    fn count(&mut self) {
        let Self { config, newest, reports, seen, .. } = self;
        let (sync, world) = newest.as_ref().unwrap();
        let (last, servers) = (rfc3339(*sync), config.kafka.bootstrap_servers.join(","));
        let (mut keys, mut stale) = (BTreeSet::new(), BTreeMap::<String, u64>::new());
        for object in OBJECTS {
            let topic = config.kafka.topic(object);
            for Landed { key, partition, offset, headers, .. } in read(&servers, &topic) {
                let time = &headers["ce_time"];
                if *time == last {
                    keys.insert((object.to_owned(), key));
                } else if !reports.contains_key(time) {
                    *stale.entry(time.clone()).or_default() += 1;
                    let ranges = reports[&last]["partitions"].as_array().unwrap();
                    let of = |range: &&Value| range["topic"] == topic && range["partition"] == partition;
                    let range = ranges.iter().find(of).unwrap();
                    let [low, high] = ["low", "high"].map(|end| range[end].as_i64().unwrap());
                    seen.among += u64::from((low..high).contains(&offset));
                }
            }
        }
        let uids = account(world, *sync).map(|(object, record)| (object, oracle::key(&record).to_owned()));
        assert!(keys == uids.collect(), "the keys of the last sync are not those of the account");

        let schema = oracle::schema("SyncEvent");
        let (mut started, mut ended) = (BTreeSet::new(), BTreeSet::new());
        for Landed { value, headers, .. } in read(&servers, &config.kafka.sync_topic()) {
            let time = headers["ce_time"].clone();
            match oracle::decode(&schema, &value[10..])["event"].as_str().unwrap() {
                _ if reports.contains_key(&time) => {}
                "STARTED" => _ = started.insert(time),
                "SCOPE" => {}
                _ => _ = ended.insert(time),
            }
        }
        (seen.littered, seen.stale) = (stale.len() as u64, stale.values().sum());
        seen.over = ended.len() as u64;
        seen.open = started.difference(&ended).count() as u64;
        seen.unannounced = seen.points.values().sum::<u64>() - started.len() as u64;
        seen.clean = reports.len() as u64;
    }
}

/// The records of an account, each with its object.
fn account(world: &World, sync: i64) -> impl Iterator<Item = (String, Value)> + '_ {
    OBJECTS.into_iter().flat_map(move |object| {
        let all = truth(world, object, ACCOUNT, REGION, false).into_iter();
        all.map(move |api| (object.to_owned(), oracle::expected(object, &api, REGION, sync)))
    })
}

/// By object and by what tells its records apart.
fn named(records: impl Iterator<Item = (String, Value)>) -> BTreeMap<(String, String), Value> {
    records.map(|(object, record)| ((object.clone(), event_id(&object, &record)), record)).collect()
}

#[test]
fn killed_syncs_leave_nothing_that_a_consumer_takes_for_the_account() {
    let (start, seed) = (Instant::now(), number("KILLS_SEED", fastrand::u64(..1_000_000)));
    let rounds = number("KILLS", 12).div_ceil(Point::ALL.len() as u64 + 1);
    let some = |first| (first..rounds).step_by(AT_ONCE).map(|number| Round::run(seed, number)).collect::<Vec<_>>();
    let seen: Vec<Seen> = thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE as u64).map(|first| scope.spawn(move || some(first))).collect();
        let again = |_| panic!("KILLS_SEED={seed} draws the same worlds and points again");
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(again)).collect()
    });
    let mut points = BTreeMap::new();
    for (point, times) in seen.iter().flat_map(|one| &one.points) {
        *points.entry(point).or_insert(0) += times;
    }
    let sum = |count: fn(&Seen) -> u64| seen.iter().map(count).sum::<u64>();
    let kills: u64 = points.values().sum();
    let (open, littered, among) = (sum(|one| one.open), sum(|one| one.littered), sum(|one| one.among));
    writeln!(
        io::stderr(),
        "killed: {kills} kills, points {points:?}: {} before STARTED, {open} without an outcome, {} after it; \
         {littered} left {} records, {among} of them among those of a clean one; {} clean syncs exact, seed {seed}, {:.1} s",
        sum(|one| one.unannounced),
        sum(|one| one.over),
        sum(|one| one.stale),
        sum(|one| one.clean),
        start.elapsed().as_secs_f64()
    )
    .unwrap();
    assert!(open > 0 && littered > 0 && among > 0, "no sync was killed in the middle");
}
