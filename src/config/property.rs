//! librdkafka's properties that are not open to change: a setting stands for them, or a promise rests on them.

/// librdkafka's properties that a setting of ours stands for.
const OWNED: &[(&str, &str)] = &[
    ("bootstrap.servers", "kafka.bootstrap_servers"),
    ("metadata.broker.list", "kafka.bootstrap_servers"),
    ("client.id", "name"),
    ("message.timeout.ms", "kafka.delivery_timeout"),
    ("delivery.timeout.ms", "kafka.delivery_timeout"),
];

/// What the promises to readers rest on: order per key, at least once, no topic made by accident, bounded memory. The first value
/// is ours; whoever writes one of the others says the same.
const FIXED: &[(&str, &[&str])] = &[
    ("enable.idempotence", &["true"]),
    ("acks", &["all", "-1"]),
    ("partitioner", &["murmur2_random"]),
    ("allow.auto.create.topics", &["false"]),
    // Larger than what may be in flight (20,000 records, 24 MiB): a full queue is then a bug, not a state.
    ("queue.buffering.max.messages", &["100000"]),
    ("queue.buffering.max.kbytes", &["65536"]),
    ("delivery.report.only.error", &["false"]),
];

/// Those that are only left out, or another name of one of them.
const CLOSED: &[(&str, &[&str])] = &[("request.required.acks", &["all", "-1"]), ("transactional.id", &[])];

/// librdkafka's properties that nobody changes, with our values.
pub fn guarantees() -> impl Iterator<Item = (&'static str, &'static str)> {
    FIXED.iter().filter_map(|(name, values)| Some((*name, *values.first()?)))
}

/// Why one of librdkafka's properties may not be set to that value, and the way out.
pub(super) fn property_conflict(name: &str, value: &str) -> Option<(String, String)> {
    if let Some((_, setting)) = OWNED.iter().find(|(owned, _)| *owned == name) {
        let reason = format!("contradicts the setting {setting}");
        return Some((reason, format!("set {setting} instead")));
    }
    let (_, kept) = FIXED.iter().chain(CLOSED).find(|(fixed, kept)| *fixed == name && !kept.contains(&value))?;
    let reason = "is not open to change: what the producer guarantees rests on it".to_owned();
    let keep = kept.first().map(|value| format!(" or set it to {value}")).unwrap_or_default();
    Some((reason, format!("leave it out{keep}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_is_refused_only_where_it_contradicts() {
        for (name, value) in
            [("linger.ms", "5"), ("acks", "all"), ("enable.idempotence", "true"), ("security.protocol", "ssl")]
        {
            assert_eq!(property_conflict(name, value), None, "{name}");
        }
        for (name, value) in
            [("acks", "1"), ("bootstrap.servers", "a:1"), ("transactional.id", "a"), ("partitioner", "random")]
        {
            assert!(property_conflict(name, value).is_some(), "{name}");
        }
    }
}
