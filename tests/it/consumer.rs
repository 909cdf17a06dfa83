//! `examples/snapshot`, which reads Kafka alone: what it says of a sync is what the sync says of itself.

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use ecs_sdm_producer::config::{Config, RegistryMode};
use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::report::Outcome;
use ecs_sdm_producer::sync::Sink;
use ecs_sim::{Fault, Shape, Simulator, World};
use kit::settings::config_on_kafka;
use kit::snapshot::{Snapshot, snapshot_with};
use kit::sync::{stopped_by, sync};
use kit::topic::{admin, read};
use kit::wait::PATIENCE;
use kit::{REGION, oracle, registry};
use rdkafka::admin::AdminOptions;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::{Value, json};

const SHAPE: Shape =
    Shape { clusters: 3, services: 12, tasks: 60, stopped_tasks: 0, task_definitions: 20, inactive_clusters: 0 };

const ROLES: [&str; 2] = ["arn:aws:iam::222222222222:role/reader", "arn:aws:iam::333333333333:role/reader"];

fn account(test: &str) -> (Simulator, Config) {
    let simulator = Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, test);
    config.assume_role_arns = ROLES.map(str::to_owned).to_vec();
    (simulator, config)
}

/// What the example says of a producer's newest sync: whether it is whole, and its words.
async fn ask(config: &Config) -> (bool, String) {
    ask_with(config, config.schema_registry.url.first().cloned()).await.unwrap()
}

async fn ask_with(config: &Config, registry: Option<String>) -> Result<(bool, String), String> {
    // Its client blocks.
    let config = config.clone();
    let answer = tokio::task::spawn_blocking(move || snapshot_with(&config, registry.as_deref()));
    answer.await.unwrap().map(|Snapshot { whole, words, .. }| (whole, words))
}

/// The lines of one account that say something else than "whole".
fn not_whole<'a>(words: &'a str, account: &str) -> Vec<&'a str> {
    words.lines().filter(|line| line.contains(account) && !line.ends_with(" whole")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completed_sync_is_whole_and_one_missing_record_is_seen() {
    let (_simulator, config) = account("whole");
    let report = sync(&config).await;
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    let (whole, words) = ask(&config).await;
    assert!(whole, "{words}");
    assert_eq!(words.lines().count(), 2 * 4 + 1, "{words}");
    assert!(words.contains(&format!("/ecs-sdm-producer/222222222222/{REGION}/reader")), "{words}");
    assert!(words.ends_with("COMPLETED and whole\n"), "{words}");

    // The first record of a partition is thrown away.
    let range =
        report.partitions.iter().find(|range| range.topic == config.kafka.topic("EcsTask") && range.high > range.low);
    let range = range.unwrap();
    let mut first = TopicPartitionList::new();
    first.add_partition_offset(&range.topic, range.partition, Offset::Offset(range.low + 1)).unwrap();
    let servers = config.kafka.bootstrap_servers.join(",");
    let admin = admin(&servers);
    admin.delete_records(&first, &AdminOptions::new()).await.unwrap();
    let (whole, words) = ask(&config).await;
    assert!(!whole, "{words}");
    assert!(words.ends_with("COMPLETED and NOT WHOLE\n"), "{words}");
    let missing: Vec<&str> = words.lines().filter(|line| line.contains("60 records were acknowledged")).collect();
    assert_eq!(missing.len(), 1, "{words}");
    assert!(missing[0].contains(" EcsTask ") && missing[0].contains(" 59 NOT WHOLE: "), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_registry_it_asks_for_the_schemas_and_says_so_where_it_may_not() {
    let (_simulator, mut config) = account("confluent");
    config.schema_registry.url = vec![registry::url().unwrap().to_owned()];
    config.schema_registry.mode = RegistryMode::Auto;
    let report = sync(&config).await;
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    let (whole, words) = ask(&config).await;
    assert!(whole && words.ends_with("COMPLETED and whole\n"), "{words}");

    let unnamed = ask_with(&config, None).await.unwrap_err();
    assert!(unnamed.contains(&config.kafka.sync_topic()) && unnamed.contains("--registry"), "{unnamed}");
    // A registry, but not this one.
    let wrong = format!("{}/none", config.schema_registry.url[0]);
    let unknown = ask_with(&config, Some(wrong)).await.unwrap_err();
    assert!(unknown.contains("/none/schemas/ids/") && unknown.contains("404"), "{unknown}");

    // A later release knows more, and says it before all else.
    say_again_with_one_more(&config).await;
    let (whole, words) = ask(&config).await;
    assert!(whole && words.ends_with("COMPLETED and whole\n"), "{words}");
}

/// Sends the newest STARTED once more, written with a schema that has an attribute which this release does not know.
async fn say_again_with_one_more(config: &Config) {
    let (servers, topic) = (config.kafka.bootstrap_servers.join(","), config.kafka.sync_topic());
    let mut newer: Value = serde_json::from_str(include_str!("../../schemas/SyncEvent.avsc")).unwrap();
    let extra = json!({"name": "extra", "type": ["null", "string"], "default": null});
    newer["fields"].as_array_mut().unwrap().insert(0, extra);
    let subject = format!("{}/subjects/{topic}-value/versions", config.schema_registry.url[0]);
    let register = reqwest::Client::new().post(subject).header("content-type", "application/json");
    let answer = register.body(json!({"schema": newer.to_string()}).to_string()).send().await.unwrap();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let id = u32::try_from(answer["id"].as_u64().unwrap()).unwrap();

    let (own, newer) = (oracle::schema("SyncEvent"), Schema::parse_str(&newer.to_string()).unwrap());
    let started = read(&servers, &topic).remove(0);
    let reader = GenericDatumReader::builder(&own).reader_schema(&newer).build().unwrap();
    let event = reader.read_value(&mut &started.value[5..]).unwrap();
    let mut value = [&[0], id.to_be_bytes().as_slice()].concat();
    GenericDatumWriter::builder(&newer).build().unwrap().write_value(&mut value, event).unwrap();
    let add =
        |headers: OwnedHeaders, (key, value): (&String, &String)| headers.insert(Header { key, value: Some(value) });
    let headers = started.headers.iter().fold(OwnedHeaders::new(), add);
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", servers).create().unwrap();
    producer.send(BaseRecord::to(&topic).key(&started.key).payload(&value).headers(headers)).unwrap();
    producer.flush(PATIENCE).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_partial_sync_the_complete_scopes_are_whole() {
    let (simulator, config) = account("partial");
    drop(simulator.fault(Fault::access_denied("DescribeTasks").account("333333333333")));
    let report = sync(&config).await;
    assert_eq!(report.outcome, Outcome::Partial, "{}", report.text());
    let (whole, words) = ask(&config).await;
    assert!(!whole && words.ends_with("PARTIAL and NOT WHOLE\n"), "{words}");
    assert_eq!(not_whole(&words, "222222222222"), Vec::<&str>::new(), "{words}");
    let denied = not_whole(&words, "333333333333");
    assert_eq!(denied.len(), 1, "{words}");
    assert!(denied[0].contains("EcsTask ") && denied[0].contains("denied: DescribeTasks: AccessDenied"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_sync_is_not_whole_and_neither_is_one_that_was_killed() {
    let (simulator, config) = account("aborted");
    assert_eq!(sync(&config).await.outcome, Outcome::Completed);
    let mut engine = Engine::new(config.clone(), REGION.to_owned()).unwrap();
    let gate = simulator.fault(Fault::hold("ListTasks").account("333333333333"));
    let report = stopped_by(engine.start(Sink::Kafka), gate.wait_met(1)).await;
    assert_eq!(report.outcome, Outcome::Aborted, "{}", report.text());
    let (whole, words) = ask(&config).await;
    assert!(!whole && words.ends_with("ABORTED and NOT WHOLE\n"), "{words}");
    assert!(not_whole(&words, "333333333333").iter().any(|line| line.contains("EcsTask ")), "{words}");

    // Dropped in the middle, as by a kill: it has begun and never ends.
    let met = gate.met();
    tokio::select! {
        report = engine.start(Sink::Kafka).finish() => panic!("held, and yet: {}", report.text()),
        () = gate.wait_met(met + 1) => {}
    }
    let (whole, words) = ask(&config).await;
    assert!(!whole && words.ends_with("it has no outcome: it still runs, or was killed\n"), "{words}");

    gate.release();
    assert_eq!(engine.start(Sink::Kafka).finish().await.outcome, Outcome::Completed);
    let (whole, words) = ask(&config).await;
    assert!(whole, "{words}");
}
