//! `SyncEvent`: what the sync topic says, so that a reader of Kafka alone can tell a whole snapshot from a part of one.

use std::borrow::Cow;

use serde::Serialize;

use super::{CallCounts, EMIT_ALL, PartitionRange, Report, TypeReport};
use crate::contract::OBJECTS;

/// The record's name in Avro, and what `ce_type` ends with.
pub(crate) const SYNC_EVENT: &str = "SyncEvent";

/// Incomplete types that an outcome names at most: an event is one record, and thousands of scopes may fail at once.
const INCOMPLETE: usize = 100;

/// One event. Its members are in the order of the schema.
#[derive(Debug, Serialize)]
pub(crate) struct SyncEvent<'a> {
    event: Cow<'static, str>,
    name: &'a str,
    emit: &'static str,
    sync: i64,
    started: i64,
    ended: Option<i64>,
    types: Vec<Cow<'a, TypeReport>>,
    incomplete: i64,
    scopes: i64,
    calls: Option<CallCounts>,
    partitions: &'a [PartitionRange],
}

impl<'a> SyncEvent<'a> {
    /// STARTED: where every data partition ends before the first record of this sync. What no later event confirms is not to be
    /// relied on.
    pub(crate) fn started(name: &'a str, sync: i64, partitions: &'a [PartitionRange]) -> Self {
        Self { partitions, ..Self::new("STARTED", name, sync) }
    }

    /// SCOPE: the types of one role in one region, with their causes. The scope was read to its end, and its last record was
    /// acknowledged or has failed.
    pub(crate) fn scope(name: &'a str, sync: i64, ended: i64, types: &'a [TypeReport]) -> Self {
        Self {
            ended: Some(ended),
            types: types.iter().map(Cow::Borrowed).collect(),
            incomplete: long(types.iter().filter(|one| one.is_incomplete()).count()),
            ..Self::new("SCOPE", name, sync)
        }
    }

    /// The outcome: a total for each object, then the first types that are not complete. Their causes are in the events of their
    /// scopes.
    pub(crate) fn outcome(report: &'a Report) -> Self {
        let incomplete = || report.types.iter().filter(|one| one.is_incomplete());
        let named = incomplete().take(INCOMPLETE).map(|one| TypeReport { causes: Vec::new(), ..one.clone() });
        Self {
            emit: report.emit,
            ended: Some(report.ended),
            types: totals(&report.types).chain(named).map(Cow::Owned).collect(),
            incomplete: long(incomplete().count()),
            scopes: long(scopes(&report.types)),
            calls: Some(report.calls),
            partitions: &report.partitions,
            ..Self::new(report.outcome.to_string(), &report.name, report.sync)
        }
    }

    /// What it is: `STARTED`, `SCOPE`, or an outcome.
    pub(crate) fn event(&self) -> &str {
        &self.event
    }

    fn new(event: impl Into<Cow<'static, str>>, name: &'a str, sync: i64) -> Self {
        Self {
            event: event.into(),
            name,
            emit: EMIT_ALL,
            sync,
            started: sync,
            ended: None,
            types: Vec::new(),
            incomplete: 0,
            scopes: 0,
            calls: None,
            partitions: &[],
        }
    }
}

/// How many scopes there are. Types are in the order of their scopes.
fn scopes(types: &[TypeReport]) -> usize {
    types.chunk_by(|a, b| (&a.account, &a.region, &a.role) == (&b.account, &b.region, &b.role)).count()
}

fn totals(types: &[TypeReport]) -> impl Iterator<Item = TypeReport> {
    OBJECTS.into_iter().filter_map(|object| {
        let of: Vec<&TypeReport> = types.iter().filter(|one| one.object == object).collect();
        (!of.is_empty()).then(|| TypeReport::total(object, &of))
    })
}

/// Avro knows no unsigned numbers.
fn long(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
