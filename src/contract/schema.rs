//! The Avro schema of a table of attributes.

use serde_json::{Value, json};

use super::{GENERATED, Read, Row};

pub(crate) const NAMESPACE: &str = "sdm.ecs";

/// The Avro schema of an object, as in `schemas/`. The `doc` of a field is the contract's source column.
pub(crate) fn schema<T>(object: &str, doc: &str, table: &[Row<T>]) -> Value {
    let fields: Vec<Value> = table.iter().map(field).chain(GENERATED.iter().map(field)).collect();
    json!({
        "type": "record",
        "name": object,
        "namespace": NAMESPACE,
        "doc": doc,
        "dataModel": "Cloud Resource",
        "fields": fields,
    })
}

fn field<T>((source, name, read): &Row<T>) -> Value {
    let timestamp = json!({"type": "long", "logicalType": "timestamp-millis"});
    let (avro, default) = match read {
        Read::Id(_) => (json!("string"), None),
        Read::Instant(_) => (timestamp, None),
        Read::Str(_) | Read::Text(_) => (json!(["null", "string"]), Some(Value::Null)),
        Read::Count(_) | Read::Int(_) => (json!(["null", "long"]), Some(Value::Null)),
        Read::Flag(_) => (json!(["null", "boolean"]), Some(Value::Null)),
        Read::Time(_) => (json!(["null", timestamp]), Some(Value::Null)),
        Read::List(_) => (json!({"type": "array", "items": "string"}), Some(json!([]))),
        Read::Tags(_) => (json!({"type": "map", "values": "string"}), Some(json!({}))),
    };
    let mut field = json!({"name": name, "type": avro, "doc": source});
    if let Some(default) = default {
        field["default"] = default;
    }
    field
}
