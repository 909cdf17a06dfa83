//! The statistics of the scopes of a sync.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::aws::account::Account;
use crate::contract::OBJECTS;
use crate::report::{Judgement, State, TypeReport, TypeStatistics};

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
        let position = |object: &str| OBJECTS.iter().position(|known| *known == object);
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
pub(super) fn judge(mut scopes: Vec<Arc<ScopeStatistics>>) -> Vec<TypeReport> {
    scopes.sort_by(|a, b| {
        let account = |scope: &ScopeStatistics| scope.account.get().map(str::to_owned);
        (account(a), &a.region, &a.role).cmp(&(account(b), &b.region, &b.role))
    });
    scopes.iter().flat_map(|scope| scope.judge()).collect()
}
