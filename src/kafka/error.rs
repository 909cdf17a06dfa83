//! Why a sync cannot use Kafka, and the way out.

use rdkafka::error::KafkaError;

use super::status::FatalProducerError;

/// Why a sync cannot use Kafka.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// librdkafka refuses its configuration.
    #[error("librdkafka refuses its configuration: {0}; see kafka.properties")]
    Client(#[source] KafkaError),
    /// No broker was up within `kafka.startup_timeout`.
    #[error("no Kafka broker of {servers} answered within {waited} (kafka.startup_timeout): {reason}")]
    NoBroker {
        /// The bootstrap servers.
        servers: String,
        /// The time-out, in words.
        waited: String,
        /// librdkafka's last word.
        reason: String,
    },
    /// The first contact ended in a way that waiting does not mend.
    #[error("{0}")]
    Refused(FatalProducerError),
    /// Topics that are absent or may not be seen.
    #[error("{}", missing(.0))]
    Topics(Vec<(String, String)>),
    /// `kafka.topics_create` did not succeed.
    #[error("topic {topic} cannot be created: {reason}; create it, or allow CREATE on it")]
    Create {
        /// The topic.
        topic: String,
        /// The broker's word.
        reason: String,
    },
    /// Offsets of a partition could not be read.
    #[error("the offsets of {topic} cannot be read: {source}")]
    Offsets {
        /// The topic.
        topic: String,
        /// librdkafka's word.
        source: KafkaError,
    },
    /// A blocking call was dropped with its runtime.
    #[error("the call to Kafka was cancelled")]
    Cancelled,
}

/// One line for topics that cannot be used.
fn missing(topics: &[(String, String)]) -> String {
    let named: Vec<String> = topics.iter().map(|(topic, reason)| format!("{topic} ({reason})")).collect();
    format!(
        "topics are absent, or there is no right to describe them: {}; create them, allow DESCRIBE and WRITE, or set \
         kafka.topics_create = \"if_missing\"",
        named.join(", ")
    )
}
