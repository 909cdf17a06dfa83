//! What could not be read is never shown as complete: faults of AWS, and what each makes of the types.

mod answers;
mod stopped;

use std::time::Duration;

use ecs_sdm_producer::report::Outcome;
use ecs_sdm_producer::report::State::{Complete, Denied, Partial};
use ecs_sim::{Effect, Fault, Shape, Simulator, World};
use kit::report::{assert_states, one};
use kit::settings::config_on_kafka;
use kit::sync::{SHAPE, sync, sync_with};

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_action_denies_what_rests_on_it() {
    for (action, expected) in [
        ("ListClusters", [Denied, Denied, Denied, Complete]),
        ("DescribeClusters", [Denied, Complete, Complete, Complete]),
        ("ListServices", [Complete, Denied, Complete, Complete]),
        ("DescribeServices", [Complete, Denied, Complete, Complete]),
        ("ListTasks", [Complete, Complete, Denied, Complete]),
        ("DescribeTasks", [Complete, Complete, Denied, Complete]),
        ("ListTaskDefinitions", [Complete, Complete, Complete, Denied]),
        ("DescribeTaskDefinition", [Complete, Complete, Complete, Denied]),
    ] {
        let (report, _) = sync_with("denied", [Fault::access_denied(action)]).await;
        assert_states(&report, expected);
        assert_eq!(report.outcome, Outcome::Partial);
        assert_eq!(report.calls.retried, 0, "{action}: a denial is not tried again");
        let denied = report.types.iter().find(|one| one.state == Denied).unwrap();
        let error = denied.error.as_deref().unwrap();
        assert!(error.starts_with(&format!("{action}: AccessDeniedException: ")), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn denied_task_definitions_are_not_asked_for_one_by_one() {
    let shape = Shape { task_definitions: 500, ..SHAPE };
    let simulator = Simulator::start(World { shape, ..World::default() }).unwrap();
    drop(simulator.fault(Fault::access_denied("DescribeTaskDefinition")));
    let config = config_on_kafka(&simulator, "hopeless");
    let report = sync(&config).await;
    assert_states(&report, [Complete, Complete, Complete, Denied]);
    let (counters, definitions) = (simulator.counters(), one(&report, "EcsTaskDefinition"));
    assert_eq!(
        (counters.calls["DescribeTaskDefinition"], definitions.counts.failed),
        (definitions.counts.asked, definitions.counts.asked)
    );
    assert!((10..30).contains(&definitions.counts.asked), "ten, and those under way: {definitions:?}");
    assert_eq!(counters.calls["ListTaskDefinitions"], 5, "the list goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_for_one_cluster_of_three_is_partial_and_names_it() {
    let simulator = Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap();
    let config = config_on_kafka(&simulator, "one-cluster");
    let cluster = simulator.world().clusters("111111111111", "eu-west-1").next().unwrap();
    let cluster = cluster["clusterArn"].as_str().unwrap();
    drop(simulator.fault(Fault::access_denied("ListTasks").cluster(cluster)));
    let report = sync(&config).await;
    assert_states(&report, [Complete, Complete, Partial, Complete]);
    let tasks = one(&report, "EcsTask");
    assert_eq!(tasks.causes.iter().map(|cause| cause.parent.as_deref()).collect::<Vec<_>>(), [Some(cluster)]);
    assert_eq!((tasks.counts.asked, tasks.counts.acknowledged), (220, 220), "the other clusters are read whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn passing_faults_are_tried_again_and_nothing_is_missing() {
    let refuse = |action: &str, status, code: &str| Fault::refuse(action, status, code, "try again").times(3);
    let faults = [
        refuse("ListClusters", 500, "ServerException"),
        refuse("ListTasks", 503, "ServiceUnavailable"),
        Fault::throttling("DescribeTasks").times(3),
        Fault::new("DescribeServices", Effect::Close).times(3),
        refuse("DescribeTaskDefinition", 502, ""),
    ];
    let (report, simulator) = sync_with("passing", faults).await;
    assert_states(&report, [Complete; 4]);
    assert_eq!(report.outcome, Outcome::Completed);
    let counters = simulator.counters();
    let ecs: u64 =
        counters.calls.iter().filter(|(action, _)| *action != "GetCallerIdentity").map(|(_, calls)| calls).sum();
    assert_eq!((report.calls.attempts, report.calls.retried, report.calls.throttled), (ecs, 15, 3));
    assert_eq!(counters.breaches, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_client_exception_about_the_revision_means_gone() {
    for (message, expected, gone) in
        [("Unable to describe task definition.", Complete, 30), ("The specified account is blocked", Partial, 0)]
    {
        let refused = Fault::refuse("DescribeTaskDefinition", 400, "ClientException", message);
        let (report, _) = sync_with("client-exception", [refused]).await;
        assert_states(&report, [Complete, Complete, Complete, expected]);
        assert_eq!(one(&report, "EcsTaskDefinition").counts.gone, gone, "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_hangs_is_cut_off_and_tried_again() {
    let simulator = Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, "hangs");
    config.limits.attempt_timeout = Duration::from_millis(500);
    config.assume_role_arns = vec!["arn:aws:iam::222222222222:role/reader".to_owned()];
    for action in ["AssumeRole", "ListServices", "DescribeTasks", "DescribeTaskDefinition"] {
        drop(simulator.fault(Fault::hold(action).times(1)));
    }
    let report = sync(&config).await;
    assert_states(&report, [Complete; 4]);
    assert!(report.calls.retried >= 3, "{:?}", report.calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn spent_retries_make_their_type_partial_and_no_other() {
    // Four attempts of each call fail: the first and its three retries.
    for (action, expected, attempts) in [
        ("ListClusters", [Partial; 3], 4),
        ("ListServices", [Complete, Partial, Complete], 12),
        ("DescribeTasks", [Complete, Complete, Partial], 24),
    ] {
        let (report, simulator) = sync_with("spent", [Fault::refuse(action, 500, "ServerException", "down")]).await;
        let [clusters, services, tasks] = expected;
        assert_states(&report, [clusters, services, tasks, Complete]);
        assert_eq!(
            simulator.counters().calls[action],
            attempts,
            "{action}: maximum_retries is honoured for every call"
        );
    }
    let (report, _) = sync_with("spent", [Fault::refuse("DescribeTasks", 500, "ServerException", "down")]).await;
    let tasks = one(&report, "EcsTask");
    assert_eq!((tasks.counts.asked, tasks.counts.described, tasks.counts.gone, tasks.counts.failed), (330, 0, 0, 330));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_breaks_off_after_its_first_page_is_partial() {
    let shape = Shape { clusters: 250, services: 0, tasks: 0, ..SHAPE };
    let simulator = Simulator::start(World { shape, ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, "broken-off");
    config.maximum_retries = 1;
    drop(simulator.fault(Fault::refuse("ListClusters", 500, "ServerException", "down").skip(1)));
    let report = sync(&config).await;
    assert_states(&report, [Partial, Partial, Partial, Complete]);
    assert_eq!(one(&report, "EcsCluster").counts.acknowledged, 100, "what was listed is delivered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_vanishes_takes_what_was_asked_of_it_along() {
    let (report, _) = sync_with(
        "cluster-gone",
        [Fault::refuse("DescribeTasks", 400, "ClusterNotFoundException", "Cluster not found.")],
    )
    .await;
    assert_states(&report, [Complete; 4]);
    assert_eq!((one(&report, "EcsTask").counts.asked, one(&report, "EcsTask").counts.gone), (330, 330));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_gone_or_inactive_has_no_children_and_the_others_have_theirs() {
    let inactive =
        Fault::refuse("ListServices", 400, "InvalidParameterException", "The referenced cluster was inactive.");
    let (report, _) = sync_with("inactive", [inactive.times(1), Fault::cluster_not_found("ListTasks").times(1)]).await;
    assert_states(&report, [Complete; 4]);
    assert_eq!((one(&report, "EcsService").counts.asked, one(&report, "EcsTask").counts.asked), (24, 220));
    assert_eq!(one(&report, "EcsCluster").counts.acknowledged, 3);
}
