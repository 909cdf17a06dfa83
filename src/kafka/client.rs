//! librdkafka's properties: what the product fixes, what settings give, and what users may add.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::producer::BaseProducer;
use rdkafka::util::get_rdkafka_version;

use super::closing::ClosedInBackground;
use super::refusal::ClientRefusal;
use super::security;
use crate::config::{Config, Diagnostic, guarantees};

/// Defaults that suit a producer of snapshots. `kafka.properties` may override them.
const TUNED: &[(&str, &str)] = &[
    ("compression.codec", "zstd"),
    ("linger.ms", "50"),
    // librdkafka's default of 10 s would delay the return to a broker that restarts.
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.keepalive.enable", "true"),
    // For metrics.
    ("statistics.interval.ms", "10000"),
    // Above any broker's limit, because librdkafka compares the uncompressed record, and the broker the compressed batch.
    ("message.max.bytes", "16777216"),
];

/// librdkafka's second names of the properties above. If both names were set, the later one would win.
const ALIASES: &[(&str, &str)] = &[("compression.type", "compression.codec"), ("queue.buffering.max.ms", "linger.ms")];

/// A certificate and its key are two files. A pair that does not fit is read again after this time.
pub(super) const BETWEEN_TWO_FILES: Duration = Duration::from_secs(1);

/// What librdkafka says of a configuration. Its error has the value of a property too, which may be a secret.
pub(super) fn refused(config: &Config, error: KafkaError) -> ClientRefusal {
    let reason = reason(error);
    security::refused(&config.kafka.security, &reason).unwrap_or_else(|| {
        ClientRefusal::new("kafka.properties", reason, "librdkafka's CONFIGURATION.md says what goes together")
    })
}

/// The whole configuration of the client, with secrets and certificates as of now.
///
/// # Errors
/// A secret or a certificate cannot be read.
pub fn properties(config: &Config) -> Result<ClientConfig, ClientRefusal> {
    without_openssl_cleanup();
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
    client.set("bootstrap.servers", config.kafka.bootstrap_servers.join(","));
    client.set("client.id", &config.name);
    client.set("message.timeout.ms", config.kafka.delivery_timeout.as_millis().to_string());
    security::add(&mut client, config)?;
    client.set_log_level(RDKafkaLogLevel::Info);
    Ok(client)
}

/// Why librdkafka refuses a property, if it does. Nothing is contacted, and no client is created.
pub fn refusal(property: &str, value: &str) -> Option<String> {
    without_openssl_cleanup();
    ClientConfig::new().set(property, value).create_native_config().err().map(reason)
}

/// Why there can be no client with these settings, if so. A client is created without brokers, so that nothing is contacted.
pub fn refusal_of_all(config: &Config) -> Option<Diagnostic> {
    let create = || -> Result<(), ClientRefusal> {
        let mut properties = properties(config)?;
        properties.remove("bootstrap.servers");
        let created: Result<BaseProducer, KafkaError> = properties.create();
        created.map(ClosedInBackground::new).map(drop).map_err(|error| refused(config, error))
    };
    let refusal = create().err()?;
    let ClientRefusal { key, reason, way_out } = if security::may_be_between_two_files(&config.kafka.security, &refusal)
    {
        std::thread::sleep(BETWEEN_TWO_FILES); // why: the other file follows, and nobody tells when
        create().err()?
    } else {
        refusal
    };
    Some(Diagnostic { key: key.to_owned(), origin: String::new(), reason, way_out: way_out.to_owned() })
}

/// The version of the librdkafka that is linked in.
pub fn librdkafka_version() -> String {
    get_rdkafka_version().1
}

/// librdkafka's reason alone.
fn reason(error: KafkaError) -> String {
    match error {
        KafkaError::ClientCreation(reason) | KafkaError::ClientConfig(_, reason, _, _) => reason,
        error => error.to_string(),
    }
}

/// Has OpenSSL not clean up when the process exits. librdkafka's threads may be in a TLS handshake at that moment, and would use what
/// is gone: a crash in place of an exit code. It has to come before librdkafka's own use of OpenSSL, which starts with its first
/// configuration (`OPENSSL_init_crypto`(3), `OPENSSL_INIT_NO_ATEXIT`).
fn without_openssl_cleanup() {
    openssl_sys::init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_takes_the_place_of_what_is_tuned() {
        let mut config = Config::default();
        config.kafka.properties.0.insert("compression.type".to_owned(), "lz4".to_owned());
        config.kafka.properties.0.insert("queue.buffering.max.ms".to_owned(), "7".to_owned());
        let client = properties(&config).unwrap();
        assert_eq!((client.get("compression.codec"), client.get("compression.type")), (Some("lz4"), None));
        assert_eq!((client.get("linger.ms"), client.get("queue.buffering.max.ms")), (Some("7"), None));
    }
}
