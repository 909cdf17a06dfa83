//! Settings that are right alone and wrong together.

mod security;

use std::collections::HashSet;
use std::time::Duration;

use super::diagnostics::Diagnostics;
use super::entries::Entries;
use super::kind::Kind;
use super::table::SETTINGS;
use super::{Config, OBJECTS, SecretError, SubjectStrategy, TopicsCreate, pem};

/// A period that is shorter is a mistake of units.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);

/// So many syncs a topic has to keep, as each of them sends everything.
const SYNCS_KEPT: u32 = 3;

/// Settings of which none may be set alone.
#[rustfmt::skip]
const PAIRS: &[(&str, &str, &str)] = &[
    ("access_key_id", "secret_access_key", "set both, or neither to use AWS's default credential chain"),
    ("schema_registry.username", "schema_registry.password", "set both, or neither"),
    ("schema_registry.certificate", "schema_registry.key", "set both, or neither"),
];

pub(super) fn combinations(config: &Config, entries: &Entries, diagnostics: &mut Diagnostics) {
    let mut error = |key: &str, reason: String, way_out: &str| {
        diagnostics.error(key, entries.origin(key), reason, way_out);
    };
    for setting in SETTINGS.iter().filter(|setting| matches!(setting.kind, Kind::Secret(_))) {
        let (key, file) = (setting.key, format!("{}_file", setting.key));
        if entries.exactly(key) && entries.exactly(&file) {
            error(key, format!("{file} ({}) is set too", entries.origin(&file)), "keep one of the two");
        }
    }
    for (one, other, way_out) in PAIRS {
        for (one, other) in [(one, other), (other, one)] {
            if entries.has(one) && !entries.has(other) {
                error(one, format!("{other} is missing"), way_out);
            }
        }
    }
    let keys = "access_key_id and secret_access_key";
    if entries.has("session_token") && !entries.has("access_key_id") && !entries.has("secret_access_key") {
        let way_out = "set all three, or none to use AWS's default credential chain";
        error("session_token", format!("{keys} are missing"), way_out);
    }
    let (username, bearer) = ("schema_registry.username", "schema_registry.bearer_token");
    if entries.has(bearer) && entries.has(username) {
        let reason = format!("{username} ({}) is set too", entries.origin(username));
        error(bearer, reason, "keep a token, or a username and password");
    }
    for (key, value) in [("ca", &config.schema_registry.ca), ("certificate", &config.schema_registry.certificate)] {
        if let Some(Err(unreadable @ SecretError::Unreadable { .. })) = value.as_deref().map(pem) {
            let way_out = "name a file of certificates in PEM, or give their text";
            error(&format!("schema_registry.{key}"), unreadable.with_cause(), way_out);
        }
    }
    if let Some(Ok(key)) = config.schema_registry.key.as_ref().map(|key| key.read())
        && let Err(SecretError::Unreadable { source, .. }) = pem(&key)
    {
        // Text that names no file may be a key without its frame.
        let reason = format!("cannot read the file that it names: {source}");
        error("schema_registry.key", reason, "name a file with the key in PEM, or give its text");
    }
    if config.objects.is_empty() {
        error("objects", "is empty".to_owned(), &format!("it takes one or more of {}", OBJECTS.join(", ")));
    }
    topics(config, entries, &mut error);
    security::judge(config, entries, diagnostics);
    let mut arns = HashSet::new();
    for (at, role) in config.roles.iter().enumerate().filter(|(_, role)| !arns.insert(&role.arn)) {
        let reason = format!("{} stands in more than one of roles", role.arn);
        diagnostics.error(format!("roles[{at}].arn"), entries.origin("roles"), reason, "join the two tables");
    }
    period(config, entries, diagnostics);
    without_effect(config, entries, diagnostics);
}

/// One topic can hold two objects only where subjects do not follow the topic. The producer's own topics hold none. Kafka makes no
/// topic whose name differs from another's only by dots and underscores, which are one in the names of its metrics.
fn topics(config: &Config, entries: &Entries, error: &mut impl FnMut(&str, String, &str)) {
    let holder = "the producer's own records";
    let mut taken = vec![(config.kafka.sync_topic(), holder, false), (config.kafka.dead_letter_topic(), holder, false)];
    let in_metrics = |topic: &str| topic.replace('.', "_");
    for object in &config.objects {
        let topic = config.kafka.topic(object);
        let same = taken.iter().find(|(other, ..)| in_metrics(other) == in_metrics(&topic));
        let conflict = same.and_then(|(other, holder, may_share)| {
            if *other != topic {
                let reason =
                    format!("topic {topic} collides with {other}: Kafka takes dots and underscores for the same here");
                return Some((holder, reason, "give one of them another name"));
            }
            let reason = format!("topic {topic} would hold both {object} and {holder}");
            (!may_share).then_some((holder, reason, "give each a topic of its own"))
        });
        if let Some((holder, reason, way_out)) = conflict {
            let mut overrides = [object, *holder].map(|object| format!("kafka.topics.{object}")).into_iter();
            let key = overrides.find(|key| entries.has(key));
            error(key.as_deref().unwrap_or("kafka.topic_prefix"), reason, way_out);
        }
        taken.push((topic, object, config.schema_registry.subject_strategy != SubjectStrategy::TopicName));
    }
}

/// What the period of a sidecar asks of other settings.
fn period(config: &Config, entries: &Entries, diagnostics: &mut Diagnostics) {
    let Some(interval) = config.interval else { return };
    if interval < LEAST_INTERVAL {
        let way_out = "set 1s or more, and rather minutes: each sync reads everything";
        diagnostics.error("interval", entries.origin("interval"), "is less than 1s".to_owned(), way_out);
    }
    if config.timeout.is_some_and(|timeout| timeout > interval) {
        let origin = entries.origin("timeout");
        diagnostics.warning("timeout", format_args!("is longer than interval ({origin}): ticks may be skipped"));
    }
    if config.kafka.topics_create == TopicsCreate::IfMissing && config.kafka.retention < SYNCS_KEPT * interval {
        let origin = entries.origin("kafka.retention");
        let words = "is less than 3 times interval";
        let why = "topics may not hold a whole snapshot at every moment";
        diagnostics.warning("kafka.retention", format_args!("{words} ({origin}): {why}"));
    }
}

/// No setting is silently without effect.
fn without_effect(config: &Config, entries: &Entries, diagnostics: &mut Diagnostics) {
    let mut warn = |keys: &[&str], unless: &str| {
        for key in keys.iter().filter(|key| entries.changed(key)) {
            let origin = entries.origin(key);
            diagnostics.warning(key, format_args!("has no effect ({origin}) without {unless}"));
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
    if config.interval.is_none() {
        warn(&["telemetry.listen"], "interval");
    }
    let stopped = config.operation_options.ecs_task.fetch_stopped_tasks;
    if stopped && !config.objects.iter().any(|object| object == "EcsTask") {
        warn(&["operation_options.EcsTask.fetchStoppedTasks"], "EcsTask among objects");
    }
}
