//! What stands before each datum, so that a reader knows its schema.
//!
//! Avro single-object encoding: `C3 01` and the CRC-64-AVRO fingerprint of the schema in parsing canonical form, little endian
//! (Avro specification 1.12, "Single-object encoding"). The Confluent wire format takes its place with a schema registry.

use apache_avro::Schema;
use apache_avro::rabin::Rabin;
use serde_json::Value;

/// The ten bytes of a single-object header.
///
/// # Errors
/// apache-avro's word for a schema that is none.
pub fn single_object(schema: &Value) -> Result<Vec<u8>, apache_avro::Error> {
    let fingerprint = Schema::parse(&physical(schema))?.fingerprint::<Rabin>();
    Ok([&[0xC3, 0x01], fingerprint.bytes.as_slice()].concat())
}

/// The schema without logical types: the canonical form strips them and writes the bare primitive, but apache-avro's
/// leaves `{"type":"long"}` behind, and with it a fingerprint that no other implementation has.
fn physical(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => match members.get("logicalType") {
            Some(_) => members["type"].clone(),
            None => members.iter().map(|(name, value)| (name.clone(), physical(value))).collect(),
        },
        Value::Array(items) => items.iter().map(physical).collect(),
        other => other.clone(),
    }
}
