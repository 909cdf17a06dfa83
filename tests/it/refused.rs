//! Refused records: only the culprit of a batch, what its type does then, and the dead letter topic.

use std::collections::BTreeMap;
use std::sync::Arc;

use ecs_sdm_producer::config::{Config, Headers, Tolerance};
use ecs_sdm_producer::contract::rfc3339;
use ecs_sdm_producer::kafka::Producer;
use ecs_sdm_producer::observe::{Observers, TypeTrace};
use ecs_sdm_producer::record::{EncodeError, RecordBatch, RecordContext};
use ecs_sdm_producer::report::Outcome;
use ecs_sdm_producer::report::{State, TypeStatistics};
use ecs_sim::{Shape, Simulator, World};
use kit::broker;
use kit::report::one;
use kit::settings::config_on_kafka;
use kit::sync::sync;
use kit::topic::{Landed, limit, read};
use tokio_util::task::TaskTracker;

const TASKS: Shape =
    Shape { clusters: 1, services: 0, tasks: 300, stopped_tasks: 0, task_definitions: 20, inactive_clusters: 0 };

fn simulator(shape: Shape) -> Simulator {
    Simulator::start(World { shape, ..World::default() }).unwrap()
}

fn landed(config: &Config, topic: &str) -> Vec<Landed> {
    read(&config.kafka.bootstrap_servers[0], topic)
}

/// A first sync tells how long records are, uncompressed and without headers; then the topic of tasks takes all but the longest.
/// Gives the keys of those that are too long, each with the length of its value.
async fn all_but_the_longest(config: &mut Config) -> BTreeMap<String, usize> {
    config.kafka.headers = Headers::None;
    config.kafka.properties.0.insert("compression.codec".to_owned(), "none".to_owned());
    let first = sync(config).await;
    assert_eq!(first.outcome, Outcome::Completed, "{}", first.text());
    let topic = config.kafka.topic("EcsTask");
    let records = landed(config, &topic);
    let length = |one: &Landed| one.key.len() + one.value.len();
    let longest = records.iter().map(length).max().unwrap();
    // A batch of one record is 61 bytes, 10 of the record's own, key and value (Kafka's message format, version 2).
    limit(&config.kafka.bootstrap_servers[0], &topic, 61 + 10 + longest - 1).await;
    let longest: BTreeMap<String, usize> =
        records.into_iter().filter(|one| length(one) == longest).map(|one| (one.key, one.value.len())).collect();
    assert!(longest.len() < 30, "{} of 300 are the longest", longest.len());
    longest
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_culprit_of_a_batch_is_refused() {
    let simulator = simulator(TASKS);
    let mut config = config_on_kafka(&simulator, "culprit");
    let culprits = all_but_the_longest(&mut config).await;

    let report = sync(&config).await;
    assert_eq!(report.outcome, Outcome::Partial, "{}", report.text());
    let tasks = one(&report, "EcsTask");
    assert_eq!(tasks.state, State::Partial);
    assert_eq!(tasks.counts.acknowledged + culprits.len() as u64, tasks.counts.emitted, "{tasks:?}");
    let error = tasks.error.as_deref().unwrap();
    assert!(error.contains("refuses") && error.contains("MessageSizeTooLarge"), "{error}");
    let on_topic: Vec<_> = landed(&config, &config.kafka.topic("EcsTask"))
        .into_iter()
        .filter(|one| one.timestamp == report.sync)
        .map(|one| one.key)
        .collect();
    assert_eq!(on_topic.len() as u64, tasks.counts.acknowledged, "acknowledged, and once");
    assert!(on_topic.iter().all(|key| !culprits.contains_key(key)));
    assert_eq!(one(&report, "EcsTaskDefinition").state, State::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_record_goes_to_the_dead_letters_and_its_type_goes_on() {
    let simulator = simulator(TASKS);
    let mut config = config_on_kafka(&simulator, "dead");
    config.errors.tolerance = Tolerance::Dlq;
    let culprits = all_but_the_longest(&mut config).await;

    let report = sync(&config).await;
    assert_eq!(report.outcome, Outcome::Partial, "{}", report.text());
    let tasks = one(&report, "EcsTask");
    let refused = culprits.len() as u64;
    assert_eq!(
        (tasks.counts.described, tasks.counts.acknowledged, tasks.counts.failed),
        (300, 300 - refused, refused),
        "{tasks:?}"
    );
    let error = tasks.error.as_deref().unwrap();
    assert!(error.contains(&config.kafka.dead_letter_topic()) && error.contains("MessageSizeTooLarge"), "{error}");

    let letters = landed(&config, &config.kafka.dead_letter_topic());
    assert_eq!(letters.len(), culprits.len());
    for letter in letters {
        let size = culprits.get(&letter.key).unwrap_or_else(|| panic!("{} is no culprit", letter.key));
        assert!(letter.value.is_empty(), "too large for a topic of ours");
        assert_eq!(letter.timestamp, report.sync);
        let of = |name: &str| letter.headers[name].as_str();
        assert!(of("dlq.reason").contains("MessageSizeTooLarge"), "{}", of("dlq.reason"));
        assert_eq!(of("dlq.topic"), config.kafka.topic("EcsTask"));
        assert_eq!(of("dlq.object"), "EcsTask");
        assert_eq!(of("dlq.sync"), rfc3339(report.sync));
        assert_eq!(of("dlq.size"), size.to_string());
    }
}

/// No object of the SDK's is known that our encoder refuses, so the batch is made by hand.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_encoded_is_a_dead_letter_without_bytes() {
    for tolerance in [Tolerance::Dlq, Tolerance::None] {
        let simulator = simulator(Shape::empty());
        let mut config = config_on_kafka(&simulator, "spoilt");
        config.errors.tolerance = tolerance;
        assert_eq!(sync(&config).await.outcome, Outcome::Completed, "the topics are made");
        let (statistics, pending) = (Arc::new(TypeStatistics::default()), TaskTracker::new());
        let context = RecordContext {
            statistics: Arc::clone(&statistics),
            record: "EcsTask",
            topic: config.kafka.topic("EcsTask").into(),
            captured: 1_700_000_000_123,
            id_suffix: "@2023-11-14T22:13:20.123Z".to_owned(),
            headers: vec![("ce_source", "/me".to_owned())],
            offsets: Arc::default(),
            token: pending.token(),
            has_event_id: true,
            trace: TypeTrace::default(),
            span: tracing::Span::none(),
        };
        let mut batch = RecordBatch::new(Arc::new(context), None, 1, [16, 16]);
        batch.encode_errors.push(EncodeError {
            key: "arn:1".to_owned(),
            id: "arn:1".to_owned(),
            reason: "no UID".to_owned(),
        });
        let kafka = Producer::connect(&config, &Observers::default()).unwrap();
        let sent = async {
            kafka.send(batch).await.unwrap();
            pending.close();
            pending.wait().await;
        };
        tokio::select! {
            () = sent => {}
            never = kafka.recover() => match never {},
        }
        assert_eq!(statistics.counters.counts().acknowledged, 0, "it never counts as acknowledged");
        let error = statistics.judge().error.unwrap();
        assert!(error.contains("arn:1") && error.contains("cannot be encoded: no UID"), "{error}");
        assert_eq!(statistics.has_ended_by_refusal(), tolerance == Tolerance::None, "whether its type ends");
        if tolerance == Tolerance::None {
            continue;
        }
        let letters = landed(&config, &config.kafka.dead_letter_topic());
        let [letter] = letters.as_slice() else { panic!("{letters:?}") };
        assert_eq!((letter.key.as_str(), letter.value.len(), letter.timestamp), ("arn:1", 0, 1_700_000_000_123));
        let expected = [
            ("ce_id", "arn:1@2023-11-14T22:13:20.123Z"),
            ("ce_source", "/me"),
            ("dlq.object", "EcsTask"),
            ("dlq.reason", "cannot be encoded: no UID"),
            ("dlq.size", "0"),
            ("dlq.sync", "2023-11-14T22:13:20.123Z"),
            ("dlq.topic", &config.kafka.topic("EcsTask")),
        ];
        let headers: Vec<_> = letter.headers.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(headers, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_record_ends_its_type_and_no_other() {
    let simulator = simulator(TASKS);
    let mut config = config_on_kafka(&simulator, "refused");
    let first = sync(&config).await;
    assert_eq!(first.outcome, Outcome::Completed, "{}", first.text());
    let topic = config.kafka.topic("EcsTask");
    limit(&config.kafka.bootstrap_servers[0], &topic, 200).await;

    config.kafka.headers = Headers::None;
    let report = sync(&config).await;
    assert_eq!(report.outcome, Outcome::Partial, "{}", report.text());
    for one in &report.types {
        if one.object == "EcsTask" {
            assert_eq!(
                (one.counts.acknowledged, one.counts.failed),
                (0, one.counts.described),
                "what is refused is never acknowledged"
            );
            let error = one.error.as_deref().unwrap();
            assert!(error.contains(&topic) && error.contains("MessageSizeTooLarge"), "{error}");
        } else {
            assert_eq!(one.counts.acknowledged, one.counts.described, "{one:?}");
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
    let topic = config.kafka.topic("EcsCluster");
    limit(&config.kafka.bootstrap_servers[0], &topic, 200).await;

    let report = sync(&config).await;
    assert_eq!(report.outcome, Outcome::Partial, "{}", report.text());
    let of = |object: &str| report.types.iter().find(|one| one.object == object).unwrap();
    assert_eq!(
        (of("EcsCluster").counts.acknowledged, of("EcsService").counts.acknowledged),
        (0, 450),
        "{}",
        report.text()
    );
    assert_eq!(of("EcsService").state, State::Complete);
}
