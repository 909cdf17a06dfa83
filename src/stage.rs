//! The stages of a row (list, describe, map), the sinks of all rows (produce, print), and what the stages of one row share.
//!
//! Two rules end every stage: the end of a stream travels down, and a hang-up travels up. No stage asks why.

pub(crate) mod count;
pub(crate) mod describe;
mod hashes;
pub(crate) mod list;
pub(crate) mod map;
pub(crate) mod print;
pub(crate) mod produce;

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::aws::scope::Scope;
use crate::aws::{Caller, Category, Fault, RequestContext, Verdict};
use crate::contract::Parent;
use crate::ecs::Options;
use crate::observe::TypeTrace;
use crate::report::{Issue, TypeStatistics};

/// What the stages of one row share: one object type in one scope.
#[derive(Debug)]
pub(crate) struct RowContext {
    pub(crate) name: String,
    pub(crate) scope: Arc<Scope>,
    pub(crate) caller: Arc<Caller>,
    pub(crate) options: Options,
    /// How many parents or batches one stage has under way. It is the number of parallel requests: more would only wait.
    pub(crate) parallel: usize,
    pub(crate) statistics: Arc<TypeStatistics>,
    /// The span of the type.
    pub(crate) trace: TypeTrace,
    /// The row's records hold a clone of it until they are acknowledged or given up.
    pub(crate) token: TaskTrackerToken,
}

impl RowContext {
    fn request_context(&self, action: &'static str, category: Category) -> RequestContext<'_> {
        let (credentials, limiter) = (&self.scope.credentials, self.scope.limiters.limiter(category));
        RequestContext { action, credentials, limiter, trace: &self.trace }
    }
}

/// The issue of a request that failed for good.
fn issue(action: &str, parent: &Parent, fault: &Fault) -> Issue {
    let denied = fault.verdict == Verdict::Denied;
    Issue { denied, parent: parent.clone(), error: format!("{action}: {fault}").into() }
}

/// The next stage has ended, so there is nobody to work for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HangUp;

/// Waits until fewer than `limit` of a stage's own tasks are left. A panic in one of them makes the type partial.
async fn join_below(row: &RowContext, tasks: &mut JoinSet<Result<(), HangUp>>, limit: usize) -> Result<(), HangUp> {
    while tasks.len() >= limit
        && let Some(ended) = tasks.join_next().await
    {
        ended.map_err(|error| {
            if error.is_panic() {
                row.statistics.issue(&None, "a stage panicked; this is a bug of ours");
            }
            HangUp
        })??;
    }
    Ok(())
}
