//! Back-pressure by arithmetic: a broker that stands still stops Describe calls, then List calls, at an exact number of objects.

use std::pin::pin;
use std::time::{Duration, Instant};

use ecs_sdm_producer::config::Config;
use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::report::{Outcome, TypeReport};
use ecs_sdm_producer::sync::Sink;
use ecs_sim::{Fault, FaultHandle, Shape, Simulator, World};
use kit::broker::Broker;
use kit::dry::Paper;
use kit::judgement::assert_landed;
use kit::report::total;
use kit::settings::{config, on_broker};
use kit::sync::stopped_by;
use kit::wait::PATIENCE;
use kit::{ACCOUNT, REGION};

/// Tasks in full pages and batches: every number below is exact.
const TASKS: Shape =
    Shape { clusters: 1, services: 0, tasks: 4_000, stopped_tasks: 0, task_definitions: 0, inactive_clusters: 0 };

const BATCH: u64 = 100;

/// A broker that stands still as soon as there is something to send, and how far the reading then gets.
struct Stall {
    broker: Broker,
    simulator: Simulator,
    config: Config,
    gate: FaultHandle,
    describes: u64,
    lists: u64,
}

impl Stall {
    fn new(test: &str, scopes: u64) -> Self {
        let broker = Broker::start().unwrap();
        let simulator = Simulator::start(World { shape: TASKS, ..World::default() }).unwrap();
        let mut config = on_broker(config(&simulator), broker.bootstrap_servers(), test);
        config.limits.in_flight_records = 350;
        config.regions = (0..scopes).map(|n| format!("region-{n}")).collect();
        let parallel = config.parallel_requests as u64;
        // Three batches fit into the 350 places in flight; every seat holds one more: however many scopes there are.
        let describes = 350 / BATCH + 2 * parallel;
        // Batches that wait for a seat, the one that waits to be asked for, four pages in the channel, one in the lister's hand:
        // ARNs only, and of the scopes that are admitted.
        let lists = describes + scopes.min(4 * parallel) * (parallel + 1 + 4 + 1);
        // The first List of tasks waits at the gate: by then the topics are found, and nothing has been produced.
        let gate = simulator.fault(Fault::hold("ListTasks"));
        Self { broker, simulator, config, gate, describes, lists }
    }

    /// Stops the broker, and waits until reading has come to its exact end.
    async fn come(&self) {
        self.gate.wait_met(1).await;
        self.broker.pause();
        self.gate.release();
        let called = |action: &str| self.simulator.counters().calls.get(action).copied().unwrap_or_default();
        let expected = (self.describes, self.lists);
        let deadline = Instant::now() + PATIENCE;
        while (called("DescribeTasks"), called("ListTasks")) != expected {
            assert!(Instant::now() < deadline, "{} {} {expected:?}", called("DescribeTasks"), called("ListTasks"));
            assert!(called("DescribeTasks") <= self.describes && called("ListTasks") <= self.lists);
            tokio::time::sleep(Duration::from_millis(5)).await; // why: the simulator's counters tell nobody that they change
        }
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(10)).await; // why: that nothing more happens can only be watched
            assert_eq!((called("DescribeTasks"), called("ListTasks")), expected);
        }
        assert_eq!(self.simulator.counters().items["DescribeTasks"], self.describes * BATCH, "objects that exist");
        assert_eq!(self.simulator.counters().in_flight, 0, "no request waits for Kafka");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_broker_stops_describes_then_lists_is_told_of_and_loses_nothing() {
    let mut stall = Stall::new("stalled", 1);
    // Nothing else shows a stall: librdkafka goes on waiting without a word.
    stall.config.limits.stall = Duration::from_millis(100);
    let logs = Paper::default();
    // What tells of it runs beside the sync, on this thread.
    let _quiet = logs.logs();
    let began = Instant::now();
    let mut engine = Engine::new(stall.config.clone(), REGION.to_owned()).unwrap();
    let mut sync = pin!(engine.start(Sink::Kafka).finish());
    let report = tokio::select! {
        report = &mut sync => panic!("the sync ended before the broker came back: {}", report.text()),
        () = async {
            stall.come().await;
            // All places in flight are taken, and the next line about them says so.
            logs.wait_for_line(&["WARN", "Kafka does not acknowledge", "records=350"]).await;
        } => {
            stall.broker.resume();
            sync.await
        }
    };
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    assert_landed(stall.simulator.world(), &stall.config, &report, &[(ACCOUNT, "region-0", "")]);
    let logs = logs.text();
    let told = logs.lines().filter(|line| line.contains("records=350")).count();
    // Before each line but the first the stall has lasted for twice as long as before the last.
    let most = 2.0 + (began.elapsed().as_secs_f64() / stall.config.limits.stall.as_secs_f64()).log2();
    assert!(told as f64 <= most, "{told} lines, {most:.1} at most: as it is there, and as it doubles: {logs}");
}

/// A stop under a stalled broker: what exists then is what there may be at all.
async fn stopped(test: &str, scopes: u64) {
    let mut stall = Stall::new(test, scopes);
    stall.config.limits.drain_timeout = Duration::from_millis(300);
    // Clusters would take seats too, some of many scopes before the broker stands still and some after.
    stall.config.objects = vec!["EcsTask".to_owned()];
    let mut engine = Engine::new(stall.config.clone(), REGION.to_owned()).unwrap();
    let report = stopped_by(engine.start(Sink::Kafka), stall.come()).await;
    assert_eq!((report.outcome, report.outcome.exit_code()), (Outcome::Aborted, 1), "{}", report.text());
    let sum = |count: fn(&TypeReport) -> u64| total(&report, "EcsTask", count);
    assert_eq!((sum(|one| one.counts.described), sum(|one| one.counts.acknowledged)), (stall.describes * BATCH, 0));
    assert_eq!(sum(|one| one.counts.failed), stall.describes * BATCH, "every record read and not delivered is counted");
    assert_eq!(sum(|one| one.counts.asked), stall.describes * BATCH, "what waits for a seat was never asked");
    assert!(report.types.iter().all(|one| one.account.as_deref() == Some(ACCOUNT)), "{}", report.text());
    assert_eq!(report.types.len() as u64, scopes, "also those that were never admitted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_the_broker_stands_still_ends_in_time_and_counts_what_is_lost() {
    stopped("stopped", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_scopes_hold_no_more_objects_than_one() {
    stopped("hundred", 100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_gone_for_good_fails_the_sync_and_everything_is_counted() {
    let mut stall = Stall::new("gone", 1);
    // A broker that is there must keep it.
    stall.config.kafka.delivery_timeout = Duration::from_secs(10);
    let Stall { broker, simulator, config, gate, .. } = stall;
    let mut engine = Engine::new(config, REGION.to_owned()).unwrap();
    let mut sync = pin!(engine.start(Sink::Kafka).finish());
    tokio::select! {
        report = &mut sync => panic!("the sync ended at the gate: {}", report.text()),
        () = gate.wait_met(1) => {}
    }
    drop(broker);
    gate.release();
    let report = sync.await;
    assert_eq!((report.outcome, report.outcome.exit_code()), (Outcome::Failed, 2), "{}", report.text());
    let reason = report.stop_reason.as_ref().unwrap().to_string();
    assert!(reason.contains("acknowledged nothing for 10s (kafka.delivery_timeout)"), "{reason}");
    assert!(report.partitions.is_empty(), "no offsets rather than wrong ones");
    let tasks = report.types.iter().find(|one| one.object == "EcsTask").unwrap();
    assert!(tasks.counts.described > 0 && tasks.counts.acknowledged == 0, "{tasks:?}");
    assert_eq!(tasks.counts.failed, tasks.counts.described, "{tasks:?}");
    assert!(simulator.counters().calls["DescribeTasks"] < 40, "reading stopped");
}
