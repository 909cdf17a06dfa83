//! Subjects: the names of schemas in a registry.

use serde_json::{Value, json};

use crate::config::{Config, SubjectStrategy};
use crate::contract::NAMESPACE;
use crate::record;
use crate::report::SYNC_EVENT;

/// A schema and its name in the registry.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// The name of the record, such as `EcsTask`.
    pub(crate) record: &'static str,
    /// Made of topic and record by `schema_registry.subject_strategy`.
    pub name: String,
    /// In Avro's JSON.
    pub(crate) schema: Value,
}

/// The subjects of the objects to read and of the sync topic's events.
pub fn subjects(config: &Config) -> Vec<Subject> {
    let topic = |record: &str| match record {
        SYNC_EVENT => Some(config.kafka.sync_topic()),
        object => config.objects.iter().any(|wanted| wanted == object).then(|| config.kafka.topic(object)),
    };
    let subject = |(record, schema): (&'static str, Value)| {
        let name = name(config.schema_registry.subject_strategy, &topic(record)?, record);
        Some(Subject { record, name, schema })
    };
    record::schemas().filter_map(subject).collect()
}

/// The subject of a value, by the strategies of Confluent's serializers: `TopicNameStrategy`, `RecordNameStrategy` and
/// `TopicRecordNameStrategy`.
fn name(strategy: SubjectStrategy, topic: &str, record: &str) -> String {
    match strategy {
        SubjectStrategy::TopicName => format!("{topic}-value"),
        SubjectStrategy::Record => format!("{NAMESPACE}.{record}"),
        SubjectStrategy::TopicRecord => format!("{topic}-{NAMESPACE}.{record}"),
    }
}

impl Subject {
    /// The body of a request, which holds the schema as text within JSON.
    pub(super) fn body(&self) -> String {
        json!({"schema": self.schema.to_string(), "schemaType": "AVRO"}).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_named_by_confluents_strategies() {
        let mut config = Config::default();
        let mut of = |strategy| {
            config.schema_registry.subject_strategy = strategy;
            subjects(&config).into_iter().map(|subject| subject.name).collect::<Vec<_>>()
        };
        assert_eq!(of(SubjectStrategy::TopicName)[3..], ["sdm.ecs.task-definition-value", "sdm.ecs.sync-value"]);
        assert_eq!(of(SubjectStrategy::Record)[3..], ["sdm.ecs.EcsTaskDefinition", "sdm.ecs.SyncEvent"]);
        assert_eq!(of(SubjectStrategy::TopicRecord)[0], "sdm.ecs.cluster-sdm.ecs.EcsCluster");
    }
}
