//! What could not be read is never shown as complete: faults of AWS, and what each makes of the types.

use std::time::Duration;

use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::report::State::{Complete, Denied, Partial};
use ecs_sdm_producer::report::{Outcome, StopReason};
use ecs_sdm_producer::sync::Sink;
use ecs_sim::{Effect, Fault, Shape, Simulator, World};
use kit::report::{assert_states, one};
use kit::settings::config_on_kafka;
use kit::sync::{SHAPE, stopped_by, sync, sync_with};
use kit::{ACCOUNT, OBJECTS, REGION};

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
async fn an_answer_that_is_cut_is_tried_again_and_never_an_empty_account() {
    for bytes in [0, 1, 40] {
        let actions =
            ["ListClusters", "ListServices", "DescribeTasks", "ListTaskDefinitions", "DescribeTaskDefinition"];
        let (report, _) = sync_with("cut", actions.map(|action| Fault::new(action, Effect::Cut(bytes)).times(2))).await;
        assert_states(&report, [Complete; 4]);
        assert_eq!(report.calls.retried, 10, "cut after {bytes} bytes");
        assert_eq!(one(&report, "EcsTask").counts.acknowledged, 330);
    }
    let (report, _) = sync_with("cut", [Fault::new("ListClusters", Effect::Cut(0))]).await;
    assert_states(&report, [Partial, Partial, Partial, Complete]);
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
async fn a_lapsed_page_token_restarts_the_list_once() {
    let shape = Shape { clusters: 1, services: 350, ..SHAPE };
    for (times, expected) in [(1, Complete), (2, Partial)] {
        let simulator = Simulator::start(World { shape, ..World::default() }).unwrap();
        let config = config_on_kafka(&simulator, "lapsed");
        let lapsed = Fault::refuse("ListServices", 400, "InvalidParameterException", "Invalid token");
        // The third page, and the third page again.
        drop(simulator.fault(lapsed.skip(2).times(1)));
        if times == 2 {
            let again = Fault::refuse("ListServices", 400, "InvalidParameterException", "Invalid token");
            drop(simulator.fault(again.skip(4).times(1)));
        }
        let report = sync(&config).await;
        assert_states(&report, [Complete, expected, Complete, Complete]);
        let services = one(&report, "EcsService");
        assert_eq!(services.counts.acknowledged, services.counts.asked, "none is sent twice");
        assert_eq!(services.counts.acknowledged == 350, expected == Complete);
    }
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
async fn a_sync_beyond_its_time_stops_reading_and_is_partial() {
    let simulator = Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, "timeout");
    config.timeout = Some(Duration::from_secs(3));
    drop(simulator.fault(Fault::hold("DescribeTasks")));
    let report = sync(&config).await;
    assert_states(&report, [Complete, Complete, Partial, Complete]);
    assert_eq!((report.outcome, report.stop_reason.as_ref()), (Outcome::Partial, Some(&StopReason::Timeout)));
    assert_eq!(one(&report, "EcsTask").counts.described, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_before_a_scope_is_admitted_leaves_its_types_partial() {
    let simulator = Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, "not-admitted");
    config.regions = (0..40).map(|n| format!("region-{n}")).collect();
    let gate = simulator.fault(Fault::hold("GetCallerIdentity"));
    let mut engine = Engine::new(config, "eu-west-1".to_owned()).unwrap();
    let report = stopped_by(engine.start(Sink::Kafka), gate.wait_met(1)).await;
    gate.release();
    assert_eq!(report.outcome, Outcome::Aborted, "{}", report.text());
    assert_eq!(report.types.len(), 40 * 4, "admitted, waiting for it, or not: none is missing");
    assert!(report.types.iter().all(|one| one.state == Partial), "{}", report.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_before_anything_was_read_is_no_empty_account() {
    let simulator = Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, "too-early");
    config.kafka.bootstrap_servers = vec!["127.0.0.1:1".to_owned()];
    config.timeout = Some(Duration::from_millis(100));
    let report = sync(&config).await;
    assert_eq!((report.outcome, report.types.len()), (Outcome::Failed, 0), "{}", report.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_answered_without_its_list_is_no_empty_list() {
    for (action, states) in [
        ("ListClusters", [Partial, Partial, Partial, Complete]),
        ("ListServices", [Complete, Partial, Complete, Complete]),
        ("ListTasks", [Complete, Complete, Partial, Complete]),
        ("ListTaskDefinitions", [Complete, Complete, Complete, Partial]),
    ] {
        for body in ["{}", r#"{"message": "Rate exceeded"}"#] {
            let (report, _) = sync_with("no-list", [Fault::new(action, Effect::Replace(body.to_owned()))]).await;
            assert_states(&report, states);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_answer_leaves_open_is_asked_again_once_and_then_counted() {
    // By action: its object, and how many of its answers lack their first object when it is asked for again too.
    let open: [(&str, usize, u64); 4] = [
        ("DescribeClusters", 0, 1),
        ("DescribeServices", 1, 6),
        ("DescribeTasks", 2, 6),
        ("DescribeTaskDefinition", 3, 30),
    ];
    for (action, at, lost) in open {
        let failing = (action != "DescribeTaskDefinition").then(|| (Fault::fail(action, "INTERNAL"), "INTERNAL"));
        let shortfall = (Fault::drop_objects(action, 1), "missing from the answer without a failure");
        for (fault, reason) in failing.into_iter().chain([shortfall]) {
            let (report, _) = sync_with("open", [fault.clone().times(1)]).await;
            assert_states(&report, [Complete; 4]);
            assert_eq!(report.calls.retried, 0, "{action}: asked again, not tried again");

            let (report, _) = sync_with("open", [fault]).await;
            let mut states = [Complete; 4];
            states[at] = Partial;
            assert_states(&report, states);
            let one = one(&report, OBJECTS[at]);
            assert_eq!(
                (one.counts.failed, one.counts.asked, one.counts.gone),
                (lost, one.counts.acknowledged + lost, 0),
                "{action}: {one:?}"
            );
            assert!(
                one.causes.iter().all(|cause| cause.error.starts_with(action) && cause.error.ends_with(reason)),
                "{one:?}"
            );
            let of_cluster = matches!(action, "DescribeServices" | "DescribeTasks");
            assert!(one.causes.iter().all(|cause| cause.parent.is_some() == of_cluster), "{one:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_without_an_arn_is_counted_and_never_sent() {
    let nameless = r#"{"clusters": [{"clusterName": "who"}], "failures": []}"#.to_owned();
    let (report, _) = sync_with("nameless", [Fault::new("DescribeClusters", Effect::Replace(nameless)).times(1)]).await;
    assert_states(&report, [Partial, Complete, Complete, Complete]);
    let clusters = one(&report, "EcsCluster");
    let counts =
        (clusters.counts.asked, clusters.counts.described, clusters.counts.acknowledged, clusters.counts.failed);
    assert_eq!(counts, (3, 3, 2, 1), "it stands for one of the three, which is not asked again");
    assert_eq!(clusters.error.as_deref(), Some("DescribeClusters: an object without an ARN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_that_repeats_is_an_error_and_not_the_end() {
    for (action, states) in [
        ("ListClusters", [Partial, Partial, Partial, Complete]),
        ("ListServices", [Complete, Partial, Complete, Complete]),
        ("ListTasks", [Complete, Complete, Partial, Complete]),
        ("ListTaskDefinitions", [Complete, Complete, Complete, Partial]),
    ] {
        let (report, _) = sync_with("repeated", [Fault::repeat_token(action).times(1)]).await;
        assert_states(&report, states);
        let one = report.types.iter().find(|one| one.state == Partial).unwrap();
        let error = one.error.as_deref().unwrap();
        assert!(error.starts_with(&format!("{action}: RepeatedToken: ")), "{error}");
        assert_eq!(one.counts.asked, one.counts.acknowledged, "what was listed is delivered, once: {one:?}");
    }
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

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_arn_in_the_list_of_clusters_leaves_all_that_starts_from_it_partial() {
    let simulator = Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap();
    let config = config_on_kafka(&simulator, "empty-arn");
    let clusters = simulator.world().clusters(ACCOUNT, REGION);
    let mut arns: Vec<String> = clusters.map(|one| one["clusterArn"].as_str().unwrap().to_owned()).collect();
    arns[0].clear();
    let body = serde_json::json!({ "clusterArns": arns }).to_string();
    drop(simulator.fault(Fault::new("ListClusters", Effect::Replace(body))));
    let report = sync(&config).await;
    assert_states(&report, [Partial, Partial, Partial, Complete]);
    assert!(report.types[1].error.as_ref().unwrap().contains("ListClusters: an empty ARN"), "{}", report.text());
}
