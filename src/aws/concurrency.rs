//! Limits that every request to AWS obeys: `parallel_requests` at a time, each with `maximum_retries`.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::retry::{self, Fault, Verdict};

/// How often a request is retried, and after which waits: full jitter, as [`retry::backoff`] computes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryPolicy {
    /// Retries after the first attempt.
    pub(crate) maximum_retries: u32,
    /// The longest first wait, and the shortest wait after a throttle.
    pub(crate) backoff_base: Duration,
    pub(crate) backoff_cap: Duration,
}

/// The limit on parallel requests, to ECS and STS, over all roles and regions. Each request in flight has one permit.
#[derive(Debug, Clone)]
pub(crate) struct ConcurrencyLimit {
    permits: Arc<Semaphore>,
    policy: RetryPolicy,
    /// Whether a request that had no answer was told. One word is enough for a sync: what keeps one from AWS keeps many.
    told: Arc<AtomicBool>,
    /// Whether AWS has answered any request, be it with a refusal.
    answered: Arc<AtomicBool>,
    /// Whether it has answered one otherwise than that it cannot now.
    served: Arc<AtomicBool>,
}

impl ConcurrencyLimit {
    /// `permits` are shared by all syncs of the process.
    pub(crate) fn new(permits: Arc<Semaphore>, policy: RetryPolicy) -> Self {
        Self { permits, policy, told: Arc::default(), answered: Arc::default(), served: Arc::default() }
    }

    /// The same limit with fewer retries.
    #[must_use]
    pub(crate) fn with_at_most(&self, retries: u32) -> Self {
        let maximum_retries = self.policy.maximum_retries.min(retries);
        Self { policy: RetryPolicy { maximum_retries, ..self.policy }, ..self.clone() }
    }

    /// How many permits are free.
    pub(crate) fn free(&self) -> usize {
        self.permits.available_permits()
    }

    /// Waits for a permit.
    pub(crate) async fn permit(&self) -> Result<OwnedSemaphorePermit, Fault> {
        Arc::clone(&self.permits).acquire_owned().await.map_err(|_| closed())
    }

    /// Whether a request that failed `tries` times may be sent again.
    pub(crate) fn allows(&self, tries: u32) -> bool {
        tries <= self.policy.maximum_retries
    }

    /// Waits before the next attempt of a request that failed `tries` times.
    pub(crate) async fn back_off(&self, fault: Fault, tries: u32) -> Result<(), Fault> {
        let throttled = fault.verdict == Verdict::Throttled;
        if !(throttled || fault.verdict == Verdict::Transient) || !self.allows(tries) {
            return Err(fault);
        }
        if fault.is_unanswered() && !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(%fault, "a request had no answer and is tried again");
        }
        let RetryPolicy { backoff_base, backoff_cap, .. } = self.policy;
        let wait = retry::backoff(tries, throttled, backoff_base, backoff_cap, fastrand::f64());
        tracing::debug!(%fault, tries, wait_ms = wait.as_millis(), "the request failed and is tried again");
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Notes whether AWS has answered.
    pub(super) fn note<T>(&self, answer: &Result<T, Fault>) {
        if answer.as_ref().err().is_none_or(Fault::is_answer) {
            self.answered.store(true, Ordering::Relaxed);
        }
        if answer.as_ref().err().is_none_or(Fault::is_served) {
            self.served.store(true, Ordering::Relaxed);
        }
    }

    /// Whether AWS has answered any request, be it with a refusal.
    pub(crate) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// Whether AWS has answered any request otherwise than that it cannot now.
    pub(crate) fn has_served(&self) -> bool {
        self.served.load(Ordering::Relaxed)
    }

    /// Sends a request with retries, and waits between them without a permit.
    pub(crate) async fn with_retries<T, F>(&self, request: impl Fn() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut tries = 0;
        loop {
            let permit = self.permit().await?;
            let answer = request().await;
            drop(permit);
            self.note(&answer);
            match answer {
                Ok(answer) => return Ok(answer),
                Err(fault) => {
                    tries += 1;
                    self.back_off(fault, tries).await?;
                }
            }
        }
    }
}

pub(super) fn closed() -> Fault {
    Fault::own("Stopped", "the sync has ended")
}
