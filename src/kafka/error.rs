//! The errors of Kafka that end a sync.

use rdkafka::error::KafkaError;

use super::status::FatalProducerError;

/// Why a sync cannot use Kafka.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages show what the fields hold")]
pub enum Error {
    /// librdkafka refuses its configuration.
    #[error("librdkafka refuses its configuration: {0}; see kafka.properties")]
    Client(#[source] KafkaError),
    /// No broker was up within `kafka.startup_timeout`.
    #[error("no Kafka broker of {servers} answered within {waited} (kafka.startup_timeout): {reason}")]
    NoBroker { servers: String, waited: String, reason: String },
    /// The first contact failed, and waiting would not help.
    #[error("{0}")]
    Refused(FatalProducerError),
    /// Topics that are absent or may not be described, each with the reason.
    #[error("{}", missing(.0))]
    Topics(Vec<(String, String)>),
    /// `kafka.topics_create` did not succeed.
    #[error("topic {topic} cannot be created: {reason}; create it, or allow CREATE on it")]
    Create { topic: String, reason: String },
    /// The end offset of a partition could not be read.
    #[error("the offsets of {topic} cannot be read: {source}")]
    Offsets { topic: String, source: KafkaError },
    /// The runtime ended during a blocking call.
    #[error("the call to Kafka was cancelled")]
    Cancelled,
}

fn missing(topics: &[(String, String)]) -> String {
    let named: Vec<String> = topics.iter().map(|(topic, reason)| format!("{topic} ({reason})")).collect();
    format!(
        "topics are absent, or there is no right to describe them: {}; create them, allow DESCRIBE and WRITE, or set \
         kafka.topics_create = \"if_missing\"",
        named.join(", ")
    )
}
