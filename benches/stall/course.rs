//! The course of a sync whose broker is stopped in its middle and goes on after a while.

use std::fs;
use std::io::Read;
use std::ops::Range;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use ecs_sim::{Shape, Simulator, World};
use kit::bench::sync::{self, PARTITIONS};
use kit::bench::{Result, landed};
use kit::broker::Broker;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};

use crate::ours::{self, Figures, Settings};
use crate::series::Series;
use crate::{CLUSTERS, LATENCY, SETTLING, TASKS};

/// Seconds from the first record on that are not judged: a full bucket, and empty channels.
const WARM: f64 = 2.0;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

const PATIENCE: Duration = Duration::from_secs(20);

/// What came of it.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) ours: Figures,
    /// Acknowledged records that a consumer does not find, and those that it finds more than once.
    pub(crate) lost: u64,
    pub(crate) twice: u64,
    /// Tasks that landed a second before the stop: the median of its seconds.
    pub(crate) before: f64,
    /// Seconds from the broker's going on to the end of the first second with the full rate.
    pub(crate) again: Option<f64>,
    /// Tasks that landed a second from there to the end.
    pub(crate) after: f64,
    /// Seconds from the stop to the last call.
    pub(crate) last_call: f64,
    /// Calls of the stall after it had time to settle.
    pub(crate) calls: u64,
    /// Peak RSS above that at the start, MiB.
    pub(crate) peak: f64,
    /// The same as it was seen before the stop, while the broker stood still, and after.
    pub(crate) peaks: [f64; 3],
}

impl Course {
    /// Runs a sync whose broker stands still from when half of the tasks have landed.
    pub(crate) fn run(broker: &Broker, stall: Duration) -> Result<Self> {
        let shape = Shape { clusters: CLUSTERS, tasks: TASKS, ..Shape::empty() };
        let simulator = Simulator::start(World { shape, latency: LATENCY..=LATENCY, ..World::default() })?;
        let settings = Settings {
            endpoint: simulator.endpoint(),
            brokers: broker.bootstrap_servers().to_owned(),
            prefix: "stall".to_owned(),
            objects: ["EcsCluster", "EcsTask"].map(str::to_owned).to_vec(),
        };
        let mut watched = Watched::start(simulator, &settings)?;
        while watched.landed.last() < TASKS / 2 {
            watched.look()?;
        }
        broker.pause();
        let stopped = watched.now();
        while watched.now() < stopped + stall.as_secs_f64() {
            thread::sleep(LOOK);
            watched.look_without_broker()?;
        }
        let described = watched.simulator.counters().items.get("DescribeTasks").copied().unwrap_or_default();
        let resumed = watched.now();
        broker.resume();
        let figures = loop {
            watched.look()?;
            if let Some(figures) = watched.figures()? {
                break figures;
            }
        };
        let found = landed::keys(&settings.brokers, &settings.prefix, &settings.objects)?;
        let Watched { landed, calls, consumer, .. } = &watched;
        let all =
            settings.objects.iter().map(|object| high(consumer, &settings.topic(object))).sum::<KafkaResult<u64>>()?;
        // No task lands in a sync's first moments, nor in the last of its waiting for acknowledgements.
        let (first, last) = (landed.first_growth(), landed.last_growth(f64::INFINITY));
        let before = landed.rate(first + WARM, stopped);
        // What had been read until then lands at once and says nothing of the rate.
        let again = landed.again(resumed, before, described);
        let times = [0.0..stopped, stopped..resumed, resumed..f64::INFINITY];
        let peaks = times.map(|time| watched.peak(&time) - figures.held);
        Ok(Self {
            lost: figures.acknowledged.saturating_sub(found),
            twice: all - found,
            before,
            again: again.map(|at| at - resumed),
            after: again.map_or(f64::NAN, |again| landed.rate(again, last)),
            last_call: calls.last_growth(resumed) - stopped,
            calls: calls.seen(stopped + SETTLING.as_secs_f64(), resumed),
            // What was seen is more where the end of the producer takes the most.
            peak: peaks.into_iter().fold(figures.peak - figures.held, f64::max),
            peaks,
            ours: figures,
        })
    }
}

/// A sync under way, and what is seen of it.
struct Watched {
    sync: Child,
    simulator: Simulator,
    consumer: BaseConsumer,
    topic: String,
    start: Instant,
    landed: Series,
    calls: Series,
    resident: Vec<(f64, f64)>,
}

impl Watched {
    fn start(simulator: Simulator, settings: &Settings) -> Result<Self> {
        // What looks at a topic wants it to be there.
        sync::make_topics(&settings.config())?;
        let consumer =
            ClientConfig::new().set("bootstrap.servers", &settings.brokers).set("group.id", "stall").create()?;
        let (topic, start) = (settings.topic("EcsTask"), Instant::now());
        let (sync, landed, calls) = (ours::start(settings)?, Series::default(), Series::default());
        Ok(Self { sync, simulator, consumer, topic, start, landed, calls, resident: Vec::new() })
    }

    fn now(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// After a moment, what has landed and what was asked. The broker must answer.
    fn look(&mut self) -> Result<()> {
        thread::sleep(LOOK);
        match high(&self.consumer, &self.topic) {
            Ok(count) => self.landed.add(self.now(), count),
            // The controller has taken the broker for dead; both go on, and soon know better.
            Err(KafkaError::MetadataFetch(RDKafkaErrorCode::NotLeaderForPartition)) => {}
            Err(error) => return Err(error.into()),
        }
        self.look_without_broker()?;
        if self.landed.last() < TASKS / 2 && self.sync.try_wait()?.is_some() {
            return Err("the sync ended before its middle".into());
        }
        Ok(())
    }

    /// What was asked, and the MiB that the sync holds.
    fn look_without_broker(&mut self) -> Result<()> {
        let (at, requests) = (self.now(), self.simulator.counters().requests);
        self.calls.add(at, requests);
        let status = fs::read_to_string(format!("/proc/{}/status", self.sync.id()))?;
        // A process that has ended holds none.
        if let Some(kib) = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")) {
            self.resident.push((at, kib.parse::<f64>()? / 1024.0));
        }
        Ok(())
    }

    fn peak(&self, time: &Range<f64>) -> f64 {
        self.resident.iter().filter(|(at, _)| time.contains(at)).map(|&(_, held)| held).fold(0.0, f64::max)
    }

    /// What the sync says of itself, once it has ended.
    fn figures(&mut self) -> Result<Option<Figures>> {
        let Some(status) = self.sync.try_wait()? else { return Ok(None) };
        let mut said = String::new();
        if let Some(output) = &mut self.sync.stdout {
            output.read_to_string(&mut said)?;
        }
        if status.success() {
            Ok(Some(serde_json::from_str(&said)?))
        } else {
            Err(format!("the sync failed ({status})").into())
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.sync.kill();
        let _ = self.sync.wait();
    }
}

/// How many records have come onto a topic.
fn high(consumer: &BaseConsumer, topic: &str) -> KafkaResult<u64> {
    let of = |partition| consumer.fetch_watermarks(topic, partition, PATIENCE).map(|(_, high)| high.unsigned_abs());
    (0..PARTITIONS).map(of).sum()
}
