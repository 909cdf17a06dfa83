//! Cells of topics that do not take what they are sent.

use std::cmp::Reverse;

use ecs_sdm_producer::config::Tolerance;
use ecs_sdm_producer::report::Outcome::{Completed, Partial};
use ecs_sdm_producer::report::State;
use ecs_sdm_producer::report::{Counts, TypeReport};
use kit::broker;
use kit::topic::{admin, limit, read};
use rdkafka::admin::AdminOptions;

use super::judgement::Allowed;
use super::scene::{LARGE, Scene};
use super::{Cell, Line};

const OBJECT: &str = "EcsTaskDefinition";

pub(super) const CELLS: &[Cell<&'static str>] = &[
    ("record too large, tolerance none", |servers, cell| too_large(servers, cell, Tolerance::None)),
    ("record too large, tolerance dlq", |servers, cell| too_large(servers, cell, Tolerance::Dlq)),
    ("topic deleted", deleted),
];

pub(super) fn start() -> &'static str {
    broker::bootstrap_servers().unwrap()
}

/// The topic takes any batch of records but one that holds a large one.
fn too_large(servers: &mut &'static str, cell: &'static str, tolerance: Tolerance) -> Line {
    let mut scene = Scene::new(cell, servers, |config| {
        config.errors.tolerance = tolerance;
        let properties = [("compression.codec", "none"), ("batch.num.messages", "2")];
        config.kafka.properties.0.extend(properties.map(|(name, value)| (name.to_owned(), value.to_owned())));
    });
    scene.sync();
    let topic = scene.topic(OBJECT);
    let mut records = read(servers, &topic);
    records.sort_by_key(|record| Reverse(record.value.len()));
    let (large, other) = records.split_at(usize::try_from(LARGE).unwrap());
    let smallest = large.iter().map(|record| record.value.len()).min().unwrap();
    assert!(smallest > 3 * other[0].value.len(), "{smallest} {}", other[0].value.len());
    scene.block_on(limit(servers, &topic, smallest));
    scene.sync();

    let refused = scene.reports[1].types.iter().find(|one| one.object == OBJECT).unwrap();
    let TypeReport { state, counts: Counts { acknowledged, failed, .. }, error, .. } = refused;
    let error = error.as_deref().unwrap_or_default();
    assert_eq!(*state, State::Partial);
    assert!(error.contains(&topic) && error.contains("too large"), "{error}");
    let (all, culprits) = (records.len() as u64, large.len() as u64);
    if tolerance == Tolerance::Dlq {
        assert_eq!((*acknowledged, *failed), (all - culprits, culprits), "only the culprits: {error}");
        let mut letters: Vec<String> =
            read(servers, &scene.config.kafka.dead_letter_topic()).into_iter().map(|letter| letter.key).collect();
        letters.sort();
        let mut keys: Vec<String> = large.iter().map(|record| record.key.clone()).collect();
        keys.sort();
        assert_eq!(letters, keys);
    } else {
        // Its type ends with the first: what was read by then and not sent is counted too.
        assert!((1..all).contains(failed), "{failed} of {all}");
    }
    assert!(scene.reports[1].types.iter().all(|one| one.object == OBJECT || one.state == State::Complete));
    scene.block_on(limit(servers, &topic, 1 << 20));
    scene.sync();
    scene.judge(&Allowed { outcomes: vec![Completed, Partial, Completed], ..Allowed::default() })
}

/// By somebody else, in the middle. librdkafka waits for half a minute whether it comes back, unless it is told otherwise.
fn deleted(servers: &mut &'static str, cell: &'static str) -> Line {
    let mut scene = Scene::new(cell, servers, |config| {
        config.kafka.properties.0.insert("topic.metadata.propagation.max.ms".to_owned(), "500".to_owned());
    });
    scene.sync_amid(|scene, flow| {
        let topic = scene.topic("EcsTask");
        let done = scene.block_on(async { admin(servers).delete_topics(&[&topic], &AdminOptions::new()).await });
        done.unwrap().pop().unwrap().unwrap();
        flow.flood();
    });
    for one in &scene.reports[0].types {
        let error = one.error.as_deref().unwrap_or_default();
        assert_eq!(
            (one.object == "EcsTask", one.object == "EcsTask"),
            (one.counts.failed > 0, error.contains("is gone")),
            "{one:?}"
        );
    }
    scene.sync();
    scene.judge(&Allowed { outcomes: vec![Partial, Completed], lost: vec!["EcsTask"], ..Allowed::default() })
}
