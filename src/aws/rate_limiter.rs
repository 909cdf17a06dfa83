//! Rate limiters: for each account, region and category a token bucket, and the queues of requests that wait for its tokens.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::account::account_of;
use super::limit_costs::{CategoryCosts, LimitCost, LimitCosts};
use super::token_bucket::{Allowance, TokenBucket};
use crate::config::{Config, Rate, Rates};
use crate::observe::WaitClock;

/// With fewer pairs of account and region than this, no rate limiters are dropped.
const KEEP: usize = 64;

/// A group of actions that share one token bucket. Source: "Request throttling for the Amazon ECS API" (Amazon ECS Developer Guide).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::enum_variant_names, reason = "AWS's own names")]
pub enum Category {
    /// ListClusters, DescribeClusters.
    ClusterRead,
    /// ListServices, DescribeServices.
    ServiceRead,
    /// ListTasks, DescribeTasks.
    ClusterResourceRead,
    /// ListTaskDefinitions, DescribeTaskDefinition.
    TaskDefinitionRead,
}

impl Category {
    /// All of them, in the order of [`RegionLimiters`].
    pub(crate) const ALL: [Self; 4] =
        [Self::ClusterRead, Self::ServiceRead, Self::ClusterResourceRead, Self::TaskDefinitionRead];

    /// Its name as a setting, below `rates`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ClusterRead => "cluster_read",
            Self::ServiceRead => "service_read",
            Self::ClusterResourceRead => "cluster_resource_read",
            Self::TaskDefinitionRead => "task_definition_read",
        }
    }

    fn rate(self, rates: &Rates) -> Rate {
        match self {
            Self::ClusterRead => rates.cluster_read,
            Self::ServiceRead => rates.service_read,
            Self::ClusterResourceRead => rates.cluster_resource_read,
            Self::TaskDefinitionRead => rates.task_definition_read,
        }
    }
}

/// The rate limiters of all accounts and regions. They outlive a sync, since AWS's buckets do not begin anew either.
#[derive(Debug)]
pub(crate) struct RateLimiters {
    rates: Rates,
    api_share: f64,
    /// By account, the regions and share of each role. It is empty if no role has a share of its own.
    shares: HashMap<String, Vec<(Vec<String>, f64)>>,
    /// By category, for how long requests have waited for tokens, in any account and region.
    waits: [Arc<WaitClock>; 4],
    /// What limits have cost, by account and region.
    costs: LimitCosts,
    map: Mutex<LimiterMap>,
}

#[derive(Debug, Default)]
struct LimiterMap {
    /// By account and region. The account is "" while it is unknown; that can be one account at most.
    by_region: HashMap<(String, String), Arc<RegionLimiters>>,
    /// The size at which unused rate limiters are dropped next.
    clean_at: usize,
}

/// The rate limiters of one account in one region, by category.
#[derive(Debug)]
pub(crate) struct RegionLimiters([RateLimiter; 4]);

/// A token bucket and its queues. Only the request at the head of a queue waits for a token, a buffer permit and a permit.
///
/// So a rate limiter has at most two requests among those that wait for a permit, and all rate limiters take turns: neither a huge
/// account nor a type with many requests delays the others.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    category: Category,
    bucket: Mutex<TokenBucket>,
    waits: Arc<WaitClock>,
    /// None past the number of accounts and regions that are told apart.
    costs: Option<CategoryCosts>,
    pub(super) list_queue: tokio::sync::Mutex<()>,
    /// Describe requests may have to wait for Kafka, so they must not delay List requests.
    pub(super) describe_queue: tokio::sync::Mutex<()>,
}

impl RateLimiters {
    /// Every bucket begins full.
    pub(crate) fn new(config: &Config) -> Self {
        let roles = config.roles();
        let mut shares: HashMap<String, Vec<(Vec<String>, f64)>> = HashMap::new();
        if roles.iter().any(|role| role.api_share.is_some()) {
            for role in roles {
                let share = role.api_share.unwrap_or(config.api_share);
                let account = account_of(&role.arn).unwrap_or_default().to_owned();
                shares.entry(account).or_default().push((role.regions, share));
            }
        }
        let (rates, waits, costs) = (config.rates.clone(), Default::default(), LimitCosts::default());
        Self { rates, api_share: config.api_share, shares, waits, costs, map: Mutex::default() }
    }

    /// What limits have cost in each account and region.
    pub(crate) fn costs(&self) -> &LimitCosts {
        &self.costs
    }

    /// For how long any request of a category has waited for a token. Waits side by side count once.
    pub(crate) fn waited(&self, category: Category) -> Duration {
        self.waits[category as usize].total()
    }

    /// The rate limiters of an account in a region, shared by all scopes that read it.
    ///
    /// Those that no scope uses and whose buckets are full equal new ones. They are dropped from time to time, so that memory does not
    /// grow with the number of accounts.
    pub(crate) fn of(&self, account: Option<&str>, region: &str) -> Arc<RegionLimiters> {
        let now = Instant::now();
        let key = (account.unwrap_or_default().to_owned(), region.to_owned());
        let mut map = self.map.lock();
        if let Some(limiters) = map.by_region.get(&key) {
            return Arc::clone(limiters);
        }
        if map.by_region.len() >= map.clean_at.max(KEEP) {
            map.by_region.retain(|_, limiters| Arc::strong_count(limiters) > 1 || !limiters.are_full(now));
            map.clean_at = 2 * map.by_region.len();
        }
        let share = self.share(&key.0, region);
        let costs = self.costs.of(&key.0, region);
        let limiters = Arc::new(RegionLimiters::new(&self.rates, share, &self.waits, costs.as_ref(), now));
        map.by_region.insert(key, Arc::clone(&limiters));
        limiters
    }

    /// What may be taken of a bucket: the share that settings allow, or another one.
    pub(crate) fn allowance(
        &self,
        account: Option<&str>,
        region: Option<&str>,
        category: Category,
        share: Option<f64>,
    ) -> Allowance {
        let share = share.unwrap_or_else(|| self.share(account.unwrap_or_default(), region.unwrap_or_default()));
        Allowance::of(category.rate(&self.rates), share)
    }

    /// The smallest share of all roles that read `account` in `region`, since they use the same bucket.
    fn share(&self, account: &str, region: &str) -> f64 {
        let roles = self.shares.get(account).into_iter().flatten();
        let here = roles.filter(|(regions, _)| regions.is_empty() || regions.iter().any(|name| name == region));
        here.map(|(_, share)| *share).reduce(f64::min).unwrap_or(self.api_share)
    }
}

impl RegionLimiters {
    fn new(
        rates: &Rates,
        share: f64,
        waits: &[Arc<WaitClock>; 4],
        costs: Option<&CategoryCosts>,
        now: Instant,
    ) -> Self {
        Self(Category::ALL.map(|category| RateLimiter {
            category,
            bucket: Mutex::new(TokenBucket::new(Allowance::of(category.rate(rates), share), now)),
            waits: Arc::clone(&waits[category as usize]),
            costs: costs.map(Arc::clone),
            list_queue: tokio::sync::Mutex::default(),
            describe_queue: tokio::sync::Mutex::default(),
        }))
    }

    pub(crate) fn limiter(&self, category: Category) -> &RateLimiter {
        &self.0[category as usize]
    }

    fn are_full(&self, now: Instant) -> bool {
        self.0.iter().all(|limiter| limiter.bucket.lock().is_full(now))
    }
}

impl RateLimiter {
    /// Waits until there is a token, without taking it.
    pub(super) async fn wait_for_token(&self) {
        loop {
            let available = self.bucket.lock().wait(Instant::now());
            match available {
                Ok(()) => return,
                Err(wait) => {
                    let _waits = (self.waits.start(), self.cost().map(|cost| cost.waits.start()));
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Takes a token, if there is one, and returns the time for [`RateLimiter::throttle`].
    pub(super) fn take(&self) -> Option<Instant> {
        let now = Instant::now();
        self.bucket.lock().take(now).ok().map(|()| now)
    }

    /// Which requests it is for.
    pub(super) fn category(&self) -> Category {
        self.category
    }

    fn cost(&self) -> Option<&LimitCost> {
        self.costs.as_ref().map(|costs| &costs[self.category as usize])
    }

    /// Notes that AWS throttled the request that took its token at `sent`.
    pub(super) fn throttle(&self, sent: Instant) {
        self.cost().into_iter().for_each(LimitCost::add_throttle);
        let mut bucket = self.bucket.lock();
        let Some((before, after)) = bucket.throttle(sent, Instant::now()) else { return };
        let is_first = bucket.is_limit(before);
        drop(bucket);
        let (category, per_second) = (self.category.name(), (after * 10.0).round() / 10.0);
        if is_first {
            tracing::info!(category, per_second, "throttled: other programs use the same limit; slowing down");
        } else {
            tracing::debug!(category, per_second, "throttled again; slowing down more");
        }
    }
}

#[cfg(test)]
mod tests;
