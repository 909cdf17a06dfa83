//! What the tests of whole syncs share: a config for a simulator, topics of their own, a plain consumer, and the judgement.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ecs_sdm_producer::config::{Config, Rate, Rates, Secret, SubjectStrategy, TopicsCreate};
pub(crate) use ecs_sdm_producer::ecs::OBJECTS;
use ecs_sdm_producer::report::{Outcome, Report, StopReason, TypeReport};
use ecs_sdm_producer::sdm::rfc3339;
use ecs_sdm_producer::statistics::State;
use ecs_sdm_producer::sync::{Engine, Sink};
use ecs_sim::{Simulator, World};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::Value;

use crate::{broker, oracle, registry};

pub(crate) const ACCOUNT: &str = "111111111111";
pub(crate) const REGION: &str = "eu-west-1";

/// A bucket that no test empties.
const ENDLESS: Rate = Rate { burst: 1_000_000, per_second: 100_000 };

/// Settings for a simulator: waits are milliseconds and buckets endless, all else is as users have it.
pub(crate) fn config(simulator: &Simulator) -> Config {
    let mut config = Config {
        access_key_id: Some(Secret::Inline("AKIAIOSFODNN7EXAMPLE".to_owned())),
        secret_access_key: Some(Secret::Inline("secret".to_owned())),
        default_region: Some(REGION.to_owned()),
        endpoint_url: Some(simulator.endpoint()),
        rates: Rates::all(ENDLESS),
        ..Config::default()
    };
    config.limits.backoff_base = Duration::from_millis(2);
    config.limits.backoff_cap = Duration::from_millis(20);
    config
}

/// The same, with topics of the test's own on the real broker.
pub(crate) fn config_on_kafka(simulator: &Simulator, test: &str) -> Config {
    on_broker(config(simulator), broker::bootstrap_servers().unwrap(), test)
}

pub(crate) fn on_broker(mut config: Config, servers: &str, test: &str) -> Config {
    config.kafka.bootstrap_servers = vec![servers.to_owned()];
    config.kafka.topic_prefix = unique(test);
    config.kafka.topics_create = TopicsCreate::IfMissing;
    config.kafka.partitions = 3;
    config
}

/// A name that no other test and no other run has.
pub(crate) fn unique(test: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{test}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// One sync to its end.
pub(crate) async fn sync(config: &Config) -> Report {
    let engine = Engine::new(config.clone(), REGION.to_owned()).unwrap();
    engine.sync(Sink::Kafka, std::future::pending()).await
}

/// The reason of a sync that failed before anything was asked of ECS.
pub(crate) fn assert_failed(report: &Report, simulator: &Simulator) -> String {
    assert_eq!((report.outcome, report.outcome.exit_code()), (Outcome::Failed, 2), "{}", report.text());
    assert!(report.types.is_empty() && report.partitions.is_empty(), "failed before reading has no types");
    assert_eq!(simulator.counters().requests, 0, "AWS is not asked");
    match &report.stop_reason {
        Some(StopReason::Failure(reason)) => reason.clone(),
        other => panic!("{other:?}"),
    }
}

/// Who may make, change and delete topics there.
pub(crate) fn admin(servers: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", servers).create().unwrap()
}

/// Lets a topic take no batch of more bytes.
pub(crate) async fn limit(servers: &str, topic: &str, bytes: usize) {
    let bytes = bytes.to_string();
    let limit = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("max.message.bytes", &bytes);
    admin(servers).alter_configs([&limit], &AdminOptions::new()).await.unwrap().pop().unwrap().unwrap();
}

/// The totals of an object over all scopes.
pub(crate) fn total(report: &Report, object: &str, count: fn(&TypeReport) -> u64) -> u64 {
    report.types.iter().filter(|one| one.object == object).map(count).sum()
}

pub(crate) fn states(report: &Report) -> BTreeMap<&'static str, State> {
    report.types.iter().map(|one| (one.object, one.state)).collect()
}

/// A record as a consumer finds it.
#[derive(Debug)]
pub(crate) struct Landed {
    pub(crate) key: String,
    pub(crate) value: Vec<u8>,
    pub(crate) timestamp: i64,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// Reads a topic from its beginning to its end with a plain consumer.
pub(crate) fn read(servers: &str, topic: &str) -> Vec<Landed> {
    const PATIENCE: Duration = Duration::from_secs(20);
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", servers).set("group.id", "reader").create().unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
    let (mut open, mut assignment) = (BTreeMap::new(), TopicPartitionList::new());
    for partition in metadata.topics()[0].partitions() {
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), PATIENCE).unwrap();
        if low < high {
            open.insert(partition.id(), high);
            assignment.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
        }
    }
    consumer.assign(&assignment).unwrap();
    let mut landed = Vec::new();
    while !open.is_empty() {
        let message = consumer.poll(PATIENCE).expect("a record before the end of the topic").unwrap();
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
        landed.push(Landed {
            key: text(message.key()),
            value: message.payload().unwrap().to_vec(),
            timestamp: message.timestamp().to_millis().unwrap(),
            headers: headers.map(|header| (header.key.to_owned(), text(header.value))).collect(),
            partition: message.partition(),
            offset: message.offset(),
        });
        if open[&message.partition()] <= message.offset() + 1 {
            open.remove(&message.partition());
        }
    }
    landed
}

/// What the simulator says of an object in one account and region.
pub(crate) fn truth(world: &World, object: &str, account: &str, region: &str, stopped: bool) -> Vec<Value> {
    match object {
        "EcsCluster" => world.clusters(account, region).collect(),
        "EcsService" => world.services(account, region).collect(),
        "EcsTask" => {
            let running = world.tasks(account, region, false);
            running.chain(world.tasks(account, region, true).filter(|_| stopped)).collect()
        }
        _ => world.task_definitions(account, region).collect(),
    }
}

/// Everything of every scope was read and has landed.
///
/// `scopes` are (account, region, what `ce_source` ends with after them).
pub(crate) fn assert_landed(world: &World, config: &Config, report: &Report, scopes: &[(&str, &str, &str)]) {
    assert!(report.types.iter().all(|one| one.state == State::Complete), "{}", report.text());
    assert_landed_as_reported(world, config, report, scopes);
}

/// Reads all four topics and holds every record against the simulator's truth, and the report against both: a complete type has
/// landed whole, and of any other nothing was described in the tests that use this.
pub(crate) fn assert_landed_as_reported(
    world: &World,
    config: &Config,
    report: &Report,
    scopes: &[(&str, &str, &str)],
) {
    let complete: BTreeSet<(String, &str)> = report
        .types
        .iter()
        .filter(|one| one.state == State::Complete)
        .map(|one| (source(config, one.account.as_deref().unwrap(), &one.region, role_name(one)), one.object))
        .collect();
    let servers = config.kafka.bootstrap_servers[0].as_str();
    let stopped = config.operation_options.ecs_task.fetch_stopped_tasks;
    let time = rfc3339(report.sync);
    for object in OBJECTS {
        let schema = oracle::schema(object);
        let topic = config.kafka.topic(object);
        let mut expected: BTreeMap<(String, String), (String, Value)> = BTreeMap::new();
        for (account, region, role) in scopes {
            let source = source(config, account, region, role);
            if !complete.contains(&(source.clone(), object)) {
                continue;
            }
            for api in truth(world, object, account, region, stopped) {
                let record = oracle::expected(object, &api, region, report.sync);
                let uid = oracle::key(&record).to_owned();
                let id = format!("{}@{time}", event_id(object, &record));
                assert!(expected.insert((source.clone(), id), (uid, record)).is_none(), "the truth is unique");
            }
        }
        let kinds = OBJECTS.iter().filter(|object| config.kafka.topic(object) == topic);
        let kinds: BTreeMap<String, &str> = kinds.map(|object| (format!("sdm.ecs.{object}"), *object)).collect();
        let mut records = read(servers, &topic);
        records.retain(|record| kinds[&record.headers["ce_type"]] == object);
        let frame = frame(config, object);
        for record in &records {
            let Landed { key, value, timestamp, headers, .. } = record;
            let name = (headers["ce_source"].clone(), headers["ce_id"].clone());
            let (uid, truth) =
                expected.remove(&name).unwrap_or_else(|| panic!("{name:?} is not expected, or came twice"));
            assert_eq!((key, *timestamp), (&uid, report.sync));
            let (told, datum) = value.split_at(frame.len());
            assert_eq!(told, frame, "what tells the schema of {object}");
            assert_eq!(oracle::decode(&schema, datum), truth, "{uid}");
            assert_eq!(headers["ce_specversion"], "1.0");
            assert_eq!(headers["ce_type"], format!("sdm.ecs.{object}"));
            assert_eq!(headers["ce_time"], time);
            assert_eq!(headers["content-type"], "application/avro");
            assert_eq!(headers.len(), 6);
        }
        assert!(
            expected.is_empty(),
            "{} of {object} did not land, such as {:?}",
            expected.len(),
            expected.keys().next()
        );
        for count in
            [|one: &TypeReport| one.acknowledged, |one: &TypeReport| one.emitted, |one: &TypeReport| one.described]
        {
            assert_eq!(total(report, object, count), records.len() as u64, "{object}");
        }
        let ranges = report.partitions.iter().filter(|range| range.topic == topic);
        let ranges: BTreeMap<i32, (i64, i64)> =
            ranges.map(|range| (range.partition, (range.low, range.high))).collect();
        assert_eq!(ranges.keys().copied().collect::<Vec<_>>(), [0, 1, 2], "a range for every partition of {topic}");
        for Landed { partition, offset, .. } in &records {
            let (low, high) = ranges[partition];
            assert!((low..high).contains(offset), "{topic}-{partition}@{offset} is not in [{low}, {high})");
        }
    }
    assert_eq!(report.types.len(), scopes.len() * OBJECTS.len());
}

/// What stands before each datum of a record: the fingerprint that another implementation computed, or the registry's id.
pub(crate) fn frame(config: &Config, record: &str) -> Vec<u8> {
    match config.schema_registry.url.first() {
        Some(url) => registry::frame(url, &subject(config, record), record),
        None => oracle::frame(record),
    }
}

/// Under which name a registry has a record's schema.
pub(crate) fn subject(config: &Config, record: &str) -> String {
    let topic = if record == "SyncEvent" { config.kafka.sync_topic() } else { config.kafka.topic(record) };
    match config.schema_registry.subject_strategy {
        SubjectStrategy::TopicName => format!("{topic}-value"),
        SubjectStrategy::Record => format!("sdm.ecs.{record}"),
        SubjectStrategy::TopicRecord => format!("{topic}-sdm.ecs.{record}"),
    }
}

/// `ce_id` without its instant: the UID, and the cluster of a service whose ARN does not name it.
pub(crate) fn event_id(object: &str, record: &Value) -> String {
    let uid = oracle::key(record);
    let short = object == "EcsService" && uid.matches('/').count() == 1;
    if short { format!("{uid},{}", record["CLUSTER_ARN"].as_str().unwrap()) } else { uid.to_owned() }
}

/// `ce_source`.
fn source(config: &Config, account: &str, region: &str, role: &str) -> String {
    format!("/{}/{account}/{region}{role}", config.name)
}

fn role_name(one: &TypeReport) -> &str {
    one.role.as_deref().map_or("", |arn| &arn[arn.rfind('/').unwrap()..])
}

/// The real program, in an environment that holds nothing but what a test gives.
pub(crate) fn program(simulator: Option<&Simulator>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ecs-sdm-producer"));
    command.env_clear().env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", "/nonexistent");
    if let Some(simulator) = simulator {
        command
            .env("AWS_ENDPOINT_URL", simulator.endpoint())
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_REGION", REGION);
    }
    command
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().expect("the program ended by itself")
}
