//! librdkafka's properties that may not be changed: a setting sets them, or a guarantee rests on them.

use figment::value::Value;

use super::diagnostics::Diagnostics;
use super::value::{Origin, RawValue};

/// The table of librdkafka's own properties.
pub(super) const PROPERTIES: &str = "kafka.properties";

/// librdkafka's properties that a setting sets.
const OWNED: &[(&str, &str)] = &[
    ("bootstrap.servers", "kafka.bootstrap_servers"),
    ("metadata.broker.list", "kafka.bootstrap_servers"),
    ("client.id", "name"),
    ("message.timeout.ms", "kafka.delivery_timeout"),
    ("delivery.timeout.ms", "kafka.delivery_timeout"),
];

/// The properties on which the guarantees rest: order per key, delivery at least once, no topic made by accident, bounded memory.
/// The producer sets the first value. The others mean the same and may be set.
const FIXED: &[(&str, &[&str])] = &[
    ("enable.idempotence", &["true"]),
    ("acks", &["all", "-1"]),
    ("partitioner", &["murmur2_random"]),
    ("allow.auto.create.topics", &["false"]),
    // Larger than what may be in flight (20,000 records, 24 MiB): a full queue is then a bug, not a state.
    ("queue.buffering.max.messages", &["100000"]),
    ("queue.buffering.max.kbytes", &["65536"]),
    ("delivery.report.only.error", &["false"]),
    // End offsets are asked with it. The default hides what lies behind another program's open transaction.
    ("isolation.level", &["read_uncommitted"]),
];

/// Properties that the producer leaves out, with the values that do no harm.
const CLOSED: &[(&str, &[&str])] = &[("request.required.acks", &["all", "-1"]), ("transactional.id", &[])];

/// librdkafka's properties that nobody changes, with the values that the producer sets.
pub fn guarantees() -> impl Iterator<Item = (&'static str, &'static str)> {
    FIXED.iter().filter_map(|(name, values)| Some((*name, *values.first()?)))
}

/// The value of a property. Words, numbers and switches are all text to librdkafka.
pub(super) fn convert(key: &str, raw: &RawValue, origin: &Origin, diagnostics: &mut Diagnostics) -> Option<Value> {
    let text = match raw {
        RawValue::Untyped(text) | RawValue::Text(text) => text.clone(),
        RawValue::Int(number) => number.to_string(),
        RawValue::Float(number) => number.to_string(),
        RawValue::Flag(flag) => flag.to_string(),
        RawValue::Time(_) | RawValue::List(_) | RawValue::Table(_) => {
            diagnostics.error(key, origin, "is not text, a number or a switch", "write the value as text");
            return None;
        }
    };
    let name = &key[PROPERTIES.len() + 1..];
    if let Some((_, setting)) = OWNED.iter().find(|(owned, _)| *owned == name) {
        diagnostics.error(key, origin, format!("contradicts the setting {setting}"), format!("set {setting} instead"));
        return None;
    }
    let mut not_open =
        FIXED.iter().chain(CLOSED).filter(|(fixed, kept)| *fixed == name && !kept.contains(&text.as_str()));
    if let Some((_, kept)) = not_open.next() {
        let reason = "is not open to change: what the producer guarantees rests on it";
        let keep = kept.first().map(|value| format!(" or set it to {value}")).unwrap_or_default();
        diagnostics.error(key, origin, reason, format!("leave it out{keep}"));
        return None;
    }
    Some(Value::from(text))
}
