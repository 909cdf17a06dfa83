//! The gate that every request passes: as many at a time as `parallel_requests` allows, each tried as patiently as
//! `maximum_retries` says. What it lets through is the caller's business.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::retry::{self, Fault, Verdict};

/// How often and how patiently a request is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryPolicy {
    /// Retries after the first try.
    pub(crate) maximum_retries: u32,
    /// The first wait's ceiling, and the least wait after a throttle.
    pub(crate) backoff_base: Duration,
    /// The longest wait.
    pub(crate) backoff_cap: Duration,
}

/// One limit over all roles and regions, for ECS and STS alike.
#[derive(Debug, Clone)]
pub(crate) struct ConcurrencyLimit {
    parallel: Arc<Semaphore>,
    policy: RetryPolicy,
}

impl ConcurrencyLimit {
    /// A gate for one sync; `parallel` lives as long as the process.
    pub(crate) fn new(parallel: Arc<Semaphore>, policy: RetryPolicy) -> Self {
        Self { parallel, policy }
    }

    /// The same gate for what is worth only a few retries.
    #[must_use]
    pub(crate) fn with_at_most(&self, retries: u32) -> Self {
        let maximum_retries = self.policy.maximum_retries.min(retries);
        Self { policy: RetryPolicy { maximum_retries, ..self.policy }, ..self.clone() }
    }

    /// Waits for one of the parallel requests.
    ///
    /// # Errors
    /// The process is ending.
    pub(crate) async fn permit(&self) -> Result<OwnedSemaphorePermit, Fault> {
        Arc::clone(&self.parallel).acquire_owned().await.map_err(|_| closed())
    }

    /// Whether a request that failed `tries` times has another try.
    pub(crate) fn allows(&self, tries: u32) -> bool {
        tries <= self.policy.maximum_retries
    }

    /// After the failed try number `tries`: waits for the time of the next one.
    ///
    /// # Errors
    /// The fault, where trying again changes nothing or the retries are spent.
    pub(crate) async fn pause(&self, fault: Fault, tries: u32) -> Result<(), Fault> {
        let throttled = fault.verdict == Verdict::Throttled;
        if !(throttled || fault.verdict == Verdict::Transient) || !self.allows(tries) {
            return Err(fault);
        }
        let RetryPolicy { backoff_base, backoff_cap, .. } = self.policy;
        let wait = retry::backoff(tries, throttled, backoff_base, backoff_cap, fastrand::f64());
        tracing::debug!(%fault, tries, wait_ms = wait.as_millis(), "request is tried again");
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Sends a request until it is answered or its retries are spent. No parallel request is held between two tries.
    ///
    /// # Errors
    /// The last try's [`Fault`].
    pub(crate) async fn with_retries<T, F>(&self, request: impl Fn() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut tries = 0;
        loop {
            let permit = self.permit().await?;
            let answer = request().await;
            drop(permit);
            match answer {
                Ok(answer) => return Ok(answer),
                Err(fault) => {
                    tries += 1;
                    self.pause(fault, tries).await?;
                }
            }
        }
    }
}

pub(super) fn closed() -> Fault {
    Fault::own("Stopped", "the sync has ended")
}
