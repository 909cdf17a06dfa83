//! `SyncEvent`, the record of the sync topic. By it a reader of Kafka can tell a whole snapshot from a part of one.

use std::borrow::Cow;

use serde::Serialize;

use super::{CallCounts, EMIT_ALL, PartitionRange, Report, TypeReport};
use crate::contract::OBJECTS;

/// The record's name in Avro, and what `ce_type` ends with.
pub(crate) const SYNC_EVENT: &str = "SyncEvent";

/// How many incomplete types an outcome names at most. It is a single record, and thousands of scopes may fail at once.
const INCOMPLETE: usize = 100;

/// One event. The fields are in the order of the schema.
#[derive(Debug, Serialize)]
pub(crate) struct SyncEvent<'a> {
    /// `STARTED`, `SCOPE`, or an outcome.
    pub(crate) event: Cow<'static, str>,
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
    /// STARTED, with the end of each partition before the first record of this sync.
    pub(crate) fn started(name: &'a str, sync: i64, partitions: &'a [PartitionRange]) -> Self {
        Self { partitions, ..Self::new("STARTED", name, sync) }
    }

    /// SCOPE, with the types of one role in one region and their causes.
    pub(crate) fn scope(name: &'a str, sync: i64, ended: i64, types: &'a [TypeReport]) -> Self {
        Self {
            ended: Some(ended),
            types: types.iter().map(Cow::Borrowed).collect(),
            incomplete: long(types.iter().filter(|one| one.is_incomplete()).count()),
            ..Self::new("SCOPE", name, sync)
        }
    }

    /// The outcome, with a total for each object and the first types that are not complete. Their causes are in the SCOPE events.
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

/// The number of scopes. The types of a scope stand side by side.
fn scopes(types: &[TypeReport]) -> usize {
    types.chunk_by(|a, b| (&a.account, &a.region, &a.role) == (&b.account, &b.region, &b.role)).count()
}

fn totals(types: &[TypeReport]) -> impl Iterator<Item = TypeReport> {
    OBJECTS.into_iter().filter_map(|object| {
        let of: Vec<&TypeReport> = types.iter().filter(|one| one.object == object).collect();
        (!of.is_empty()).then(|| TypeReport::total(object, &of))
    })
}

/// Avro has no unsigned integers.
fn long(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
