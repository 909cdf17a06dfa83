//! Types that are denied.

use ecs_sdm_producer::report::State::{Complete, Denied, Partial};
use ecs_sdm_producer::report::TypeReport;
use ecs_sim::{Fault, Shape, Simulator, World};
use kit::report::one;
use kit::settings::config_on_kafka;
use kit::sync::sync;

#[tokio::test(flavor = "multi_thread")]
async fn row_21_a_type_is_denied_where_every_describe_was() {
    // Some clusters have no services, and nobody needs to describe theirs.
    let shape =
        Shape { clusters: 4, services: 2, tasks: 8, task_definitions: 2, stopped_tasks: 0, inactive_clusters: 0 };
    let run = async |test: &str, faults: Vec<Fault>| -> TypeReport {
        let simulator = Simulator::start(World { shape, ..World::default() }).unwrap();
        faults.into_iter().for_each(|fault| drop(simulator.fault(fault)));
        one(&sync(&config_on_kafka(&simulator, test)).await, "EcsService").clone()
    };
    let denied = run("denied-describes", vec![Fault::access_denied("DescribeServices")]).await;
    assert_eq!((denied.state, denied.counts.asked), (Denied, 2), "{denied:?}");
    let denied = run("denied-lists", vec![Fault::access_denied("ListServices")]).await;
    assert_eq!(denied.state, Denied, "{denied:?}");
    // One cluster allowed it.
    let partial = run("some-lists", vec![Fault::access_denied("ListServices").skip(1)]).await;
    assert_eq!(partial.state, Partial, "{partial:?}");
    let partial = run("some-describes", vec![Fault::access_denied("DescribeServices").skip(1)]).await;
    assert_eq!((partial.state, partial.counts.acknowledged), (Partial, 1), "{partial:?}");
    let complete = run("no-denial", Vec::new()).await;
    assert_eq!(complete.state, Complete, "{complete:?}");
}
