//! Counts and states of a report. A new count of the product's is told to the tests here.

use std::collections::BTreeMap;

use ecs_sdm_producer::report::PartitionRange;
use ecs_sdm_producer::report::State::{self, Complete};
use ecs_sdm_producer::report::{CallCounts, Counts, Outcome, Report, StopReason, TypeReport};
use ecs_sim::Simulator;

use crate::OBJECTS;

/// A count of a type.
pub type Count = fn(&TypeReport) -> u64;

/// Every count of a type, by its name in the JSON report and in `SyncEvent`.
pub const COUNTS: [(&str, Count); 9] = [
    ("asked", |one| one.counts.asked),
    ("described", |one| one.counts.described),
    ("gone", |one| one.counts.gone),
    ("emitted", |one| one.counts.emitted),
    ("acknowledged", |one| one.counts.acknowledged),
    ("failed", |one| one.counts.failed),
    ("known", |one| one.counts.known),
    ("unchanged", |one| one.counts.unchanged),
    ("deleted", |one| one.counts.deleted),
];

/// Sums a count of an object over all scopes.
pub fn total(report: &Report, object: &str, count: Count) -> u64 {
    report.types.iter().filter(|one| one.object == object).map(count).sum()
}

/// The first type of an object. In a report of one scope there is no other.
pub fn one<'a>(report: &'a Report, object: &str) -> &'a TypeReport {
    report.types.iter().find(|one| one.object == object).unwrap()
}

/// The state of each object. In a report of one scope there is no other.
pub fn states(report: &Report) -> BTreeMap<&'static str, State> {
    report.types.iter().map(|one| (one.object, one.state)).collect()
}

/// Holds the states of clusters, services, tasks and task definitions. What is not complete says why.
pub fn assert_states(report: &Report, expected: [State; 4]) {
    let states = states(report);
    for (object, expected) in OBJECTS.iter().zip(expected) {
        let one = one(report, object);
        assert_eq!(states[object], expected, "{object}: {one:?}");
        assert_eq!(one.error.is_none(), expected == Complete, "{object}: {one:?}");
        assert_eq!(one.causes.is_empty(), expected == Complete, "{object}: {one:?}");
    }
}

/// Holds that a sync failed before anything was asked of ECS, and gives its reason.
pub fn assert_failed(report: &Report, simulator: &Simulator) -> String {
    assert_eq!((report.outcome, report.outcome.exit_code()), (Outcome::Failed, 2), "{}", report.text());
    assert!(report.types.is_empty() && report.partitions.is_empty(), "failed before reading has no types");
    assert_eq!(simulator.counters().requests, 0, "AWS is not asked");
    match &report.stop_reason {
        Some(StopReason::Failure(reason)) => reason.to_string(),
        other => panic!("{other:?}"),
    }
}

/// A report of a completed sync that has read one type, all of whose records are acknowledged.
pub fn completed(sync: i64, object: &'static str, records: u64, range: PartitionRange) -> Report {
    let one = TypeReport {
        account: None,
        region: None,
        role: None,
        object,
        state: Complete,
        counts: Counts {
            asked: records,
            described: records,
            emitted: records,
            acknowledged: records,
            ..Counts::default()
        },
        error: None,
        causes: Vec::new(),
    };
    Report {
        sync,
        name: String::new(),
        emit: "all",
        outcome: Outcome::Completed,
        started: sync,
        ended: sync,
        types: vec![one],
        calls: CallCounts { attempts: 0, throttled: 0, retried: 0 },
        partitions: vec![range],
        stop_reason: None,
    }
}
