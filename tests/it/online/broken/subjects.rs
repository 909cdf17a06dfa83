//! What is wrong with the registry.

use kit::registry;

use super::{Case, broken, closed};
use crate::online::setup::{Setup, TOPICS};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "no registry",
            |setup| {
                let url = format!("http://{}", closed());
                setup.set("schema_registry.url", &url);
                broken("registry", url, "see schema_registry.url")
            },
            |setup| setup.set("schema_registry.url", registry::url().unwrap())
        ),
        case!(
            "subjects",
            |setup| {
                strategy(setup);
                let records = ["EcsCluster", "EcsService", "EcsTask", "EcsTaskDefinition", "SyncEvent"];
                let subjects = TOPICS.iter().zip(records);
                let subjects = subjects.map(|(topic, record)| format!("{}-sdm.ecs.{record}", setup.topic(topic)));
                subjects.flat_map(|subject| broken("subject", subject, "schemas register")).collect()
            },
            |setup| setup.register()
        ),
        case!(
            "a schema that is not compatible, and nobody may register",
            |setup| {
                let subject = format!("{}-value", setup.topic("fresh"));
                registry::occupy(&subject);
                setup.make(&setup.topic("fresh")).await;
                setup.set("kafka.topics.EcsTask", &setup.topic("fresh"));
                broken("subject", subject, "not compatible")
            },
            |setup| setup.unset("kafka.topics.EcsTask")
        ),
        case!(
            "a schema that is not compatible",
            |setup| {
                let subject = strategy(setup);
                setup.set("schema_registry.mode", "auto");
                registry::occupy(&subject);
                broken("subject", subject, "schema_registry.subject_strategy")
            },
            |setup| setup.unset("schema_registry.subject_strategy")
        ),
    ]
}

/// The subjects of another strategy, where one holds something else and the others nothing.
fn strategy(setup: &mut Setup) -> String {
    setup.set("schema_registry.subject_strategy", "TopicRecord");
    format!("{}-sdm.ecs.EcsTask", setup.topic("task"))
}
