//! The scene of a cell: an account, a producer, and topics of their own. Things happen in the middle of a sync.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use ecs_sdm_producer::config::Config;
use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::report::Report;
use ecs_sdm_producer::sync::Sink;
use ecs_sim::{Fault, FaultHandle, Shape, Simulator, World};
use kit::settings::{config, on_broker};
use kit::topic::read;
use kit::truth::{event_id, truth};
use kit::wait::{PATIENCE, wait_until};
use kit::{ACCOUNT, OBJECTS, REGION, oracle};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::Line;
use super::heard::Heard;
use super::judgement::{Allowed, Topics, Truth, judge};

/// Tasks in Describe calls of twenty: a sync that takes long without being much.
const SHAPE: Shape = Shape {
    clusters: 3,
    services: 30,
    tasks: TASKS,
    stopped_tasks: 0,
    task_definitions: DEFINITIONS,
    inactive_clusters: 0,
};
const TASKS: u64 = 2_000;
const PAGE: u32 = 20;

/// So few may wait for their acknowledgement that reading feels the fault.
pub(super) const IN_FLIGHT: usize = 500;

const DEFINITIONS: u64 = 40;

/// Of the task definitions so many are as large as ECS allows.
pub(super) const LARGE: u64 = 2;

/// A sync is in its middle once so many tasks are on their topic.
const BEGUN: i64 = 300;

/// Each Describe answer of tasks comes in eight pieces with this pause before each: some 300 tasks a second.
pub(super) const PAUSE: Duration = Duration::from_millis(60);

/// A record that waits for so long is told of as a stall.
const STALL: Duration = Duration::from_secs(1);

/// The Describe calls of tasks that wait until the fault is over.
const LAST: u64 = 20;

/// How tasks come while a fault happens.
pub(super) struct Flow {
    slow: FaultHandle,
    last: FaultHandle,
    /// Stalls that were told of before.
    stalled: u64,
}

impl Flow {
    /// Lets them come as fast as they can, so that many are on their way; all but the last.
    pub(super) fn flood(&self) {
        self.slow.release();
    }
}

pub(super) struct Scene {
    cell: &'static str,
    pub(super) config: Config,
    /// Where a plain consumer reads.
    servers: String,
    simulator: Simulator,
    engine: Arc<Mutex<Engine>>,
    runtime: Runtime,
    began: Instant,
    pub(super) heard: Heard,
    pub(super) reports: Vec<Report>,
}

impl Scene {
    pub(super) fn new(cell: &'static str, servers: &str, adjust: impl FnOnce(&mut Config)) -> Self {
        let began = Instant::now();
        let simulator = Simulator::start(world()).unwrap();
        let mut config = on_broker(config(&simulator), servers, "faults");
        config.page_size = PAGE;
        config.limits.in_flight_records = IN_FLIGHT;
        config.limits.stall = STALL;
        adjust(&mut config);
        let heard = Heard::default();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .on_thread_start(heard.listener())
            .enable_all()
            .build()
            .unwrap();
        let engine = Arc::new(Mutex::new(Engine::new(config.clone(), REGION.to_owned()).unwrap()));
        let servers = servers.to_owned();
        Self { cell, config, servers, simulator, engine, runtime, began, heard, reports: Vec::new() }
    }

    /// Whoever reads finds the broker there, and not where the producer does.
    pub(super) fn read_from(self, servers: &str) -> Self {
        Self { servers: servers.to_owned(), ..self }
    }

    /// A sync during which `fault` happens: tasks are on their topic by then, more are on their way, and others come after it.
    pub(super) fn sync_amid(&mut self, fault: impl FnOnce(&Self, &Flow)) {
        self.sync_slowly_amid(PAUSE, fault);
    }

    /// The same, where tasks come at another pace.
    pub(super) fn sync_slowly_amid(&mut self, pause: Duration, fault: impl FnOnce(&Self, &Flow)) {
        let calls = TASKS / u64::from(PAGE);
        let last = self.simulator.fault(Fault::hold("DescribeTasks").skip(calls - LAST));
        let slow = self.simulator.fault(Fault::slow("DescribeTasks", pause));
        let mut running = self.begin();
        wait_until("the sync is in its middle", || match running.try_join_next() {
            Some(report) => panic!("it ended before its middle: {}", report.unwrap().text()),
            None => self.on_topic("EcsTask") >= BEGUN,
        });
        let flow = Flow { slow, last, stalled: self.heard.stalled() };
        fault(self, &flow);
        flow.slow.release();
        flow.last.release();
        self.end(&mut running);
    }

    /// A sync without any fault.
    pub(super) fn sync(&mut self) {
        let mut running = self.begin();
        self.end(&mut running);
    }

    fn begin(&self) -> JoinSet<Report> {
        let engine = Arc::clone(&self.engine);
        let mut running = JoinSet::new();
        let sync = async move { engine.lock().await.start(Sink::Kafka).finish().await };
        running.spawn_on(sync, self.runtime.handle());
        running
    }

    fn end(&mut self, running: &mut JoinSet<Report>) {
        let report = self.runtime.block_on(running.join_next()).unwrap().unwrap();
        self.reports.push(report);
    }

    /// As a new process would.
    pub(super) fn new_engine(&mut self) {
        self.engine = Arc::new(Mutex::new(Engine::new(self.config.clone(), REGION.to_owned()).unwrap()));
    }

    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    pub(super) fn topic(&self, object: &str) -> String {
        self.config.kafka.topic(object)
    }

    /// Records on the topic of an object; none while the topic is not there.
    pub(super) fn on_topic(&self, object: &str) -> i64 {
        let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", &self.servers).create().unwrap();
        let topic = self.topic(object);
        let metadata = consumer.fetch_metadata(Some(&topic), PATIENCE).unwrap();
        let partitions = metadata.topics()[0].partitions().iter();
        let ends = partitions.map(|partition| consumer.fetch_watermarks(&topic, partition.id(), PATIENCE));
        ends.map(|ends| ends.map_or(0, |(low, high)| high - low)).sum()
    }

    /// Waits until the fault is felt, and told of: nothing else shows a cluster that does not acknowledge.
    pub(super) fn wait_stalled(&self, flow: &Flow) {
        wait_until("a stall is told of", || self.heard.stalled() > flow.stalled);
    }

    /// Waits until more tasks are on their topic.
    pub(super) fn wait_for_more(&self, before: i64) {
        wait_until("more tasks are on their topic", || self.on_topic("EcsTask") > before);
    }

    /// Reads every topic and judges what is there.
    pub(super) fn judge(&self, allowed: &Allowed) -> Line {
        let topic = |object| (self.topic(object), read(&self.servers, &self.topic(object)));
        let topics: Topics = OBJECTS.map(|object| (object, topic(object))).into();
        let events = read(&self.servers, &self.config.kafka.sync_topic());
        let judgement = judge(&TRUTH, &self.reports, &topics, &events, allowed);
        Line { cell: self.cell, took: self.began.elapsed(), renewed: self.heard.renewed(), judgement }
    }
}

fn world() -> World {
    World { shape: SHAPE, large_task_definition_every: Some(DEFINITIONS / LARGE), ..World::default() }
}

/// One account for all cells: its truth is worked out once.
static TRUTH: LazyLock<Truth> = LazyLock::new(|| {
    let ids = |object| {
        let all = truth(&world(), object, ACCOUNT, REGION, false).into_iter();
        all.map(|api| event_id(object, &oracle::expected(object, &api, REGION, 0))).collect()
    };
    BTreeMap::from(OBJECTS.map(|object| (object, ids(object))))
});
