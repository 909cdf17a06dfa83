//! A sync that is under way, summed by object type: what a terminal shows many times a second.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::channels::ChannelDepth;
use super::context::{SyncContext, wanted};
use super::live::{Phase, ScopeCounts};
use crate::aws::{AccountRegion, Caller, CategoryCalls, CategoryCosts, LimitCost};
use crate::contract::{OBJECTS, place_of};
use crate::ecs;
use crate::report::{CallCounts, Counts, DeliveryCounts};

/// A sync at one moment, over all its scopes.
#[derive(Debug, Clone, PartialEq)]
pub struct Totals {
    /// What it does now.
    pub phase: Phase,
    /// The scopes there are to read.
    pub scopes: ScopeCounts,
    /// Each wanted type, in the contract's order. Empty before the sync begins to read.
    pub types: Vec<TypeTotal>,
    /// By object of the contract: for how long requests have waited for tokens of AWS's buckets. Waits side by side count once.
    pub waited: Vec<Duration>,
    /// ECS requests.
    pub calls: CallCounts,
    /// The same by category, in their order. No number ever falls.
    pub categories: [CategoryCalls; 4],
    /// How many permits are free: those of parallel requests, and those of Describe answers.
    pub free: [usize; 2],
    /// How full the channels are, by what flows in them.
    pub channels: BTreeMap<&'static str, ChannelDepth>,
    /// Records handed to librdkafka that Kafka has not acknowledged.
    pub unacknowledged: usize,
    /// For how long the oldest of them has waited.
    pub oldest: Option<Duration>,
}

/// One object type over all scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeTotal {
    /// The object, such as `EcsTask`.
    pub object: &'static str,
    /// ARNs listed so far, each once.
    pub listed: u64,
    /// The counts so far. `failed` has only what AWS has left unanswered, and no count ever falls.
    pub counts: Counts,
    /// What Kafka did not take.
    pub deliveries: DeliveryCounts,
    /// Whether every scope has listed all that there is.
    pub is_listed: bool,
    /// Whether nothing of it is under way any more, in any scope.
    pub has_ended: bool,
    /// The scopes in which it is known already to be incomplete.
    pub incomplete: usize,
}

/// What AWS's limits have cost in one account and region, in the life of the process: by category, as in [`Totals::categories`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeCost {
    /// Empty while it is unknown.
    pub account: String,
    /// The region.
    pub region: String,
    /// Requests that AWS has throttled.
    pub throttled: [u64; 4],
    /// For how long requests have waited for a token.
    pub waited: [Duration; 4],
}

impl Totals {
    /// For how long requests of an object have waited for AWS's bucket.
    pub fn waited(&self, object: &str) -> Duration {
        place_of(object).and_then(|place| self.waited.get(place)).copied().unwrap_or_default()
    }
}

/// The scopes of a sync, and its types.
pub(super) fn sum(context: &SyncContext) -> (ScopeCounts, Vec<TypeTotal>) {
    let scopes = context.scopes();
    let asked = context.expected.load(Ordering::Relaxed);
    let ended = scopes.iter().filter(|scope| scope.has_ended()).count();
    let is_admitted = scopes.len() >= asked;
    let total = |object| {
        let mut total = TypeTotal {
            object,
            listed: 0,
            counts: Counts::default(),
            deliveries: DeliveryCounts::default(),
            is_listed: is_admitted,
            has_ended: is_admitted,
            incomplete: 0,
        };
        for one in scopes.iter().flat_map(|scope| &scope.types).filter(|one| one.object == object) {
            let has_ended = one.pending.is_empty();
            total.listed += one.statistics.planned.counts().objects;
            total.counts += one.statistics.counters.raw();
            total.deliveries += one.statistics.deliveries.counts();
            total.is_listed &= has_ended || one.statistics.is_listed();
            total.has_ended &= has_ended;
            total.incomplete += usize::from(one.statistics.has_issue());
        }
        total
    };
    (ScopeCounts { asked, ended }, wanted(&context.config).map(total).collect())
}

/// What limits have cost in each account and region. None if these are too many to be told apart.
pub(super) fn costs(caller: &Caller) -> Option<Vec<ScopeCost>> {
    let cost = |((account, region), costs): (AccountRegion, CategoryCosts)| ScopeCost {
        account,
        region,
        throttled: costs.each_ref().map(LimitCost::throttled),
        waited: costs.each_ref().map(LimitCost::waited),
    };
    Some(caller.limiters.costs().all()?.into_iter().map(cost).collect())
}

/// By object, for how long requests have waited for tokens in the life of the process.
pub(super) fn waited(caller: &Caller) -> Vec<Duration> {
    let of_object = |object| ecs::category(object).map(|category| caller.limiters.waited(category));
    OBJECTS.into_iter().map(|object| of_object(object).unwrap_or_default()).collect()
}
