//! Access to AWS: one HTTP client, cached `Credentials` per role, and `Caller`, which sends every ECS request.

mod access;
pub(crate) mod account;
mod answer;
pub(crate) mod base;
mod calls;
pub(crate) mod chain;
pub(crate) mod concurrency;
pub(crate) mod credentials;
pub mod environment;
pub mod http;
mod issues;
mod limit_costs;
mod profile;
pub(crate) mod rate_limiter;
mod reach;
pub mod region;
pub(crate) mod retry;
pub(crate) mod role;
pub(crate) mod scope;
mod signer;
mod source;
pub(crate) mod token_bucket;
pub mod trust;

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

pub(crate) use self::access::Access;
pub(crate) use self::answer::Answer;
pub(crate) use self::calls::Calls;
pub use self::calls::CategoryCalls;
pub(crate) use self::concurrency::{ConcurrencyLimit, RetryPolicy};
pub(crate) use self::credentials::Credentials;
pub use self::issues::issues;
pub(crate) use self::limit_costs::{AccountRegion, CategoryCosts, LimitCost, MOST as MOST_SCOPES};
pub(crate) use self::rate_limiter::{Category, RateLimiter, RateLimiters};
pub(crate) use self::retry::{Fault, Verdict};
pub(crate) use self::signer::Signer;
pub(crate) use self::token_bucket::Allowance;
use crate::observe::{Blocked, Latencies, Notable, TypeTrace, ago};

/// The ECS client of one scope.
#[derive(Debug, Clone)]
pub struct Ecs {
    /// The SDK's client. It makes one attempt per call; `Caller` does the retries.
    pub client: aws_sdk_ecs::Client,
    /// ARNs per List request (`maxResults`), 1 to 100. A Describe request takes at most as many, and at most
    /// [`Object::BATCH`](crate::ecs::Object::BATCH): see `stage::describe`.
    pub page_size: i32,
}

/// Buffer space for one Describe answer, from before the request until the sink has taken the answer's last record.
///
/// No Describe request is sent without one, so a slow Kafka slows down the requests to AWS.
#[derive(Debug)]
pub struct BufferPermit {
    _permit: OwnedSemaphorePermit,
}

/// What a request needs before it is sent.
struct Permits {
    /// For a Describe request only.
    buffer: Option<BufferPermit>,
    permit: OwnedSemaphorePermit,
    /// Until AWS has answered.
    in_flight: TaskTrackerToken,
    /// When the request took its token.
    sent: Instant,
}

/// Whose credentials sign a request, and which rate limiter it takes a token from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestContext<'a> {
    /// Such as `DescribeTasks`.
    pub(crate) action: &'static str,
    /// The span that it is a part of.
    pub(crate) trace: &'a TypeTrace,
    pub(crate) credentials: &'a Credentials,
    pub(crate) limiter: &'a RateLimiter,
}

/// Sends the ECS requests of one sync within all limits, retries them and counts them.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) concurrency: ConcurrencyLimit,
    buffer_permits: Arc<Semaphore>,
    pub(crate) limiters: Arc<RateLimiters>,
    pub(crate) calls: Calls,
    pub(crate) blocked: Arc<Blocked>,
    latencies: Latencies,
    /// Cancelled when no request may begin any more.
    closed: CancellationToken,
    /// The requests that AWS has not answered yet.
    in_flight: TaskTracker,
}

impl Caller {
    /// All but the permits for retries is shared by all syncs of the process.
    pub(crate) fn new(
        concurrency: ConcurrencyLimit,
        buffer_permits: Arc<Semaphore>,
        limiters: Arc<RateLimiters>,
        blocked: Arc<Blocked>,
        latencies: Latencies,
    ) -> Self {
        let (calls, closed, in_flight) = (Calls::default(), CancellationToken::new(), TaskTracker::new());
        Self { concurrency, buffer_permits, limiters, calls, blocked, latencies, closed, in_flight }
    }

    /// How many permits are free: those of parallel requests, and those of Describe answers.
    pub(crate) fn free(&self) -> [usize; 2] {
        [self.concurrency.free(), self.buffer_permits.available_permits()]
    }

    /// From now on no request begins: whoever sends one waits for ever. Returns when those in flight are answered.
    pub(crate) async fn close(&self) {
        self.closed.cancel();
        self.in_flight.close();
        self.in_flight.wait().await;
    }

    /// Sends a List request and retries it as the [`RetryPolicy`] says.
    pub(crate) async fn list<T, F>(&self, context: RequestContext<'_>, request: impl Fn() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        self.call(context, None, request).await.map(|(answer, _)| answer)
    }

    /// Sends a Describe request like [`Caller::list`], and returns the answer with its buffer permit.
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

    /// The retry loop. It has neither kind of permit while it waits for a token, for credentials, or before a retry.
    async fn call<T, F>(
        &self,
        context: RequestContext<'_>,
        buffer_permits: Option<&Arc<Semaphore>>,
        request: impl Fn() -> F,
    ) -> Result<(T, Option<BufferPermit>), Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let RequestContext { action, trace, credentials, limiter } = context;
        let attributed = |fault| credentials.attribute(fault);
        let mut tries = 0;
        let mut resolved_again = false;
        loop {
            credentials.ensure(&self.concurrency).await.map_err(attributed)?;
            let Some(Permits { buffer, permit, in_flight, sent }) = self.acquire(context, buffer_permits).await? else {
                continue;
            };
            let generation = credentials.generation();
            let category = limiter.category();
            self.calls.begin(category, tries);
            let began = Instant::now();
            let answer = request().await;
            drop((permit, in_flight));
            let took = began.elapsed();
            self.calls.end(category, tries, answer.as_ref().err().map(|fault| fault.verdict), took);
            self.latencies.call(category.name(), took);
            trace.note(|| Notable {
                name: action.to_owned(),
                is_call: true,
                began: ago(took),
                took,
                error: answer.as_ref().err().map(|fault| fault.code.clone()),
            });
            self.concurrency.note(&answer);
            let fault = match answer {
                Ok(answer) => return Ok((answer, buffer)),
                Err(fault) => fault,
            };
            drop(buffer);
            if fault.verdict == Verdict::Throttled {
                limiter.throttle(sent);
            }
            tries += 1;
            let unrecognized = fault.verdict == Verdict::Unrecognized;
            if fault.verdict == Verdict::Denied {
                credentials.note_refusal();
            }
            if !(unrecognized || fault.verdict == Verdict::Credentials) {
                self.concurrency.back_off(fault, tries).await?;
                continue;
            }
            if !self.concurrency.allows(tries) {
                return Err(fault.denied());
            }
            let renewed = !resolved_again
                && credentials.resolve_again(&self.concurrency, generation, unrecognized).await.map_err(attributed)?;
            if !renewed {
                credentials.note_refusal();
                return Err(if unrecognized { not_enabled(fault) } else { fault.denied() });
            }
            resolved_again = true;
        }
    }

    /// Waits at the head of the queue: for a token, then for a buffer permit (Describe only), then for a permit.
    ///
    /// The token is taken last. If it were taken first, the request could be sent much later, beside a whole burst of others, and
    /// overdraw AWS's bucket. If another request has taken the token by then, the wait begins again without permits.
    ///
    /// `None` means that the credentials have expired during the wait, for example while the broker was down.
    async fn acquire(
        &self,
        context: RequestContext<'_>,
        buffer_permits: Option<&Arc<Semaphore>>,
    ) -> Result<Option<Permits>, Fault> {
        let RequestContext { credentials, limiter, .. } = context;
        let queue = if buffer_permits.is_some() { &limiter.describe_queue } else { &limiter.list_queue };
        let _head = queue.lock().await;
        loop {
            limiter.wait_for_token().await;
            let buffer = match buffer_permits {
                Some(buffer_permits) => {
                    let taken = self.blocked.describe.acquire(buffer_permits, 1).await;
                    Some(BufferPermit { _permit: taken.map_err(|_| concurrency::closed())? })
                }
                None => None,
            };
            let permit = self.concurrency.permit().await?;
            if !credentials.usable() {
                return Ok(None);
            }
            // Entered before it looks, no request escapes who waits for those in flight.
            let in_flight = self.in_flight.token();
            if self.closed.is_cancelled() {
                drop((in_flight, permit, buffer));
                return std::future::pending().await;
            }
            if let Some(sent) = limiter.take() {
                return Ok(Some(Permits { buffer, permit, in_flight, sent }));
            }
        }
    }
}

/// AWS has no error code for a region that the account has not enabled: it does not recognize the credentials there.
fn not_enabled(fault: Fault) -> Fault {
    let hint = "newly resolved credentials are refused too: they are wrong, or the account has not enabled the region";
    let message = format!("{}; {hint}", fault.message);
    Fault { message, ..fault }.denied()
}
