//! librdkafka's properties: what the product fixes, what settings give, and what users may add.

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

use crate::config::{Config, KafkaConfig, guarantees};

/// Good for a snapshot reader; `kafka.properties` may say otherwise.
const TUNED: &[(&str, &str)] = &[
    ("compression.codec", "zstd"),
    ("linger.ms", "50"),
    // The default of 10 s delays the return of a broker.
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.keepalive.enable", "true"),
    // Above any limit of a broker's: it is the broker that says what is too large, by the compressed batch.
    ("message.max.bytes", "16777216"),
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
    for (name, value) in guarantees() {
        client.set(name, value);
    }
    for (name, value) in named(&config.name, &config.kafka) {
        client.set(name, value);
    }
    client.set_log_level(RDKafkaLogLevel::Info);
    client
}

/// The configuration of an admin client: the producer's, without the handshake of an idempotent one.
pub(crate) fn admin(config: &Config) -> ClientConfig {
    let mut client = properties(config);
    client.set("enable.idempotence", "false");
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
