//! What tells a reader the schema of a datum, and the registry that gives it: whole syncs to a real broker, with a real registry.

mod doors;
mod failover;

use std::fmt::{self, Display, Formatter};
use std::io::{self, Write};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use ecs_sdm_producer::config::{Config, RegistryMode, SubjectStrategy};
use ecs_sdm_producer::registry::Registry;
use ecs_sdm_producer::report::Outcome;
use ecs_sim::{Shape, Simulator, World};
use kit::cases::side_by_side;
use kit::judgement::{assert_landed, frame, subject};
use kit::report::assert_failed;
use kit::settings::config_on_kafka;
use kit::sync::sync;
use kit::topic::read;
use kit::wait::PATIENCE;
use kit::{ACCOUNT, OBJECTS, REGION, oracle, registry};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::{Value, json};
use tokio::task::JoinSet;

const SHAPE: Shape =
    Shape { clusters: 2, services: 4, tasks: 30, stopped_tasks: 0, task_definitions: 5, inactive_clusters: 0 };

/// Whose schemas a sync needs, in the order in which it asks for them.
const RECORDS: [&str; 5] = ["EcsCluster", "EcsService", "EcsTask", "EcsTaskDefinition", "SyncEvent"];

const STRATEGIES: [SubjectStrategy; 3] =
    [SubjectStrategy::TopicName, SubjectStrategy::Record, SubjectStrategy::TopicRecord];

fn world() -> World {
    World { shape: SHAPE, ..World::default() }
}

fn simulator() -> Simulator {
    Simulator::start(world()).unwrap()
}

/// Settings with topics of the test's own and the shared registry.
fn framed(simulator: &Simulator, test: &str) -> Config {
    let mut config = config_on_kafka(simulator, test);
    config.schema_registry.url = vec![registry::url().unwrap().to_owned()];
    config
}

/// Registers everything that a sync needs, under subjects of the test's own.
fn register_all(config: &Config) {
    for record in RECORDS {
        registry::register(registry::url().unwrap(), &subject(config, record), &registry::schema_text(record));
    }
}

/// Sets Record subjects, which all tests share, and sees to it that they are registered: of two who are the first for a subject
/// at the same time, Apicurio refuses one.
fn with_records(config: &mut Config) {
    static REGISTERED: OnceLock<()> = OnceLock::new();
    config.schema_registry.subject_strategy = SubjectStrategy::Record;
    REGISTERED.get_or_init(|| register_all(config));
}

/// The versions of a subject.
fn versions(subject: &str) -> Value {
    registry::ask("GET", &format!("{}/subjects/{subject}/versions", registry::url().unwrap()), None).1
}

/// What stands on all topics of a test, in the order of [`RECORDS`].
fn values(config: &Config) -> [Vec<Vec<u8>>; 5] {
    RECORDS.map(|record| {
        let topic = if record == "SyncEvent" { config.kafka.sync_topic() } else { config.kafka.topic(record) };
        read(&config.kafka.bootstrap_servers[0], &topic).into_iter().map(|landed| landed.value).collect()
    })
}

/// There is no record and no event on any topic of the test, if there are topics.
fn assert_nothing_produced(config: &Config) {
    let servers = &config.kafka.bootstrap_servers[0];
    let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", servers).create().unwrap();
    let metadata = consumer.fetch_metadata(None, PATIENCE).unwrap();
    for topic in metadata.topics().iter().filter(|topic| topic.name().starts_with(&config.kafka.topic_prefix)) {
        for partition in topic.partitions() {
            let name = topic.name();
            let began = Instant::now();
            // Of a topic just made the partitions have no leader yet.
            let marks = loop {
                match consumer.fetch_watermarks(name, partition.id(), PATIENCE) {
                    Ok(marks) => break marks,
                    Err(why) => assert!(began.elapsed() < PATIENCE, "{name}: {why}"),
                }
                thread::sleep(Duration::from_millis(20)); // why: a registry tells nobody that it is there
            };
            assert_eq!(marks, (0, 0), "{name} {}", partition.id());
        }
    }
}

/// The sync topic of one sync, framed and readable as everything else.
fn assert_events(config: &Config) {
    let (frame, schema) = (frame(config, "SyncEvent"), oracle::schema("SyncEvent"));
    let [.., events] = values(config);
    let said = events.iter().map(|event| {
        let (told, datum) = event.split_at(frame.len());
        assert_eq!(told, frame, "what tells the schema of an event");
        oracle::decode(&schema, datum)["event"].clone()
    });
    assert_eq!(said.collect::<Vec<_>>(), ["STARTED", "SCOPE", "COMPLETED"]);
}

struct Cell {
    registry: Option<&'static str>,
    strategy: SubjectStrategy,
    mode: RegistryMode,
}

impl Display for Cell {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let framing = self.registry.map_or("single-object", |_| "Confluent");
        write!(f, "{framing}, {:?}, {:?}", self.strategy, self.mode)
    }
}

/// One sync in which everything lands and can be read; gives the number of its records.
async fn cell(cell: Cell) -> u64 {
    let simulator = simulator();
    let mut config = config_on_kafka(&simulator, "framed");
    config.schema_registry.url = cell.registry.map(str::to_owned).into_iter().collect();
    config.schema_registry.subject_strategy = cell.strategy;
    config.schema_registry.mode = cell.mode;
    match (cell.registry, cell.mode, cell.strategy) {
        (Some(_), _, SubjectStrategy::Record) => with_records(&mut config),
        (Some(_), RegistryMode::Lookup, _) => register_all(&config),
        _ => {}
    }
    let report = sync(&config).await;
    assert_eq!(report.outcome, Outcome::Completed, "{cell}: {}", report.text());
    assert_landed(&world(), &config, &report, &[(ACCOUNT, REGION, "")]);
    assert_events(&config);
    if cell.registry.is_some() {
        for record in RECORDS {
            assert_eq!(versions(&subject(&config, record)), json!([1]), "{cell}: one version");
        }
    }
    report.types.iter().map(|one| one.counts.acknowledged).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_framing_with_every_subject_strategy_in_both_modes() {
    let url = registry::url().unwrap();
    let began = Instant::now();
    let mut cells = Vec::new();
    for registry in [None, Some(url)] {
        for mode in [RegistryMode::Lookup, RegistryMode::Auto] {
            cells.extend(STRATEGIES.map(|strategy| Cell { registry, strategy, mode }));
        }
    }
    let count = cells.len();
    // They wait for their producers more than for anything else.
    let records: u64 = side_by_side(cells, 4, cell).await.into_iter().sum();
    let line = format!("framing: {count} cells, {records} records decoded, {:.1} s\n", began.elapsed().as_secs_f64());
    io::stderr().write_all(line.as_bytes()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_share_a_topic_where_subjects_name_the_record() {
    for strategy in [SubjectStrategy::Record, SubjectStrategy::TopicRecord] {
        let simulator = simulator();
        let mut config = framed(&simulator, "shared");
        config.schema_registry.mode = RegistryMode::Auto;
        match strategy {
            SubjectStrategy::Record => with_records(&mut config),
            other => config.schema_registry.subject_strategy = other,
        }
        let both = format!("{}.both", config.kafka.topic_prefix);
        config.kafka.topics = ["EcsService", "EcsTask"].map(|object| (object.to_owned(), both.clone())).into();
        let report = sync(&config).await;
        assert_landed(&world(), &config, &report, &[(ACCOUNT, REGION, "")]);
        assert_ne!(frame(&config, "EcsService"), frame(&config, "EcsTask"));
    }
}

/// A schema of the same name that can be read neither by nor from ours.
fn incompatible(record: &str) -> String {
    let uid = json!({"name": "UID", "type": "long"});
    json!({"type": "record", "name": record, "namespace": "sdm.ecs", "fields": [uid]}).to_string()
}

/// The registry's own words to whoever asks what the producer asks.
fn refusal(path: &str, record: &str) -> (u16, String) {
    let body = json!({"schema": registry::schema_text(record), "schemaType": "AVRO"});
    let url = format!("{}{path}?normalize=true", registry::url().unwrap());
    let (status, answer) = registry::ask("POST", &url, Some(&body));
    (status, answer["message"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_nobody_registered_fails_a_lookup_in_the_registrys_words() {
    // The last schema that is asked for, too: nothing is produced before all are known.
    for (record, other_schema) in [("EcsCluster", false), ("EcsCluster", true), ("SyncEvent", false)] {
        let simulator = simulator();
        let config = framed(&simulator, "unregistered");
        let registry = registry::url().unwrap();
        for known in RECORDS.into_iter().filter(|known| *known != record) {
            registry::register(registry, &subject(&config, known), &registry::schema_text(known));
        }
        let subject = subject(&config, record);
        if other_schema {
            registry::register(registry, &subject, &incompatible(record));
        }
        let before = versions(&subject);
        let reason = assert_failed(&sync(&config).await, &simulator);
        let (status, words) = refusal(&format!("/subjects/{subject}"), record);
        assert_eq!(status, 404);
        for part in [subject.as_str(), &words, "schemas register", "schema_registry.mode = \"auto\""] {
            assert!(!part.is_empty() && reason.contains(part), "{part} is not in: {reason}");
        }
        assert_eq!(versions(&subject), before, "a lookup registers nothing");
        assert_nothing_produced(&config);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incompatible_schema_fails_in_the_registrys_words_and_the_level_stays() {
    let simulator = simulator();
    let mut config = framed(&simulator, "incompatible");
    config.schema_registry.mode = RegistryMode::Auto;
    let registry = registry::url().unwrap();
    let of_registry = registry::ask("GET", &format!("{registry}/config"), None);
    let subject = subject(&config, "EcsTask");
    registry::register(registry, &subject, &incompatible("EcsTask"));
    let level = format!("{registry}/config/{subject}");
    assert_eq!(registry::ask("PUT", &level, Some(&json!({"compatibility": "FULL"}))).0, 200);

    let reason = assert_failed(&sync(&config).await, &simulator);
    let (status, words) = refusal(&format!("/subjects/{subject}/versions"), "EcsTask");
    assert_eq!(status, 409);
    // It lists what differs in no order.
    let words = words.split(", list").next().unwrap();
    for part in [subject.as_str(), words, "409", "compatibility level"] {
        assert!(reason.contains(part), "{part} is not in: {reason}");
    }
    assert!(reason.contains("UID") || reason.contains("/fields/"), "what differs: {reason}");
    assert_eq!(registry::ask("GET", &level, None), (200, json!({"compatibilityLevel": "FULL"})));
    assert_eq!(registry::ask("GET", &format!("{registry}/config"), None), of_registry);
    assert_eq!(versions(&subject), json!([1]), "nothing is registered");
    assert_nothing_produced(&config);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_registered_already_is_found_and_not_registered_again() {
    let simulator = simulator();
    let mut config = framed(&simulator, "again");
    config.schema_registry.mode = RegistryMode::Auto;
    register_all(&config);
    let before = OBJECTS.map(|object| frame(&config, object));
    let report = sync(&config).await;
    assert_landed(&world(), &config, &report, &[(ACCOUNT, REGION, "")]);
    assert_eq!(OBJECTS.map(|object| frame(&config, object)), before);
    assert!(RECORDS.iter().all(|record| versions(&subject(&config, record)) == json!([1])));
}

#[tokio::test(flavor = "multi_thread")]
async fn producers_that_register_at_the_same_time_get_the_same_ids() {
    let simulator = simulator();
    let mut config = framed(&simulator, "at-once");
    config.schema_registry.mode = RegistryMode::Auto;
    let producers = (0..4).map(|_| {
        let registry = Registry::of(&config).unwrap();
        async move { registry.frames().await }
    });
    for frames in producers.collect::<JoinSet<_>>().join_all().await {
        let frames = frames.unwrap_or_else(|why| panic!("{why}"));
        for record in RECORDS {
            assert_eq!(frames.of(record), frame(&config, record), "{record}");
        }
    }
}
