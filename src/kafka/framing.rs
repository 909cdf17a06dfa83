//! The bytes before each datum, by which a reader knows its schema.
//!
//! With a schema registry the Confluent wire format: `00` and the schema's id, big endian (Confluent's "Wire format", version 0).
//! Without, Avro single-object encoding: `C3 01` and the CRC-64-AVRO fingerprint of the schema in parsing canonical form, little
//! endian (Avro specification 1.12, "Single-object encoding").

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::rabin::Rabin;
use serde_json::Value;

/// The frame of each kind of record, by its name in Avro.
#[derive(Debug, Clone, Default)]
pub struct Frames(HashMap<&'static str, Vec<u8>>);

impl Frames {
    /// The frames for readers without a registry.
    pub(crate) fn single_object(
        schemas: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Result<Self, apache_avro::Error> {
        let framed = |(record, schema): (&'static str, Value)| Ok((record, single_object(&schema)?));
        schemas.into_iter().map(framed).collect::<Result<_, _>>().map(Self)
    }

    /// The frames for readers who ask the registry that gave these ids.
    pub(crate) fn confluent(ids: impl IntoIterator<Item = (&'static str, u32)>) -> Self {
        let framed = |(record, id): (&'static str, u32)| (record, [&[0], id.to_be_bytes().as_slice()].concat());
        Self(ids.into_iter().map(framed).collect())
    }

    /// The bytes before each datum of this record. Empty for a record that this sync does not send.
    pub fn of(&self, record: &str) -> Vec<u8> {
        self.0.get(record).cloned().unwrap_or_default()
    }
}

/// The ten bytes of a single-object header.
///
/// # Errors
/// apache-avro's error if the schema is invalid.
pub fn single_object(schema: &Value) -> Result<Vec<u8>, apache_avro::Error> {
    let fingerprint = Schema::parse(&physical(schema))?.fingerprint::<Rabin>();
    Ok([&[0xC3, 0x01], fingerprint.bytes.as_slice()].concat())
}

/// The schema without logical types. The canonical form has to be without them, as a bare primitive, but apache-avro's keeps
/// `{"type":"long"}`, and so computes a fingerprint that no other implementation has.
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
