//! How fast AWS is asked, and whose turn it is: retries to the last one, token buckets that are never overdrawn, and nobody who waits
//! for another. Counted by the simulator, not timed.

use std::time::Duration;

use ecs_sdm_producer::config::{Config, Rate, Rates, RoleConfig};
use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::report::{Outcome, Report, StopReason};
use ecs_sdm_producer::sync::Sink;
use ecs_sim::{Arrival, Buckets, Category, Fault, Refill, Shape, Simulator, World};
use kit::REGION;
use kit::dry::{Dry, Paper, truth_of};
use kit::report::total;
use kit::settings::{config, role};
use kit::sync::stopped_by;

const NOTHING: Shape = Shape::empty();

/// AWS's published buckets.
const PUBLISHED: [(Category, Rate); 4] = [
    (Category::ClusterRead, Rate { burst: 50, per_second: 20 }),
    (Category::ServiceRead, Rate { burst: 100, per_second: 20 }),
    (Category::ClusterResourceRead, Rate { burst: 100, per_second: 20 }),
    (Category::TaskDefinitionRead, Rate { burst: 50, per_second: 20 }),
];

/// So many times as much of it.
fn times(rate: Rate, n: u32) -> Rate {
    Rate { burst: rate.burst * n, per_second: rate.per_second * n }
}

fn published(n: u32) -> Rates {
    let [cluster_read, service_read, cluster_resource_read, task_definition_read] =
        PUBLISHED.map(|(_, rate)| times(rate, n));
    Rates { cluster_read, service_read, cluster_resource_read, task_definition_read }
}

async fn dry_report(config: &Config) -> Report {
    let mut engine = Engine::dry(config.clone(), REGION.to_owned());
    engine.start(Sink::Print(Box::new(std::io::sink()))).finish().await
}

/// No window of w seconds holds more than the share of what the bucket has and gets in it: capacity + rate × w.
///
/// With the most that ever came before a moment, less what flowed until then, one look at each arrival is enough.
fn assert_within(share: f64, Rate { burst, per_second }: Rate, arrivals: &[&Arrival]) {
    let flow = |arrival: &Arrival| share * f64::from(per_second) * arrival.at.as_secs_f64();
    let mut start = f64::INFINITY;
    for (earlier, arrival) in (0_u32..).zip(arrivals) {
        start = start.min(f64::from(earlier) - flow(arrival));
        let most = f64::from(earlier + 1) - flow(arrival) - start;
        let allowed = share * f64::from(burst);
        assert!(most <= allowed, "at {:?} a window holds {most:.1} beyond its flow, {allowed} are allowed", arrival.at);
    }
}

/// Those of one bucket; account and region are the only ones.
fn of(arrivals: &[Arrival], category: Category) -> Vec<&Arrival> {
    arrivals.iter().filter(|arrival| Category::of(arrival.action) == Some(category)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_has_all_its_retries_when_hundreds_fail_at_once() {
    const RETRIES: u32 = 4;
    for (action, shape, calls) in [
        ("DescribeTaskDefinition", Shape { task_definitions: 300, ..NOTHING }, 300),
        ("DescribeServices", Shape { clusters: 4, services: 400, ..NOTHING }, 40),
        ("DescribeTasks", Shape { clusters: 40, tasks: 400, ..NOTHING }, 40),
        ("ListTasks", Shape { clusters: 40, tasks: 400, ..NOTHING }, 40),
    ] {
        for (fault, throttled) in [(Fault::server_error(action), 0), (Fault::throttling(action), 1)] {
            let simulator = Simulator::start(World { shape, ..World::default() }).unwrap();
            drop(simulator.fault(fault));
            let config = Config { maximum_retries: RETRIES, parallel_requests: 100, ..config(&simulator) };
            let report = dry_report(&config).await;
            let (attempts, retried) = (calls * u64::from(RETRIES + 1), calls * u64::from(RETRIES));
            let counters = simulator.counters();
            assert_eq!(counters.calls[action], attempts, "{action}");
            let others: u64 = counters.calls.iter().filter(|(name, _)| is_another(name, action)).map(|(_, n)| n).sum();
            assert_eq!(report.calls.attempts, attempts + others, "{action}");
            assert_eq!((report.calls.retried, report.calls.throttled), (retried, throttled * attempts), "{action}");
            assert_eq!(report.outcome, Outcome::Partial, "{}", report.text());
        }
    }
}

fn is_another(name: &str, action: &str) -> bool {
    name != action && Category::of(name).is_some()
}

/// A sync under buckets of the published proportions, whose share is ours: it takes all it may, and AWS has (nearly) nothing to refuse.
async fn paced(refill: Refill, share: f64) {
    const TIMES: u32 = 5;
    let shape = Shape { clusters: 30, services: 300, tasks: 300, task_definitions: 450, ..NOTHING };
    let (buckets, latency) =
        (Buckets::published(refill).times(TIMES), Duration::from_millis(2)..=Duration::from_millis(5));
    let world = World { shape, buckets: Some(buckets), record_arrivals: true, latency, ..World::default() };
    let simulator = Simulator::start(world).unwrap();
    let config = Config { rates: published(TIMES), api_share: share, ..config(&simulator) };
    let dry = Dry::run(&config).await;
    assert_eq!(dry.report.outcome, Outcome::Completed, "{}", dry.report.text());
    assert_eq!(dry.records, truth_of(simulator.world(), &config));
    let (throttles, arrivals) = (simulator.counters().throttles, simulator.arrivals());
    assert!(throttles * 100 <= arrivals.len() as u64, "{refill:?}, {share}: {throttles} of {}", arrivals.len());
    for (category, rate) in PUBLISHED {
        assert_within(share, times(rate, TIMES), &of(&arrivals, category));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_window_holds_more_than_our_share_and_nothing_is_throttled() {
    tokio::join!(
        paced(Refill::Smooth, 1.0),
        paced(Refill::Stepped, 1.0),
        paced(Refill::Smooth, 0.75),
        paced(Refill::Stepped, 0.75),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn task_definitions_hold_up_nothing_else_even_with_one_request_at_a_time() {
    let shape = Shape { clusters: 12, services: 200, tasks: 400, task_definitions: 400, ..NOTHING };
    let simulator = Simulator::start(World { shape, ..World::default() }).unwrap();
    let mut config = Config { parallel_requests: 1, page_size: 5, ..config(&simulator) };
    // Minutes pass before too many are asked for.
    config.rates.task_definition_read = Rate { burst: 30, per_second: 1 };
    let (mut engine, paper) = (Engine::dry(config, REGION.to_owned()), Paper::default());
    let (others, too_many) = (12 + 200 + 400, 200);
    let bell = simulator.fault(Fault::drop_objects("DescribeTaskDefinition", 0));
    let stop = async {
        tokio::select! {
            () = paper.wait_for_records(others, "EcsTaskDefinition") => {}
            () = bell.wait_met(too_many) => {}
        }
    };
    let report = stopped_by(engine.start(Sink::Print(Box::new(paper.clone()))), stop).await;
    assert_eq!(report.stop_reason, Some(StopReason::Signal), "{}", report.text());
    let acknowledged =
        ["EcsCluster", "EcsService", "EcsTask"].map(|object| total(&report, object, |one| one.counts.acknowledged));
    assert_eq!(acknowledged, [12, 200, 400]);
    let asked = total(&report, "EcsTaskDefinition", |one| one.counts.asked);
    assert!((1..too_many).contains(&asked), "they start at once, and {asked} of 400 were asked for by then");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_roles_into_one_account_share_its_bucket_and_the_smaller_share_rules() {
    const TIMES: u32 = 10;
    let shape = Shape { task_definitions: 150, ..NOTHING };
    let simulator = Simulator::start(World { shape, record_arrivals: true, ..World::default() }).unwrap();
    let mut config = Config { rates: published(TIMES), ..config(&simulator) };
    let roles = [("reader", None), ("auditor", Some(0.25))];
    config.roles = roles
        .map(|(name, api_share)| {
            let arn = format!("arn:aws:iam::222222222222:role/{name}");
            RoleConfig { arn, api_share, ..RoleConfig::default() }
        })
        .to_vec();
    let report = dry_report(&config).await;
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    assert_eq!(total(&report, "EcsTaskDefinition", |one| one.counts.acknowledged), 2 * 150);
    let arrivals = simulator.arrivals();
    assert!(arrivals.iter().all(|arrival| arrival.account == "222222222222"));
    assert_within(0.25, times(PUBLISHED[3].1, TIMES), &of(&arrivals, Category::TaskDefinitionRead));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sync_gets_no_fresh_burst() {
    const RATE: Rate = Rate { burst: 300, per_second: 100 };
    let shape = Shape { task_definitions: 140, ..NOTHING };
    let simulator = Simulator::start(World { shape, record_arrivals: true, ..World::default() }).unwrap();
    let config = Config { rates: Rates::all(RATE), api_share: 0.75, ..config(&simulator) };
    let mut engine = Engine::dry(config, REGION.to_owned());
    for _ in 0..2 {
        let report = engine.start(Sink::Print(Box::new(std::io::sink()))).finish().await;
        assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    }
    let arrivals = simulator.arrivals();
    let task_definitions = of(&arrivals, Category::TaskDefinitionRead);
    assert_eq!(task_definitions.len(), 2 * (140 + 2));
    assert_within(0.75, RATE, &task_definitions);
}

/// Fifty accounts, the first a hundred times as large as each other: when the last of the small ones has been read, the large one
/// has had at most half as many requests as they. So beside it they take 1.5 times as long as without it, at most.
#[tokio::test(flavor = "multi_thread")]
async fn a_huge_account_does_not_starve_the_small_ones() {
    const SMALL: Shape = Shape { clusters: 2, services: 4, tasks: 10, task_definitions: 3, ..NOTHING };
    const HUGE: Shape = Shape { clusters: 200, services: 400, tasks: 1_000, task_definitions: 300, ..NOTHING };
    let roles: Vec<String> = (0..50).map(role).collect();
    let huge = account_of(&roles[0]).to_owned();
    let simulator = Simulator::start(World {
        shape: SMALL,
        shapes: [((huge.clone(), REGION.to_owned()), HUGE)].into(),
        latency: Duration::from_millis(2)..=Duration::from_millis(5),
        record_arrivals: true,
        ..World::default()
    })
    .unwrap();
    let mut config = Config { parallel_requests: 4, ..config(&simulator) };
    config.assume_role_arns = roles;
    let report = dry_report(&config).await;
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    let arrivals = simulator.arrivals();
    let last = arrivals.iter().rposition(|arrival| arrival.account != huge).unwrap();
    let (of_huge, of_small): (Vec<_>, Vec<_>) = arrivals[..=last].iter().partition(|arrival| arrival.account == huge);
    let (of_huge, of_small) = (of_huge.len(), of_small.len());
    assert!(of_huge > 0 && last + 1 < arrivals.len(), "it was there all the time, and had more to do afterwards");
    assert!(2 * of_huge <= of_small, "{of_huge} requests of the huge account beside {of_small} of the others");
}

/// A small account asks one request after the other, a huge one beside it as much as it can. Of its four buckets with two lines each
/// one request may be before each of the small one's, and as many go on their way while that is under way as may be at a time.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_waits_for_one_round_of_the_others() {
    const PAGES: u64 = 40;
    const HUGE: Shape = Shape { clusters: 30, services: 120, tasks: 120, task_definitions: 300, ..NOTHING };
    let roles = [role(0), role(1)];
    let [huge, small] = roles.each_ref().map(|arn| account_of(arn));
    let simulator = Simulator::start(World {
        shape: HUGE,
        shapes: [((small.to_owned(), REGION.to_owned()), Shape { task_definitions: PAGES, ..NOTHING })].into(),
        latency: Duration::from_millis(3)..=Duration::from_millis(3),
        record_arrivals: true,
        ..World::default()
    })
    .unwrap();
    let mut config = Config { page_size: 1, ..config(&simulator) };
    config.assume_role_arns = roles.to_vec();
    let report = dry_report(&config).await;
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    let arrivals = simulator.arrivals();
    let is_page = |arrival: &Arrival| arrival.account == small && arrival.action == "ListTaskDefinitions";
    let (first, last) = (arrivals.iter().position(is_page).unwrap(), arrivals.iter().rposition(is_page).unwrap());
    let between = arrivals[first..last].iter().filter(|arrival| arrival.account == huge).count() as u64;
    let most = (PAGES - 1) * (4 * 2 + config.parallel_requests as u64 - 1);
    assert!(between <= most, "{between} of the huge account between {PAGES} of the small one; {most} are its turns");
    assert!(arrivals[last..].iter().any(|arrival| arrival.account == huge), "it was there all the time");
}

fn account_of(role: &str) -> &str {
    role.split(':').nth(4).unwrap()
}
