//! Whose turn it is: the token buckets of every account and region, and the lines that form before them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Mutex as Line;

use super::account::account_of;
use super::pace::{Bucket, Limit};
use crate::config::{Config, Rates};

/// From so many accounts and regions on, those are forgotten from time to time that are as new.
const MANY: usize = 64;

/// A group of actions that share one token bucket: "Request throttling for the Amazon ECS API".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
pub struct Buckets {
    rates: Rates,
    api_share: f64,
    /// By account the regions and the share of each role; empty where no role has a share of its own.
    shares: HashMap<String, Vec<(Vec<String>, f64)>>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// By account (empty while unknown, which is one account at most) and region.
    by_place: HashMap<(String, String), Arc<Place>>,
    /// When so many are known, it is time to forget.
    forget_at: usize,
}

/// One account in one region: a bucket for each category.
#[derive(Debug)]
pub struct Place([Paced; 4]);

/// A bucket with its lines.
#[derive(Debug)]
pub struct Paced {
    category: Category,
    bucket: Mutex<Bucket>,
    /// Who wants a token waits here. Only the first of a line waits for the token's time, for a seat, and for one of the parallel
    /// requests: so these go round all buckets in turn, and neither a huge account nor a type with much to ask holds up others.
    /// Describes, which may have to wait for Kafka, stand in a line of their own.
    pub(super) lists: Line<()>,
    /// The line of those that need a seat.
    pub(super) describes: Line<()>,
}

impl Buckets {
    /// Buckets by the settings; all are full.
    pub fn new(config: &Config) -> Self {
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
    pub fn of(&self, account: Option<&str>, region: &str) -> Arc<Place> {
        let now = Instant::now();
        let key = (account.unwrap_or_default().to_owned(), region.to_owned());
        let mut known = held(&self.known);
        if let Some(place) = known.by_place.get(&key) {
            return Arc::clone(place);
        }
        if known.by_place.len() >= known.forget_at.max(MANY) {
            known.by_place.retain(|_, place| Arc::strong_count(place) > 1 || !place.is_new(now));
            known.forget_at = 2 * known.by_place.len();
        }
        let place = Arc::new(Place::new(&self.rates, self.share(&key.0, region), now));
        known.by_place.insert(key, Arc::clone(&place));
        place
    }

    /// Of several roles that read one account in one region the smallest share rules: they use one bucket.
    fn share(&self, account: &str, region: &str) -> f64 {
        let roles = self.shares.get(account).into_iter().flatten();
        let here = roles.filter(|(regions, _)| regions.is_empty() || regions.iter().any(|known| known == region));
        here.map(|(_, share)| *share).reduce(f64::min).unwrap_or(self.api_share)
    }
}

impl Place {
    fn new(rates: &Rates, share: f64, now: Instant) -> Self {
        let all = [
            (Category::ClusterRead, rates.cluster_read),
            (Category::ServiceRead, rates.service_read),
            (Category::ClusterResourceRead, rates.cluster_resource_read),
            (Category::TaskDefinitionRead, rates.task_definition_read),
        ];
        Self(all.map(|(category, rate)| Paced {
            category,
            bucket: Mutex::new(Bucket::new(Limit::of(rate, share), now)),
            lists: Line::default(),
            describes: Line::default(),
        }))
    }

    /// The bucket of a category.
    pub fn bucket(&self, category: Category) -> &Paced {
        &self.0[category as usize]
    }

    fn is_new(&self, now: Instant) -> bool {
        self.0.iter().all(|paced| held(&paced.bucket).is_full(now))
    }
}

impl Paced {
    /// Sleeps until there is a token; it is not taken.
    pub(super) async fn due(&self) {
        loop {
            let looked = held(&self.bucket).wait(Instant::now());
            match looked {
                Ok(()) => return,
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// Takes a token if there is one; then its instant, which [`Paced::throttle`] wants to know.
    pub(super) fn take(&self) -> Option<Instant> {
        let now = Instant::now();
        held(&self.bucket).take(now).ok().map(|()| now)
    }

    /// The request whose token was taken at `sent` was throttled.
    pub(super) fn throttle(&self, sent: Instant) {
        let lowered = held(&self.bucket).throttle(sent, Instant::now());
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

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
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
        let buckets = Buckets::new(&config);
        let shares = [("111111111111", "r1"), ("111111111111", "r2"), ("222222222222", "r9"), ("333333333333", "r1")]
            .map(|(account, region)| buckets.share(account, region));
        assert_eq!(shares, [0.5, 0.9, 0.25, 0.5]);
        let one = buckets.of(Some("111111111111"), "r1");
        assert!(Arc::ptr_eq(&one, &buckets.of(Some("111111111111"), "r1")));
        assert!(!Arc::ptr_eq(&one, &buckets.of(Some("111111111111"), "r2")));
    }

    #[test]
    fn of_many_places_only_those_in_use_or_not_full_are_kept() {
        let buckets = Buckets::new(&Config::default());
        let used = buckets.of(None, "used");
        buckets.of(None, "drawn").bucket(Category::ClusterRead).take().unwrap();
        for n in 0..1_000 {
            buckets.of(None, &format!("r{n}"));
        }
        assert!(held(&buckets.known).by_place.len() <= MANY, "{}", held(&buckets.known).by_place.len());
        assert!(Arc::ptr_eq(&used, &buckets.of(None, "used")));
        assert!(buckets.of(None, "drawn").bucket(Category::ClusterRead).take().is_some());
        assert!(held(&buckets.known).by_place.contains_key(&(String::new(), "drawn".to_owned())));
    }
}
