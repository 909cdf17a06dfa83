//! The statistics of the scopes of a sync.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio_util::task::TaskTracker;

use crate::aws::account::Account;
use crate::contract::place_of;
use crate::observe::{Traced, counted};
use crate::report::{Judgement, PlanCounts, State, TypeReport, TypeStatistics};

/// The statistics of one scope: a role in a region. They are final once the last record is acknowledged or given up.
#[derive(Debug)]
pub(super) struct ScopeStatistics {
    /// Its span.
    pub(super) trace: Arc<Traced>,
    /// Some accounts become known only while objects are read.
    pub(super) account: Account,
    pub(super) region: String,
    pub(super) role: Option<String>,
    /// The wanted ones.
    pub(super) types: Vec<ScopeType>,
    /// Whether the sync topic has its SCOPE event.
    pub(super) published: AtomicBool,
}

/// An object type of one scope.
#[derive(Debug)]
pub(super) struct ScopeType {
    pub(super) object: &'static str,
    pub(super) statistics: Arc<TypeStatistics>,
    /// Its stages, and its records that are neither acknowledged nor given up.
    pub(super) pending: TaskTracker,
}

impl ScopeType {
    pub(super) fn new(object: &'static str, statistics: Arc<TypeStatistics>) -> Self {
        Self { object, statistics, pending: TaskTracker::new() }
    }
}

impl ScopeStatistics {
    /// Whether nothing of it is under way any more.
    pub(super) fn has_ended(&self) -> bool {
        self.types.iter().all(|one| one.pending.is_empty())
    }

    /// Waits until the last record of each type is acknowledged or given up.
    pub(super) async fn settled(&self) {
        for one in &self.types {
            one.pending.close();
            one.pending.wait().await;
        }
    }

    /// Ends its span, unless that has ended.
    pub(super) fn end_trace(&self) {
        let incomplete = self.types.iter().filter(|one| one.statistics.judge().state != State::Complete).count();
        let attributes = vec![counted("ecs_sdm.types.incomplete", incomplete as u64)];
        self.trace.end(attributes, (incomplete > 0).then_some("incomplete"));
    }

    /// Judges each type, in the order of the contract.
    pub(super) fn judge(&self) -> Vec<TypeReport> {
        self.types_in_order().into_iter().map(|one| self.judge_type(one)).collect()
    }

    fn types_in_order(&self) -> Vec<&ScopeType> {
        let mut types: Vec<&ScopeType> = self.types.iter().collect();
        types.sort_by_key(|one| place_of(one.object));
        types
    }

    fn judge_type(&self, ScopeType { object, statistics, .. }: &ScopeType) -> TypeReport {
        let judged = statistics.judge();
        let Judgement { counts, state, error, causes } = match self.account.unknown() {
            Some(reason) if judged.state == State::Complete => judged.incomplete(reason),
            _ => judged,
        };
        TypeReport {
            account: self.account.get().map(str::to_owned),
            region: Some(self.region.clone()),
            role: self.role.clone(),
            object,
            state,
            counts,
            error,
            causes,
        }
    }
}

/// Each type as it is now, and whether nothing of it is under way any more, in the same order as [`judge`].
pub(super) fn judge_live(scopes: Vec<Arc<ScopeStatistics>>) -> Vec<(TypeReport, bool)> {
    let of_scope = |scope: &Arc<ScopeStatistics>| {
        let judge = |one: &ScopeType| {
            // What has ended before it is judged is judged for good.
            let has_ended = one.pending.is_empty();
            (scope.judge_type(one), has_ended)
        };
        scope.types_in_order().into_iter().map(judge).collect::<Vec<_>>()
    };
    in_order(scopes).iter().flat_map(of_scope).collect()
}

/// Judges every type, in the order of accounts, regions, roles and the contract.
pub(super) fn judge(scopes: Vec<Arc<ScopeStatistics>>) -> Vec<TypeReport> {
    in_order(scopes).iter().flat_map(|scope| scope.judge()).collect()
}

/// What a plan has counted of every type, in the same order.
pub(super) fn planned(scopes: Vec<Arc<ScopeStatistics>>) -> Vec<PlanCounts> {
    let of_scope = |scope: &Arc<ScopeStatistics>| {
        scope.types_in_order().into_iter().map(|one| one.statistics.planned.counts()).collect::<Vec<_>>()
    };
    in_order(scopes).iter().flat_map(of_scope).collect()
}

fn in_order(mut scopes: Vec<Arc<ScopeStatistics>>) -> Vec<Arc<ScopeStatistics>> {
    scopes.sort_by(|a, b| {
        let account = |scope: &ScopeStatistics| scope.account.get().map(str::to_owned);
        (account(a), &a.region, &a.role).cmp(&(account(b), &b.region, &b.role))
    });
    scopes
}
