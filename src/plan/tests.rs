use super::*;
use crate::config::RoleConfig;
use crate::report::{CallCounts, Counts};

const ACCOUNT: &str = "111111111111";

/// A type of one account with its lists and describes.
fn of_type(
    account: &str,
    role: Option<&str>,
    object: &'static str,
    lists: u64,
    describes: u64,
) -> (TypeReport, PlanCounts) {
    let report = TypeReport {
        account: Some(account.to_owned()),
        region: Some("eu-west-1".to_owned()),
        role: role.map(str::to_owned),
        object,
        state: State::Complete,
        counts: Counts::default(),
        error: None,
        causes: Vec::new(),
    };
    (report, PlanCounts { objects: describes, lists, describes })
}

fn plan(config: &Config, types: Vec<(TypeReport, PlanCounts)>, latency_ms: u64) -> Plan {
    let (types, counts): (Vec<_>, Vec<_>) = types.into_iter().unzip();
    let calls = CallCounts { attempts: counts.iter().map(|one: &PlanCounts| one.lists).sum(), ..CallCounts::default() };
    let report = Report::new(0, "test".to_owned(), types, calls, None);
    Plan::new(config, &report, &counts, Some(Duration::from_millis(latency_ms)))
}

fn seconds_of(time: Duration) -> f64 {
    (time.as_secs_f64() * 100.0).round() / 100.0
}

#[test]
fn a_bucket_takes_what_is_beyond_its_burst_at_its_rate() {
    // 50 and 20 a second, of which the share is taken: 26 x 0.75 at once, and 15 a second.
    for (calls, seconds) in [(0, 0.0), (19, 0.0), (20, 0.03), (1_519, 99.97)] {
        let plan = plan(&Config::default(), vec![of_type(ACCOUNT, None, "EcsTaskDefinition", 0, calls)], 0);
        assert_eq!(seconds_of(plan.time), seconds, "{calls}");
        assert_eq!(plan.buckets.first().is_some_and(|bucket| bucket.binds), calls > 19, "{calls}");
        assert_eq!(plan.types[0].time, plan.time);
    }
}

#[test]
fn types_of_one_bucket_add_up_and_the_slowest_bucket_decides() {
    let types = vec![
        of_type(ACCOUNT, Some("a"), "EcsTask", 10, 400),
        of_type(ACCOUNT, Some("b"), "EcsTask", 10, 400),
        of_type(ACCOUNT, Some("a"), "EcsService", 10, 500),
        of_type("222222222222", None, "EcsTask", 10, 700),
    ];
    let plan = plan(&Config::default(), types, 0);
    let buckets: Vec<_> = plan.buckets.iter().map(|one| (one.bucket, one.lists, one.describes, one.binds)).collect();
    let tasks = "cluster_resource_read";
    assert_eq!(buckets, [("service_read", 10, 500, false), (tasks, 20, 800, true), (tasks, 10, 700, false)]);
    // 820 of both roles, 57 of them at once.
    assert_eq!(seconds_of(plan.time), 50.87);
    assert_eq!(seconds_of(plan.types[0].time), 23.53, "each role alone would be quicker");
}

#[test]
fn parallel_requests_bind_where_buckets_have_enough() {
    let config = Config { parallel_requests: 2, ..Config::default() };
    let plan = plan(&config, vec![of_type(ACCOUNT, None, "EcsTask", 1, 99)], 250);
    assert!(plan.requests.bind && !plan.buckets[0].binds);
    assert_eq!(plan.time, Duration::from_millis(100 * 250 / 2));
    let parallel = plan.alternatives.iter().filter(|one| one.api_share.is_none());
    let parallel: Vec<_> = parallel.map(|one| (one.parallel_requests, seconds_of(one.time))).collect();
    // (100 - 57) / 15 is what the bucket takes.
    assert_eq!(parallel, [(2, 12.5), (4, 6.25), (8, 3.13)]);
}

#[test]
fn another_share_is_one_for_all_roles() {
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/a");
    let role = RoleConfig { arn: arn.clone(), api_share: Some(0.5), ..RoleConfig::default() };
    let config = Config { roles: vec![role], ..Config::default() };
    let plan = plan(&config, vec![of_type(ACCOUNT, Some(&arn), "EcsTaskDefinition", 13, 1_000)], 0);
    // 26 at once and 20 a second, a half of them.
    assert_eq!(seconds_of(plan.time), 100.0);
    let shares = plan.alternatives.iter().filter_map(|one| Some((one.api_share?, seconds_of(one.time))));
    assert_eq!(shares.collect::<Vec<_>>(), [(0.25, 201.3), (0.5, 100.0), (0.75, 66.23), (1.0, 49.35)]);
    assert_eq!(plan.own_calls, 13);
    assert_eq!(seconds_of(plan.full_again), 1.3, "13 tokens at 10 a second");
}

#[test]
fn nothing_takes_no_time() {
    let plan = plan(&Config::default(), Vec::new(), 0);
    assert_eq!((plan.time, plan.full_again, plan.buckets.len()), (Duration::ZERO, Duration::ZERO, 0));
}
