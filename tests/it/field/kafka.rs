//! Kafka: brokers that advertise nonsense, refuse topics or records, and what the line says then.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use ecs_sdm_producer::config::{Config, TopicsCreate};
use ecs_sdm_producer::report::{Outcome, Report};
use ecs_sim::{Simulator, World};
use kit::OBJECTS;
use kit::broker::{self, Broker};
use kit::program::{code, program, text};
use kit::report::assert_failed;
use kit::server::Closed;
use kit::settings::{config, config_on_kafka, on_broker};
use kit::sync::sync;
use kit::topic::{admin, set_topic};
use kit::toxic::FaultProxy;
use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

fn simulator() -> Simulator {
    Simulator::start(World::default()).unwrap()
}

/// Every topic of a sync.
fn topics(config: &Config) -> Vec<String> {
    OBJECTS.map(|object| config.kafka.topic(object)).into_iter().chain([config.kafka.sync_topic()]).collect()
}

/// Makes topics with settings that the product would not choose.
async fn make(servers: &str, topics: &[String], settings: &[(&str, &str)]) {
    let of = |topic| {
        let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
        settings.iter().fold(new, |new, (key, value)| new.set(key, value))
    };
    let new: Vec<NewTopic<'_>> = topics.iter().map(|topic| of(topic)).collect();
    for made in admin(servers).create_topics(&new, &AdminOptions::new()).await.unwrap() {
        made.unwrap();
    }
}

fn assert_says(reason: &str, words: &[&str]) {
    for word in words {
        assert!(reason.contains(word), "{word:?} is not in: {reason}");
    }
    // Another cause's way out.
    assert!(!reason.contains("allow CREATE"), "{reason}");
}

/// A sync against a broker whose bootstrap address is right, and whose advertised one is not.
async fn advertised(address: &str, topics_create: TopicsCreate) -> String {
    let address = address.to_owned();
    let broker = tokio::task::spawn_blocking(move || Broker::start_advertising(&address).unwrap()).await.unwrap();
    let simulator = simulator();
    let mut config = on_broker(config(&simulator), broker.second(), "advertised");
    config.kafka.startup_timeout = Duration::from_secs(2);
    config.kafka.topics_create = topics_create;
    if topics_create == TopicsCreate::Never {
        make(broker.bootstrap_servers(), &topics(&config), &[]).await;
    }
    assert_failed(&sync(&config).await, &simulator)
}

#[tokio::test(flavor = "multi_thread")]
async fn row_1_an_advertised_address_that_cannot_be_reached_is_named_with_its_reason() {
    let closed = Closed::new().unwrap();
    let port = closed.address().unwrap().to_string();
    for (address, word) in [(port.as_str(), "Connection refused"), ("no-such-host.invalid:9092", "resolve")] {
        let reason = advertised(address, TopicsCreate::Never).await;
        assert_says(&reason, &[address, word, "advertised.listeners"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_2_the_same_where_topics_are_to_be_made() {
    let closed = Closed::new().unwrap();
    let port = closed.address().unwrap().to_string();
    let reason = advertised(&port, TopicsCreate::IfMissing).await;
    assert_says(&reason, &[&port, "Connection refused", "advertised.listeners"]);
}

#[test]
fn row_1_the_first_failure_is_told_at_once_and_waited_out() {
    let closed = Closed::new().unwrap();
    let address = closed.address().unwrap();
    let broker = Broker::start_advertising(&address.to_string()).unwrap();
    let simulator = simulator();
    let mut command = program(Some(&simulator));
    command.args(["sync", "--set", "kafka.topics_create=if_missing", "--set", "kafka.startup_timeout=120s"]);
    command.args(["--set", &format!("kafka.bootstrap_servers={}", broker.second())]);
    let mut sync = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(sync.stderr.take().unwrap()).lines().map(Result::unwrap);
    let told = lines.find(|line| line.contains("tried again")).unwrap();
    assert!(told.contains(&address.to_string()) && told.contains("advertised.listeners"), "{told}");
    // What the line says is mended, and the sync goes on.
    drop(closed);
    let proxy = FaultProxy::start_on(address.port());
    proxy.lead_to(broker.second());
    let rest: Vec<String> = lines.collect();
    assert_eq!(sync.wait().unwrap().code(), Some(0), "{rest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn row_3_what_the_broker_says_of_a_topic_is_shown_in_its_own_sentence() {
    let simulator = simulator();
    let mut config = config_on_kafka(&simulator, "replicas");
    config.kafka.replication_factor = Some(3);
    let reason = assert_failed(&sync(&config).await, &simulator);
    assert_says(&reason, &["Unable to replicate the partition 3 time(s)", "kafka.replication_factor"]);

    let lag = "log.cleaner.max.compaction.lag.ms=3600000\n";
    let broker = tokio::task::spawn_blocking(move || Broker::start_set(lag).unwrap()).await.unwrap();
    let config = on_broker(kit::settings::config(&simulator), broker.bootstrap_servers(), "lag");
    let reason = assert_failed(&sync(&config).await, &simulator);
    assert_says(&reason, &["max.compaction.lag.ms", "create it with settings that the cluster allows"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_4_topics_that_another_program_makes_at_the_start_are_found() {
    let simulator = simulator();
    let mut config = config_on_kafka(&simulator, "lag");
    config.kafka.topics_create = TopicsCreate::Never;
    let servers = broker::bootstrap_servers().unwrap();
    let wanted = topics(&config);
    // All but one are there.
    make(servers, &wanted[1..], &[]).await;
    let late = async {
        tokio::time::sleep(Duration::from_millis(500)).await; // why: the sync has to see that one is absent
        make(servers, &wanted[..1], &[]).await;
    };
    let (report, ()) = tokio::join!(sync(&config), late);
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    let named: Vec<&str> = report.partitions.iter().map(|range| range.topic.as_str()).collect();
    assert_eq!(named, wanted[..4], "in the order of the contract");
}

#[tokio::test(flavor = "multi_thread")]
async fn row_5_a_compacted_sync_topic_is_warned_about() {
    let simulator = simulator();
    let config = config_on_kafka(&simulator, "compacted");
    let servers = broker::bootstrap_servers().unwrap();
    make(servers, &[config.kafka.sync_topic()], &[("cleanup.policy", "compact")]).await;
    let output = program(Some(&simulator))
        .args(["sync", "--set", "kafka.topics_create=if_missing"])
        .args(["--set", &format!("kafka.bootstrap_servers={servers}")])
        .args(["--set", &format!("kafka.topic_prefix={}", config.kafka.topic_prefix)])
        .output()
        .unwrap();
    let logs = text(&output.stderr);
    assert_eq!(code(&output), 0, "{logs}");
    assert!(logs.contains("the sync topic is compacted") && logs.contains(&config.kafka.sync_topic()), "{logs}");
}

/// Why tasks are incomplete.
fn error(report: &Report) -> &str {
    kit::report::one(report, "EcsTask").error.as_deref().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn row_6_a_timestamp_that_is_refused_names_the_topics_settings_and_the_clock() {
    let simulator = simulator();
    let config = config_on_kafka(&simulator, "timestamp");
    let servers = broker::bootstrap_servers().unwrap();
    make(servers, &[config.kafka.topic("EcsTask")], &[]).await;
    set_topic(servers, &config.kafka.topic("EcsTask"), "message.timestamp.before.max.ms", "1").await;
    let report = sync(&config).await;
    assert_eq!(report.outcome, Outcome::Partial, "{}", report.text());
    assert_says(
        error(&report),
        &["message.timestamp.before.max.ms", "message.timestamp.after.max.ms", "clock", &config.kafka.topic("EcsTask")],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn row_7_a_codec_that_the_broker_does_not_know_names_the_property() {
    let simulator = simulator();
    let cluster = MockCluster::new(1).unwrap();
    let config = on_broker(config(&simulator), &cluster.bootstrap_servers(), "codec");
    for topic in topics(&config) {
        cluster.create_topic(&topic, 1, 1).unwrap();
    }
    let refusals = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE; 100];
    cluster.request_errors(RDKafkaApiKey::Produce, &refusals);
    let reason = assert_failed(&sync(&config).await, &simulator);
    assert_says(&reason, &["zstd", "kafka.properties.compression.type"]);
}
