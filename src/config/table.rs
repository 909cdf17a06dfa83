//! The table of all settings: what unknown keys, types, variables, listings and `connector.toml` are held against.

use strsim::osa_distance;

use self::Kind::{Choice, Clamped, Duration, Flag, Int, List, Properties, Ratio, Secret, Tables, Text};
use super::rule;

/// One setting.
pub(super) struct Setting {
    /// Where it stands, dotted.
    pub(super) key: &'static str,
    /// What it takes.
    pub(super) kind: Kind,
    /// Its default, as TOML.
    pub(super) default: Option<&'static str>,
    /// A setting whose feature is still to come is refused unless it is at its default; this is the way out.
    pub(super) not_yet: Option<&'static str>,
}

/// What a setting takes.
pub(super) enum Kind {
    /// Text that follows a rule.
    Text(&'static rule::Rule),
    /// Text that no output shows; `KEY_file` may name a file instead.
    Secret,
    /// `true` or `false`.
    Flag,
    /// A whole number in a range, with its unit.
    Int(i64, i64, &'static str),
    /// A whole number that is cut to the range's end, with a warning.
    Clamped(i64, i64),
    /// A number in (0, 1].
    Ratio,
    /// A time such as `15m`, up to so many days.
    Duration(u64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// An array or comma-separated text, without duplicates.
    List(&'static Kind),
    /// Any names of librdkafka's, nested or dotted.
    Properties,
    /// An array of tables; the first setting of each is required.
    Tables(&'static [Setting]),
}

/// The objects of the contract.
pub(super) const OBJECTS: &[&str] = &["EcsCluster", "EcsService", "EcsTask", "EcsTaskDefinition"];

/// Where librdkafka's own properties stand.
pub(super) const PROPERTIES: &str = "kafka.properties";

const LEAVE_OUT: &str = "leave it out for now";
const RUN_ONCE: &str = "leave it out and start one sync at a time, from cron for instance";
const SECURITY: &str = "until then give librdkafka's own names in kafka.properties, such as security.protocol";

/// A hundred years: whoever means "for ever" writes less, and every use of it fits 64 bits of milliseconds.
const ANY_DAYS: u64 = 36_500;
/// message.timeout.ms is a signed 32-bit number of milliseconds: 24.8 days.
const DELIVERY_DAYS: u64 = 24;
/// Requests in flight: far above what AWS's buckets feed, far below what a process has sockets for.
const MOST_REQUESTS: i64 = 1_024;
const MOST_RATE: i64 = 1_000_000;

const fn now(key: &'static str, kind: Kind, default: &'static str) -> Setting {
    Setting { key, kind, default: Some(default), not_yet: None }
}

const fn unset(key: &'static str, kind: Kind) -> Setting {
    Setting { key, kind, default: None, not_yet: None }
}

const fn later(key: &'static str, kind: Kind, default: Option<&'static str>, way_out: &'static str) -> Setting {
    Setting { key, kind, default, not_yet: Some(way_out) }
}

/// Every setting, in the order in which `config/connector.toml` explains them.
#[rustfmt::skip]
pub(super) const SETTINGS: &[Setting] = &[
    unset("access_key_id", Secret),
    unset("secret_access_key", Secret),
    unset("session_token", Secret),
    unset("default_region", Text(&rule::REGION)),
    now("assume_role_arns", List(&Text(&rule::ROLE_ARN)), "[]"),
    now("session_duration", Int(900, 43_200, " seconds"), "3600"),
    now("page_size", Clamped(1, 100), "100"),
    now("parallel_requests", Int(1, MOST_REQUESTS, ""), "8"),
    now("maximum_retries", Int(0, 100, ""), "10"),
    now("operation_options.EcsTask.fetchStoppedTasks", Flag, "false"),
    now("name", Text(&rule::NAME), r#""ecs-sdm-producer""#),
    now("regions", List(&Text(&rule::REGION)), "[]"),
    unset("external_id", Text(&rule::EXTERNAL_ID)),
    unset("role_session_name", Text(&rule::SESSION_NAME)),
    now("roles", Tables(ROLE), "[]"),
    now("api_share", Ratio, "0.75"),
    now("objects", List(&Choice(OBJECTS)), r#"["EcsCluster", "EcsService", "EcsTask", "EcsTaskDefinition"]"#),
    now("rates.cluster_read.burst", Int(1, MOST_RATE, ""), "50"),
    now("rates.cluster_read.per_second", Int(1, MOST_RATE, ""), "20"),
    now("rates.service_read.burst", Int(1, MOST_RATE, ""), "100"),
    now("rates.service_read.per_second", Int(1, MOST_RATE, ""), "20"),
    now("rates.cluster_resource_read.burst", Int(1, MOST_RATE, ""), "100"),
    now("rates.cluster_resource_read.per_second", Int(1, MOST_RATE, ""), "20"),
    now("rates.task_definition_read.burst", Int(1, MOST_RATE, ""), "50"),
    now("rates.task_definition_read.per_second", Int(1, MOST_RATE, ""), "20"),
    later("interval", Duration(ANY_DAYS), None, RUN_ONCE),
    unset("timeout", Duration(ANY_DAYS)),

    now("kafka.bootstrap_servers", List(&Text(&rule::BROKER)), "[]"),
    now("kafka.startup_timeout", Duration(ANY_DAYS), r#""30s""#),
    now("kafka.delivery_timeout", Duration(DELIVERY_DAYS), r#""15m""#),
    now("kafka.topic_prefix", Text(&rule::TOPIC_PREFIX), r#""sdm.ecs""#),
    unset("kafka.topics.EcsCluster", Text(&rule::TOPIC)),
    unset("kafka.topics.EcsService", Text(&rule::TOPIC)),
    unset("kafka.topics.EcsTask", Text(&rule::TOPIC)),
    unset("kafka.topics.EcsTaskDefinition", Text(&rule::TOPIC)),
    now("kafka.topics_create", Choice(&["never", "if_missing"]), r#""never""#),
    now("kafka.retention", Duration(ANY_DAYS), r#""7d""#),
    now("kafka.partitions", Int(1, 10_000, ""), "6"),
    unset("kafka.replication_factor", Int(1, 100, "")),
    later("kafka.security.protocol", Choice(&["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]), Some(r#""plaintext""#), SECURITY),
    later("kafka.security.mechanism", Choice(&["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"]), None, SECURITY),
    later("kafka.security.username", Text(&rule::ANY), None, SECURITY),
    later("kafka.security.password", Secret, None, SECURITY),
    later("kafka.security.ca", Text(&rule::ANY), None, SECURITY),
    later("kafka.security.certificate", Text(&rule::ANY), None, SECURITY),
    later("kafka.security.key", Secret, None, SECURITY),
    later("kafka.security.key_password", Secret, None, SECURITY),
    later("kafka.security.oauth.token_endpoint", Text(&rule::URL), None, SECURITY),
    later("kafka.security.oauth.client_id", Text(&rule::ANY), None, SECURITY),
    later("kafka.security.oauth.client_secret", Secret, None, SECURITY),
    later("kafka.security.oauth.scope", Text(&rule::ANY), None, SECURITY),
    unset(PROPERTIES, Properties),
    now("kafka.headers", Choice(&["cloudevents", "none"]), r#""cloudevents""#),

    now("schema_registry.url", List(&Text(&rule::BASE_URL)), "[]"),
    now("schema_registry.mode", Choice(&["lookup", "auto"]), r#""lookup""#),
    now("schema_registry.subject_strategy", Choice(&["TopicName", "Record", "TopicRecord"]), r#""TopicName""#),
    unset("schema_registry.username", Text(&rule::ANY)),
    unset("schema_registry.password", Secret),
    unset("schema_registry.bearer_token", Secret),
    unset("schema_registry.ca", Text(&rule::ANY)),
    unset("schema_registry.certificate", Text(&rule::ANY)),
    unset("schema_registry.key", Secret),

    now("errors.tolerance", Choice(&["none", "dlq"]), r#""none""#),
    later("telemetry.listen", Text(&rule::LISTEN), None, LEAVE_OUT),
    now("telemetry.log_format", Choice(&["text", "json"]), r#""text""#),
];

/// What one of `roles` takes.
#[rustfmt::skip]
const ROLE: &[Setting] = &[
    unset("arn", Text(&rule::ROLE_ARN)),
    unset("external_id", Text(&rule::EXTERNAL_ID)),
    unset("role_session_name", Text(&rule::SESSION_NAME)),
    unset("regions", List(&Text(&rule::REGION))),
    unset("api_share", Ratio),
];

/// What a key stands for.
pub(super) enum Target<'a> {
    /// A setting.
    Setting(&'static Setting),
    /// `KEY_file` of a secret.
    SecretFile(&'static Setting),
    /// One of librdkafka's properties.
    Property(&'a str),
    /// A table that holds settings.
    Group,
}

/// Every setting's key, in the order of the reference.
pub fn keys() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.key)
}

/// Looks a key up as it is written in TOML.
pub(super) fn find(key: &str) -> Option<Target<'_>> {
    let exact = |key: &str| SETTINGS.iter().find(|setting| setting.key == key);
    if key == PROPERTIES || SETTINGS.iter().any(|setting| is_under(setting.key, key)) {
        return Some(Target::Group);
    }
    if is_under(key, PROPERTIES) && !key.ends_with('.') {
        return Some(Target::Property(&key[PROPERTIES.len() + 1..]));
    }
    if let Some(setting) = exact(key) {
        return Some(Target::Setting(setting));
    }
    let secret = exact(key.strip_suffix("_file")?)?;
    matches!(secret.kind, Secret).then_some(Target::SecretFile(secret))
}

/// Whether a key lies in a table of that name.
pub(super) fn is_under(key: &str, table: &str) -> bool {
    key.strip_prefix(table).is_some_and(|rest| rest.starts_with('.'))
}

/// The key that somebody most likely meant: mistyped, or right in its last part but under another table.
pub(super) fn nearest_key(unknown: &str) -> Option<String> {
    let mut known = Vec::new();
    for Setting { key, kind, .. } in SETTINGS {
        // Tables too: `[kafak]` is one mistake, not one for each setting in it.
        known.extend(key.match_indices('.').map(|(at, _)| key[..at].to_owned()));
        known.push((*key).to_owned());
        if matches!(kind, Secret) {
            known.push(format!("{key}_file"));
        }
    }
    let unknown = unknown.to_lowercase();
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let far = |key: &str| {
        let key = key.to_lowercase();
        osa_distance(&key, &unknown).min(osa_distance(&last(&key), &last(&unknown)) + 1)
    };
    let nearest = known.into_iter().min_by_key(|key| far(key))?;
    (far(&nearest) <= allowed(&last(&unknown))).then_some(nearest)
}

/// The nearest of some words, if near enough to be meant.
pub(super) fn nearest_of<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let far = |known: &str| osa_distance(&known.to_lowercase(), &word.to_lowercase());
    words.map(|known| (far(known), known)).min().filter(|(far, _)| *far <= allowed(word)).map(|(_, known)| known)
}

/// How many letters may be wrong: a third of them, two in short words.
fn allowed(word: &str) -> usize {
    (word.len() / 3).max(2)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_key_leads_to_its_setting() {
        for setting in SETTINGS.iter().filter(|setting| setting.key != PROPERTIES) {
            assert!(matches!(find(setting.key), Some(Target::Setting(found)) if found.key == setting.key));
            let file = format!("{}_file", setting.key);
            assert_eq!(find(&file).is_some(), matches!(setting.kind, Secret), "{file}");
        }
        assert!(matches!(find("kafka.properties.linger.ms"), Some(Target::Property("linger.ms"))));
        assert!(matches!(find("operation_options.EcsTask"), Some(Target::Group)));
        assert!(find("kafka.properties.").is_none());
        assert!(find("").is_none() && find("page_size.x").is_none() && find("Page_Size").is_none());
    }

    #[test]
    fn the_nearest_key_is_the_one_that_was_meant() {
        for (unknown, near) in [
            ("page_sise", "page_size"),
            ("Page-Size", "page_size"),
            ("bootstrap_servers", "kafka.bootstrap_servers"),
            ("kafka.bootstrap.servers", "kafka.bootstrap_servers"),
            ("kafka.topic", "kafka.topics"),
            ("kafka.log_format", "telemetry.log_format"),
            ("acess_key_id_file", "access_key_id_file"),
            ("fetchStoppedTasks", "operation_options.EcsTask.fetchStoppedTasks"),
            ("rates.cluster_read.pre_second", "rates.cluster_read.per_second"),
        ] {
            assert_eq!(nearest_key(unknown).unwrap(), near, "{unknown}");
        }
        assert_eq!(nearest_key("completely_different"), None);
    }
}
