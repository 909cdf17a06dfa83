//! The arithmetic of a token bucket. It is pure: the caller passes the time.
//!
//! AWS has a bucket for each account, region and category of actions, with a capacity and a refill rate; each request takes a token.
//! Source: "Request throttling for the Amazon ECS API" (Amazon ECS Developer Guide).

use std::time::{Duration, Instant};

use crate::config::Rate;

/// Tokens that stay in AWS's bucket because the network may deliver requests closer together than they were sent.
const JITTER: f64 = 4.0;

/// The rate is multiplied by this after a throttle.
const SLOWDOWN: f64 = 0.8;

/// The lowest rate as a part of the limit. Throttles mean that others use the bucket too, but they will not do so for ever.
const LEAST: f64 = 0.1;

/// The time in which a rate would rise from zero to its limit.
const RECOVERY: Duration = Duration::from_secs(40);

/// Tolerance for the rounding of a sum of fractions that should be one token.
const ROUNDING: f64 = 1e-9;

/// The part of AWS's bucket that this producer uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Allowance {
    /// Requests that may be sent at once.
    pub(crate) burst: f64,
    /// Requests per second in the long run.
    pub(crate) per_second: f64,
}

impl Allowance {
    /// Takes `share`, in (0, 1], of the rate and of the burst: capacity − rate − 4, at least 1.
    ///
    /// AWS may refill a bucket only once a second. Since the burst leaves one second's tokens in it, it cannot overdraw the bucket at
    /// any moment of that second. The cost is one second, once.
    pub(crate) fn of(rate: Rate, share: f64) -> Self {
        let (capacity, per_second) = (f64::from(rate.burst), f64::from(rate.per_second));
        let burst = share * (capacity - per_second - JITTER).max(1.0);
        Self { burst: burst.max(1.0), per_second: share * per_second }
    }
}

/// A bucket that begins full. A throttle empties it and lowers its rate, because it means that others use AWS's bucket too.
#[derive(Debug, Clone)]
pub(crate) struct TokenBucket {
    limit: Allowance,
    /// Tokens per second at present.
    rate: f64,
    tokens: f64,
    /// The time for which `tokens` and `rate` hold.
    at: Instant,
    /// When a throttle lowered the rate last.
    lowered: Option<Instant>,
}

impl TokenBucket {
    pub(crate) fn new(limit: Allowance, now: Instant) -> Self {
        Self { limit, rate: limit.per_second, tokens: limit.burst, at: now, lowered: None }
    }

    /// Takes a token.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        self.wait(now)?;
        self.tokens -= 1.0;
        Ok(())
    }

    /// Checks for a token without taking it.
    pub(crate) fn wait(&mut self, now: Instant) -> Result<(), Duration> {
        self.refill(now);
        if self.tokens >= 1.0 - ROUNDING {
            return Ok(());
        }
        // With a rate that still rises the token comes sooner, never later.
        Err(Duration::try_from_secs_f64((1.0 - self.tokens) / self.rate).unwrap_or(Duration::MAX))
    }

    /// Empties the bucket and lowers its rate after a request was throttled that took its token at `sent`. If many requests in flight
    /// are throttled, only the first lowers the rate. Returns the rate before and after, in requests per second, if it was lowered.
    pub(crate) fn throttle(&mut self, sent: Instant, now: Instant) -> Option<(f64, f64)> {
        self.refill(now);
        self.tokens = 0.0;
        if self.lowered.is_some_and(|lowered| sent <= lowered) {
            return None;
        }
        let before = self.rate;
        self.rate = (self.rate * SLOWDOWN).max(self.limit.per_second * LEAST);
        self.lowered = Some(now);
        Some((before, self.rate))
    }

    /// Whether requests per second are those of the limit, as they are until a throttle.
    pub(crate) fn is_limit(&self, per_second: f64) -> bool {
        per_second >= self.limit.per_second
    }

    /// Whether it equals a new one.
    pub(crate) fn is_full(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.tokens >= self.limit.burst && self.rate >= self.limit.per_second
    }

    /// Adds the tokens for the time since the last call, while a lowered rate rises linearly.
    fn refill(&mut self, now: Instant) {
        let Allowance { burst, per_second } = self.limit;
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        let slope = per_second / RECOVERY.as_secs_f64();
        let rising = ((per_second - self.rate) / slope).min(seconds);
        let flowed = (self.rate + slope * rising / 2.0) * rising + per_second * (seconds - rising);
        self.rate = (self.rate + slope * rising).min(per_second);
        self.tokens = (self.tokens + flowed).min(burst);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests;
