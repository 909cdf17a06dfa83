//! The start with Kafka: what is not there, what is refused, and what the user is told.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use ecs_sdm_producer::config::{Headers, TopicsCreate};
use ecs_sdm_producer::report::{Cut, Outcome, Report};
use ecs_sdm_producer::tally::State;
use ecs_sim::{Shape, Simulator, World};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

use crate::broker;
use crate::support::{config, config_on_kafka, on_broker, read, sync};

fn simulator() -> Simulator {
    Simulator::start(World::default()).unwrap()
}

/// The reason of a sync that failed before anything was asked of ECS.
fn assert_failed(report: &Report, simulator: &Simulator) -> String {
    assert_eq!((report.outcome, report.outcome.exit_code()), (Outcome::Failed, 2));
    assert!(report.types.is_empty() && report.partitions.is_empty(), "failed before reading has no types");
    assert_eq!(simulator.counters().requests, 0, "AWS is not asked");
    match &report.cut {
        Some(Cut::Failure(reason)) => reason.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_topics_are_named_with_the_way_out() {
    let simulator = simulator();
    let mut config = config_on_kafka(&simulator, "missing");
    config.kafka.topics_create = TopicsCreate::Never;
    let reason = assert_failed(&sync(&config).await, &simulator);
    for topic in ["cluster", "service", "task", "task-definition", "sync"] {
        assert!(reason.contains(&format!("{}.{topic} (", config.kafka.topic_prefix)), "{reason}");
    }
    assert!(reason.contains("kafka.topics_create"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_made_with_the_settings_of_the_contract() {
    let simulator = simulator();
    let mut config = config_on_kafka(&simulator, "made");
    config.kafka.partitions = 2;
    config.kafka.retention = Duration::from_secs(86_400);
    config.kafka.topics.insert("EcsTask".to_owned(), format!("{}-of-tasks", config.kafka.topic_prefix));
    let report = sync(&config).await;
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", broker::bootstrap_servers().unwrap()).create().unwrap();
    let data = ("compact,delete", "86400000", "86400000");
    for (topic, partitions, expected) in [
        (config.kafka.topic("EcsCluster"), 2, data),
        (config.kafka.topic("EcsTask"), 2, data),
        (config.kafka.sync_topic(), 0, ("delete", "2592000000", "0")),
    ] {
        let found = report.partitions.iter().filter(|range| range.topic == topic).count();
        assert_eq!(found, partitions, "{topic}");
        let described =
            admin.describe_configs([&ResourceSpecifier::Topic(&topic)], &AdminOptions::new()).await.unwrap();
        let resource = described.into_iter().next().unwrap().unwrap();
        let settings: BTreeMap<&str, &str> = resource
            .entry_map()
            .into_iter()
            .map(|(name, entry)| (name, entry.value.as_deref().unwrap_or_default()))
            .collect();
        let of = |name: &str| settings[name];
        assert_eq!((of("cleanup.policy"), of("retention.ms"), of("min.compaction.lag.ms")), expected, "{topic}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_broker_fails_after_the_startup_timeout_with_its_reason() {
    let simulator = simulator();
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut config = on_broker(config(&simulator), &unused.to_string(), "unreachable");
    config.kafka.startup_timeout = Duration::from_secs(2);
    let began = Instant::now();
    let reason = assert_failed(&sync(&config).await, &simulator);
    assert!(began.elapsed() >= Duration::from_secs(2), "it does wait");
    for part in [unused.to_string().as_str(), "within 2s (kafka.startup_timeout)", "Connection refused"] {
        assert!(reason.contains(part), "{part} is not in: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_protocol_fails_at_once_with_the_setting_to_look_at() {
    let simulator = simulator();
    let mut config = config_on_kafka(&simulator, "protocol");
    config.kafka.properties.0.insert("security.protocol".to_owned(), "ssl".to_owned());
    let began = Instant::now();
    let reason = assert_failed(&sync(&config).await, &simulator);
    assert!(began.elapsed() < config.kafka.startup_timeout, "it does not wait");
    assert!(reason.contains("PLAINTEXT broker listener") && reason.contains("security.protocol"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_record_ends_its_type_and_no_other() {
    let shape =
        Shape { clusters: 1, services: 0, tasks: 300, stopped_tasks: 0, task_definitions: 20, inactive_clusters: 0 };
    let simulator = Simulator::start(World { shape, ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, "refused");
    let first = sync(&config).await;
    assert_eq!(first.outcome, Outcome::Completed, "{}", first.text());
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", broker::bootstrap_servers().unwrap()).create().unwrap();
    let topic = config.kafka.topic("EcsTask");
    let small = rdkafka::admin::AlterConfig::new(ResourceSpecifier::Topic(&topic)).set("max.message.bytes", "200");
    admin.alter_configs([&small], &AdminOptions::new()).await.unwrap().pop().unwrap().unwrap();

    config.kafka.headers = Headers::None;
    let report = sync(&config).await;
    assert_eq!(report.outcome, Outcome::Partial, "{}", report.text());
    for one in &report.types {
        if one.object == "EcsTask" {
            assert_eq!((one.acknowledged, one.failed), (0, one.described), "what is refused is never acknowledged");
            let error = one.error.as_deref().unwrap();
            assert!(error.contains(&topic) && error.contains("MessageSizeTooLarge"), "{error}");
        } else {
            assert_eq!(one.acknowledged, one.described, "{one:?}");
        }
    }
    let records = read(broker::bootstrap_servers().unwrap(), &config.kafka.topic("EcsCluster"));
    assert_eq!(records.last().map(|record| record.headers.len()), Some(0), "kafka.headers = none");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_clusters_do_not_end_the_rows_that_their_list_feeds() {
    let shape =
        Shape { clusters: 450, services: 450, tasks: 0, stopped_tasks: 0, task_definitions: 0, inactive_clusters: 0 };
    let simulator = Simulator::start(World { shape, ..World::default() }).unwrap();
    let config = config_on_kafka(&simulator, "refused-clusters");
    let empty = Simulator::start(World { shape: Shape::empty(), ..World::default() }).unwrap();
    let mut first = config.clone();
    first.endpoint_url = Some(empty.endpoint());
    assert_eq!(sync(&first).await.outcome, Outcome::Completed, "the topics are made");
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", broker::bootstrap_servers().unwrap()).create().unwrap();
    let topic = config.kafka.topic("EcsCluster");
    let small = rdkafka::admin::AlterConfig::new(ResourceSpecifier::Topic(&topic)).set("max.message.bytes", "200");
    admin.alter_configs([&small], &AdminOptions::new()).await.unwrap().pop().unwrap().unwrap();

    let report = sync(&config).await;
    assert_eq!(report.outcome, Outcome::Partial, "{}", report.text());
    let of = |object: &str| report.types.iter().find(|one| one.object == object).unwrap();
    assert_eq!((of("EcsCluster").acknowledged, of("EcsService").acknowledged), (0, 450), "{}", report.text());
    assert_eq!(of("EcsService").state, State::Complete);
}
