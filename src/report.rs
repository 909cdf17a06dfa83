//! What a sync says about itself: tallies to states, states to an outcome, and both as JSON and as text.

mod text;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::{Serialize, Serializer};

use crate::aws::Calls;
use crate::aws::account::Account;
use crate::ecs::OBJECTS;
use crate::kafka::topics::PartitionRange;
use crate::sdm::rfc3339;
use crate::statistics::{Cause, Judgement, State, TypeStatistics};

/// How a sync ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Outcome {
    /// Every type complete.
    Completed,
    /// Anything else that delivered or completed something.
    Partial,
    /// Stopped by a signal.
    Aborted,
    /// Nothing acknowledged and no type complete; a missing topic; the broker away.
    Failed,
}

/// Why a sync ended before its lists did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// A signal.
    Signal,
    /// `timeout` has passed.
    Timeout,
    /// Kafka is gone, or was never there.
    Failure(String),
    /// Nobody reads standard output any more.
    Closed,
}

/// The report of one sync, with the members and the order of the specification.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// `LAST_CAPTURED` of every record of this sync.
    #[serde(serialize_with = "time")]
    pub sync: i64,
    /// This producer's name.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Milliseconds since the epoch.
    #[serde(serialize_with = "time")]
    pub started: i64,
    /// Milliseconds since the epoch.
    #[serde(serialize_with = "time")]
    pub ended: i64,
    /// One per account, region, role and object.
    pub types: Vec<TypeReport>,
    /// ECS requests.
    pub calls: CallCounts,
    /// Where the records lie.
    pub partitions: Vec<PartitionRange>,
    /// What cut the sync short; said on standard error, not in the JSON.
    #[serde(skip)]
    pub stop_reason: Option<StopReason>,
}

/// One object type of one scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TypeReport {
    /// 12 digits; null if it never became known.
    pub account: Option<String>,
    /// The region.
    pub region: String,
    /// The assumed role.
    pub role: Option<String>,
    /// The contract's object.
    pub object: &'static str,
    /// What can be said of it.
    pub state: State,
    /// See [`TypeStatistics::asked`].
    pub asked: u64,
    /// See [`TypeStatistics::described`].
    pub described: u64,
    /// See [`TypeStatistics::gone`].
    pub gone: u64,
    /// See [`TypeStatistics::emitted`].
    pub emitted: u64,
    /// See [`TypeStatistics::acknowledged`].
    pub acknowledged: u64,
    /// See [`TypeStatistics::failed`].
    pub failed: u64,
    /// Why it is not complete.
    pub error: Option<String>,
    /// At most 20 reasons, with their clusters.
    pub causes: Vec<Cause>,
}

/// The ECS requests of a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CallCounts {
    /// Sent, retries included.
    pub attempts: u64,
    /// Answered with a throttle.
    pub throttled: u64,
    /// Attempts after the first of their call.
    pub retried: u64,
}

/// The tallies of one scope. Once its last record is acknowledged, or given up, they are final.
#[derive(Debug)]
pub(crate) struct ScopeStatistics {
    /// The account, which may become known only while its objects are read.
    pub account: Account,
    /// The region.
    pub region: String,
    /// The assumed role.
    pub role: Option<String>,
    /// The counts of each object that is wanted.
    pub types: Vec<(&'static str, Arc<TypeStatistics>)>,
    /// Whether the sync topic knows of its end.
    pub published: AtomicBool,
}

impl ScopeStatistics {
    /// Judges each type, in the order of the contract.
    pub(crate) fn judge(&self) -> Vec<TypeReport> {
        let position = |object: &str| OBJECTS.iter().position(|known| *known == object);
        let mut types: Vec<TypeReport> =
            self.types.iter().map(|(object, statistics)| self.judge_one(object, statistics)).collect();
        types.sort_by_key(|one| position(one.object));
        types
    }

    fn judge_one(&self, object: &'static str, statistics: &TypeStatistics) -> TypeReport {
        let Judgement { state, error, causes } = statistics.judge();
        TypeReport {
            account: self.account.get().map(str::to_owned),
            region: self.region.clone(),
            role: self.role.clone(),
            object,
            state,
            asked: TypeStatistics::count(&statistics.asked),
            described: TypeStatistics::count(&statistics.described),
            gone: TypeStatistics::count(&statistics.gone),
            emitted: TypeStatistics::count(&statistics.emitted),
            acknowledged: TypeStatistics::count(&statistics.acknowledged),
            failed: statistics.failed(),
            error,
            causes,
        }
    }
}

impl CallCounts {
    /// The counts as they stand.
    pub(crate) fn of(calls: &Calls) -> Self {
        let [attempts, throttled, retried] =
            [&calls.attempts, &calls.throttled, &calls.retried].map(TypeStatistics::count);
        Self { attempts, throttled, retried }
    }
}

/// Judges every type, in the order of accounts, regions, roles and the contract.
pub(crate) fn judge(mut scopes: Vec<Arc<ScopeStatistics>>) -> Vec<TypeReport> {
    scopes.sort_by(|a, b| {
        let position = |scope: &ScopeStatistics| scope.account.get().map(str::to_owned);
        (position(a), &a.region, &a.role).cmp(&(position(b), &b.region, &b.role))
    });
    scopes.iter().flat_map(|scope| scope.judge()).collect()
}

impl Outcome {
    /// The outcome that types and cut amount to.
    pub(crate) fn of(types: &[TypeReport], stop_reason: Option<&StopReason>) -> Self {
        match stop_reason {
            Some(StopReason::Signal) => return Self::Aborted,
            Some(StopReason::Failure(_)) => return Self::Failed,
            Some(StopReason::Timeout | StopReason::Closed) | None => {}
        }
        let complete = types.iter().filter(|one| one.state == State::Complete).count();
        // Without a type nothing was read, which is something else than an empty account.
        if complete == types.len() && !types.is_empty() {
            Self::Completed
        } else if complete > 0 || types.iter().any(|one| one.acknowledged > 0) {
            Self::Partial
        } else {
            Self::Failed
        }
    }

    /// The exit code of one sync.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Completed => 0,
            Self::Partial | Self::Aborted => 1,
            Self::Failed => 2,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Completed => "COMPLETED",
            Self::Partial => "PARTIAL",
            Self::Aborted => "ABORTED",
            Self::Failed => "FAILED",
        })
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal => formatter.write_str("stopped by a signal"),
            Self::Timeout => formatter.write_str("stopped after the time that `timeout` allows"),
            Self::Failure(reason) => formatter.write_str(reason),
            Self::Closed => formatter.write_str("standard output was closed"),
        }
    }
}

fn time<S: Serializer>(millis: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*millis))
}
