//! The settings of Kafka and of the schema registry.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::{Properties, Secret, duration};

/// Where records go.
#[derive(Debug, Clone, Deserialize)]
pub struct KafkaConfig {
    /// `host:port` of some brokers; empty is legal where Kafka is not contacted.
    pub bootstrap_servers: Vec<String>,
    /// How long to wait for a first broker.
    #[serde(deserialize_with = "duration")]
    pub startup_timeout: Duration,
    /// librdkafka's message.timeout.ms.
    #[serde(deserialize_with = "duration")]
    pub delivery_timeout: Duration,
    /// What every topic's name begins with.
    pub topic_prefix: String,
    /// Topics that do not follow the prefix, by object.
    #[serde(default)]
    pub topics: BTreeMap<String, String>,
    /// Whether missing topics are made.
    pub topics_create: TopicsCreate,
    /// retention.ms of data topics that are made.
    #[serde(deserialize_with = "duration")]
    pub retention: Duration,
    /// Partitions of data topics that are made.
    pub partitions: i32,
    /// Replicas of topics that are made; absent: the broker's default.
    pub replication_factor: Option<i32>,
    /// How the brokers are spoken to.
    pub security: SecurityConfig,
    /// librdkafka's own properties, none of which contradicts a setting.
    #[serde(default)]
    pub properties: Properties,
    /// Headers of every record.
    pub headers: Headers,
}

impl KafkaConfig {
    /// The topic on which syncs tell about themselves.
    pub fn sync_topic(&self) -> String {
        format!("{}.sync", self.topic_prefix)
    }

    /// The topic of records that Kafka refuses.
    pub fn dead_letter_topic(&self) -> String {
        format!("{}.dlq", self.topic_prefix)
    }

    /// The topic of an object: `EcsTaskDefinition` goes to `sdm.ecs.task-definition`, or where `kafka.topics` says.
    pub fn topic(&self, object: &str) -> String {
        if let Some(topic) = self.topics.get(object) {
            return topic.clone();
        }
        let mut topic = self.topic_prefix.clone();
        for (at, letter) in object.trim_start_matches("Ecs").char_indices() {
            if letter.is_ascii_uppercase() {
                topic.push(if at == 0 { '.' } else { '-' });
            }
            topic.push(letter.to_ascii_lowercase());
        }
        topic
    }
}

/// Whether missing topics are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TopicsCreate {
    /// A missing topic is an error.
    Never,
    /// A missing topic is made.
    IfMissing,
}

/// Headers of every record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Headers {
    /// CloudEvents, binary mode.
    CloudEvents,
    /// No headers.
    None,
}

/// How the brokers are spoken to.
#[derive(Debug, Clone, Deserialize)]
pub struct SecurityConfig {
    /// librdkafka's security.protocol.
    pub protocol: String,
    /// The SASL mechanism.
    pub mechanism: Option<String>,
    /// For PLAIN and SCRAM.
    pub username: Option<String>,
    /// For PLAIN and SCRAM.
    pub password: Option<Secret>,
    /// CA certificates: a path, or PEM text.
    pub ca: Option<String>,
    /// Client certificate: a path, or PEM text.
    pub certificate: Option<String>,
    /// Client key: a path, or PEM text.
    pub key: Option<Secret>,
    /// Opens `key`.
    pub key_password: Option<Secret>,
    /// For OAUTHBEARER.
    #[serde(default)]
    pub oauth: OauthConfig,
}

/// Where OAUTHBEARER tokens come from.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct OauthConfig {
    /// URL of the token endpoint.
    pub token_endpoint: Option<String>,
    /// Client of the client-credentials grant.
    pub client_id: Option<String>,
    /// Its secret.
    pub client_secret: Option<Secret>,
    /// Scope asked for.
    pub scope: Option<String>,
}

/// Where schemas are registered.
#[derive(Debug, Clone, Deserialize)]
pub struct SchemaRegistryConfig {
    /// URLs of one registry, tried in order; empty: no registry.
    pub url: Vec<String>,
    /// Whether schemas are only looked up.
    pub mode: RegistryMode,
    /// What a schema's subject is named after.
    pub subject_strategy: SubjectStrategy,
    /// Basic auth.
    pub username: Option<String>,
    /// Basic auth.
    pub password: Option<Secret>,
    /// Instead of basic auth.
    pub bearer_token: Option<Secret>,
    /// CA certificates: a path, or PEM text.
    pub ca: Option<String>,
    /// Client certificate: a path, or PEM text.
    pub certificate: Option<String>,
    /// Client key: a path, or PEM text.
    pub key: Option<Secret>,
}

/// Whether schemas are only looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistryMode {
    /// A schema that is not registered is an error.
    Lookup,
    /// A schema that is not registered is registered.
    Auto,
}

/// What a schema's subject is named after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum SubjectStrategy {
    /// The topic: one schema per topic.
    TopicName,
    /// The record.
    Record,
    /// Both.
    TopicRecord,
}
