//! Answers that lack something: cut, empty, with objects or tokens that are not right.

use kit::{ACCOUNT, OBJECTS, REGION};

use super::*;

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
async fn a_describe_answered_without_its_list_is_tried_again() {
    for action in ["DescribeClusters", "DescribeServices", "DescribeTasks"] {
        let empty = Fault::new(action, Effect::Replace("{}".to_owned()));
        let (report, _) = sync_with("no-objects", [empty.times(2)]).await;
        assert_states(&report, [Complete; 4]);
        assert_eq!(report.calls.retried, 2, "{action}");
    }
    let empty = Fault::new("DescribeTaskDefinition", Effect::Replace("{}".to_owned()));
    let (report, _) = sync_with("no-definition", [empty.times(2)]).await;
    assert_states(&report, [Complete; 4]);
    assert_eq!(report.calls.retried, 0, "it is asked again, as one that is missing");
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
