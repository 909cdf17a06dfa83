//! What a plan counts of one type: what its lists hold, and the calls that reading it takes.

use std::sync::atomic::{AtomicU64, Ordering};

/// What is counted of one type by its lists, and by a plan in place of its Describes.
#[derive(Debug, Default)]
pub(crate) struct PlanCounters {
    objects: AtomicU64,
    lists: AtomicU64,
    describes: AtomicU64,
}

/// What a type holds, and the calls that reading it takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlanCounts {
    /// ARNs listed, each once.
    pub objects: u64,
    /// List requests, retries not counted.
    pub lists: u64,
    /// Describe requests that a sync would send for these.
    pub describes: u64,
}

impl PlanCounters {
    pub(crate) fn add_list(&self) {
        self.lists.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_objects(&self, objects: usize) {
        self.objects.fetch_add(objects as u64, Ordering::Relaxed);
    }

    pub(crate) fn add_describes(&self, describes: usize) {
        self.describes.fetch_add(describes as u64, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> PlanCounts {
        let [objects, lists, describes] =
            [&self.objects, &self.lists, &self.describes].map(|count| count.load(Ordering::Relaxed));
        PlanCounts { objects, lists, describes }
    }
}
