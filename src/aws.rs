//! How AWS is spoken to: one HTTP client, one credentials provider per role, and [`Caller`], through which every ECS request goes.

pub mod account;
pub mod buckets;
pub mod credentials;
pub mod environment;
pub mod gate;
pub mod http;
pub mod pace;
pub mod region;
pub mod retry;
pub mod role;
pub mod scope;
pub mod trust;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use self::buckets::{Buckets, Category, Paced};
pub use self::credentials::Credentials;
pub use self::gate::{Gate, Patience};
pub use self::retry::{Fault, Verdict};

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
pub struct Calls {
    /// ECS requests sent, retries included.
    pub attempts: AtomicU64,
    /// Those answered with a throttle.
    pub throttled: AtomicU64,
    /// Attempts after the first of their call.
    pub retried: AtomicU64,
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
pub struct Seat {
    _permit: OwnedSemaphorePermit,
}

/// What a request waits for, in hand.
struct Turn {
    seat: Option<Seat>,
    permit: OwnedSemaphorePermit,
    /// When its token was taken.
    sent: Instant,
}

/// In whose name a request is sent, and whose bucket it draws from.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    /// The scope's credentials.
    pub credentials: &'a Credentials,
    /// The token bucket of the action, in the scope's account and region.
    pub paced: &'a Paced,
}

/// Lets ECS requests through the gate, counts and judges them.
#[derive(Debug)]
pub struct Caller {
    gate: Gate,
    seats: Arc<Semaphore>,
    buckets: Arc<Buckets>,
    calls: Calls,
}

impl Caller {
    /// A caller for one sync; seats and buckets live as long as the process.
    pub fn new(gate: Gate, seats: Arc<Semaphore>, buckets: Arc<Buckets>) -> Self {
        Self { gate, seats, buckets, calls: Calls::default() }
    }

    /// What was sent so far.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// The gate, for what is asked of STS.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The token buckets.
    pub fn buckets(&self) -> &Buckets {
        &self.buckets
    }

    /// Calls a List action until it is answered or its retries are spent.
    ///
    /// # Errors
    /// The last attempt's [`Fault`].
    pub async fn list<T, F>(&self, way: Way<'_>, request: impl Fn() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        self.call(way, None, request).await.map(|(answer, _)| answer)
    }

    /// Calls a Describe action with a seat in hand, and returns the answer with it.
    ///
    /// # Errors
    /// The last attempt's [`Fault`]; the seat is free again.
    pub async fn describe<T, F>(&self, way: Way<'_>, request: impl Fn() -> F) -> Result<(T, Seat), Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let (answer, seat) = self.call(way, Some(&self.seats), request).await?;
        seat.map(|seat| (answer, seat)).ok_or_else(gate::closed)
    }

    /// The loop of tries. Neither a parallel request nor a seat is held while waiting for the next one, for a token, or for keys.
    async fn call<T, F>(
        &self,
        way: Way<'_>,
        seats: Option<&Arc<Semaphore>>,
        request: impl Fn() -> F,
    ) -> Result<(T, Option<Seat>), Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let Way { credentials, paced } = way;
        let blamed = |fault| credentials.blame(fault);
        let mut tries = 0;
        let mut resolved_anew = false;
        loop {
            credentials.ensure(&self.gate).await.map_err(blamed)?;
            let Some(Turn { seat, permit, sent }) = self.turn(way, seats).await? else {
                continue;
            };
            let generation = credentials.generation();
            self.calls.sending(tries);
            let answer = request().await;
            drop(permit);
            let fault = match answer {
                Ok(answer) => return Ok((answer, seat)),
                Err(fault) => fault,
            };
            drop(seat);
            self.calls.failed(tries, fault.verdict);
            if fault.verdict == Verdict::Throttled {
                paced.throttle(sent);
            }
            tries += 1;
            let unknown = fault.verdict == Verdict::Unrecognized;
            if !(unknown || fault.verdict == Verdict::Credentials) {
                self.gate.pause(fault, tries).await?;
                continue;
            }
            if !self.gate.allows(tries) {
                return Err(fault.denied());
            }
            let renewed =
                !resolved_anew && credentials.resolve_anew(&self.gate, generation, unknown).await.map_err(blamed)?;
            if !renewed {
                return Err(if unknown { not_enabled(fault) } else { fault.denied() });
            }
            resolved_anew = true;
        }
    }

    /// Waits in line for a token, then for a seat if need be, then for one of the parallel requests, and only then takes the
    /// token: one taken first and spent later would overdraw the bucket. Where it is gone by then, all is given back.
    /// None where the keys have aged meanwhile, as when the broker stands still for long.
    async fn turn(&self, way: Way<'_>, seats: Option<&Arc<Semaphore>>) -> Result<Option<Turn>, Fault> {
        let Way { credentials, paced } = way;
        let line = if seats.is_some() { &paced.describes } else { &paced.lists };
        let _first = line.lock().await;
        loop {
            paced.due().await;
            let seat = match seats {
                Some(seats) => {
                    let permit = Arc::clone(seats).acquire_owned().await.map_err(|_| gate::closed())?;
                    Some(Seat { _permit: permit })
                }
                None => None,
            };
            let permit = self.gate.permit().await?;
            if !credentials.serve() {
                return Ok(None);
            }
            if let Some(sent) = paced.take() {
                return Ok(Some(Turn { seat, permit, sent }));
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
