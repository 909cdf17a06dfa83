//! The main job: every object of every scope lands on its topic, once, equal to what the API says, with the fewest calls.

use std::collections::BTreeMap;

use ecs_sdm_producer::config::Config;
use ecs_sdm_producer::report::{Outcome, Report};
use ecs_sim::{Counters, Pages, Shape, Simulator, World};
use kit::judgement::assert_landed;
use kit::report::total;
use kit::settings::config_on_kafka;
use kit::sync::sync;
use kit::{ACCOUNT, OBJECTS, REGION};

const ESTATE: Shape = Shape {
    clusters: 10,
    services: 500,
    tasks: 5_000,
    task_definitions: 1_000,
    stopped_tasks: 300,
    inactive_clusters: 0,
};

/// Small enough to be repeated in many forms, and still more than one batch and page of each object.
const SMALL: Shape =
    Shape { clusters: 4, services: 90, tasks: 450, task_definitions: 40, stopped_tasks: 44, inactive_clusters: 0 };

/// ListX and DescribeX of the packed minimum, for children spread evenly over clusters (`facts`: calls per account and region).
fn minimum(shape: Shape, page: u64, stopped: bool, scopes: u64) -> BTreeMap<&'static str, u64> {
    let parents = shape.clusters;
    let spread = |total: u64| (0..parents).map(move |n| total / parents + u64::from(n < total % parents));
    let pages = |total: u64| total.div_ceil(page).max(1);
    let batches = |total: u64, most: u64| total.div_ceil(page.min(most));
    let all = |total: u64, stopped_total: u64| -> Vec<(u64, u64)> {
        spread(total).zip(spread(if stopped { stopped_total } else { 0 })).collect()
    };
    let tasks = all(shape.tasks, shape.stopped_tasks);
    let calls = [
        ("ListClusters", pages(shape.clusters)),
        ("DescribeClusters", batches(shape.clusters, 100)),
        ("ListServices", spread(shape.services).map(pages).sum()),
        ("DescribeServices", spread(shape.services).map(|services| batches(services, 10)).sum()),
        (
            "ListTasks",
            tasks.iter().map(|(running, ended)| pages(*running) + if stopped { pages(*ended) } else { 0 }).sum(),
        ),
        ("DescribeTasks", tasks.iter().map(|(running, ended)| batches(running + ended, 100)).sum()),
        ("ListTaskDefinitions", pages(shape.task_definitions)),
        ("DescribeTaskDefinition", shape.task_definitions),
    ];
    calls.into_iter().map(|(action, calls)| (action, calls * scopes)).collect()
}

/// A completed sync that broke no rule of the API and never exceeded its share.
fn assert_clean(report: &Report, counters: &Counters, config: &Config) {
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    assert_eq!(counters.breaches, Vec::<String>::new());
    assert!(counters.in_flight_peak <= config.parallel_requests as u64, "{} in flight", counters.in_flight_peak);
    for (object, action) in
        OBJECTS.iter().zip(["DescribeClusters", "DescribeServices", "DescribeTasks", "DescribeTaskDefinition"])
    {
        let described = counters.items.get(action).copied().unwrap_or_default();
        assert_eq!(total(report, object, |one| one.counts.described), described, "{object}");
        let missing = counters.missing.get(action).copied().unwrap_or_default();
        assert_eq!(total(report, object, |one| one.counts.gone), missing, "{object}");
        assert_eq!(total(report, object, |one| one.counts.asked), described + missing, "{object}");
        assert_eq!(total(report, object, |one| one.counts.failed), 0, "{object}");
    }
    let ecs: u64 = counters.calls.iter().filter(|(action, _)| !is_sts(action)).map(|(_, calls)| calls).sum();
    assert_eq!((report.calls.attempts, report.calls.retried, report.calls.throttled), (ecs, 0, 0));
}

fn assert_minimal(counters: &Counters, minimum: &BTreeMap<&str, u64>) {
    let made = counters.calls.iter().filter(|(action, _)| !is_sts(action));
    assert_eq!(&made.map(|(action, calls)| (action.as_str(), *calls)).collect::<BTreeMap<_, _>>(), minimum);
}

fn is_sts(action: &str) -> bool {
    matches!(action, "AssumeRole" | "GetCallerIdentity")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_estate_lands_whole_with_the_fewest_calls() {
    let simulator = Simulator::start(World { shape: ESTATE, ..World::default() }).unwrap();
    let config = config_on_kafka(&simulator, "estate");
    let report = sync(&config).await;
    let counters = simulator.counters();
    assert_clean(&report, &counters, &config);
    assert_minimal(&counters, &minimum(ESTATE, 100, false, 1));
    for (object, count) in OBJECTS.iter().zip([10, 500, 5_000, 1_000]) {
        assert_eq!(total(&report, object, |one| one.counts.acknowledged), count, "{object}");
    }
    assert_landed(simulator.world(), &config, &report, &[(ACCOUNT, REGION, "")]);
    assert!(counters.user_agent.contains("app/ecs-sdm-producer"), "{}", counters.user_agent);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_seven_are_packed_into_batches() {
    let simulator = Simulator::start(World { shape: ESTATE, ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, "seven");
    config.page_size = 7;
    let report = sync(&config).await;
    assert_clean(&report, &simulator.counters(), &config);
    assert_minimal(&simulator.counters(), &minimum(ESTATE, 7, false, 1));
    assert_landed(simulator.world(), &config, &report, &[(ACCOUNT, REGION, "")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn short_and_empty_pages_end_no_list() {
    for pages in [Pages::Short, Pages::ShortAndEmpty] {
        let simulator = Simulator::start(World { shape: ESTATE, pages, ..World::default() }).unwrap();
        let config = config_on_kafka(&simulator, "short-pages");
        let report = sync(&config).await;
        let counters = simulator.counters();
        assert_clean(&report, &counters, &config);
        // More pages, but not one Describe more: batches are packed over them.
        let minimum = minimum(ESTATE, 100, false, 1);
        for action in ["DescribeClusters", "DescribeServices", "DescribeTasks", "DescribeTaskDefinition"] {
            assert_eq!(counters.calls[action], minimum[action], "{action} with {pages:?}");
        }
        assert!(counters.calls["ListTasks"] > minimum["ListTasks"], "{pages:?}");
        assert_landed(simulator.world(), &config, &report, &[(ACCOUNT, REGION, "")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_tasks_share_the_batches_of_the_running_ones() {
    let simulator = Simulator::start(World { shape: ESTATE, ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, "stopped");
    config.operation_options.ecs_task.fetch_stopped_tasks = true;
    let report = sync(&config).await;
    assert_clean(&report, &simulator.counters(), &config);
    assert_minimal(&simulator.counters(), &minimum(ESTATE, 100, true, 1));
    assert_eq!(total(&report, "EcsTask", |one| one.counts.acknowledged), 5_300);
    assert_landed(simulator.world(), &config, &report, &[(ACCOUNT, REGION, "")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_in_both_lists_is_sent_once() {
    let world = World { shape: SMALL, list_twice_every: Some(9), ..World::default() };
    let simulator = Simulator::start(world).unwrap();
    let mut config = config_on_kafka(&simulator, "both-lists");
    config.operation_options.ecs_task.fetch_stopped_tasks = true;
    let report = sync(&config).await;
    assert_clean(&report, &simulator.counters(), &config);
    assert!(simulator.counters().items["ListTasks"] > 494, "the lists overlap");
    assert_landed(simulator.world(), &config, &report, &[(ACCOUNT, REGION, "")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_roles_in_two_accounts_and_two_regions_are_one_sync() {
    let simulator = Simulator::start(World { shape: SMALL, pages: Pages::ShortAndEmpty, ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, "roles");
    let roles = [("222222222222", "reader"), ("222222222222", "auditor"), ("333333333333", "reader")];
    config.assume_role_arns =
        roles.iter().map(|(account, role)| format!("arn:aws:iam::{account}:role/{role}")).collect();
    config.regions = ["eu-west-1", "us-east-1"].map(str::to_owned).to_vec();
    config.session_duration = 1_800;
    config.external_id = Some("of-old".to_owned());
    config.operation_options.ecs_task.fetch_stopped_tasks = true;
    let report = sync(&config).await;
    let counters = simulator.counters();
    assert_clean(&report, &counters, &config);
    let mut scopes = Vec::new();
    for (account, role) in roles {
        for region in ["eu-west-1", "us-east-1"] {
            scopes.push((account, region, if role == "reader" { "/reader" } else { "/auditor" }));
        }
    }
    assert_landed(simulator.world(), &config, &report, &scopes);
    for arn in &config.assume_role_arns {
        let role = &counters.roles[arn];
        assert_eq!((role.calls, role.issued), (1, 1), "{arn} is assumed once");
        assert_eq!(role.duration_seconds.as_deref(), Some("1800"));
        assert_eq!(role.external_id.as_deref(), Some("of-old"));
        assert_eq!(role.session_name.as_deref(), Some("ecs-sdm-producer"));
    }
    assert!(
        !counters
            .calls_by_scope
            .keys()
            .any(|scope| scope.starts_with(ACCOUNT) && !is_sts(scope.rsplit('/').next().unwrap()))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_vanishes_between_list_and_describe_is_gone_not_lost() {
    let world = World { shape: SMALL, vanish_every: Some(11), ..World::default() };
    let simulator = Simulator::start(world).unwrap();
    let config = config_on_kafka(&simulator, "vanish");
    let report = sync(&config).await;
    assert_clean(&report, &simulator.counters(), &config);
    for object in ["EcsService", "EcsTask", "EcsTaskDefinition"] {
        assert!(total(&report, object, |one| one.counts.gone) > 0, "{object}");
    }
    assert_landed(simulator.world(), &config, &report, &[(ACCOUNT, REGION, "")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn inactive_clusters_have_no_children_and_are_no_error() {
    let shape = Shape { clusters: 6, inactive_clusters: 3, ..SMALL };
    let simulator = Simulator::start(World { shape, ..World::default() }).unwrap();
    let config = config_on_kafka(&simulator, "inactive");
    let report = sync(&config).await;
    let counters = simulator.counters();
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    assert!(counters.errors["ClusterNotFoundException"] > 0 && counters.errors["InvalidParameterException"] > 0);
    assert_eq!(total(&report, "EcsCluster", |one| one.counts.acknowledged), 6);
    assert_landed(simulator.world(), &config, &report, &[(ACCOUNT, REGION, "")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_account_is_complete() {
    let simulator = Simulator::start(World { shape: Shape::empty(), ..World::default() }).unwrap();
    let config = config_on_kafka(&simulator, "empty");
    let report = sync(&config).await;
    assert_clean(&report, &simulator.counters(), &config);
    assert_landed(simulator.world(), &config, &report, &[(ACCOUNT, REGION, "")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_wanted_objects_are_read() {
    let simulator = Simulator::start(World { shape: SMALL, ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, "objects");
    config.objects = vec!["EcsTask".to_owned()];
    let report = sync(&config).await;
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    assert_eq!(report.types.iter().map(|one| one.object).collect::<Vec<_>>(), ["EcsTask"]);
    let counters = simulator.counters();
    let calls: Vec<&str> = counters.calls.keys().map(String::as_str).filter(|action| !is_sts(action)).collect();
    assert_eq!(calls, ["DescribeTasks", "ListClusters", "ListTasks"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sync_lies_behind_the_first() {
    let simulator = Simulator::start(World::default()).unwrap();
    let config = config_on_kafka(&simulator, "twice");
    let (first, second) = (sync(&config).await, sync(&config).await);
    assert!(first.sync < second.sync);
    assert_eq!(second.outcome, Outcome::Completed, "{}", second.text());
    let highs: Vec<_> = first.partitions.iter().map(|range| (&range.topic, range.partition, range.high)).collect();
    let lows: Vec<_> = second.partitions.iter().map(|range| (&range.topic, range.partition, range.low)).collect();
    assert_eq!(highs, lows);
}
