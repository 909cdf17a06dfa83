//! What arrivals tell: how long they took, how full a bucket was drawn from, and how few of them would do.

use std::time::Duration;

use ecs_sim::{Arrival, Bucket, Category, Shape};

pub(crate) const CATEGORIES: [(Category, &str); 4] = [
    (Category::ClusterRead, "cluster read"),
    (Category::ServiceRead, "service read"),
    (Category::ClusterResourceRead, "cluster resource read"),
    (Category::TaskDefinitionRead, "task definition read"),
];

/// Requests to ECS in the order in which they arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traffic(Vec<Arrival>);

impl Traffic {
    pub(crate) fn new(arrivals: Vec<Arrival>) -> Self {
        Self(arrivals)
    }

    /// Those of one kind.
    pub(crate) fn only(&self, wanted: impl Fn(&Arrival) -> bool) -> Self {
        Self(self.0.iter().filter(|arrival| wanted(arrival)).cloned().collect())
    }

    /// Those that draw from one bucket.
    pub(crate) fn of(&self, category: Category) -> Self {
        self.only(|arrival| Category::of(arrival.action) == Some(category))
    }

    pub(crate) fn calls(&self) -> u64 {
        self.0.len() as u64
    }

    pub(crate) fn throttled(&self) -> u64 {
        self.0.iter().filter(|arrival| arrival.throttled).count() as u64
    }

    /// Percent of the calls.
    pub(crate) fn throttled_share(&self) -> f64 {
        100.0 * self.throttled() as f64 / self.calls() as f64
    }

    /// When the first one arrived, since the simulator's start.
    pub(crate) fn first(&self) -> Duration {
        self.0.first().map(|arrival| arrival.at).unwrap_or_default()
    }

    /// When the last one arrived, since the simulator's start.
    pub(crate) fn last(&self) -> Duration {
        self.0.last().map(|arrival| arrival.at).unwrap_or_default()
    }

    /// Seconds from the first to the last.
    pub(crate) fn span(&self) -> f64 {
        (self.last() - self.first()).as_secs_f64()
    }

    /// Of all windows, from any call to any later one, the most calls that one had as a part of what the bucket gives in its time.
    pub(crate) fn worst_window(&self, bucket: Bucket) -> f64 {
        let (capacity, per_second) = (f64::from(bucket.capacity), f64::from(bucket.per_second));
        let at: Vec<f64> = self.0.iter().map(|arrival| arrival.at.as_secs_f64()).collect();
        let windows = (0..at.len()).flat_map(|first| (first..at.len()).map(move |last| (first, last)));
        let used = |(first, last): (usize, usize)| {
            (last - first + 1) as f64 / (capacity + per_second * (at[last] - at[first]))
        };
        windows.map(used).fold(0.0, f64::max)
    }
}

/// The least calls of a category that read all of a shape: everything packed, lists in full pages.
pub(crate) fn least_calls(shape: &Shape, category: Category) -> u64 {
    let clusters = shape.clusters;
    // `total` things spread evenly over the clusters, listed by 100 and described by `batch`.
    let children = |total: u64, batch: u64| {
        let (each, more) = (total / clusters.max(1), total % clusters.max(1));
        let calls = |things: u64| things.div_ceil(100).max(1) + things.div_ceil(batch);
        more * calls(each + 1) + (clusters - more) * calls(each)
    };
    match category {
        Category::ClusterRead => clusters.div_ceil(100).max(1) + clusters.div_ceil(100),
        Category::ServiceRead => children(shape.services, 10),
        Category::ClusterResourceRead => children(shape.tasks, 100),
        Category::TaskDefinitionRead => shape.task_definitions.div_ceil(100).max(1) + shape.task_definitions,
    }
}
