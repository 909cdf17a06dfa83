//! A second reading of the contract, for judging the first: what record an API object must become, worked out from the
//! words of `attributes.csv`, and what a consumer reads from bytes with nothing but the checked-in schema.
//!
//! It shares no code with the product.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use serde_json::{Map, Value, json};

use crate::folders;

/// A line of the contract, in its words.
pub struct Attribute {
    /// The object that has it.
    pub object: &'static str,
    /// Its name, which is the name of a field of the record.
    pub name: &'static str,
    /// Where its value comes from.
    pub source: &'static str,
    /// Its type.
    pub avro: &'static str,
}

/// The contract, in its order.
pub static CONTRACT: LazyLock<Vec<Attribute>> = LazyLock::new(|| {
    let lines = include_str!("../attributes.csv").lines().skip(1);
    lines
        .map(|line| match line.split(',').collect::<Vec<_>>()[..] {
            [object, name, source, avro] => Attribute { object, name, source, avro },
            _ => panic!("not a line of four columns: {line}"),
        })
        .collect()
});

/// The contract's attributes of one object, in its order.
pub fn attributes(object: &str) -> impl Iterator<Item = &'static Attribute> {
    CONTRACT.iter().filter(move |attribute| attribute.object == object)
}

/// The record that an API object must become, by attribute: times in milliseconds, tags a map, null for what is absent.
pub fn expected(object: &str, api: &Value, region: &str, captured: i64) -> Value {
    attributes(object).map(|attribute| (attribute.name.to_owned(), value(attribute, api, region, captured))).collect()
}

/// The Kafka key of a record.
pub fn key(record: &Value) -> &str {
    record["UID"].as_str().expect("every record has a UID")
}

/// The schema that a consumer of this object's topic has.
pub fn schema(object: &str) -> Schema {
    let text = fs::read_to_string(schema_file(object)).expect("UPDATE_SCHEMAS=1 cargo test writes the schemas");
    Schema::parse_str(&text).expect("a checked-in schema is a schema")
}

/// Where that schema stands.
pub fn schema_file(object: &str) -> PathBuf {
    folders::repository().join(format!("schemas/{object}.avsc"))
}

/// The single-object header of this object's records, with the fingerprint that another implementation computed.
pub fn frame(object: &str) -> Vec<u8> {
    let golden: Value = serde_json::from_str(include_str!("../../golden/golden.json")).expect("golden.json is JSON");
    let fingerprint = golden[object]["fingerprint"].as_str().expect("every object has a fingerprint");
    [vec![0xC3, 0x01], bytes(fingerprint)].concat()
}

/// Bytes written in hexadecimal.
pub fn bytes(hex: &str) -> Vec<u8> {
    let pairs = (0..hex.len()).step_by(2).map(|at| &hex[at..at + 2]);
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")).collect()
}

/// Reads a datum into the form of [`expected`]; not a byte may be left.
pub fn decode(schema: &Schema, mut datum: &[u8]) -> Value {
    let reader = GenericDatumReader::builder(schema).build().expect("a schema without references");
    let record = reader.read_value(&mut datum).expect("a datum of this schema");
    assert!(datum.is_empty(), "{} bytes after the datum", datum.len());
    plain(record)
}

fn plain(value: Avro) -> Value {
    match value {
        Avro::Null => Value::Null,
        Avro::Boolean(flag) => json!(flag),
        Avro::Int(number) => json!(number),
        Avro::Long(number) | Avro::TimestampMillis(number) => json!(number),
        Avro::String(text) => json!(text),
        Avro::Union(_, value) => plain(*value),
        Avro::Array(items) => items.into_iter().map(plain).collect(),
        Avro::Map(entries) => entries.into_iter().map(|(key, value)| (key, plain(value))).collect(),
        Avro::Record(fields) => fields.into_iter().map(|(name, value)| (name, plain(value))).collect(),
        other => panic!("the contract has no such value: {other:?}"),
    }
}

fn value(attribute: &Attribute, api: &Value, region: &str, captured: i64) -> Value {
    let found = match attribute.source {
        "Generated (constant AWS)" => return json!("AWS"),
        "Generated (sync region)" => return json!(region),
        "Generated (sync timestamp)" => return json!(captured),
        "family:revision (fallback: ARN)" => match (at(api, "family"), revision(api)) {
            (Some(family), Some(revision)) => vec![json!(format!("{}:{revision}", text(family)))],
            _ => arn(attribute.object, api),
        },
        source => match source.split_once(" (fallback: ARN)") {
            Some((path, _)) if !read(api, path).is_empty() => read(api, path),
            Some(_) => arn(attribute.object, api),
            None => read(api, source),
        },
    };
    let first = found.first();
    match (attribute.avro, attribute.name) {
        ("string" | "string?" | "boolean?", _) => first.cloned().unwrap_or_default(),
        ("long?", "REVISION") => json!(revision(api)),
        // The SDK shows an absent count as 0.
        ("long?", _) => first.cloned().unwrap_or(json!(0)),
        ("timestamp-millis?", _) => json!(first.map(millis)),
        ("array<string>", _) => json!(found),
        ("map<string>", _) => tags(&found),
        (avro, name) => panic!("{name} has an unknown type: {avro}"),
    }
}

/// What a source path finds, in order and without nulls.
fn read(api: &Value, source: &str) -> Vec<Value> {
    if let Some(name) = source.strip_prefix("attachment details ") {
        let details = follow(api, "attachments[*].details[*]");
        let named = details.iter().filter(|detail| detail["name"] == name);
        return named.filter_map(|detail| at(detail, "value")).cloned().collect();
    }
    if let Some((path, wanted)) = source.split_once(" == ") {
        let (parent, member) = path.split_once('.').expect("a member of a parent");
        let parents = follow(api, &format!("networkConfiguration.{parent}"));
        return parents.iter().map(|parent| json!(parent[member] == wanted)).collect();
    }
    let path = source.trim_end_matches("AsString()").trim_end_matches("AsStrings()");
    let path = match path.split_once('.').expect("a path has a root") {
        ("cluster" | "service" | "task" | "taskDefinition", path) => path.to_owned(),
        ("awsvpcConfiguration", _) => format!("networkConfiguration.{path}"),
        (_, "secrets[*]") => format!("{path}.valueFrom"),
        _ => path.to_owned(),
    };
    // A list at the end of a path, such as `subnets`, is read whole.
    let found = follow(api, &path).into_iter();
    found
        .flat_map(|value| match value {
            Value::Array(items) => items,
            value => vec![value],
        })
        .filter(|value| !value.is_null())
        .collect()
}

/// Follows a path such as `containers[*].image`.
fn follow(api: &Value, path: &str) -> Vec<Value> {
    path.split('.').fold(vec![api.clone()], |values, step| {
        let member = step.trim_end_matches("[*]");
        let members = values.iter().filter_map(|value| at(value, member));
        if member == step {
            members.cloned().collect()
        } else {
            members.filter_map(Value::as_array).flatten().cloned().collect()
        }
    })
}

fn at<'a>(value: &'a Value, member: &str) -> Option<&'a Value> {
    value.get(member).filter(|value| !value.is_null())
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

/// The ARN of an object is what its UID is read from.
fn arn(object: &str, api: &Value) -> Vec<Value> {
    let uid = attributes(object).find(|attribute| attribute.name == "UID");
    read(api, uid.expect("every object has a UID").source)
}

/// Revisions start at 1; the SDK shows an absent one as 0.
fn revision(api: &Value) -> Option<i64> {
    at(api, "revision")?.as_i64().filter(|revision| *revision != 0)
}

/// Epoch seconds with a fraction, to the nearest millisecond.
#[allow(clippy::cast_possible_truncation, reason = "instants of this era are far from the end of an i64")]
fn millis(seconds: &Value) -> i64 {
    (seconds.as_f64().expect("epoch seconds") * 1000.0).round() as i64
}

fn tags(tags: &[Value]) -> Value {
    let mut map = Map::new();
    for tag in tags {
        if let Some(key) = at(tag, "key") {
            map.insert(text(key).to_owned(), at(tag, "value").cloned().unwrap_or(json!("")));
        }
    }
    Value::Object(map)
}
