//! What flows to Kafka: batches of encoded records, and the context that the records of one scope and object share.

pub(crate) mod cloud_events;
mod encoder;
mod offsets;

use std::sync::Arc;

use serde_json::Value;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::Span;

pub(crate) use self::encoder::{Encoder, SchemaError};
pub use self::offsets::OffsetTracker;
use crate::aws::BufferPermit;
use crate::observe::TypeTrace;
use crate::report::{self, SYNC_EVENT, TypeStatistics};

/// The schemas of all records that a sync sends: of the objects, in the contract's order, and of the event.
pub fn schemas() -> impl Iterator<Item = (&'static str, Value)> {
    crate::ecs::schemas().into_iter().chain([(SYNC_EVENT, report::sync_event_schema())])
}

/// What all records of one scope and object have in common.
#[derive(Debug)]
pub struct RecordContext {
    /// Where they are counted.
    pub statistics: Arc<TypeStatistics>,
    /// The name in Avro, such as `EcsTask`.
    pub record: &'static str,
    /// The topic.
    pub topic: Arc<str>,
    /// The record timestamp: `LAST_CAPTURED`, milliseconds since the epoch.
    pub captured: i64,
    /// The end of each `ce_id`: `@` and `LAST_CAPTURED` as text.
    pub id_suffix: String,
    /// The headers that all records share, in order, so without `ce_id`. Empty if headers are off.
    pub headers: Vec<(&'static str, String)>,
    /// The offsets of the topic's acknowledged records.
    pub offsets: Arc<OffsetTracker>,
    /// The span of the type. It is dropped before the token, so that it ends before its scope.
    pub trace: TypeTrace,
    /// Dropped with the last record, since batches and deliveries share the context.
    pub token: TaskTrackerToken,
    /// Whether `ce_id` stands among the headers.
    pub has_event_id: bool,
    /// The scope, for lines of a log that tell of a delivery.
    pub span: Span,
}

/// A batch of encoded records: one buffer of values, one of names, and the positions at which each record ends.
#[derive(Debug)]
pub struct RecordBatch {
    pub(crate) context: Arc<RecordContext>,
    /// The values with their frames, one after the other.
    pub(crate) values: Vec<u8>,
    /// Keys and event ids, one after the other: each id begins with its key.
    pub(crate) names: String,
    marks: Vec<Mark>,
    /// Objects that could not be encoded.
    pub encode_errors: Vec<EncodeError>,
    /// Kept until the last record is with the sink. None for events.
    pub(crate) _permit: Option<BufferPermit>,
}

/// An object without a record.
#[derive(Debug)]
pub struct EncodeError {
    /// The UID.
    pub key: String,
    /// `ce_id` without its instant.
    pub id: String,
    /// The encoder's error.
    pub reason: String,
}

/// The positions at which a record ends: its value in `values`, its key and its id in `names`.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    value: usize,
    key: usize,
    id: usize,
}

/// One record of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    /// The UID, and Kafka key.
    pub key: &'a str,
    /// `ce_id` without its instant.
    pub id: &'a str,
    pub(crate) value: &'a [u8],
}

impl RecordBatch {
    /// An empty batch with room for `records` records, and for so many bytes of values and of names.
    pub fn new(
        context: Arc<RecordContext>,
        permit: Option<BufferPermit>,
        records: usize,
        [values, names]: [usize; 2],
    ) -> Self {
        Self {
            context,
            values: Vec::with_capacity(values),
            names: String::with_capacity(names),
            marks: Vec::with_capacity(records),
            encode_errors: Vec::new(),
            _permit: permit,
        }
    }

    /// Ends the record whose value was just written to `values`. `id` begins with `key`.
    pub(crate) fn push(&mut self, key: &str, id: &str) {
        let start = self.names.len();
        self.names.push_str(id);
        self.marks.push(Mark { value: self.values.len(), key: start + key.len(), id: self.names.len() });
    }

    /// Removes what was written to `values` since the last record.
    pub(crate) fn truncate(&mut self) {
        let end = self.marks.last().map_or(0, |mark| mark.value);
        self.values.truncate(end);
    }

    /// The bytes of values and of names.
    pub(crate) fn size(&self) -> [usize; 2] {
        [self.values.len(), self.names.len()]
    }

    pub(crate) fn len(&self) -> usize {
        self.marks.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let starts = std::iter::once(Mark::default()).chain(self.marks.iter().copied());
        starts.zip(&self.marks).map(|(start, end)| Record {
            key: &self.names[start.id..end.key],
            id: &self.names[start.id..end.id],
            value: &self.values[start.value..end.value],
        })
    }
}
