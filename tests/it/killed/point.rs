//! Where in its life a sync is killed.

use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use ecs_sdm_producer::config::Config;
use ecs_sim::Simulator;
use fastrand::Rng;
use kit::truth::truth;
use kit::{ACCOUNT, OBJECTS, REGION};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

const PATIENCE: Duration = Duration::from_secs(60);

/// Where in its life a sync is killed: when something is seen of it, and a moment of chance later.
///
/// Time alone would nearly always strike the handshake, which takes 55 to 1,010 ms by a timer of librdkafka's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Point {
    /// It runs: settings, handshake, topics, STARTED.
    Start,
    /// STARTED is on the topic.
    Announced,
    /// AWS has been asked so often.
    Asked,
    /// So many of its records have landed.
    Landed,
    /// Its SCOPE is on the topic: around the outcome.
    Settled,
}

impl Point {
    pub(super) const ALL: [Point; 5] = [Point::Start, Point::Asked, Point::Announced, Point::Landed, Point::Settled];

    /// Waits for it, or until the sync has ended by itself.
    pub(super) fn wait(self, sync: &mut Child, simulator: &Simulator, watch: Option<Watch>, rng: &mut Rng) {
        let world = simulator.world();
        let objects = OBJECTS.iter().map(|object| truth(world, object, ACCOUNT, REGION, false).len() as u64).sum();
        let (some, mut watch) = (rng.u64(1..=objects), watch);
        let mut landed = || watch.as_mut().map(Watch::landed).unwrap_or_default();
        let moment = match self {
            Point::Start => 600,
            Point::Announced => {
                until(sync, || landed().events >= 1);
                50
            }
            Point::Asked => {
                // Pages hold ten, and task definitions are asked one by one: about a third as many requests as objects.
                until(sync, || simulator.counters().requests > some / 3);
                10
            }
            Point::Landed => {
                until(sync, || landed().records >= some);
                10
            }
            Point::Settled => {
                until(sync, || landed().events >= 2);
                150
            }
        };
        thread::sleep(Duration::from_micros(rng.u64(0..moment * 1_000))); // why: the moment of chance
    }
}

/// Waits for something that a sync does, or until it has ended by itself.
pub(super) fn until(sync: &mut Child, mut seen: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !seen() && sync.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "a sync that neither comes to its point nor ends");
        thread::sleep(Duration::from_millis(1)); // why: a process and the simulator's counters tell nobody that they change
    }
}

/// What has landed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Arrived {
    pub(super) events: u64,
    pub(super) records: u64,
}

/// A consumer that sees what lands from now on.
pub(super) struct Watch {
    consumer: BaseConsumer,
    sync_topic: String,
    arrived: Arrived,
}

impl Watch {
    pub(super) fn from_now(config: &Config) -> Self {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", config.kafka.bootstrap_servers.join(","))
            .set("group.id", "watch")
            .create()
            .unwrap();
        let sync_topic = config.kafka.sync_topic();
        let mut ends = TopicPartitionList::new();
        for topic in OBJECTS.map(|object| config.kafka.topic(object)).iter().chain([&sync_topic]) {
            let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
            for partition in metadata.topics()[0].partitions() {
                let (_, high) = consumer.fetch_watermarks(topic, partition.id(), PATIENCE).unwrap();
                ends.add_partition_offset(topic, partition.id(), Offset::Offset(high)).unwrap();
            }
        }
        consumer.assign(&ends).unwrap();
        Self { consumer, sync_topic, arrived: Arrived::default() }
    }

    pub(super) fn landed(&mut self) -> Arrived {
        while let Some(message) = self.consumer.poll(Duration::ZERO) {
            let event = message.unwrap().topic() == self.sync_topic;
            *(if event { &mut self.arrived.events } else { &mut self.arrived.records }) += 1;
        }
        self.arrived
    }
}
