//! Back-pressure by arithmetic: a broker that stands still stops Describe calls, then List calls, at an exact number of objects.

use std::time::Duration;

use ecs_sdm_producer::report::Outcome;
use ecs_sdm_producer::sync::{Engine, Sink};
use ecs_sim::{Fault, Shape, Simulator, World};

use crate::broker::Broker;
use crate::support::{ACCOUNT, REGION, assert_landed, config, on_broker};

/// Tasks in full pages and batches: every number below is exact.
const TASKS: Shape =
    Shape { clusters: 1, services: 0, tasks: 10_000, stopped_tasks: 0, task_definitions: 0, inactive_clusters: 0 };

const BATCH: u64 = 100;

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_broker_stops_describes_then_lists_and_loses_nothing() {
    let broker = Broker::start().unwrap();
    let simulator = Simulator::start(World { shape: TASKS, ..World::default() }).unwrap();
    let mut config = on_broker(config(&simulator), broker.bootstrap_servers(), "stalled");
    config.limits.in_flight_records = 350;
    let parallel = config.parallel_requests as u64;

    // The first List of tasks waits at the gate: by then the topics are found, and nothing has been produced.
    let gate = simulator.fault(Fault::hold("ListTasks"));
    let engine = Engine::new(config.clone(), REGION.to_owned()).unwrap();
    let mut sync = std::pin::pin!(engine.sync(Sink::Kafka, std::future::pending()));
    let stalled = async {
        gate.wait_met(1).await;
        broker.pause();
        gate.release();

        // Three batches fit into the 350 places in flight; every seat holds one more.
        let seats = 2 * parallel;
        let describes = 350 / BATCH + seats;
        // Batches that wait for a seat, the one that waits to be asked for, four pages in the channel, one in the lister's hand.
        let lists = describes + parallel + 1 + 4 + 1;
        let called = |action: &str| simulator.counters().calls.get(action).copied().unwrap_or_default();
        while called("DescribeTasks") < describes || called("ListTasks") < lists {
            assert!(called("DescribeTasks") <= describes && called("ListTasks") <= lists);
            tokio::time::sleep(Duration::from_millis(5)).await; // why: what is awaited is a counter of another process's view
        }
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(10)).await; // why: that nothing more happens can only be watched for a while
            assert_eq!((called("DescribeTasks"), called("ListTasks")), (describes, lists));
        }
        assert_eq!(simulator.counters().items["DescribeTasks"], describes * BATCH, "objects that exist");
        assert_eq!(simulator.counters().in_flight, 0, "no request waits for Kafka");
        broker.resume();
    };
    let report = tokio::select! {
        report = &mut sync => panic!("the sync ended before the broker came back: {}", report.text()),
        () = stalled => sync.await,
    };
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    assert_landed(simulator.world(), &config, &report, &[(ACCOUNT, REGION, "")]);
}
