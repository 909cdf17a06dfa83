//! The offsets of acknowledged records.

use std::collections::BTreeMap;

use parking_lot::Mutex;

/// The offsets of one topic's acknowledged records, by partition. The acknowledgements have them, so no broker has to be asked.
#[derive(Debug, Default)]
pub struct OffsetTracker(Mutex<BTreeMap<i32, OffsetRange>>);

/// The offsets of acknowledged records in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OffsetRange {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) count: i64,
    /// Whether a record was acknowledged without its offset, as when the broker finds that it has the record already.
    pub(crate) incomplete: bool,
}

impl OffsetRange {
    /// Whether a partition that ended at `low` before the sync cannot hold these offsets, because it was deleted and made anew
    /// since. If an offset is missing, that cannot be known.
    pub(crate) fn is_of_another_topic(&self, low: i64) -> bool {
        !self.incomplete && (self.first < low || self.count > self.last + 1 - low)
    }
}

impl OffsetTracker {
    /// Notes that a record was acknowledged. A negative offset is not known.
    pub(crate) fn add(&self, partition: i32, offset: i64) {
        let mut ranges = self.0.lock();
        let range =
            ranges.entry(partition).or_insert(OffsetRange { first: i64::MAX, last: -1, count: 0, incomplete: false });
        range.count += 1;
        if offset < 0 {
            range.incomplete = true;
        } else {
            range.first = range.first.min(offset);
            range.last = range.last.max(offset);
        }
    }

    pub(crate) fn ranges(&self) -> BTreeMap<i32, OffsetRange> {
        self.0.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_that_was_made_anew_is_known_by_its_offsets() {
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
            offsets.add(partition, offset);
        }
        let ranges = offsets.ranges();
        assert_eq!(ranges[&0], OffsetRange { first: 5, last: 9, count: 3, incomplete: false });
        assert_eq!(ranges[&1], OffsetRange { first: 4, last: 4, count: 2, incomplete: true });
        assert_eq!(ranges[&2], OffsetRange { first: 0, last: 0, count: 1, incomplete: false });
    }
}
