//! What flows from the mappers to the sink: encoded batches, and the line that all records of a scope and object share.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::aws::BufferPermit;
use crate::sdm::rfc3339;
use crate::statistics::TypeStatistics;

/// What all records of one scope and object have in common.
#[derive(Debug)]
pub struct RecordContext {
    /// Where its counts go.
    pub statistics: Arc<TypeStatistics>,
    /// The record's name in Avro, such as `EcsTask`.
    pub object: &'static str,
    /// The topic.
    pub topic: Arc<str>,
    /// The record timestamp: `LAST_CAPTURED`, milliseconds since the epoch.
    pub captured: i64,
    /// What `ce_id` ends with: `@LAST_CAPTURED` in words.
    pub at: String,
    /// The headers that are the same for all, in order; empty where headers are off. `ce_id` stands apart.
    pub headers: Vec<(&'static str, String)>,
    /// The bytes before each datum: the frame of the wire format.
    pub frame: Vec<u8>,
    /// How far its topic reaches.
    pub offsets: Arc<OffsetTracker>,
    /// Dropped with the last of its records: batches and deliveries share the context.
    pub token: TaskTrackerToken,
}

/// Where the acknowledged records of one topic lie, by what the broker said of each: nobody has to be asked at the end.
#[derive(Debug, Default)]
pub struct OffsetTracker(Mutex<BTreeMap<i32, OffsetRange>>);

/// The offsets of acknowledged records in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OffsetRange {
    /// The first.
    pub(crate) first: i64,
    /// The last.
    pub(crate) last: i64,
    /// How many there are.
    pub(crate) count: i64,
    /// A record was acknowledged without its offset, as when the broker says that it has it already.
    pub(crate) incomplete: bool,
}

impl OffsetRange {
    /// Whether a partition that ended at `low` cannot have taken these: it was deleted and made anew in between. Without an offset
    /// for each there is no telling.
    pub(crate) fn is_of_another_topic(&self, low: i64) -> bool {
        !self.incomplete && (self.first < low || self.count > self.last + 1 - low)
    }
}

impl OffsetTracker {
    /// A record was acknowledged there; a negative offset is none.
    pub(crate) fn note(&self, partition: i32, offset: i64) {
        let mut ranges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let range =
            ranges.entry(partition).or_insert(OffsetRange { first: i64::MAX, last: -1, count: 0, incomplete: false });
        range.count += 1;
        if offset < 0 {
            range.incomplete = true;
        } else {
            (range.first, range.last) = (range.first.min(offset), range.last.max(offset));
        }
    }

    /// What is known, by partition.
    pub(crate) fn ranges(&self) -> BTreeMap<i32, OffsetRange> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Who and what the records of a line are, for their headers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventSource<'a> {
    /// The producer's name.
    pub(crate) name: &'a str,
    /// The account, if known.
    pub(crate) account: Option<&'a str>,
    /// The region.
    pub(crate) region: &'a str,
    /// The assumed role's ARN.
    pub(crate) role: Option<&'a str>,
}

impl EventSource<'_> {
    /// `ce_source`: /name/account/region, with /role-name where a role is assumed.
    pub(crate) fn source(&self) -> String {
        let account = self.account.unwrap_or("unknown");
        let scope = format!("/{}/{account}/{}", self.name, self.region);
        match self.role.and_then(|arn| arn.rsplit('/').next()) {
            Some(role) => format!("{scope}/{role}"),
            None => scope,
        }
    }
}

/// The CloudEvents headers of binary mode (Kafka protocol binding, section 3.2), all but `ce_id`. `kind` is the record's name in Avro.
pub(crate) fn headers(source: String, kind: &str, captured: i64) -> Vec<(&'static str, String)> {
    vec![
        ("ce_specversion", "1.0".to_owned()),
        ("ce_source", source),
        ("ce_type", format!("{}.{kind}", crate::sdm::NAMESPACE)),
        ("ce_time", rfc3339(captured)),
        ("content-type", "application/avro".to_owned()),
    ]
}

/// A batch of encoded records: one buffer of values and one of names, cut by marks.
#[derive(Debug)]
pub struct RecordBatch {
    /// What the records share.
    pub(crate) context: Arc<RecordContext>,
    /// The framed values, one after the other.
    pub(crate) values: Vec<u8>,
    /// Keys and event ids, one after the other: each id begins with its key.
    pub(crate) names: String,
    marks: Vec<Mark>,
    /// Objects that could not be encoded.
    pub encode_errors: Vec<EncodeError>,
    /// Kept until the last record is with the sink; events have none.
    pub(crate) _permit: Option<BufferPermit>,
}

/// An object without a record.
#[derive(Debug)]
pub struct EncodeError {
    /// The UID.
    pub key: String,
    /// `ce_id` without its instant.
    pub id: String,
    /// The encoder's word.
    pub reason: String,
}

#[derive(Debug, Clone, Copy)]
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
    /// The framed value.
    pub(crate) value: &'a [u8],
}

impl RecordBatch {
    /// A batch without records, with room for as many as `records`, and for `values` and `names` bytes of them.
    pub fn new(
        context: Arc<RecordContext>,
        permit: Option<BufferPermit>,
        records: usize,
        [values, names]: [usize; 2],
    ) -> Self {
        let (values, names) = (Vec::with_capacity(values), String::with_capacity(names));
        Self { context, values, names, marks: Vec::with_capacity(records), encode_errors: Vec::new(), _permit: permit }
    }

    /// Ends the record whose value was just written to `values`. `id` begins with `key`.
    pub(crate) fn push(&mut self, key: &str, id: &str) {
        let start = self.names.len();
        self.names.push_str(id);
        self.marks.push(Mark { value: self.values.len(), key: start + key.len(), id: self.names.len() });
    }

    /// Takes back what was written since the last record.
    pub(crate) fn truncate(&mut self) {
        let end = self.marks.last().map_or(0, |mark| mark.value);
        self.values.truncate(end);
    }

    /// How many records it holds.
    pub(crate) fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether it holds none.
    pub(crate) fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// The records in order.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let starts = std::iter::once(Mark { value: 0, key: 0, id: 0 }).chain(self.marks.iter().copied());
        starts.zip(&self.marks).map(|(start, end)| Record {
            key: &self.names[start.id..end.key],
            id: &self.names[start.id..end.id],
            value: &self.values[Range { start: start.value, end: end.value }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_that_was_made_anew_is_told_by_its_offsets() {
        let range = |first, last, count| OffsetRange { first, last, count, incomplete: false };
        assert!(!range(10, 19, 10).is_of_another_topic(10) && !range(12, 30, 5).is_of_another_topic(10));
        assert!(range(0, 19, 15).is_of_another_topic(10), "before where it ended");
        assert!(range(0, 9, 15).is_of_another_topic(0), "more than fit");
        assert!(!OffsetRange { incomplete: true, ..range(0, 9, 15) }.is_of_another_topic(0));
    }

    #[test]
    fn a_topic_reaches_from_its_first_acknowledged_offset_to_its_last() {
        let offsets = OffsetTracker::default();
        for (partition, offset) in [(0, 7), (0, 5), (2, 0), (0, 9), (1, -1), (1, 4)] {
            offsets.note(partition, offset);
        }
        let ranges = offsets.ranges();
        assert_eq!(ranges[&0], OffsetRange { first: 5, last: 9, count: 3, incomplete: false });
        assert_eq!(ranges[&1], OffsetRange { first: 4, last: 4, count: 2, incomplete: true });
        assert_eq!(ranges[&2], OffsetRange { first: 0, last: 0, count: 1, incomplete: false });
    }
}
