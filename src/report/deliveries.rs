//! What Kafka did not take of one type, record by record. The report tells it by issues; these are numbers for metrics.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counters of one type.
#[derive(Debug, Default)]
pub(crate) struct DeliveryCounters {
    refused: AtomicU64,
    dead_lettered: AtomicU64,
    lost: AtomicU64,
}

/// Records that are not on their topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    /// Kafka has refused them, and their type has ended.
    pub refused: u64,
    /// Kafka has refused them, and they went to the dead letter topic.
    pub dead_lettered: u64,
    /// They were not acknowledged, and will not be: their time was over, or the sync was stopped.
    pub lost: u64,
}

impl AddAssign for DeliveryCounts {
    fn add_assign(&mut self, other: Self) {
        self.refused += other.refused;
        self.dead_lettered += other.dead_lettered;
        self.lost += other.lost;
    }
}

impl DeliveryCounters {
    pub(crate) fn add_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_dead_letter(&self) {
        self.dead_lettered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> DeliveryCounts {
        let [refused, dead_lettered, lost] =
            [&self.refused, &self.dead_lettered, &self.lost].map(|count| count.load(Ordering::Relaxed));
        DeliveryCounts { refused, dead_lettered, lost }
    }
}
