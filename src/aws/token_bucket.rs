//! The token buckets of ECS as this producer keeps to them: pure arithmetic that is given the time.
//!
//! Source: "Request throttling for the Amazon ECS API" (Amazon ECS developer guide): per account and region, and for each
//! category of actions, a bucket of so many tokens that is filled by so many a second; each request takes one.

use std::time::{Duration, Instant};

use crate::config::Rate;

/// Requests that may arrive closer together than they were sent: a network's jitter.
const JITTER: f64 = 4.0;

/// What a throttle leaves of the rate.
const CUT: f64 = 0.8;

/// The least rate, as a part of the limit: whoever else uses the bucket will not do so for ever.
const LEAST: f64 = 0.1;

/// From nothing to its limit a rate would recover in this time.
const RECOVERY: Duration = Duration::from_secs(40);

/// A token is a token although the sum of its parts is not quite one.
const ROUNDING: f64 = 1e-9;

/// How much of an account's bucket this producer allows itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Allowance {
    /// Requests that may follow one another at once.
    pub(crate) burst: f64,
    /// Requests a second in the long run.
    pub(crate) per_second: f64,
}

impl Allowance {
    /// `share`, in (0, 1], of the rate and of what may be taken at once.
    ///
    /// AWS may fill a bucket once a second. So a burst that leaves one second's tokens in it cannot overdraw it, whenever it comes;
    /// its cost is that one second, once.
    pub(crate) fn of(rate: Rate, share: f64) -> Self {
        let (capacity, per_second) = (f64::from(rate.burst), f64::from(rate.per_second));
        let burst = share * (capacity - per_second - JITTER).max(1.0);
        Self { burst: burst.max(1.0), per_second: share * per_second }
    }
}

/// One bucket: full at first, emptied and slowed by a throttle, which means that somebody else takes of it too.
#[derive(Debug, Clone)]
pub(crate) struct TokenBucket {
    limit: Allowance,
    /// Tokens a second at present.
    rate: f64,
    tokens: f64,
    /// Up to when `tokens` and `rate` are reckoned.
    at: Instant,
    /// When a throttle last lowered the rate.
    lowered: Option<Instant>,
}

impl TokenBucket {
    /// A full bucket.
    pub(crate) fn new(limit: Allowance, now: Instant) -> Self {
        Self { limit, rate: limit.per_second, tokens: limit.burst, at: now, lowered: None }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// How long to wait before it is worth asking again.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        self.wait(now)?;
        self.tokens -= 1.0;
        Ok(())
    }

    /// Looks for a token without taking it.
    ///
    /// # Errors
    /// As [`TokenBucket::take`].
    pub(crate) fn wait(&mut self, now: Instant) -> Result<(), Duration> {
        self.refill(now);
        if self.tokens >= 1.0 - ROUNDING {
            return Ok(());
        }
        // Never too early: a rate that still recovers brings it sooner.
        Err(Duration::from_secs_f64((1.0 - self.tokens) / self.rate))
    }

    /// A request that took its token at `sent` was throttled. Of many that were under way together one lowers the rate; then what
    /// it is now, in requests a second.
    pub(crate) fn throttle(&mut self, sent: Instant, now: Instant) -> Option<f64> {
        self.refill(now);
        self.tokens = 0.0;
        if self.lowered.is_some_and(|lowered| sent <= lowered) {
            return None;
        }
        self.rate = (self.rate * CUT).max(self.limit.per_second * LEAST);
        self.lowered = Some(now);
        Some(self.rate)
    }

    /// Whether it is as a new one would be.
    pub(crate) fn is_full(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.tokens >= self.limit.burst && self.rate >= self.limit.per_second
    }

    /// Adds the tokens of the time gone by; a lowered rate rises meanwhile, evenly.
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
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TASK_DEFINITIONS: Rate = Rate { burst: 50, per_second: 20 };

    fn bucket(share: f64) -> (TokenBucket, Instant) {
        let now = Instant::now();
        (TokenBucket::new(Allowance::of(TASK_DEFINITIONS, share), now), now)
    }

    /// Takes as many tokens as there are until `for_seconds` have passed, at the very instants that it is told.
    fn takes(bucket: &mut TokenBucket, start: Instant, for_seconds: f64) -> Vec<Duration> {
        let (mut now, mut taken) = (start, Vec::new());
        while (now - start).as_secs_f64() < for_seconds {
            match bucket.take(now) {
                Ok(()) => taken.push(now - start),
                Err(wait) => now += wait.max(Duration::from_nanos(1)),
            }
        }
        taken
    }

    #[test]
    fn a_share_is_taken_of_rate_and_burst_and_one_request_is_always_possible() {
        let of = |burst, per_second, share| Allowance::of(Rate { burst, per_second }, share);
        assert_eq!(of(50, 20, 1.0), Allowance { burst: 26.0, per_second: 20.0 });
        assert_eq!(of(100, 20, 1.0), Allowance { burst: 76.0, per_second: 20.0 });
        assert_eq!(of(50, 20, 0.75), Allowance { burst: 19.5, per_second: 15.0 });
        assert_eq!(of(10, 20, 0.5), Allowance { burst: 1.0, per_second: 10.0 });
        assert_eq!(of(1, 1, 0.001), Allowance { burst: 1.0, per_second: 0.001 });
    }

    #[test]
    fn a_full_bucket_gives_its_burst_and_then_its_rate() {
        let (mut bucket, start) = bucket(1.0);
        let taken = takes(&mut bucket, start, 10.0);
        assert_eq!(taken.iter().filter(|at| at.is_zero()).count(), 26);
        assert_eq!(taken.len(), 26 + 199, "the 200th comes after ten seconds");
    }

    #[test]
    fn a_throttle_empties_and_slows_and_the_rate_recovers() {
        let (mut bucket, start) = bucket(1.0);
        bucket.take(start).unwrap();
        let later = start + Duration::from_millis(100);
        bucket.throttle(start, later);
        assert!((bucket.rate - 16.0).abs() < 1e-9 && bucket.tokens == 0.0);
        // Sent before the rate was lowered: the same event.
        bucket.throttle(start, later + Duration::from_millis(1));
        assert!((bucket.rate - 16.0).abs() < 0.01, "{}", bucket.rate);
        assert_eq!(bucket.take(later + Duration::from_millis(2)).unwrap_err().as_millis(), 61);
        let slow = takes(&mut bucket, later + Duration::from_millis(2), 8.0).len();
        assert!((142..=145).contains(&slow), "(16 + 20) / 2 a second: {slow}");
        assert!(bucket.rate >= 20.0 && !bucket.is_full(later));
        assert!(bucket.is_full(later + Duration::from_secs(20)));
        for _ in 0..100 {
            let now = bucket.at + Duration::from_nanos(1);
            bucket.throttle(now, now);
        }
        assert!((bucket.rate - 2.0).abs() < 0.01, "never less than a tenth: {}", bucket.rate);
    }

    #[test]
    fn a_clock_that_stands_or_goes_back_gives_nothing() {
        let (mut bucket, start) = bucket(1.0);
        let later = start + Duration::from_secs(1);
        (0..26).for_each(|_| bucket.take(later).unwrap());
        for now in [later, start] {
            assert_eq!(bucket.take(now).unwrap_err().as_millis(), 50);
        }
    }

    proptest! {
        /// Whatever is asked and when: any window of w seconds holds at most burst + rate × w requests, and so no more than
        /// the share of what AWS allows; and a bucket of AWS's that is filled once a second, which is the stricter kind, is never overdrawn.
        #[test]
        fn no_window_holds_more_than_the_share(
            share in 0.05_f64..=1.0,
            gaps in proptest::collection::vec(0_u64..400, 50..400),
            phase in 0.0_f64..1.0,
        ) {
            let (mut bucket, start) = bucket(share);
            let (mut now, mut taken) = (start, Vec::new());
            for gap in gaps {
                now += Duration::from_millis(gap);
                while bucket.take(now).is_ok() {
                    taken.push((now - start).as_secs_f64());
                }
            }
            for (from, first) in taken.iter().enumerate() {
                for (upto, last) in taken.iter().enumerate().skip(from) {
                    let count = f64::from(u32::try_from(upto - from + 1).unwrap());
                    let window = last - first;
                    prop_assert!(count <= (share * 26.0).max(1.0) + share * 20.0 * window + 1e-6);
                }
            }
            let mut theirs = 50.0_f64;
            let mut filled = (-phase).floor();
            for at in taken {
                let steps = (at - phase).floor();
                theirs = (theirs + 20.0 * (steps - filled)).min(50.0) - 1.0;
                filled = steps;
                prop_assert!(theirs >= 0.0, "overdrawn");
            }
        }
    }
}
