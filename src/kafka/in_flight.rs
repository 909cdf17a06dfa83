//! How much may be unacknowledged at a time, and for how long the oldest of it has been.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::observe::{Latencies, Notable, Observers, ago};
use crate::record::RecordContext;

/// Bytes that librdkafka needs for each record beside its content: message and queue entries.
pub const OVERHEAD: usize = 500;

/// The limit on unacknowledged records and bytes. It bounds librdkafka's memory.
#[derive(Debug, Clone)]
pub(crate) struct InFlightLimit {
    records: (Arc<Semaphore>, usize),
    bytes: (Arc<Semaphore>, usize),
    since: Arc<Mutex<Since>>,
    observers: Observers,
}

/// When each batch was handed over, in the order of hand-over.
#[derive(Debug, Default)]
struct Since {
    next: u64,
    batches: BTreeMap<u64, Instant>,
}

/// What one batch takes of the limit, until it is dropped.
#[derive(Debug)]
pub(crate) struct InFlightPermit {
    number: u64,
    since: Arc<Mutex<Since>>,
    /// Where the batch goes, and where it is recorded how long it took.
    sends: Option<(Arc<RecordContext>, Latencies)>,
    _records: Option<OwnedSemaphorePermit>,
    _bytes: Option<OwnedSemaphorePermit>,
}

impl InFlightLimit {
    /// At most `records` records and `bytes` bytes. A record's bytes are its key, value and headers, and [`OVERHEAD`].
    pub(crate) fn new(records: usize, bytes: usize, observers: &Observers) -> Self {
        Self {
            observers: observers.clone(),
            records: (Arc::new(Semaphore::new(records)), records),
            bytes: (Arc::new(Semaphore::new(bytes)), bytes),
            since: Arc::default(),
        }
    }

    /// Waits for room for one batch of these records. A batch above the limit takes the whole limit.
    pub(crate) async fn acquire_for(
        &self,
        context: &Arc<RecordContext>,
        records: usize,
        bytes: usize,
    ) -> InFlightPermit {
        let mut permit = self.acquire(records, bytes).await;
        permit.sends = Some((Arc::clone(context), self.observers.latencies.clone()));
        permit
    }

    /// The same of nobody's records. A batch above the limit takes the whole limit.
    async fn acquire(&self, records: usize, bytes: usize) -> InFlightPermit {
        let take = async |(semaphore, all): &(Arc<Semaphore>, usize), count: usize| {
            let count = u32::try_from(count.min(*all)).unwrap_or(u32::MAX);
            // The semaphore is never closed.
            self.observers.blocked.produce.acquire(semaphore, count).await.ok()
        };
        let records = take(&self.records, records).await;
        let bytes = take(&self.bytes, bytes).await;
        let mut since = self.since.lock();
        let number = since.next;
        since.next += 1;
        since.batches.insert(number, Instant::now());
        drop(since);
        InFlightPermit { number, since: Arc::clone(&self.since), sends: None, _records: records, _bytes: bytes }
    }

    pub(crate) async fn drained(&self) {
        // Nobody sends meanwhile, so that nothing is blocked.
        let all = u32::try_from(self.records.1).unwrap_or(u32::MAX);
        drop(self.records.0.acquire_many(all).await);
    }

    pub(crate) fn count(&self) -> usize {
        self.records.1 - self.records.0.available_permits()
    }

    /// How long the oldest unacknowledged record has been waiting. Nothing else shows that a cluster has too few replicas in sync.
    pub(crate) fn oldest(&self) -> Option<Duration> {
        self.since.lock().batches.values().next().map(Instant::elapsed)
    }
}

impl Drop for InFlightPermit {
    fn drop(&mut self) {
        let since = self.since.lock().batches.remove(&self.number);
        if let (Some(since), Some((context, latencies))) = (since, &self.sends) {
            let took = since.elapsed();
            latencies.send(&context.topic, took);
            let name = || context.topic.to_string();
            context.trace.note(|| Notable { name: name(), is_call: false, began: ago(took), took, error: None });
        }
    }
}

/// Reports a stall when it begins, each time its age has doubled, and when it is over.
#[derive(Debug)]
pub(super) struct StallDetector {
    from: Duration,
    next: Duration,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum StallEvent {
    /// For how long the oldest record has been waiting.
    Stalled(Duration),
    /// What had been waiting is acknowledged.
    Over,
}

impl StallDetector {
    pub(super) fn new(from: Duration) -> Self {
        Self { from, next: from }
    }

    pub(super) fn observe(&mut self, oldest: Option<Duration>) -> Option<StallEvent> {
        match oldest.filter(|age| *age >= self.from) {
            Some(age) if age >= self.next => {
                self.next = age * 2;
                Some(StallEvent::Stalled(age))
            }
            Some(_) => None,
            None if self.next > self.from => {
                self.next = self.from;
                Some(StallEvent::Over)
            }
            None => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_reported_when_it_begins_as_it_doubles_and_when_it_is_over() {
        let seconds = Duration::from_secs;
        let mut stall = StallDetector::new(seconds(10));
        let looks = [None, Some(9), Some(10), Some(15), Some(20), Some(39), Some(41), Some(2), None, Some(10)];
        let events: Vec<_> = looks.into_iter().filter_map(|age| stall.observe(age.map(seconds))).collect();
        let stalled = |age| StallEvent::Stalled(seconds(age));
        assert_eq!(events, [stalled(10), stalled(20), stalled(41), StallEvent::Over, stalled(10)]);
    }

    #[tokio::test]
    async fn the_oldest_batch_counts_until_its_permit_is_dropped() {
        let flight = InFlightLimit::new(10, 100, &Observers::default());
        assert_eq!(flight.oldest(), None);
        let first = flight.acquire(1, 1).await;
        let second = flight.acquire(1, 1).await;
        let oldest = flight.oldest().unwrap();
        drop(first);
        assert!(flight.oldest().unwrap() < oldest + Duration::from_secs(60) && flight.count() == 1);
        drop(second);
        assert_eq!((flight.oldest(), flight.count()), (None, 0));
    }
}
