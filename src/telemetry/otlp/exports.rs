//! How exports went: counts for the metrics, and when it is told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::config::Signal;

/// How often it is told at most that nothing is exported.
const PAUSE: Duration = Duration::from_secs(60);

/// The exports of this process. All clients share it.
#[derive(Debug, Default)]
pub(crate) struct Exports {
    metrics: Counts,
    traces: Counts,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicU64,
    failed: AtomicU64,
}

/// What was told last. Signals have it together: a backend that is away is told of once, whatever was for it.
#[derive(Debug, Default)]
struct Told {
    at: Option<Instant>,
    /// The signal that was said not to be exported, and nothing else since.
    of: Option<Signal>,
}

impl Exports {
    /// Requests of a signal that a collector has accepted.
    pub(crate) fn accepted(&self, signal: Signal) -> u64 {
        self.of(signal).accepted.load(Ordering::Relaxed)
    }

    /// Those that it did not. A request that is tried again counts again.
    pub(crate) fn failed(&self, signal: Signal) -> u64 {
        self.of(signal).failed.load(Ordering::Relaxed)
    }

    /// Counts an accepted request. Gives whether to tell that the signal is exported again.
    pub(super) fn accept(&self, signal: Signal) -> bool {
        self.of(signal).accepted.fetch_add(1, Ordering::Relaxed);
        self.told.lock().accepted(signal)
    }

    /// Counts one that failed. Gives whether to tell it.
    pub(super) fn fail(&self, signal: Signal) -> bool {
        self.of(signal).failed.fetch_add(1, Ordering::Relaxed);
        self.told.lock().failed(signal, Instant::now())
    }

    fn of(&self, signal: Signal) -> &Counts {
        match signal {
            Signal::Metrics => &self.metrics,
            Signal::Traces => &self.traces,
        }
    }
}

impl Told {
    fn accepted(&mut self, signal: Signal) -> bool {
        self.of.take_if(|told| *told == signal).is_some()
    }

    fn failed(&mut self, signal: Signal, now: Instant) -> bool {
        let is_due = self.at.is_none_or(|at| now.saturating_duration_since(at) >= PAUSE);
        if is_due {
            (self.at, self.of) = (Some(now), Some(signal));
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_once_a_minute_and_an_answer_only_after_it() {
        let (start, mut told) = (Instant::now(), Told::default());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(!told.accepted(Signal::Metrics), "all is well");
        assert!(told.failed(Signal::Metrics, at(0)));
        assert!(!told.failed(Signal::Traces, at(1)), "both have one line");
        assert!(!told.accepted(Signal::Traces), "nothing was said of them");
        assert!(told.accepted(Signal::Metrics));
        assert!(!told.accepted(Signal::Metrics), "it is told once");
        assert!(!told.failed(Signal::Metrics, at(59)));
        assert!(!told.accepted(Signal::Metrics), "that failure was not told");
        assert!(told.failed(Signal::Traces, at(60)));
    }
}
