//! The statistics of the scopes of a sync.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::aws::account::Account;
use crate::contract::OBJECTS;
use crate::report::{Judgement, PlanCounts, State, TypeReport, TypeStatistics};

/// The statistics of one scope: a role in a region. They are final once the last record is acknowledged or given up.
#[derive(Debug)]
pub(super) struct ScopeStatistics {
    /// Some accounts become known only while objects are read.
    pub(super) account: Account,
    pub(super) region: String,
    pub(super) role: Option<String>,
    /// By wanted object.
    pub(super) types: Vec<(&'static str, Arc<TypeStatistics>)>,
    /// Whether the sync topic has its SCOPE event.
    pub(super) published: AtomicBool,
}

impl ScopeStatistics {
    /// Judges each type, in the order of the contract.
    pub(super) fn judge(&self) -> Vec<TypeReport> {
        let mut types: Vec<TypeReport> = self.types.iter().map(|(object, one)| self.judge_type(object, one)).collect();
        types.sort_by_key(|one| position(one.object));
        types
    }

    fn judge_type(&self, object: &'static str, statistics: &TypeStatistics) -> TypeReport {
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

/// Judges every type, in the order of accounts, regions, roles and the contract.
pub(super) fn judge(scopes: Vec<Arc<ScopeStatistics>>) -> Vec<TypeReport> {
    in_order(scopes).iter().flat_map(|scope| scope.judge()).collect()
}

/// What a plan has counted of every type, in the same order.
pub(super) fn planned(scopes: Vec<Arc<ScopeStatistics>>) -> Vec<PlanCounts> {
    let of_scope = |scope: &Arc<ScopeStatistics>| {
        let mut types = scope.types.clone();
        types.sort_by_key(|(object, _)| position(object));
        types.into_iter().map(|(_, statistics)| statistics.planned.counts()).collect::<Vec<_>>()
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

/// The place of an object in the contract.
fn position(object: &str) -> Option<usize> {
    OBJECTS.iter().position(|known| *known == object)
}
