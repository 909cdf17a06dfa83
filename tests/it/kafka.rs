//! The start with Kafka: what is not there, what is refused, and what the user is told.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::{Duration, Instant};

use ecs_sdm_producer::config::{Tolerance, TopicsCreate};
use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::report::Outcome;
use ecs_sdm_producer::sync::Sink;
use ecs_sim::{Fault, Shape, Simulator, World};
use kit::report::assert_failed;
use kit::server::Closed;
use kit::settings::{config, config_on_kafka, on_broker};
use kit::sync::sync;
use kit::topic::{admin, read};
use kit::wait::wait_until;
use kit::{REGION, broker};
use rdkafka::admin::{AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};

fn simulator() -> Simulator {
    Simulator::start(World::default()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_topics_are_named_with_the_way_out() {
    let simulator = simulator();
    let mut config = config_on_kafka(&simulator, "missing");
    config.kafka.topics_create = TopicsCreate::Never;
    config.errors.tolerance = Tolerance::Dlq;
    let reason = assert_failed(&sync(&config).await, &simulator);
    for topic in ["cluster", "service", "task", "task-definition", "sync", "dlq"] {
        assert!(reason.contains(&format!("{}.{topic}", config.kafka.topic_prefix)), "{reason}");
    }
    assert!(reason.contains("kafka.topics_create"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_made_with_the_settings_of_the_contract() {
    let simulator = simulator();
    let mut config = config_on_kafka(&simulator, "made");
    config.kafka.partitions = 2;
    config.kafka.retention = Duration::from_secs(86_400);
    config.errors.tolerance = Tolerance::Dlq;
    config.kafka.topics.insert("EcsTask".to_owned(), format!("{}-of-tasks", config.kafka.topic_prefix));
    let report = sync(&config).await;
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    let admin = admin(broker::bootstrap_servers().unwrap());
    let data = ("compact,delete", "86400000", "86400000");
    for (topic, partitions, expected) in [
        (config.kafka.topic("EcsCluster"), 2, data),
        (config.kafka.topic("EcsTask"), 2, data),
        (config.kafka.sync_topic(), 0, ("delete", "2592000000", "0")),
        (config.kafka.dead_letter_topic(), 0, ("delete", "2592000000", "0")),
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
    let closed = Closed::new().unwrap();
    let address = closed.address().unwrap().to_string();
    let mut config = on_broker(config(&simulator), &address, "unreachable");
    // Time enough for librdkafka to be refused at least once.
    config.kafka.startup_timeout = Duration::from_secs(10);
    let began = Instant::now();
    let reason = assert_failed(&sync(&config).await, &simulator);
    assert!(began.elapsed() >= config.kafka.startup_timeout, "it does wait");
    for part in [address.as_str(), "within 10s (kafka.startup_timeout)", "Connection refused"] {
        assert!(reason.contains(part), "{part} is not in: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_protocol_fails_at_once_with_the_setting_to_look_at() {
    let simulator = simulator();
    let mut config = config_on_kafka(&simulator, "protocol");
    config.kafka.properties.0.insert("security.protocol".to_owned(), "ssl".to_owned());
    config.kafka.startup_timeout = Duration::from_secs(120);
    let reason = assert_failed(&sync(&config).await, &simulator);
    assert!(!reason.contains("kafka.startup_timeout"), "it does not wait: {reason}");
    assert!(reason.contains("PLAINTEXT broker listener") && reason.contains("security.protocol"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_made_anew_in_mid_sync_fails_it() {
    let shape = Shape { clusters: 1, tasks: 300, ..Shape::empty() };
    let simulator = Simulator::start(World { shape, ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, "anew");
    config.kafka.partitions = 1;
    config.objects = vec!["EcsTask".to_owned()];
    config.parallel_requests = 1;
    let gate = simulator.fault(Fault::hold("DescribeTasks").skip(1));
    let (mut engine, topic) = (Engine::new(config.clone(), REGION.to_owned()).unwrap(), config.kafka.topic("EcsTask"));
    let mut sync = pin!(engine.start(Sink::Kafka).finish());
    let anew = async {
        gate.wait_met(1).await;
        let admin = admin(broker::bootstrap_servers().unwrap());
        let servers = config.kafka.bootstrap_servers[0].clone();
        let landed = topic.clone();
        // The consumer blocks.
        let landed = tokio::task::spawn_blocking(move || {
            wait_until("the first batch has landed", || read(&servers, &landed).len() >= 100);
        });
        landed.await.unwrap();
        admin.delete_topics(&[&topic], &AdminOptions::new()).await.unwrap().pop().unwrap().unwrap();
        let new = NewTopic::new(&topic, 1, TopicReplication::Fixed(1));
        admin.create_topics([&new], &AdminOptions::new()).await.unwrap().pop().unwrap().unwrap();
        gate.release();
    };
    let report = tokio::select! {
        report = &mut sync => panic!("the sync ended at the gate: {}", report.text()),
        () = anew => sync.await,
    };
    assert_eq!(report.outcome, Outcome::Failed, "{}", report.text());
    let reason = report.stop_reason.as_ref().unwrap().to_string();
    assert!(reason.contains(&topic) && reason.contains("made anew"), "{reason}");
    assert!(report.partitions.is_empty(), "no ranges rather than wrong ones");
}
