//! The settings of Kafka and of the schema registry.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::security::{Mechanism, SecurityConfig};
use super::{Properties, Secret, duration};

/// Where records go.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs, reason = "docs/settings.md is the reference")]
pub struct KafkaConfig {
    /// `host:port` of some brokers; empty is legal where Kafka is not contacted.
    pub bootstrap_servers: Vec<String>,
    #[serde(deserialize_with = "duration")]
    pub startup_timeout: Duration,
    #[serde(deserialize_with = "duration")]
    pub delivery_timeout: Duration,
    pub topic_prefix: String,
    #[serde(default)]
    pub topics: BTreeMap<String, String>,
    pub topics_create: TopicsCreate,
    #[serde(deserialize_with = "duration")]
    pub retention: Duration,
    pub partitions: i32,
    /// Replicas of topics that are made; absent: the broker's default.
    pub replication_factor: Option<i32>,
    pub security: SecurityConfig,
    #[serde(default)]
    pub properties: Properties,
    pub headers: Headers,
    /// Whether records carry the id of their trace.
    pub traceparent: bool,
}

impl KafkaConfig {
    /// The SASL mechanism, as a setting or as librdkafka's property, if it is one of those that settings know.
    pub(crate) fn mechanism(&self) -> Option<Mechanism> {
        let property = || ["sasl.mechanism", "sasl.mechanisms"].iter().find_map(|name| self.properties.get(*name));
        self.security.mechanism.or_else(|| Mechanism::of_property(property()?))
    }

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

/// Where schemas are registered.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs, reason = "docs/settings.md is the reference")]
pub struct SchemaRegistryConfig {
    pub url: Vec<String>,
    pub mode: RegistryMode,
    pub subject_strategy: SubjectStrategy,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub bearer_token: Option<Secret>,
    pub ca: Option<String>,
    pub certificate: Option<String>,
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
