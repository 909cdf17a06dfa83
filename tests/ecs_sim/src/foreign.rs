//! Somebody else who takes tokens of an account's buckets: its console, its deployments.
//!
//! Nobody sends these calls. They are counted up when their bucket is looked at, as if they had come on time.

use std::time::Duration;

use serde::Serialize;

use crate::bucket::{Category, Level};
use crate::world::World;

/// The most calls a second of one foreign caller: what was missed is counted up one by one.
const MOST_PER_SECOND: f64 = 100_000.0;

/// Somebody else who takes tokens of one bucket, evenly spaced from the simulator's start: the first call comes one
/// interval after it. Without [`World::buckets`] there is nothing to take, and nothing is counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Foreign {
    /// The account whose bucket it is.
    pub account: String,
    /// The region whose bucket it is.
    pub region: String,
    /// The bucket.
    pub category: Category,
    /// Calls a second: none if this is no positive number, and 100,000 at most. In a smooth bucket a rate that divides
    /// the bucket's keeps step with its tokens, so that all calls or none may find one: 4.9 tells more than 5.
    pub per_second: f64,
}

/// What a foreign caller got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ForeignUse {
    /// Calls, throttled ones included.
    pub calls: u64,
    /// Calls that found no token.
    pub throttled: u64,
}

/// A bucket with everybody who takes from it.
#[derive(Debug)]
pub(crate) struct SharedBucket {
    level: Level,
    foreign: Vec<ForeignCaller>,
}

#[derive(Debug)]
struct ForeignCaller {
    /// Its place in [`World::foreign`].
    index: usize,
    per_second: f64,
    seen: ForeignUse,
}

impl SharedBucket {
    /// A full bucket with the foreign callers that [`World::foreign`] has for it.
    pub(crate) fn new(world: &World, level: Level, account: &str, region: &str, category: Category) -> SharedBucket {
        let is_ours = |foreign: &Foreign| {
            (foreign.account.as_str(), foreign.region.as_str(), foreign.category) == (account, region, category)
        };
        let foreign = world.foreign.iter().enumerate().filter(|(_, foreign)| is_ours(foreign));
        let caller = |(index, foreign): (usize, &Foreign)| ForeignCaller {
            index,
            per_second: if foreign.per_second > 0.0 { foreign.per_second.min(MOST_PER_SECOND) } else { 0.0 },
            seen: ForeignUse::default(),
        };
        SharedBucket { level, foreign: foreign.map(caller).collect() }
    }

    /// Takes a token for a client at an instant since the start; false if there is none.
    pub(crate) fn take(&mut self, at: Duration) -> bool {
        self.pass(at);
        self.level.take(at)
    }

    /// Lets the foreign calls until an instant happen, that instant included, in the order of their times.
    pub(crate) fn pass(&mut self, until: Duration) {
        while let Some((due, caller)) =
            self.foreign.iter_mut().map(|caller| (caller.due(), caller)).min_by_key(|(due, _)| *due)
        {
            if due > until {
                return;
            }
            caller.seen.calls += 1;
            caller.seen.throttled += u64::from(!self.level.take(due));
        }
    }

    /// What the foreign callers got so far, each with its place in [`World::foreign`].
    pub(crate) fn uses(&self) -> impl Iterator<Item = (usize, ForeignUse)> {
        self.foreign.iter().map(|caller| (caller.index, caller.seen))
    }
}

impl ForeignCaller {
    /// When its next call comes. Reckoned from the start each time, so that no error adds up.
    fn due(&self) -> Duration {
        if self.per_second > 0.0 {
            // Too late for a Duration is never.
            Duration::try_from_secs_f64((self.seen.calls + 1) as f64 / self.per_second).unwrap_or(Duration::MAX)
        } else {
            Duration::MAX
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucket::{Bucket, Buckets, Refill};

    fn bucket(capacity: u32, per_second: u32, foreign: &[f64]) -> SharedBucket {
        let size = Bucket { capacity, per_second };
        let buckets = Buckets { service_read: size, ..Buckets::published(Refill::Smooth) };
        let foreign = foreign.iter().map(|&per_second| Foreign {
            account: "a".to_owned(),
            region: "r".to_owned(),
            category: Category::ServiceRead,
            per_second,
        });
        let world = World { foreign: foreign.collect(), ..World::default() };
        let level = Level::full(&buckets, world.seed, "a", "r", Category::ServiceRead);
        SharedBucket::new(&world, level, "a", "r", Category::ServiceRead)
    }

    fn uses(bucket: &SharedBucket) -> Vec<(u64, u64)> {
        bucket.uses().map(|(_, seen)| (seen.calls, seen.throttled)).collect()
    }

    #[test]
    fn foreign_calls_take_what_there_is_and_are_throttled_else() {
        let mut bucket = bucket(10, 2, &[5.0]);
        bucket.pass(Duration::from_millis(199));
        assert_eq!(uses(&bucket), [(0, 0)]);
        bucket.pass(Duration::from_millis(200));
        assert_eq!(uses(&bucket), [(1, 0)]);
        bucket.pass(Duration::from_secs(100));
        // Full until the first call at 0.2 s, then two tokens a second: 10 + 2 * 99.8.
        assert_eq!(uses(&bucket), [(500, 500 - 209)]);
    }

    #[test]
    fn it_does_not_matter_how_often_a_bucket_is_looked_at() {
        let (mut often, mut once) = (bucket(10, 7, &[5.0, 3.3, 0.5]), bucket(10, 7, &[5.0, 3.3, 0.5]));
        (0..=30_000).for_each(|millis| often.pass(Duration::from_millis(millis)));
        once.pass(Duration::from_secs(30));
        assert_eq!(uses(&often), uses(&once));
        assert_eq!(uses(&once).iter().map(|(calls, _)| *calls).collect::<Vec<_>>(), [150, 99, 15]);
        assert_eq!(often.take(Duration::from_secs(30)), once.take(Duration::from_secs(30)));
    }

    #[test]
    fn a_client_competes_with_foreign_calls() {
        let (mut alone, mut shared) = (bucket(50, 20, &[]), bucket(50, 20, &[15.0]));
        let got = |bucket: &mut SharedBucket| {
            (0..1_000u64).map(|n| u64::from(bucket.take(Duration::from_millis(n * 10)))).sum::<u64>()
        };
        let (alone, mine) = (got(&mut alone), got(&mut shared));
        let theirs: u64 = uses(&shared).iter().map(|(calls, throttled)| calls - throttled).sum();
        assert_eq!((alone, mine + theirs), (249, 249), "every token is taken once");
        assert!(mine < alone && theirs > 0, "{mine} and {theirs}");
    }

    #[test]
    fn rates_that_are_none_call_never() {
        let mut bucket = bucket(10, 7, &[0.0, -1.0, f64::NAN, f64::MIN_POSITIVE, f64::INFINITY]);
        bucket.pass(Duration::from_millis(10));
        let seen = uses(&bucket);
        assert_eq!((&seen[..2], seen[3], seen[4].0), (&[(0, 0), (0, 0)][..], (0, 0), 1_000));
    }
}
