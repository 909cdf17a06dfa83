//! librdkafka's properties: what the product fixes, what settings give, and what users may add.

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

use crate::config::{Config, KafkaConfig};

/// What the promises to readers rest on: order per key, at least once, no topic made by accident, bounded memory.
const FIXED: &[(&str, &str)] = &[
    ("enable.idempotence", "true"),
    ("acks", "all"),
    ("partitioner", "murmur2_random"),
    ("allow.auto.create.topics", "false"),
    // Larger than what may be in flight (20,000 records, 24 MiB): a full queue is then a bug, not a state.
    ("queue.buffering.max.messages", "100000"),
    ("queue.buffering.max.kbytes", "65536"),
];

/// Good for a snapshot reader; `kafka.properties` may say otherwise.
const TUNED: &[(&str, &str)] = &[
    ("compression.codec", "zstd"),
    ("linger.ms", "50"),
    // The default of 10 s delays the return of a broker.
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.keepalive.enable", "true"),
];

/// librdkafka's other names of what is tuned: under both names the last one set would win, by chance.
const ALIASES: &[(&str, &str)] = &[("compression.type", "compression.codec"), ("queue.buffering.max.ms", "linger.ms")];

/// The whole configuration of the client.
pub fn properties(config: &Config) -> ClientConfig {
    let mut client = ClientConfig::new();
    for (name, value) in TUNED {
        client.set(*name, *value);
    }
    for (name, value) in config.kafka.properties.iter() {
        let alias = ALIASES.iter().find(|(alias, _)| alias == name);
        client.set(alias.map_or(name.as_str(), |(_, name)| name), value);
    }
    for (name, value) in FIXED {
        client.set(*name, *value);
    }
    for (name, value) in named(&config.name, &config.kafka) {
        client.set(name, value);
    }
    client.set_log_level(RDKafkaLogLevel::Info);
    client
}

/// The configuration of an admin client: the producer's without what only a producer knows.
pub fn admin(config: &Config) -> ClientConfig {
    let mut client = ClientConfig::new();
    let connection = |name: &str| {
        ["security.", "ssl.", "sasl.", "socket.", "broker.", "reconnect.", "client.", "enable.ssl"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    for (name, value) in config.kafka.properties.iter().filter(|(name, _)| connection(name)) {
        client.set(name, value);
    }
    for (name, value) in named(&config.name, &config.kafka) {
        if name != "message.timeout.ms" {
            client.set(name, value);
        }
    }
    client
}

/// The properties that settings give.
fn named(name: &str, kafka: &KafkaConfig) -> [(&'static str, String); 3] {
    [
        ("bootstrap.servers", kafka.bootstrap_servers.join(",")),
        ("client.id", name.to_owned()),
        ("message.timeout.ms", kafka.delivery_timeout.as_millis().to_string()),
    ]
}

/// librdkafka's own judgement of one property: nothing is contacted, and none is made.
pub fn refusal(property: &str, value: &str) -> Option<String> {
    match ClientConfig::new().set(property, value).create_native_config() {
        Ok(_) => None,
        Err(KafkaError::ClientConfig(_, reason, _, _)) => Some(reason),
        Err(error) => Some(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_takes_the_place_of_what_is_tuned() {
        let mut config = Config::default();
        config.kafka.properties.0.insert("compression.type".to_owned(), "lz4".to_owned());
        config.kafka.properties.0.insert("queue.buffering.max.ms".to_owned(), "7".to_owned());
        let client = properties(&config);
        assert_eq!((client.get("compression.codec"), client.get("compression.type")), (Some("lz4"), None));
        assert_eq!((client.get("linger.ms"), client.get("queue.buffering.max.ms")), (Some("7"), None));
    }
}
