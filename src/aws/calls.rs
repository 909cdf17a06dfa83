//! The ECS requests that one sync has sent, by the category whose limit they count against.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Category, Verdict};

/// The counters of one sync.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    by_category: [Counters; 4],
    /// How long AWS took for all attempts together, in microseconds.
    busy: AtomicU64,
}

#[derive(Debug, Default)]
struct Counters {
    /// Requests sent, those included that have no answer yet.
    attempts: AtomicU64,
    answered: AtomicU64,
    throttled: AtomicU64,
    failed: AtomicU64,
    retried: AtomicU64,
}

/// The requests of one category whose end is known. None of these numbers ever falls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CategoryCalls {
    /// AWS has answered what was asked.
    pub answered: u64,
    /// AWS has answered with a throttle.
    pub throttled: u64,
    /// AWS has refused, or nobody has answered.
    pub failed: u64,
    /// Attempts after the first of their call.
    pub retried: u64,
}

impl AddAssign for CategoryCalls {
    fn add_assign(&mut self, other: Self) {
        self.answered += other.answered;
        self.throttled += other.throttled;
        self.failed += other.failed;
        self.retried += other.retried;
    }
}

impl Calls {
    /// A request is sent whose call has failed `tries` times.
    pub(super) fn begin(&self, category: Category, tries: u32) {
        let counters = &self.by_category[category as usize];
        counters.attempts.fetch_add(1, Ordering::Relaxed);
        counters.retried.fetch_add(u64::from(tries > 0), Ordering::Relaxed);
    }

    /// It has ended so, after this time.
    pub(super) fn end(&self, category: Category, tries: u32, fault: Option<Verdict>, took: Duration) {
        let counters = &self.by_category[category as usize];
        self.busy.fetch_add(u64::try_from(took.as_micros()).unwrap_or(0), Ordering::Relaxed);
        let counter = match fault {
            None => &counters.answered,
            Some(Verdict::Throttled) => &counters.throttled,
            // The request never left the process.
            Some(Verdict::Setup) => {
                counters.attempts.fetch_sub(1, Ordering::Relaxed);
                counters.retried.fetch_sub(u64::from(tries > 0), Ordering::Relaxed);
                return;
            }
            Some(_) => &counters.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// How long AWS takes for one attempt on average. None before the first.
    pub(crate) fn latency(&self) -> Option<Duration> {
        let attempts = self.attempts();
        let busy = Duration::from_micros(self.busy.load(Ordering::Relaxed));
        (attempts > 0).then(|| busy.div_f64(attempts as f64))
    }

    /// Requests sent, in all.
    pub(crate) fn attempts(&self) -> u64 {
        self.by_category.iter().map(|counters| counters.attempts.load(Ordering::Relaxed)).sum()
    }

    /// What is known of each category, in the order of [`Category::ALL`].
    pub(crate) fn by_category(&self) -> [CategoryCalls; 4] {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        self.by_category.each_ref().map(|counters| CategoryCalls {
            answered: load(&counters.answered),
            throttled: load(&counters.throttled),
            failed: load(&counters.failed),
            retried: load(&counters.retried),
        })
    }
}
