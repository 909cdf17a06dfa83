//! How AWS is spoken to: one HTTP client, one credentials provider per role, and [`Caller`], through which every ECS request goes.

pub mod credentials;
pub mod http;
pub mod retry;
pub mod scope;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use self::credentials::Credentials;
pub use self::retry::{Fault, Verdict};

/// The ECS client of one scope.
#[derive(Debug, Clone)]
pub struct Ecs {
    /// The SDK's client: one attempt per call, the retries are [`Caller`]'s.
    pub client: aws_sdk_ecs::Client,
    /// ARNs per List request, 1 to 100 (`maxResults`).
    pub page_size: i32,
}

/// How often and how patiently a request is tried.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Retries after the first try.
    pub maximum_retries: u32,
    /// The first wait's ceiling, and the least wait after a throttle.
    pub backoff_base: Duration,
    /// The longest wait.
    pub backoff_cap: Duration,
}

/// The requests of one sync, counted.
#[derive(Debug, Default)]
pub struct Calls {
    /// ECS requests sent, retries included.
    pub attempts: AtomicU64,
    /// Those answered with a throttle.
    pub throttled: AtomicU64,
    /// Attempts after the first of their call.
    pub retried: AtomicU64,
}

/// A place for one Describe answer, held from before the request until its last record is with the sink.
///
/// No answer is fetched without a place to put it: this is where back-pressure reaches AWS.
#[derive(Debug)]
pub struct Seat {
    _permit: OwnedSemaphorePermit,
}

/// Lets requests through: as many at a time as `parallel_requests` allows, over all roles and regions.
#[derive(Debug)]
pub struct Caller {
    parallel: Arc<Semaphore>,
    seats: Arc<Semaphore>,
    patience: Patience,
    calls: Calls,
}

impl Caller {
    /// A caller for one sync; the two semaphores live as long as the process.
    pub fn new(parallel: Arc<Semaphore>, seats: Arc<Semaphore>, patience: Patience) -> Self {
        Self { parallel, seats, patience, calls: Calls::default() }
    }

    /// What was sent so far.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// One of the parallel requests, for what is asked of STS.
    pub async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.parallel).acquire_owned().await.ok()
    }

    /// Calls a List action until it is answered or its retries are spent.
    ///
    /// # Errors
    /// The last attempt's [`Fault`].
    pub async fn list<T, F>(&self, credentials: &Credentials, request: impl Fn() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        self.call(credentials, None, request).await.map(|(answer, _)| answer)
    }

    /// Calls a Describe action with a seat in hand, and returns the answer with it.
    ///
    /// # Errors
    /// The last attempt's [`Fault`]; the seat is free again.
    pub async fn describe<T, F>(&self, credentials: &Credentials, request: impl Fn() -> F) -> Result<(T, Seat), Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let (answer, seat) = self.call(credentials, Some(&self.seats), request).await?;
        seat.map(|seat| (answer, seat)).ok_or_else(closed)
    }

    /// The loop of tries. Neither a parallel request nor a seat is held while waiting for the next one.
    async fn call<T, F>(
        &self,
        credentials: &Credentials,
        seats: Option<&Arc<Semaphore>>,
        request: impl Fn() -> F,
    ) -> Result<(T, Option<Seat>), Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut tries = 0;
        let mut resolved_anew = false;
        loop {
            let seat = match seats {
                Some(seats) => {
                    let permit = Arc::clone(seats).acquire_owned().await.map_err(|_| closed())?;
                    Some(Seat { _permit: permit })
                }
                None => None,
            };
            let permit = self.permit().await.ok_or_else(closed)?;
            // A token of the account's bucket is asked for here, permit and seat given back to wait for it.
            self.calls.attempts.fetch_add(1, Ordering::Relaxed);
            if tries > 0 {
                self.calls.retried.fetch_add(1, Ordering::Relaxed);
            }
            let generation = credentials.generation();
            let answer = request().await;
            drop(permit);
            let fault = match answer {
                Ok(answer) => return Ok((answer, seat)),
                Err(fault) => fault,
            };
            drop(seat);
            tries += 1;
            let throttled = fault.verdict == Verdict::Throttled;
            if throttled {
                self.calls.throttled.fetch_add(1, Ordering::Relaxed);
            }
            match fault.verdict {
                Verdict::Credentials if !resolved_anew && tries <= self.patience.maximum_retries => {
                    resolved_anew = true;
                    credentials.resolve_anew(generation).await;
                }
                Verdict::Credentials => {
                    return Err(Fault { verdict: Verdict::Denied, ..fault });
                }
                Verdict::Transient | Verdict::Throttled if tries <= self.patience.maximum_retries => {
                    let Patience { backoff_base, backoff_cap, .. } = self.patience;
                    let wait = retry::backoff(tries, throttled, backoff_base, backoff_cap, fastrand::f64());
                    tracing::debug!(%fault, tries, wait_ms = wait.as_millis(), "request is tried again");
                    tokio::time::sleep(wait).await;
                }
                _ => return Err(fault),
            }
        }
    }
}

fn closed() -> Fault {
    Fault::own("Stopped", "the sync has ended")
}
