//! What a sync reports: the statistics of its types, its outcome, the report as JSON and as text, and the events on the sync topic.

mod counts;
mod deliveries;
mod event;
mod outcome;
mod planned;
mod schema;
mod statistics;
mod text;

use std::time::{SystemTime, UNIX_EPOCH};

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

pub use self::counts::{Counters, Counts};
pub use self::deliveries::DeliveryCounts;
pub(crate) use self::event::{SYNC_EVENT, SyncEvent};
pub use self::outcome::{Outcome, StopReason};
pub use self::planned::PlanCounts;
pub(crate) use self::schema::sync_event_schema;
pub use self::statistics::{Cause, State, TypeStatistics};
pub(crate) use self::statistics::{Issue, IssueLimit, Judgement, Listing};
use crate::config::Config;
use crate::contract::rfc3339;

/// The report of one sync.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// `LAST_CAPTURED` of every record of this sync.
    pub sync: i64,
    /// This producer's name.
    pub name: String,
    /// Which records the sync sends: `all`.
    pub emit: &'static str,
    /// How the sync ended.
    pub outcome: Outcome,
    /// Milliseconds since the epoch.
    pub started: i64,
    /// Milliseconds since the epoch.
    pub ended: i64,
    /// One per account, region, role and object.
    pub types: Vec<TypeReport>,
    /// ECS requests.
    pub calls: CallCounts,
    /// Where the records lie.
    pub partitions: Vec<PartitionRange>,
    /// What ended the sync early.
    pub stop_reason: Option<StopReason>,
}

/// JSON, with the members and the order of the specification.
impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("Report", 10)?;
        members.serialize_field("sync", &rfc3339(self.sync))?;
        members.serialize_field("name", &self.name)?;
        members.serialize_field("emit", self.emit)?;
        members.serialize_field("outcome", &self.outcome)?;
        members.serialize_field("error", &self.error())?;
        members.serialize_field("started", &rfc3339(self.started))?;
        members.serialize_field("ended", &rfc3339(self.ended))?;
        members.serialize_field("types", &self.types)?;
        members.serialize_field("calls", &self.calls)?;
        members.serialize_field("partitions", &self.partitions)?;
        members.end()
    }
}

impl Report {
    /// The report of a sync that was stopped before it began. Without a name, because no settings are read yet, it has the default.
    pub fn not_begun(name: Option<String>, reason: StopReason) -> Self {
        let name = name.unwrap_or_else(|| Config::default().name);
        Self::new(now(), name, Vec::new(), CallCounts::default(), Some(reason))
    }

    /// A report that is made now, without the ranges of records.
    pub(crate) fn new(
        sync: i64,
        name: String,
        types: Vec<TypeReport>,
        calls: CallCounts,
        stop_reason: Option<StopReason>,
    ) -> Self {
        let outcome = Outcome::of(&types, stop_reason.as_ref());
        // What came after all was complete has stopped nothing.
        let stop_reason = stop_reason.filter(|_| outcome != Outcome::Completed);
        let partitions = Vec::new();
        Self { sync, name, emit: EMIT_ALL, outcome, started: sync, ended: now(), types, calls, partitions, stop_reason }
    }

    /// Why the sync as a whole is FAILED or ABORTED, if it is.
    pub fn error(&self) -> Option<String> {
        if !matches!(self.outcome, Outcome::Failed | Outcome::Aborted) {
            return None;
        }
        let first = || self.types.iter().find_map(|one| one.error.as_deref());
        let nothing =
            || format!("nothing was acknowledged, and no type is complete: {}", first().unwrap_or("no scope"));
        Some(self.stop_reason.as_ref().map_or_else(nothing, StopReason::to_string))
    }

    /// The first type that is not complete, and why.
    pub(crate) fn first_incomplete(&self) -> Option<String> {
        let first = self.types.iter().find(|one| one.state != State::Complete)?;
        let of = |part: &Option<String>, unknown: &str| part.clone().unwrap_or_else(|| unknown.to_owned());
        let (account, region) = (of(&first.account, "an unknown account"), of(&first.region, "an unknown region"));
        Some(format!("{} of {account} in {region}: {}", first.object, of(&first.error, "no reason is known")))
    }
}

/// The value of `emit` when a sync sends every record.
pub(crate) const EMIT_ALL: &str = "all";

/// One object type: of one scope, or its total over all scopes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeReport {
    /// The account's 12 digits. None in a total, and if the account never became known.
    pub account: Option<String>,
    /// None in a total.
    pub region: Option<String>,
    /// The assumed role's ARN. None in a total, and without a role.
    pub role: Option<String>,
    /// The contract's object.
    pub object: &'static str,
    /// Whether it is complete.
    pub state: State,
    /// What was counted.
    pub counts: Counts,
    /// Why it is not complete.
    pub error: Option<String>,
    /// At most 20 of the reasons, with their clusters.
    pub causes: Vec<Cause>,
}

/// JSON and Avro have the same members. In Avro the record is named `SyncType`.
impl Serialize for TypeReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize_with(Some(self.state), serializer)
    }
}

impl TypeReport {
    /// A type that is still read or delivered: without a state, and without failures, which are not known before its end.
    pub(crate) fn serialize_under_way<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counts = Counts { failed: 0, ..self.counts };
        Self { counts, error: None, causes: Vec::new(), ..self.clone() }.serialize_with(None, serializer)
    }

    fn serialize_with<S: Serializer>(&self, state: Option<State>, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("SyncType", 7 + Counts::FIELDS.len())?;
        members.serialize_field("account", &self.account)?;
        members.serialize_field("region", &self.region)?;
        members.serialize_field("role", &self.role)?;
        members.serialize_field("object", &self.object)?;
        match state {
            // Avro's record has it always.
            Some(state) => members.serialize_field("state", &state)?,
            None => members.serialize_field("state", &None::<State>)?,
        }
        self.counts.serialize(&mut members)?;
        members.serialize_field("error", &self.error)?;
        members.serialize_field("causes", &self.causes)?;
        members.end()
    }
}

impl TypeReport {
    /// The total of an object over its scopes. It is complete or denied if it is so in all of them.
    fn total(object: &'static str, types: &[&Self]) -> Self {
        let mut counts = Counts::default();
        types.iter().for_each(|one| counts += one.counts);
        let all = |state: State| types.iter().all(|one| one.state == state);
        let state = [State::Complete, State::Denied].into_iter().find(|state| all(*state)).unwrap_or(State::Partial);
        let incomplete = types.iter().filter(|one| one.is_incomplete()).count();
        let error = (incomplete > 0).then(|| format!("not complete in {incomplete} of {} scopes", types.len()));
        Self { account: None, region: None, role: None, object, state, counts, error, causes: Vec::new() }
    }

    fn is_incomplete(&self) -> bool {
        self.state != State::Complete
    }
}

/// The ECS requests of a sync.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename = "SyncCalls")]
pub struct CallCounts {
    /// Requests sent, with retries.
    #[serde(serialize_with = "long")]
    pub attempts: u64,
    /// Requests that AWS throttled.
    #[serde(serialize_with = "long")]
    pub throttled: u64,
    /// Requests after the first of their call.
    #[serde(serialize_with = "long")]
    pub retried: u64,
}

/// Where the records of one sync lie in a partition: `[low, high)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionRange {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The end offset when the sync began.
    pub low: i64,
    /// One more than the last acknowledged offset; `low` where nothing was sent.
    pub high: i64,
}

/// Now, in milliseconds since the epoch.
pub(crate) fn now() -> i64 {
    millis_of(SystemTime::now())
}

/// A time in milliseconds since the epoch.
pub(crate) fn millis_of(time: SystemTime) -> i64 {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// Avro has no unsigned integers.
fn long<S: Serializer>(count: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(i64::try_from(*count).unwrap_or(i64::MAX))
}
