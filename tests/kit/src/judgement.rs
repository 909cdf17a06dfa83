//! The judgement of whole syncs: every record on the topics against the simulator's truth, and the report against both.

use std::collections::{BTreeMap, BTreeSet};

use ecs_sdm_producer::config::{Config, SubjectStrategy};
use ecs_sdm_producer::contract::rfc3339;
use ecs_sdm_producer::report::State;
use ecs_sdm_producer::report::{Report, TypeReport};
use ecs_sim::World;
use serde_json::Value;

use crate::report::total;
use crate::topic::{Landed, read};
use crate::truth::{event_id, truth};
use crate::{OBJECTS, oracle, registry};

/// Everything of every scope was read and has landed.
///
/// `scopes` are (account, region, what `ce_source` ends with after them).
pub fn assert_landed(world: &World, config: &Config, report: &Report, scopes: &[(&str, &str, &str)]) {
    assert!(report.types.iter().all(|one| one.state == State::Complete), "{}", report.text());
    assert_landed_as_reported(world, config, report, scopes);
}

/// Reads all four topics and holds every record against the simulator's truth, and the report against both: a complete type has
/// landed whole, and of any other nothing was described in the tests that use this.
pub fn assert_landed_as_reported(world: &World, config: &Config, report: &Report, scopes: &[(&str, &str, &str)]) {
    let complete: BTreeSet<(String, &str)> = report
        .types
        .iter()
        .filter(|one| one.state == State::Complete)
        .map(|one| {
            (
                source(config, one.account.as_deref().unwrap(), one.region.as_deref().unwrap(), role_name(one)),
                one.object,
            )
        })
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
        for count in [
            |one: &TypeReport| one.counts.acknowledged,
            |one: &TypeReport| one.counts.emitted,
            |one: &TypeReport| one.counts.described,
        ] {
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
pub fn frame(config: &Config, record: &str) -> Vec<u8> {
    match config.schema_registry.url.first() {
        Some(url) => registry::frame(url, &subject(config, record), record),
        None => oracle::frame(record),
    }
}

/// Under which name a registry has a record's schema.
pub fn subject(config: &Config, record: &str) -> String {
    let topic = if record == "SyncEvent" { config.kafka.sync_topic() } else { config.kafka.topic(record) };
    match config.schema_registry.subject_strategy {
        SubjectStrategy::TopicName => format!("{topic}-value"),
        SubjectStrategy::Record => format!("sdm.ecs.{record}"),
        SubjectStrategy::TopicRecord => format!("{topic}-sdm.ecs.{record}"),
    }
}

/// `ce_source`.
fn source(config: &Config, account: &str, region: &str, role: &str) -> String {
    format!("/{}/{account}/{region}{role}", config.name)
}

fn role_name(one: &TypeReport) -> &str {
    one.role.as_deref().map_or("", |arn| &arn[arn.rfind('/').unwrap()..])
}
