//! librdkafka's properties that are not open to change: a setting stands for them, or a promise rests on them.

/// librdkafka's properties that a setting of ours stands for.
const OWNED: &[(&str, &str)] = &[
    ("bootstrap.servers", "kafka.bootstrap_servers"),
    ("metadata.broker.list", "kafka.bootstrap_servers"),
    ("client.id", "name"),
    ("message.timeout.ms", "kafka.delivery_timeout"),
    ("delivery.timeout.ms", "kafka.delivery_timeout"),
];

/// librdkafka's properties on which delivery, order of keys or the bound on memory rests, and the values that keep them.
const FIXED: &[(&str, &[&str])] = &[
    ("enable.idempotence", &["true"]),
    ("acks", &["all", "-1"]),
    ("request.required.acks", &["all", "-1"]),
    ("partitioner", &["murmur2_random"]),
    ("allow.auto.create.topics", &["false"]),
    ("delivery.report.only.error", &["false"]),
    ("transactional.id", &[]),
    ("queue.buffering.max.messages", &[]),
    ("queue.buffering.max.kbytes", &[]),
];

/// Why one of librdkafka's properties may not be set to that value, and the way out.
pub(super) fn property_conflict(name: &str, value: &str) -> Option<(String, String)> {
    if let Some((_, setting)) = OWNED.iter().find(|(owned, _)| *owned == name) {
        let reason = format!("contradicts the setting {setting}");
        return Some((reason, format!("set {setting} instead")));
    }
    let (_, kept) = FIXED.iter().find(|(fixed, kept)| *fixed == name && !kept.contains(&value))?;
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
