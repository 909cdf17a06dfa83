//! Whose turn it is: the token buckets of every account and region, and the lines that form before them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Mutex as Queue;

use super::account::account_of;
use super::token_bucket::{Allowance, TokenBucket};
use crate::config::{Config, Rates};

/// From so many accounts and regions on, those are forgotten from time to time that are as new.
const MANY: usize = 64;

/// A group of actions that share one token bucket: "Request throttling for the Amazon ECS API".
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

/// The buckets of all accounts: kept from sync to sync, as AWS keeps its own.
#[derive(Debug)]
pub(crate) struct RateLimiters {
    rates: Rates,
    api_share: f64,
    /// By account the regions and the share of each role; empty where no role has a share of its own.
    shares: HashMap<String, Vec<(Vec<String>, f64)>>,
    known: Mutex<LimiterMap>,
}

#[derive(Debug, Default)]
struct LimiterMap {
    /// By account (empty while unknown, which is one account at most) and region.
    by_region: HashMap<(String, String), Arc<RegionLimiters>>,
    /// When so many are known, it is time to forget.
    forget_at: usize,
}

/// One account in one region: a bucket for each category.
#[derive(Debug)]
pub(crate) struct RegionLimiters([RateLimiter; 4]);

/// A bucket with its lines.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    category: Category,
    bucket: Mutex<TokenBucket>,
    /// Who wants a token waits here. Only the first of a line waits for the token's time, for a seat, and for one of the parallel
    /// requests: so these go round all buckets in turn, and neither a huge account nor a type with much to ask holds up others.
    /// Describes, which may have to wait for Kafka, stand in a line of their own.
    pub(super) lists: Queue<()>,
    /// The line of those that need a seat.
    pub(super) describes: Queue<()>,
}

impl RateLimiters {
    /// Buckets by the settings; all are full.
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
        Self { rates: config.rates.clone(), api_share: config.api_share, shares, known: Mutex::default() }
    }

    /// The buckets of an account in a region. They are shared by all who ask.
    pub(crate) fn of(&self, account: Option<&str>, region: &str) -> Arc<RegionLimiters> {
        let now = Instant::now();
        let key = (account.unwrap_or_default().to_owned(), region.to_owned());
        let mut known = lock(&self.known);
        if let Some(limiters) = known.by_region.get(&key) {
            return Arc::clone(limiters);
        }
        if known.by_region.len() >= known.forget_at.max(MANY) {
            known.by_region.retain(|_, limiters| Arc::strong_count(limiters) > 1 || !limiters.is_new(now));
            known.forget_at = 2 * known.by_region.len();
        }
        let limiters = Arc::new(RegionLimiters::new(&self.rates, self.share(&key.0, region), now));
        known.by_region.insert(key, Arc::clone(&limiters));
        limiters
    }

    /// Of several roles that read one account in one region the smallest share rules: they use one bucket.
    fn share(&self, account: &str, region: &str) -> f64 {
        let roles = self.shares.get(account).into_iter().flatten();
        let here = roles.filter(|(regions, _)| regions.is_empty() || regions.iter().any(|known| known == region));
        here.map(|(_, share)| *share).reduce(f64::min).unwrap_or(self.api_share)
    }
}

impl RegionLimiters {
    fn new(rates: &Rates, share: f64, now: Instant) -> Self {
        let all = [
            (Category::ClusterRead, rates.cluster_read),
            (Category::ServiceRead, rates.service_read),
            (Category::ClusterResourceRead, rates.cluster_resource_read),
            (Category::TaskDefinitionRead, rates.task_definition_read),
        ];
        Self(all.map(|(category, rate)| RateLimiter {
            category,
            bucket: Mutex::new(TokenBucket::new(Allowance::of(rate, share), now)),
            lists: Queue::default(),
            describes: Queue::default(),
        }))
    }

    /// The bucket of a category.
    pub(crate) fn bucket(&self, category: Category) -> &RateLimiter {
        &self.0[category as usize]
    }

    fn is_new(&self, now: Instant) -> bool {
        self.0.iter().all(|limiter| lock(&limiter.bucket).is_full(now))
    }
}

impl RateLimiter {
    /// Sleeps until there is a token; it is not taken.
    pub(super) async fn due(&self) {
        loop {
            let looked = lock(&self.bucket).wait(Instant::now());
            match looked {
                Ok(()) => return,
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// Takes a token if there is one; then its instant, which [`RateLimiter::throttle`] wants to know.
    pub(super) fn take(&self) -> Option<Instant> {
        let now = Instant::now();
        lock(&self.bucket).take(now).ok().map(|()| now)
    }

    /// The request whose token was taken at `sent` was throttled.
    pub(super) fn throttle(&self, sent: Instant) {
        let lowered = lock(&self.bucket).throttle(sent, Instant::now());
        if let Some(per_second) = lowered {
            let category = self.category;
            tracing::info!(
                ?category,
                per_second,
                "throttled: others draw from the same bucket; ours is slowed for a while"
            );
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::RoleConfig;

    fn role(account: &str, name: &str, share: Option<f64>, regions: &[&str]) -> RoleConfig {
        let regions = regions.iter().map(|region| (*region).to_owned()).collect();
        let arn = format!("arn:aws:iam::{account}:role/{name}");
        RoleConfig { arn, api_share: share, regions, ..RoleConfig::default() }
    }

    #[test]
    fn roles_into_one_account_share_a_bucket_and_the_smallest_share_rules() {
        let mut config = Config { api_share: 0.5, ..Config::default() };
        config.roles = vec![
            role("111111111111", "a", Some(0.9), &["r1", "r2"]),
            role("111111111111", "b", None, &["r1"]),
            role("222222222222", "c", Some(0.25), &[]),
        ];
        let buckets = RateLimiters::new(&config);
        let shares = [("111111111111", "r1"), ("111111111111", "r2"), ("222222222222", "r9"), ("333333333333", "r1")]
            .map(|(account, region)| buckets.share(account, region));
        assert_eq!(shares, [0.5, 0.9, 0.25, 0.5]);
        let one = buckets.of(Some("111111111111"), "r1");
        assert!(Arc::ptr_eq(&one, &buckets.of(Some("111111111111"), "r1")));
        assert!(!Arc::ptr_eq(&one, &buckets.of(Some("111111111111"), "r2")));
    }

    #[test]
    fn of_many_places_only_those_in_use_or_not_full_are_kept() {
        let buckets = RateLimiters::new(&Config::default());
        let used = buckets.of(None, "used");
        buckets.of(None, "drawn").bucket(Category::ClusterRead).take().unwrap();
        for n in 0..1_000 {
            buckets.of(None, &format!("r{n}"));
        }
        assert!(lock(&buckets.known).by_region.len() <= MANY, "{}", lock(&buckets.known).by_region.len());
        assert!(Arc::ptr_eq(&used, &buckets.of(None, "used")));
        assert!(buckets.of(None, "drawn").bucket(Category::ClusterRead).take().is_some());
        assert!(lock(&buckets.known).by_region.contains_key(&(String::new(), "drawn".to_owned())));
    }
}
