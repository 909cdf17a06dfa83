//! Settings that are fine alone and not together.

use std::collections::HashSet;

use super::diagnostics::{Diagnostics, Seen};
use super::table::{Kind, OBJECTS, SETTINGS};
use super::{Config, SecretError, SubjectStrategy, TopicsCreate, pem};

/// Finds settings that are fine alone and not together.
pub(super) fn combinations(config: &Config, seen: &Seen, diagnostics: &mut Diagnostics) {
    secrets(seen, diagnostics);
    if config.objects.is_empty() {
        let way_out = format!("it takes one or more of {}", OBJECTS.join(", "));
        diagnostics.error("objects", seen.origin("objects"), "is empty", way_out);
    }
    let mut arns = HashSet::new();
    for (at, role) in config.roles.iter().enumerate() {
        if !arns.insert(&role.arn) {
            let reason = format!("{} stands in more than one of roles", role.arn);
            let key = format!("roles[{at}].arn");
            diagnostics.error(key, seen.origin("roles"), reason, "join the two tables");
        }
    }
    topics(config, seen, diagnostics);
    registry(config, seen, diagnostics);
    without_effect(config, seen, diagnostics);
}

fn secrets(seen: &Seen, diagnostics: &mut Diagnostics) {
    for setting in SETTINGS.iter().filter(|setting| matches!(setting.kind, Kind::Secret)) {
        let (key, file) = (setting.key, format!("{}_file", setting.key));
        if seen.exactly(key) && seen.exactly(&file) {
            let reason = format!("{file} ({}) is set too", seen.origin(&file));
            diagnostics.error(key, seen.origin(key), reason, "keep one of the two");
        }
    }
    let (id, secret, token) = ("access_key_id", "secret_access_key", "session_token");
    let otherwise = "to use AWS's default credential chain";
    for (one, other) in [(id, secret), (secret, id)] {
        if seen.has(one) && !seen.has(other) {
            let way_out = format!("set both, or neither {otherwise}");
            diagnostics.error(one, seen.origin(one), format!("{other} is missing"), way_out);
        }
    }
    if seen.has(token) && !seen.has(id) && !seen.has(secret) {
        let way_out = format!("set all three, or none {otherwise}");
        diagnostics.error(token, seen.origin(token), format!("{id} and {secret} are missing"), way_out);
    }
}

/// Credentials of the registry come in pairs, and in one kind.
fn registry(config: &Config, seen: &Seen, diagnostics: &mut Diagnostics) {
    let settings = &config.schema_registry;
    for (key, value) in [("ca", &settings.ca), ("certificate", &settings.certificate)] {
        if let Some(Err(SecretError::Unreadable { path, source })) = value.as_deref().map(pem) {
            let (key, reason) = (format!("schema_registry.{key}"), format!("cannot read {}: {source}", path.display()));
            diagnostics.error(
                &key,
                seen.origin(&key),
                reason,
                "name a file of certificates in PEM, or give their text",
            );
        }
    }
    let [username, password, bearer] =
        ["username", "password", "bearer_token"].map(|key| format!("schema_registry.{key}"));
    let [certificate, private] = ["certificate", "key"].map(|key| format!("schema_registry.{key}"));
    for (one, other) in
        [(&username, &password), (&password, &username), (&certificate, &private), (&private, &certificate)]
    {
        if seen.has(one) && !seen.has(other) {
            diagnostics.error(one, seen.origin(one), format!("{other} is missing"), "set both, or neither");
        }
    }
    if seen.has(&bearer) && seen.has(&username) {
        let reason = format!("{username} ({}) is set too", seen.origin(&username));
        diagnostics.error(&bearer, seen.origin(&bearer), reason, "keep a token, or a username and password");
    }
}

/// One topic can hold two objects only where subjects do not follow the topic; the producer's own topics hold none.
fn topics(config: &Config, seen: &Seen, diagnostics: &mut Diagnostics) {
    let own = |name| format!("{}.{name}", config.kafka.topic_prefix);
    let holder = "the producer's own records";
    let mut taken = vec![(own("sync"), holder), (own("dlq"), holder)];
    for object in &config.objects {
        let topic = config.kafka.topic(object);
        if let Some((_, holder)) = taken.iter().find(|(other, _)| *other == topic) {
            let mut overrides = [object, *holder].map(|object| format!("kafka.topics.{object}")).into_iter();
            let key = overrides.find(|key| seen.has(key)).unwrap_or_else(|| "kafka.topic_prefix".to_owned());
            let reason = format!("topic {topic} would hold both {object} and {holder}");
            diagnostics.error(&key, seen.origin(&key), reason, "give each a topic of its own");
        }
        if config.schema_registry.subject_strategy == SubjectStrategy::TopicName {
            taken.push((topic, object));
        }
    }
}

/// No setting is silently without effect.
fn without_effect(config: &Config, seen: &Seen, diagnostics: &mut Diagnostics) {
    let mut warn = |keys: &[&str], unless: &str| {
        for key in keys.iter().filter(|key| seen.changed(key)) {
            diagnostics.warnings.push(format!("{key}: has no effect ({}) without {unless}", seen.origin(key)));
        }
    };
    if config.assume_role_arns.is_empty() && config.roles.is_empty() {
        warn(&["session_duration", "external_id", "role_session_name"], "assume_role_arns or roles");
    }
    if config.schema_registry.url.is_empty() {
        let companions = ["mode", "username", "password", "bearer_token", "ca", "certificate", "key"];
        let companions = companions.map(|key| format!("schema_registry.{key}"));
        // Without a registry the strategy still says whether two objects may share a topic.
        warn(&companions.each_ref().map(String::as_str), "schema_registry.url");
    }
    if config.kafka.topics_create == TopicsCreate::Never {
        let companions = ["kafka.retention", "kafka.partitions", "kafka.replication_factor"];
        warn(&companions, "kafka.topics_create = \"if_missing\"");
    }
    if config.operation_options.ecs_task.fetch_stopped_tasks && !config.objects.iter().any(|object| object == "EcsTask")
    {
        warn(&["operation_options.EcsTask.fetchStoppedTasks"], "EcsTask among objects");
    }
}
