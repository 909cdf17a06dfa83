//! Token buckets: how many requests of a category an account and region take, as ECS throttles them.
//!
//! The arithmetic is pure, given the time since the simulator's start, and done in whole numbers.

use std::time::Duration;

use crate::seal::{hash, key};

/// The actions that share a bucket; ECS has more categories, of actions that are not simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// DescribeClusters and ListClusters.
    ClusterRead,
    /// DescribeServices and ListServices.
    ServiceRead,
    /// DescribeTasks and ListTasks.
    ClusterResourceRead,
    /// DescribeTaskDefinition and ListTaskDefinitions.
    TaskDefinitionRead,
}

impl Category {
    pub(crate) const ALL: [Category; 4] =
        [Category::ClusterRead, Category::ServiceRead, Category::ClusterResourceRead, Category::TaskDefinitionRead];

    /// The category of one of the eight actions.
    pub fn of(action: &str) -> Option<Category> {
        match action {
            "DescribeClusters" | "ListClusters" => Some(Category::ClusterRead),
            "DescribeServices" | "ListServices" => Some(Category::ServiceRead),
            "DescribeTasks" | "ListTasks" => Some(Category::ClusterResourceRead),
            "DescribeTaskDefinition" | "ListTaskDefinitions" => Some(Category::TaskDefinitionRead),
            _ => None,
        }
    }
}

/// A bucket's size. It is full at first, and every request takes a token or is throttled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// The most tokens it holds: the burst.
    pub capacity: u32,
    /// Tokens added every second: the sustained rate.
    pub per_second: u32,
}

impl Bucket {
    const fn times(self, n: u32) -> Bucket {
        Bucket { capacity: self.capacity.saturating_mul(n), per_second: self.per_second.saturating_mul(n) }
    }
}

/// How tokens are added. AWS says "a set number of tokens added every second", which may be either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refill {
    /// Evenly, in fractions of a token.
    Smooth,
    /// A second's tokens at once, at a phase drawn from (seed, account, region, category).
    Stepped,
}

/// The buckets of every account and region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buckets {
    /// The bucket of [`Category::ClusterRead`].
    pub cluster_read: Bucket,
    /// The bucket of [`Category::ServiceRead`].
    pub service_read: Bucket,
    /// The bucket of [`Category::ClusterResourceRead`].
    pub cluster_resource_read: Bucket,
    /// The bucket of [`Category::TaskDefinitionRead`].
    pub task_definition_read: Bucket,
    /// How tokens are added to all of them.
    pub refill: Refill,
}

impl Buckets {
    /// The sizes of the ECS API reference's throttling quotas.
    pub const fn published(refill: Refill) -> Buckets {
        let (small, large) = (Bucket { capacity: 50, per_second: 20 }, Bucket { capacity: 100, per_second: 20 });
        Buckets {
            cluster_read: small,
            service_read: large,
            cluster_resource_read: large,
            task_definition_read: small,
            refill,
        }
    }

    /// Capacities and rates `n` times as large: a sync of the same calls takes an n-th of the time.
    #[must_use]
    pub const fn times(self, n: u32) -> Buckets {
        Buckets {
            cluster_read: self.cluster_read.times(n),
            service_read: self.service_read.times(n),
            cluster_resource_read: self.cluster_resource_read.times(n),
            task_definition_read: self.task_definition_read.times(n),
            refill: self.refill,
        }
    }

    /// The bucket of a category.
    pub const fn of(&self, category: Category) -> Bucket {
        match category {
            Category::ClusterRead => self.cluster_read,
            Category::ServiceRead => self.service_read,
            Category::ClusterResourceRead => self.cluster_resource_read,
            Category::TaskDefinitionRead => self.task_definition_read,
        }
    }
}

const SECOND: u64 = 1_000_000_000;

/// One bucket as it is at an instant.
#[derive(Debug, Clone)]
pub(crate) struct Level {
    bucket: Bucket,
    flow: Flow,
    /// Billionths of a token.
    content: u64,
    /// Nanoseconds since the start when the content was that.
    at: u64,
}

#[derive(Debug, Clone, Copy)]
enum Flow {
    Smooth,
    /// Steps come at this many nanoseconds since the start, below a second, and every second from then on.
    Stepped {
        phase: u64,
    },
}

impl Level {
    /// A full bucket.
    pub(crate) fn full(buckets: &Buckets, seed: u64, account: &str, region: &str, category: Category) -> Level {
        let bucket = buckets.of(category);
        let flow = match buckets.refill {
            Refill::Smooth => Flow::Smooth,
            Refill::Stepped => {
                Flow::Stepped { phase: hash(key(seed, &["bucket", account, region]), category as u64) % SECOND }
            }
        };
        Level { bucket, flow, content: u64::from(bucket.capacity) * SECOND, at: 0 }
    }

    /// Takes a token at an instant since the start, no earlier than the one before; false if there is none.
    pub(crate) fn take(&mut self, at: Duration) -> bool {
        self.refill(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX));
        match self.content.checked_sub(SECOND) {
            Some(left) => {
                self.content = left;
                true
            }
            None => false,
        }
    }

    fn refill(&mut self, now: u64) {
        let now = now.max(self.at);
        // A token a second is a billionth of one every nanosecond, so no fraction is ever lost.
        let seconds_in_nanos = match self.flow {
            Flow::Smooth => now - self.at,
            Flow::Stepped { phase } => (steps(phase, now) - steps(phase, self.at)) * SECOND,
        };
        let gained = seconds_in_nanos.saturating_mul(u64::from(self.bucket.per_second));
        self.content = self.content.saturating_add(gained).min(u64::from(self.bucket.capacity) * SECOND);
        self.at = now;
    }
}

/// How many steps came until an instant, that instant included.
fn steps(phase: u64, at: u64) -> u64 {
    at.checked_sub(phase).map_or(0, |since| since / SECOND + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKETS: Buckets = Buckets::published(Refill::Smooth);

    fn level(bucket: Bucket, flow: Flow) -> Level {
        Level { bucket, flow, content: u64::from(bucket.capacity) * SECOND, at: 0 }
    }

    /// How many of `tries` at one instant get a token.
    fn taken(level: &mut Level, nanos: u64, tries: u64) -> u64 {
        (0..tries).map(|_| u64::from(level.take(Duration::from_nanos(nanos)))).sum()
    }

    #[test]
    fn sizes_are_the_published_ones() {
        let size = |buckets: &Buckets, action: &str| {
            let bucket = buckets.of(Category::of(action).expect("one of the eight"));
            (bucket.capacity, bucket.per_second)
        };
        for (list, describe, expected) in [
            ("ListClusters", "DescribeClusters", (50, 20)),
            ("ListServices", "DescribeServices", (100, 20)),
            ("ListTasks", "DescribeTasks", (100, 20)),
            ("ListTaskDefinitions", "DescribeTaskDefinition", (50, 20)),
        ] {
            assert_eq!((size(&BUCKETS, list), Category::of(list)), (expected, Category::of(describe)));
            assert_eq!(size(&BUCKETS.times(3), describe), (expected.0 * 3, expected.1 * 3));
        }
        assert_eq!(Category::of("AssumeRole"), None);
        assert_eq!(BUCKETS.times(u32::MAX).cluster_read.capacity, u32::MAX, "no overflow");
    }

    #[test]
    fn a_smooth_bucket_gives_its_burst_and_then_its_rate() {
        let mut smooth = level(Bucket { capacity: 50, per_second: 20 }, Flow::Smooth);
        assert_eq!(taken(&mut smooth, 0, 60), 50);
        assert_eq!((taken(&mut smooth, SECOND / 20 - 1, 1), taken(&mut smooth, SECOND / 20, 2)), (0, 1));
        assert_eq!(taken(&mut smooth, SECOND, 100), 19, "what is left of the second");
        assert_eq!(taken(&mut smooth, 1_000 * SECOND, 100), 50, "never more than it holds");
        // Looks between the tokens lose nothing of them.
        let steps = (1..=7_000_000u64).map(|n| 1_000 * SECOND + n * 1_429);
        let total: u64 = steps.map(|nanos| taken(&mut smooth, nanos, 1)).sum();
        assert_eq!(total, 200, "10.003 seconds");
    }

    #[test]
    fn a_stepped_bucket_gets_a_second_of_tokens_at_its_phase() {
        let mut stepped = level(Bucket { capacity: 50, per_second: 20 }, Flow::Stepped { phase: 300_000_000 });
        assert_eq!(taken(&mut stepped, 100_000_000, 60), 50);
        assert_eq!((taken(&mut stepped, 299_999_999, 1), taken(&mut stepped, 300_000_000, 30)), (0, 20));
        assert_eq!((taken(&mut stepped, 1_299_999_999, 1), taken(&mut stepped, 3_299_999_999, 50)), (0, 40));
        assert_eq!(taken(&mut stepped, 3_300_000_000, 50), 20);
        assert_eq!(taken(&mut stepped, 60 * SECOND, 100), 50, "never more than it holds");
        assert_eq!(taken(&mut stepped, 60 * SECOND + 299_999_999, 1), 0);
    }

    #[test]
    fn phases_are_of_the_seed_and_differ_between_buckets() {
        let phase = |seed, account, region, category| {
            let buckets = Buckets::published(Refill::Stepped);
            match Level::full(&buckets, seed, account, region, category).flow {
                Flow::Stepped { phase } => phase,
                Flow::Smooth => u64::MAX,
            }
        };
        let one = phase(1, "a", "r", Category::ClusterRead);
        assert!(one < SECOND);
        assert_eq!(one, phase(1, "a", "r", Category::ClusterRead));
        for other in [
            phase(2, "a", "r", Category::ClusterRead),
            phase(1, "b", "r", Category::ClusterRead),
            phase(1, "a", "s", Category::ClusterRead),
            phase(1, "a", "r", Category::ServiceRead),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_bucket_goes_on_after_ages_and_does_not_go_back() {
        let mut level = level(Bucket { capacity: u32::MAX, per_second: u32::MAX }, Flow::Smooth);
        assert!(level.take(Duration::MAX));
        assert!(level.take(Duration::ZERO), "an earlier instant counts as the last one");
    }
}
