//! The Avro schema of the sync topic.

use serde_json::{Value, json};

use super::{Counts, EMIT_ALL, SYNC_EVENT};
use crate::contract::{NAMESPACE, OBJECTS};

/// The Avro schema of [`super::SyncEvent`], whose fields have the same order.
pub(crate) fn sync_event_schema() -> Value {
    let field = |name: &str, kind: Value, doc: &str| json!({"name": name, "type": kind, "doc": doc});
    let optional =
        |name: &str, kind: Value, doc: &str| json!({"name": name, "type": ["null", kind], "default": null, "doc": doc});
    let list = |name: &str, items: Value, doc: &str| json!({"name": name, "type": {"type": "array", "items": items}, "default": [], "doc": doc});
    let record =
        |name: &str, doc: &str, fields: &[Value]| json!({"type": "record", "name": name, "doc": doc, "fields": fields});
    let instant = || json!({"type": "long", "logicalType": "timestamp-millis"});
    let text = || json!("string");
    let long = || json!("long");

    let cause = record(
        "SyncCause",
        "Why something of a type is missing.",
        &[
            optional("parent", text(), "The ARN of the cluster whose children are missing; null for the account."),
            field("error", text(), "In words."),
        ],
    );
    let count = |(name, doc, default): &(&str, &str, Option<i64>)| match default {
        Some(default) => json!({"name": name, "type": "long", "default": default, "doc": doc}),
        None => field(name, long(), doc),
    };
    let described = [
        optional("account", text(), "The account's 12 digits; null in a total, and where it never became known."),
        optional("region", text(), "The region; null in a total."),
        optional("role", text(), "The assumed role's ARN; null in a total, and without a role."),
        field("object", text(), &format!("One of {}.", OBJECTS.join(", "))),
        field("state", text(), "complete, partial or denied. Absence means deletion in a complete type alone."),
    ];
    let reasons = [
        optional("error", text(), "Why the type is not complete."),
        list("causes", cause, "At most 20 reasons, in SCOPE alone."),
    ];
    let members: Vec<Value> = described.into_iter().chain(Counts::FIELDS.iter().map(count)).chain(reasons).collect();
    let kind = record("SyncType", "One object type: of one scope, or its total over all scopes.", &members);
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
        "name": SYNC_EVENT,
        "namespace": NAMESPACE,
        "doc": "What a sync says about itself, on the sync topic.",
        "fields": [
            field("event", text(), "STARTED, SCOPE, or the outcome: COMPLETED, PARTIAL, ABORTED, FAILED."),
            field("name", text(), "The producer's name."),
            json!({"name": "emit", "type": "string", "default": EMIT_ALL, "doc": "Which records the sync sends: all."}),
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
