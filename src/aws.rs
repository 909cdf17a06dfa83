//! How AWS is spoken to: one HTTP client, one credentials provider per role, and [`Caller`], through which every ECS request goes.

pub(crate) mod account;
pub(crate) mod concurrency;
pub(crate) mod credentials;
pub mod environment;
pub mod http;
pub(crate) mod rate_limiter;
pub mod region;
pub(crate) mod retry;
pub(crate) mod role;
pub(crate) mod scope;
pub(crate) mod token_bucket;
pub mod trust;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) use self::concurrency::{ConcurrencyLimit, RetryPolicy};
pub(crate) use self::credentials::Credentials;
pub(crate) use self::rate_limiter::{Category, RateLimiter, RateLimiters};
pub(crate) use self::retry::{Fault, Verdict};

/// The ECS client of one scope.
#[derive(Debug, Clone)]
pub struct Ecs {
    /// The SDK's client: one attempt per call, the retries are [`Caller`]'s.
    pub client: aws_sdk_ecs::Client,
    /// ARNs per List request, 1 to 100 (`maxResults`).
    pub page_size: i32,
}

/// The requests of one sync, counted.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// ECS requests sent, retries included.
    pub(crate) attempts: AtomicU64,
    /// Those answered with a throttle.
    pub(crate) throttled: AtomicU64,
    /// Attempts after the first of their call.
    pub(crate) retried: AtomicU64,
}

impl Calls {
    fn sending(&self, tries: u32) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        self.retried.fetch_add(u64::from(tries > 0), Ordering::Relaxed);
    }

    fn failed(&self, tries: u32, verdict: Verdict) {
        match verdict {
            Verdict::Throttled => _ = self.throttled.fetch_add(1, Ordering::Relaxed),
            // It never left the process.
            Verdict::Setup => {
                self.attempts.fetch_sub(1, Ordering::Relaxed);
                self.retried.fetch_sub(u64::from(tries > 0), Ordering::Relaxed);
            }
            _ => {}
        }
    }
}

/// A place for one Describe answer, held from before the request until its last record is with the sink.
///
/// No answer is fetched without a place to put it: this is where back-pressure reaches AWS.
#[derive(Debug)]
pub struct BufferPermit {
    _permit: OwnedSemaphorePermit,
}

/// What a request waits for, in hand.
struct Turn {
    buffer: Option<BufferPermit>,
    permit: OwnedSemaphorePermit,
    /// When its token was taken.
    sent: Instant,
}

/// In whose name a request is sent, and whose bucket it draws from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestContext<'a> {
    /// The scope's credentials.
    pub(crate) credentials: &'a Credentials,
    /// The token bucket of the action, in the scope's account and region.
    pub(crate) limiter: &'a RateLimiter,
}

/// Lets ECS requests through the gate, counts and judges them.
#[derive(Debug)]
pub(crate) struct Caller {
    concurrency: ConcurrencyLimit,
    buffer_permits: Arc<Semaphore>,
    limiters: Arc<RateLimiters>,
    calls: Calls,
}

impl Caller {
    /// A caller for one sync; seats and buckets live as long as the process.
    pub(crate) fn new(
        concurrency: ConcurrencyLimit,
        buffer_permits: Arc<Semaphore>,
        limiters: Arc<RateLimiters>,
    ) -> Self {
        Self { concurrency, buffer_permits, limiters, calls: Calls::default() }
    }

    /// What was sent so far.
    pub(crate) fn calls(&self) -> &Calls {
        &self.calls
    }

    /// The gate, for what is asked of STS.
    pub(crate) fn concurrency(&self) -> &ConcurrencyLimit {
        &self.concurrency
    }

    /// The token buckets.
    pub(crate) fn limiters(&self) -> &RateLimiters {
        &self.limiters
    }

    /// Calls a List action until it is answered or its retries are spent.
    ///
    /// # Errors
    /// The last attempt's [`Fault`].
    pub(crate) async fn list<T, F>(&self, context: RequestContext<'_>, request: impl Fn() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        self.call(context, None, request).await.map(|(answer, _)| answer)
    }

    /// Calls a Describe action with a seat in hand, and returns the answer with it.
    ///
    /// # Errors
    /// The last attempt's [`Fault`]; the seat is free again.
    pub(crate) async fn describe<T, F>(
        &self,
        context: RequestContext<'_>,
        request: impl Fn() -> F,
    ) -> Result<(T, BufferPermit), Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let (answer, buffer) = self.call(context, Some(&self.buffer_permits), request).await?;
        buffer.map(|buffer| (answer, buffer)).ok_or_else(concurrency::closed)
    }

    /// The loop of tries. Neither a parallel request nor a seat is held while waiting for the next one, for a token, or for keys.
    async fn call<T, F>(
        &self,
        context: RequestContext<'_>,
        buffer_permits: Option<&Arc<Semaphore>>,
        request: impl Fn() -> F,
    ) -> Result<(T, Option<BufferPermit>), Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let RequestContext { credentials, limiter } = context;
        let blamed = |fault| credentials.blame(fault);
        let mut tries = 0;
        let mut resolved_anew = false;
        loop {
            credentials.ensure(&self.concurrency).await.map_err(blamed)?;
            let Some(Turn { buffer, permit, sent }) = self.turn(context, buffer_permits).await? else {
                continue;
            };
            let generation = credentials.generation();
            self.calls.sending(tries);
            let answer = request().await;
            drop(permit);
            let fault = match answer {
                Ok(answer) => return Ok((answer, buffer)),
                Err(fault) => fault,
            };
            drop(buffer);
            self.calls.failed(tries, fault.verdict);
            if fault.verdict == Verdict::Throttled {
                limiter.throttle(sent);
            }
            tries += 1;
            let unknown = fault.verdict == Verdict::Unrecognized;
            if !(unknown || fault.verdict == Verdict::Credentials) {
                self.concurrency.pause(fault, tries).await?;
                continue;
            }
            if !self.concurrency.allows(tries) {
                return Err(fault.denied());
            }
            let renewed = !resolved_anew
                && credentials.resolve_anew(&self.concurrency, generation, unknown).await.map_err(blamed)?;
            if !renewed {
                return Err(if unknown { not_enabled(fault) } else { fault.denied() });
            }
            resolved_anew = true;
        }
    }

    /// Waits in line for a token, then for a seat if need be, then for one of the parallel requests, and only then takes the
    /// token: one taken first and spent later would overdraw the bucket. Where it is gone by then, all is given back.
    /// None where the keys have aged meanwhile, as when the broker stands still for long.
    async fn turn(
        &self,
        context: RequestContext<'_>,
        buffer_permits: Option<&Arc<Semaphore>>,
    ) -> Result<Option<Turn>, Fault> {
        let RequestContext { credentials, limiter } = context;
        let queue = if buffer_permits.is_some() { &limiter.describes } else { &limiter.lists };
        let _first = queue.lock().await;
        loop {
            limiter.due().await;
            let buffer = match buffer_permits {
                Some(buffer_permits) => {
                    let permit = Arc::clone(buffer_permits).acquire_owned().await.map_err(|_| concurrency::closed())?;
                    Some(BufferPermit { _permit: permit })
                }
                None => None,
            };
            let permit = self.concurrency.permit().await?;
            if !credentials.serve() {
                return Ok(None);
            }
            if let Some(sent) = limiter.take() {
                return Ok(Some(Turn { buffer, permit, sent }));
            }
        }
    }
}

/// AWS has no code of its own for a region that the account has not enabled: it does not know the keys there.
fn not_enabled(fault: Fault) -> Fault {
    let hint =
        "resolved anew they are not known there either: they are wrong, or the account has not enabled the region";
    let message = format!("{}; {hint}", fault.message);
    Fault { message, ..fault }.denied()
}
