//! What AWS's limits have cost in each account and region, in the life of the process. Rate limiters come and go; this stays.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::observe::WaitClock;

/// How many accounts and regions are told apart. With more, nobody would look at each.
pub(crate) const MOST: usize = 1_000;

/// An account ("" while it is unknown), and a region.
pub(crate) type AccountRegion = (String, String);

/// What the limits of one account and region have cost, in the order of the categories.
pub(crate) type CategoryCosts = Arc<[LimitCost; 4]>;

/// What all of them have cost.
#[derive(Debug, Default)]
pub(crate) struct LimitCosts {
    map: Mutex<BTreeMap<AccountRegion, CategoryCosts>>,
    /// Whether there were more than are told apart.
    is_full: AtomicBool,
}

/// What one limit has cost.
#[derive(Debug, Default)]
pub(crate) struct LimitCost {
    throttled: AtomicU64,
    /// The time in which requests have waited for a token.
    pub(crate) waits: WaitClock,
}

impl LimitCost {
    pub(crate) fn add_throttle(&self) {
        self.throttled.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn throttled(&self) -> u64 {
        self.throttled.load(Ordering::Relaxed)
    }

    pub(crate) fn waited(&self) -> Duration {
        self.waits.total()
    }
}

impl LimitCosts {
    /// The costs of an account in a region. None if too many are told apart already.
    pub(crate) fn of(&self, account: &str, region: &str) -> Option<CategoryCosts> {
        let mut map = self.map.lock();
        let key = (account.to_owned(), region.to_owned());
        if map.len() >= MOST && !map.contains_key(&key) {
            self.is_full.store(true, Ordering::Relaxed);
            return None;
        }
        Some(Arc::clone(map.entry(key).or_default()))
    }

    /// All of them. None if there were more than are told apart.
    pub(crate) fn all(&self) -> Option<Vec<(AccountRegion, CategoryCosts)>> {
        let all = || self.map.lock().iter().map(|(key, costs)| (key.clone(), Arc::clone(costs))).collect();
        (!self.is_full.load(Ordering::Relaxed)).then(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_apart_has_an_end_and_then_nothing_is_told() {
        let costs = LimitCosts::default();
        let of = |number: usize| costs.of(&format!("{number:012}"), "eu-west-1");
        for number in 0..MOST {
            of(number).expect("there is room")[0].add_throttle();
        }
        assert_eq!(costs.all().map(|all| all.len()), Some(MOST));
        assert_eq!(of(7).expect("it is known")[0].throttled(), 1);
        assert!(of(MOST).is_none() && costs.all().is_none());
    }
}
