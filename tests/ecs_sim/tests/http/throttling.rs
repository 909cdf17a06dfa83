//! Buckets, foreign callers and the record of arrivals, over a socket.

use std::time::Duration;

use ecs_sim::{Bucket, Buckets, Category, Fault, Foreign, Refill, Simulator, World};

use super::{Client, REGION};

const ALL: &str = r#"{"maxResults":100}"#;
const ACCOUNT: &str = "111111111111";

/// Buckets that give two tokens and never another.
fn two_tokens() -> Buckets {
    Buckets { cluster_read: Bucket { capacity: 2, per_second: 0 }, ..Buckets::published(Refill::Stepped) }
}

#[test]
fn an_empty_bucket_throttles_before_faults() {
    let world = World { buckets: Some(two_tokens()), record_arrivals: true, ..World::default() };
    let simulator = Simulator::start(world).expect("a simulator");
    let denied = simulator.fault(Fault::access_denied("ListClusters").skip(1));
    let mut client = Client::connect(&simulator);
    let bodies: Vec<_> = (0..4).map(|_| client.ecs("ListClusters", ALL).expect("an answer").2).collect();
    let refused = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;
    assert_eq!((bodies[2].as_str(), bodies[3].as_str()), (refused, refused));
    assert!(bodies[0].contains("clusterArns") && bodies[1].contains("AccessDenied"), "{bodies:?}");
    client.ask("POST /", "", "Action=GetCallerIdentity").expect("an answer");
    assert_eq!(client.ecs("DescribeServices", "{}").expect("an answer").0, 400);

    let counters = simulator.counters();
    assert_eq!((denied.met(), counters.throttles, counters.errors["ThrottlingException"]), (1, 2, 2));
    assert_eq!(counters.calls_in(ACCOUNT, REGION, "ListClusters"), 4);
    let arrivals = simulator.arrivals();
    assert!(arrivals.is_sorted_by_key(|arrival| arrival.at) && arrivals[0].at > Duration::ZERO);
    assert!(arrivals.iter().all(|arrival| arrival.account == ACCOUNT && arrival.region == REGION));
    let seen: Vec<_> = arrivals.iter().map(|arrival| (arrival.action, arrival.throttled)).collect();
    let list = |throttled| ("ListClusters", throttled);
    assert_eq!(seen, [list(false), list(false), list(true), list(true), ("DescribeServices", false)]);
}

#[test]
fn foreign_callers_take_tokens_too() {
    let foreign =
        |category| Foreign { account: ACCOUNT.to_owned(), region: REGION.to_owned(), category, per_second: 100_000.0 };
    let foreign = vec![foreign(Category::TaskDefinitionRead), foreign(Category::ClusterRead)];
    let world = World { buckets: Some(two_tokens()), foreign, ..World::default() };
    let simulator = Simulator::start(world).expect("a simulator");
    // Their two calls come within 20 µs.
    std::thread::sleep(Duration::from_millis(1));
    let mut client = Client::connect(&simulator);
    assert_eq!(client.ecs("ListClusters", ALL).expect("an answer").0, 400);
    let seen = simulator.foreign();
    assert_eq!(seen[1].calls - seen[1].throttled, 2);
    assert!(seen[0].calls - seen[0].throttled >= 50, "{seen:?}");
    assert_eq!((simulator.counters().throttles, simulator.counters().foreign.len()), (1, 2));
    assert_eq!(simulator.arrivals(), [], "not asked for");
}
