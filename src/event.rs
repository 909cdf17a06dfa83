//! `SyncEvent`: what the sync topic says, so that a reader of Kafka alone can tell a whole snapshot from a part of one.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Value, json};

use crate::ecs::OBJECTS;
use crate::kafka::topics::PartitionRange;
use crate::report::{CallCounts, Report, TypeReport};
use crate::statistics::State;

/// The record's name in Avro, and what `ce_type` ends with.
pub const NAME: &str = "SyncEvent";

/// Incomplete types that an outcome names at most: an event is one record, and thousands of scopes may fail at once.
const INCOMPLETE: usize = 100;

/// A sync has begun: everything its end does not confirm is not to be relied on.
pub(crate) const STARTED: &str = "STARTED";

/// A scope was read to its end, and its last record was acknowledged or has failed.
pub(crate) const SCOPE: &str = "SCOPE";

/// One event. Members in the order of the schema.
#[derive(Debug, Serialize)]
pub(crate) struct SyncEvent<'a> {
    event: Cow<'a, str>,
    name: &'a str,
    sync: i64,
    started: i64,
    ended: Option<i64>,
    types: Vec<SyncType<'a>>,
    incomplete: i64,
    scopes: i64,
    calls: Option<SyncCalls>,
    partitions: Vec<SyncPartition<'a>>,
}

#[derive(Debug, Serialize)]
struct SyncType<'a> {
    account: Option<&'a str>,
    region: Option<&'a str>,
    role: Option<&'a str>,
    object: &'a str,
    state: State,
    asked: i64,
    described: i64,
    gone: i64,
    emitted: i64,
    acknowledged: i64,
    failed: i64,
    error: Option<Cow<'a, str>>,
    causes: Vec<SyncCause<'a>>,
}

#[derive(Debug, Serialize)]
struct SyncCause<'a> {
    parent: Option<&'a str>,
    error: &'a str,
}

#[derive(Debug, Serialize)]
struct SyncCalls {
    attempts: i64,
    throttled: i64,
    retried: i64,
}

#[derive(Debug, Serialize)]
struct SyncPartition<'a> {
    topic: &'a str,
    partition: i32,
    low: i64,
    high: i64,
}

impl<'a> SyncEvent<'a> {
    /// STARTED: where every data partition ends before the first record of this sync.
    pub(crate) fn started(name: &'a str, sync: i64, ranges: &'a [PartitionRange]) -> Self {
        let partitions = ranges.iter().map(SyncPartition::new).collect();
        Self { partitions, ..Self::new(STARTED, name, sync) }
    }

    /// SCOPE: the types of one role in one region, with their causes.
    pub(crate) fn scope(name: &'a str, sync: i64, ended: i64, types: &'a [TypeReport]) -> Self {
        Self {
            ended: Some(ended),
            types: types.iter().map(|one| SyncType::new(one, SyncCause::all(one))).collect(),
            incomplete: long(types.iter().filter(|one| is_incomplete(one)).count()),
            ..Self::new(SCOPE, name, sync)
        }
    }

    /// The outcome: a total for each object, then the first types that are not complete. Their causes stand in their scopes' events.
    pub(crate) fn outcome(report: &'a Report) -> Self {
        let incomplete = || report.types.iter().filter(|one| is_incomplete(one));
        let named = incomplete().take(INCOMPLETE).map(|one| SyncType::new(one, Vec::new()));
        let CallCounts { attempts, throttled, retried } = report.calls;
        Self {
            ended: Some(report.ended),
            types: totals(&report.types).into_iter().chain(named).collect(),
            incomplete: long(incomplete().count()),
            scopes: long(scopes(&report.types)),
            calls: Some(SyncCalls { attempts: long(attempts), throttled: long(throttled), retried: long(retried) }),
            partitions: report.partitions.iter().map(SyncPartition::new).collect(),
            ..Self::new(report.outcome.to_string(), &report.name, report.sync)
        }
    }

    /// What it is: `STARTED`, `SCOPE`, or an outcome.
    pub(crate) fn event(&self) -> &str {
        &self.event
    }

    fn new(event: impl Into<Cow<'a, str>>, name: &'a str, sync: i64) -> Self {
        Self {
            event: event.into(),
            name,
            sync,
            started: sync,
            ended: None,
            types: Vec::new(),
            incomplete: 0,
            scopes: 0,
            calls: None,
            partitions: Vec::new(),
        }
    }
}

impl<'a> SyncType<'a> {
    fn new(one: &'a TypeReport, causes: Vec<SyncCause<'a>>) -> Self {
        Self {
            account: one.account.as_deref(),
            region: Some(&one.region),
            role: one.role.as_deref(),
            object: one.object,
            state: one.state,
            asked: long(one.asked),
            described: long(one.described),
            gone: long(one.gone),
            emitted: long(one.emitted),
            acknowledged: long(one.acknowledged),
            failed: long(one.failed),
            error: one.error.as_deref().map(Cow::Borrowed),
            causes,
        }
    }

    /// An object over all scopes: complete if it is in all of them, denied if it is in all of them.
    fn total(object: &'a str, types: &[&TypeReport]) -> Self {
        let sum = |count: fn(&TypeReport) -> u64| long(types.iter().map(|one| count(one)).sum::<u64>());
        let all = |state: State| types.iter().all(|one| one.state == state);
        let incomplete = types.iter().filter(|one| is_incomplete(one)).count();
        Self {
            account: None,
            region: None,
            role: None,
            object,
            state: [State::Complete, State::Denied].into_iter().find(|state| all(*state)).unwrap_or(State::Partial),
            asked: sum(|one| one.asked),
            described: sum(|one| one.described),
            gone: sum(|one| one.gone),
            emitted: sum(|one| one.emitted),
            acknowledged: sum(|one| one.acknowledged),
            failed: sum(|one| one.failed),
            error: (incomplete > 0).then(|| format!("not complete in {incomplete} of {} scopes", types.len()).into()),
            causes: Vec::new(),
        }
    }
}

impl<'a> SyncCause<'a> {
    fn all(one: &'a TypeReport) -> Vec<Self> {
        one.causes.iter().map(|cause| Self { parent: cause.parent.as_deref(), error: &cause.error }).collect()
    }
}

impl<'a> SyncPartition<'a> {
    fn new(range: &'a PartitionRange) -> Self {
        Self { topic: &range.topic, partition: range.partition, low: range.low, high: range.high }
    }
}

fn is_incomplete(one: &TypeReport) -> bool {
    one.state != State::Complete
}

/// Types stand in the order of their scopes.
fn scopes(types: &[TypeReport]) -> usize {
    types.chunk_by(|a, b| (&a.account, &a.region, &a.role) == (&b.account, &b.region, &b.role)).count()
}

fn totals(types: &[TypeReport]) -> Vec<SyncType<'_>> {
    let of = |object: &str| types.iter().filter(|one| one.object == object).collect::<Vec<_>>();
    let read = OBJECTS.into_iter().map(|object| (object, of(object))).filter(|(_, types)| !types.is_empty());
    read.map(|(object, types)| SyncType::total(object, &types)).collect()
}

/// Avro knows no unsigned numbers; no count of ours comes near the end of these.
fn long<N: TryInto<i64>>(count: N) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

/// The schemas of all that a sync sends: the objects', in the contract's order, and the event's.
pub fn schemas() -> impl Iterator<Item = (&'static str, Value)> {
    crate::ecs::schemas().into_iter().chain([(NAME, schema())])
}

/// The Avro schema of [`SyncEvent`].
pub(crate) fn schema() -> Value {
    let field = |name: &str, kind: Value, doc: &str| json!({"name": name, "type": kind, "doc": doc});
    let optional =
        |name: &str, kind: Value, doc: &str| json!({"name": name, "type": ["null", kind], "default": null, "doc": doc});
    let list = |name: &str, items: Value, doc: &str| json!({"name": name, "type": {"type": "array", "items": items}, "default": [], "doc": doc});
    let record =
        |name: &str, doc: &str, fields: &[Value]| json!({"type": "record", "name": name, "doc": doc, "fields": fields});
    let instant = || json!({"type": "long", "logicalType": "timestamp-millis"});
    let (text, long) = (|| json!("string"), || json!("long"));

    let cause = record(
        "SyncCause",
        "Why something of a type is missing.",
        &[
            optional("parent", text(), "The ARN of the cluster whose children are missing; null for the account."),
            field("error", text(), "In words."),
        ],
    );
    let kind = record(
        "SyncType",
        "One object type: of one scope, or its total over all scopes.",
        &[
            optional("account", text(), "The account's 12 digits; null in a total, and where it never became known."),
            optional("region", text(), "The region; null in a total."),
            optional("role", text(), "The assumed role's ARN; null in a total, and without a role."),
            field("object", text(), "EcsCluster, EcsService, EcsTask or EcsTaskDefinition."),
            field("state", text(), "complete, partial or denied. Absence means deletion in a complete type alone."),
            field("asked", long(), "ARNs sent in a Describe request."),
            field("described", long(), "Objects that came back."),
            field("gone", long(), "ARNs listed that were no more when described."),
            field("emitted", long(), "Records handed to the producer."),
            field("acknowledged", long(), "Records that Kafka acknowledged."),
            field("failed", long(), "ARNs unanswered, and objects described and never acknowledged."),
            optional("error", text(), "Why the type is not complete."),
            list("causes", cause, "At most 20 reasons, in SCOPE alone."),
        ],
    );
    let calls = record(
        "SyncCalls",
        "ECS requests.",
        &[
            field("attempts", long(), "Sent, retries included."),
            field("throttled", long(), "Answered with a throttle."),
            field("retried", long(), "Attempts after the first of their call."),
        ],
    );
    let partition = record(
        "SyncPartition",
        "Where a sync's records lie in a partition: [low, high).",
        &[
            field("topic", text(), "The topic."),
            field("partition", json!("int"), "The partition."),
            field("low", long(), "The partition's end before the sync's first record."),
            field("high", long(), "The partition's end after the sync's last acknowledgement; low in STARTED."),
        ],
    );
    json!({
        "type": "record",
        "name": NAME,
        "namespace": crate::sdm::NAMESPACE,
        "doc": "What a sync says about itself, on the sync topic.",
        "fields": [
            field("event", text(), "STARTED, SCOPE, or the outcome: COMPLETED, PARTIAL, ABORTED, FAILED."),
            field("name", text(), "The producer's name."),
            field("sync", instant(), "LAST_CAPTURED of every record of this sync."),
            field("started", instant(), "When the sync began."),
            optional("ended", instant(), "When the scope or the sync ended; null in STARTED."),
            list("types", kind, "SCOPE: the scope's types. Outcome: a total for each object, then at most 100 incomplete types."),
            json!({"name": "incomplete", "type": "long", "default": 0, "doc": "How many types are not complete, named in types or not."}),
            json!({"name": "scopes", "type": "long", "default": 0, "doc": "Outcome: how many SCOPE events went before."}),
            optional("calls", calls, "Of the whole sync; null before its outcome."),
            list("partitions", partition, "Every partition of the data topics; empty in SCOPE, and where offsets could not be read."),
        ],
    })
}
