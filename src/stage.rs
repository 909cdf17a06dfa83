//! The stages of a row (list, describe, map) and the sinks of all rows (produce, print), and what the stages of one row share.
//!
//! Two rules carry everything: the end of a stream travels down, a hang-up travels up. No stage asks why.

pub(crate) mod describe;
mod hashes;
pub(crate) mod list;
pub(crate) mod map;
pub(crate) mod print;
pub(crate) mod produce;

use std::sync::Arc;

use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::aws::scope::Scope;
use crate::aws::{Caller, Category, Fault, RequestContext, Verdict};
use crate::contract::Parent;
use crate::ecs::Options;
use crate::report::{Issue, TypeStatistics};

/// What lister and describer of one row share: one object type in one scope.
#[derive(Debug)]
pub(crate) struct RowContext {
    pub(crate) name: String,
    pub(crate) scope: Arc<Scope>,
    /// Through which every request goes.
    pub(crate) caller: Arc<Caller>,
    pub(crate) options: Options,
    /// Parents, or batches, that one stage of the row has under way: more would only wait for one another.
    pub(crate) parallel: usize,
    pub(crate) statistics: Arc<TypeStatistics>,
    /// What its records hold until they are acknowledged or given up.
    pub(crate) token: TaskTrackerToken,
}

impl RowContext {
    /// How a request of this category is sent.
    fn request_context(&self, category: Category) -> RequestContext<'_> {
        RequestContext { credentials: &self.scope.credentials, limiter: self.scope.limiters.bucket(category) }
    }
}

/// What a report says of a request that failed for good.
fn issue(action: &str, parent: &Parent, fault: &Fault) -> Issue {
    let denied = fault.verdict == Verdict::Denied;
    Issue { denied, parent: parent.clone(), error: format!("{action}: {fault}") }
}

/// The next stage is gone: there is nobody to work for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HangUp;

/// How a stage's own tasks end. A panic in one makes the type partial and is never silent.
fn joined(row: &RowContext, result: Result<Result<(), HangUp>, tokio::task::JoinError>) -> Result<(), HangUp> {
    match result {
        Ok(outcome) => outcome,
        Err(error) if error.is_panic() => {
            row.statistics.issue(&None, "a stage panicked; this is a bug of ours");
            Err(HangUp)
        }
        Err(_) => Err(HangUp),
    }
}
