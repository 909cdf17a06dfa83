//! For how long something has waited: the time in which at least one waits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// A clock that runs while anybody waits. Waits side by side count once, so that it never shows more time than has passed.
#[derive(Debug, Default)]
pub(crate) struct WaitClock(Mutex<Waits>);

#[derive(Debug, Default)]
struct Waits {
    /// How many wait now.
    waiting: usize,
    /// Since when anybody has waited. None if nobody does.
    since: Option<Instant>,
    /// The time before that.
    total: Duration,
}

/// One who waits, until it is dropped.
pub(crate) struct Waiting<'a>(&'a WaitClock);

impl WaitClock {
    /// Somebody begins to wait.
    pub(crate) fn start(&self) -> Waiting<'_> {
        let mut waits = self.0.lock();
        waits.waiting += 1;
        waits.since.get_or_insert_with(Instant::now);
        Waiting(self)
    }

    /// Takes permits of a semaphore. The clock runs if there are too few.
    pub(crate) async fn acquire(
        &self,
        semaphore: &Arc<Semaphore>,
        permits: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        if let Ok(taken) = Arc::clone(semaphore).try_acquire_many_owned(permits) {
            return Ok(taken);
        }
        let _waiting = self.start();
        Arc::clone(semaphore).acquire_many_owned(permits).await
    }

    /// The time in which anybody has waited until now.
    pub(crate) fn total(&self) -> Duration {
        let waits = self.0.lock();
        waits.total + waits.since.map(|since| since.elapsed()).unwrap_or_default()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waits = self.0.0.lock();
        waits.waiting -= 1;
        if waits.waiting == 0
            && let Some(since) = waits.since.take()
        {
            waits.total += since.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_side_by_side_count_once_and_stop_with_the_last() {
        let clock = WaitClock::default();
        assert_eq!(clock.total(), Duration::ZERO);
        let before = Instant::now();
        let (first, second) = (clock.start(), clock.start());
        while clock.total() < Duration::from_millis(1) {
            std::hint::spin_loop();
        }
        drop(first);
        let while_one_waits = clock.total();
        drop(second);
        let total = clock.total();
        assert!(while_one_waits <= total && total <= before.elapsed());
        assert_eq!(clock.total(), total);
    }
}
