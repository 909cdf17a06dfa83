//! The errors of Kafka that end a sync.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::raw;
use super::refusal::ClientRefusal;
use super::status::FatalProducerError;

/// Why a sync cannot use Kafka.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages show what the fields hold")]
pub enum Error {
    /// A secret or a certificate cannot be read, or librdkafka refuses its configuration.
    #[error(transparent)]
    Client(ClientRefusal),
    /// No broker was up within `kafka.startup_timeout`.
    #[error("no Kafka broker of {servers} answered within {waited} (kafka.startup_timeout): {reason}")]
    NoBroker { servers: String, waited: String, reason: String },
    /// The first contact failed, and waiting would not help.
    #[error("{0}")]
    Refused(FatalProducerError),
    /// There is no token to sign in with.
    #[error("{reason}")]
    Token { reason: String, is_final: bool },
    /// Topics that cannot be used.
    #[error("{}", missing(.0))]
    Topics(Vec<(String, Absence)>),
    /// `kafka.topics_create` did not succeed.
    #[error("topic {topic} cannot be created: {reason}; {way_out}")]
    Create { topic: String, reason: String, way_out: &'static str },
    /// A topic was created, and brokers do not know it yet.
    #[error("topic {0} was created, and brokers do not show it yet; start again")]
    NotShown(String),
    /// The end offset of a partition could not be read.
    #[error("the end of {topic} cannot be read: {source}; see whether its partitions have a leader")]
    Offsets { topic: String, source: KafkaError },
    /// A broker answered at a bootstrap address, and cannot be reached at the address that it advertises.
    #[error(
        "the Kafka broker that advertises {address} cannot be reached there: {reason}; see advertised.listeners of that broker, and \
         whether this machine resolves and reaches the address"
    )]
    Unreachable { address: String, reason: String },
    /// The runtime ended during a blocking call.
    #[error("the call to Kafka was cancelled")]
    Cancelled,
}

impl Error {
    /// A topic that a broker does not make, in the broker's own words.
    pub(super) fn create(topic: &str, refusal: &raw::Refusal) -> Self {
        let way_out = match refusal.code {
            Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed => "allow CREATE on it, or create it",
            Code::InvalidReplicationFactor => "set kafka.replication_factor to what the cluster has brokers for",
            Code::InvalidPartitions => "set kafka.partitions to what the cluster allows",
            Code::InvalidConfig | Code::PolicyViolation => "create it with settings that the cluster allows",
            _ => "create it, or see the broker's log",
        };
        let said = if refusal.sentence.is_empty() { "the broker gives no reason" } else { &refusal.sentence };
        Self::Create { topic: topic.to_owned(), reason: format!("{:?}: {said}", refusal.code), way_out }
    }
}

/// Why a topic cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// Brokers do not know it.
    Unknown,
    /// It may not be described. Brokers say so of a topic that is not there, too.
    NotAllowed,
    /// Another reason, in words.
    Other(String),
}

impl Absence {
    pub(super) fn of(code: Code) -> Self {
        match code {
            Code::UnknownTopic | Code::UnknownTopicOrPartition => Self::Unknown,
            Code::TopicAuthorizationFailed => Self::NotAllowed,
            code => Self::Other(code.to_string()),
        }
    }
}

fn missing(topics: &[(String, Absence)]) -> String {
    let named = |absence: &Absence| {
        let named = topics.iter().filter(|(_, found)| found == absence).map(|(topic, _)| topic.as_str());
        named.collect::<Vec<_>>().join(", ")
    };
    let mut sentences = Vec::new();
    for (absence, what, way_out) in [
        (Absence::Unknown, "topics are absent", "create them, or set kafka.topics_create = \"if_missing\""),
        (
            Absence::NotAllowed,
            "topics are absent, or there is no right to describe them",
            "allow DESCRIBE and WRITE on them",
        ),
    ] {
        let named = named(&absence);
        if !named.is_empty() {
            sentences.push(format!("{what}: {named}; {way_out}"));
        }
    }
    let others = topics.iter().filter_map(|(topic, absence)| match absence {
        Absence::Other(reason) => Some(format!("topic {topic} cannot be used: {reason}")),
        Absence::Unknown | Absence::NotAllowed => None,
    });
    sentences.into_iter().chain(others).collect::<Vec<_>>().join("; ")
}
