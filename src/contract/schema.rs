//! The Avro schema that a table of attributes makes.

use serde_json::{Value, json};

use super::{GENERATED, Read, Row};

pub(crate) const NAMESPACE: &str = "sdm.ecs";

/// Builds the Avro schema of an object, the one that stands in `schemas/`.
///
/// Each field's `doc` is the contract's source column. Names are the contract's; `T?` is a union of null and `T`.
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
