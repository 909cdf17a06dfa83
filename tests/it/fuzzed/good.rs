//! Good settings: each of the table alone, sets that belong together, and excerpts of `config/connector.toml`.

use std::sync::LazyLock;

use ecs_sdm_producer::config::{Reference, reference};
use fastrand::Rng;

/// What every secret holds, several times: whatever a mutation leaves of one, this is in it.
pub(super) const CANARY: &str = "CANARY";
/// The password within a URL.
pub(super) const FINCH: &str = "FINCH";
/// Stands for the worker's folder, whose name differs from run to run.
pub(super) const FOLDER: &str = "FOLDER";

/// A setting as a source gives it.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) key: String,
    /// As TOML.
    pub(super) value: String,
    pub(super) source: Source,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    File,
    Variable,
    Flag,
}

pub(super) const SOURCES: [Source; 3] = [Source::File, Source::Variable, Source::Flag];

const SECRET: &str = "\"CANARYCANARYCANARYCANARY\"";
/// Tokens end like this.
const TOKEN: &str = "\"CANARYCANARYCANARYCA==\"";
pub(super) const KEY: &str =
    "\"-----BEGIN PRIVATE KEY-----\\nCANARYCANARYCANARYCANARY\\n-----END PRIVATE KEY-----\\n\"";
const CERTIFICATE: &str = "\"-----BEGIN CERTIFICATE-----\\nAAAAAAAA\\n-----END CERTIFICATE-----\\n\"";
/// A certificate and its key in one text, as some tools write them.
const BUNDLE: &str = "\"-----BEGIN CERTIFICATE-----\\nAAAAAAAA\\n-----END CERTIFICATE-----\\n-----BEGIN PRIVATE KEY-----\\nCANARYCANARYCANARYCANARY\\n-----END PRIVATE KEY-----\\n\"";
const SECRET_FILE: &str = "\"FOLDER/secret\"";
const KEY_FILE: &str = "\"FOLDER/key.pem\"";
const CERTIFICATE_FILE: &str = "\"FOLDER/certificate.pem\"";

type Set = &'static [(&'static str, &'static str)];

const KEYS: &[Set] = &[
    &[("access_key_id", SECRET), ("secret_access_key", SECRET)],
    &[("access_key_id", SECRET), ("secret_access_key", SECRET), ("session_token", TOKEN)],
    &[("access_key_id_file", SECRET_FILE), ("secret_access_key_file", SECRET_FILE)],
    &[("access_key_id", SECRET), ("secret_access_key_file", SECRET_FILE)],
];

#[rustfmt::skip]
const SECURITY: &[Set] = &[
    &[("kafka.security.protocol", "\"SASL_SSL\""), ("kafka.security.mechanism", "\"SCRAM-SHA-512\""), ("kafka.security.username", "\"producer\""), ("kafka.security.password", SECRET)],
    &[("kafka.security.protocol", "\"sasl_plaintext\""), ("kafka.security.mechanism", "\"plain\""), ("kafka.security.username", "\"producer\""), ("kafka.security.password_file", SECRET_FILE)],
    &[("kafka.security.protocol", "\"ssl\""), ("kafka.security.ca", CERTIFICATE_FILE), ("kafka.security.certificate", CERTIFICATE), ("kafka.security.key", KEY)],
    &[("kafka.security.protocol", "\"ssl\""), ("kafka.security.certificate", BUNDLE), ("kafka.security.key", KEY_FILE), ("kafka.security.key_password", SECRET)],
    &[("kafka.security.protocol", "\"sasl_ssl\""), ("kafka.security.mechanism", "\"OAUTHBEARER\""), ("kafka.security.oauth.token_endpoint", "\"https://login.example.com/oauth2/token\""), ("kafka.security.oauth.client_id", "\"ecs\""), ("kafka.security.oauth.client_secret", SECRET), ("kafka.security.oauth.scope", "\"kafka\""), ("kafka.security.oauth.extensions", "{ logicalCluster = \"lkc-1\" }")],
    &[("kafka.security.protocol", "\"sasl_ssl\""), ("kafka.security.mechanism", "\"AWS_MSK_IAM\""), ("kafka.security.aws_region", "\"eu-central-1\"")],
    &[("kafka.properties.security.protocol", "\"sasl_ssl\""), ("kafka.properties.sasl.mechanism", "\"PLAIN\""), ("kafka.properties.sasl.username", "\"producer\""), ("kafka.properties.sasl.password", TOKEN)],
    &[("kafka.properties.security.protocol", "\"ssl\""), ("kafka.properties.ssl.key.password", SECRET), ("kafka.properties.ssl.key.pem", KEY), ("kafka.properties.ssl.keystore.password", SECRET)],
    &[("kafka.properties.sasl.oauthbearer.config", SECRET), ("kafka.properties.linger.ms", "5"), ("kafka.properties.debug", "\"msg\""), ("kafka.properties.enable.idempotence", "true")],
];

#[rustfmt::skip]
const REGISTRY: &[Set] = &[
    &[("schema_registry.url", "[\"https://r1.example.com:8081\", \"https://r2.example.com/path\"]"), ("schema_registry.username", "\"producer\""), ("schema_registry.password", SECRET)],
    &[("schema_registry.url", "\"http://localhost:8081\""), ("schema_registry.bearer_token", TOKEN)],
    &[("schema_registry.url", "\"https://localhost:8081\""), ("schema_registry.ca", CERTIFICATE_FILE), ("schema_registry.certificate", BUNDLE), ("schema_registry.key", KEY)],
];

/// They are refused for what they hold, and that is not to be shown.
#[rustfmt::skip]
const REFUSED: &[Set] = &[
    &[("schema_registry.url", "\"https://user:FINCHFINCHFINCH@localhost:8081\"")],
    &[("schema_registry.url", "[\"https://user:FINCHFINCHFINCH@localhost:8081\", \"https://localhost\"]")],
    &[("kafka.bootstrap_servers", "\"user:FINCHFINCHFINCH@localhost:9092,localhost:9093\"")],
    &[("kafka.security.oauth.token_endpoint", "\"https://user:FINCHFINCHFINCH@login.example.com/token\"")],
];

/// Beside the defaults and examples of the table.
#[rustfmt::skip]
const OTHERS: Set = &[
    ("page_size", "500"), ("kafka.headers", "\"none\""), ("errors.tolerance", "\"dlq\""), ("timeout", "\"1h 30m\""),
    ("objects", "[\"EcsTask\", \"EcsCluster\"]"), ("operation_options.EcsTask.fetchStoppedTasks", "true"),
    ("schema_registry.subject_strategy", "\"TopicRecord\""), ("kafka.topics_create", "\"if_missing\""),
    ("schema_registry.username", "\"producer \\\"1\\\" \u{e4}\""), ("api_share", "1"), ("session_duration", "900"),
    ("roles", "[{ arn = \"arn:aws:iam::123456789012:role/a\", regions = [\"eu-west-1\"], api_share = 0.5 }, { arn = \"arn:aws:iam::123456789012:role/b\" }]"),
];

/// All that may be set alone, with a good value. A new setting of the table joins by itself.
static ALONE: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let belongs_to_others = |key: &str| {
        let registry = ["username", "ca", "certificate"].map(|last| format!("schema_registry.{last}"));
        key.starts_with("kafka.security") || key == "kafka.properties" || registry.contains(&key.to_owned())
    };
    let alone = |setting: &Reference| !setting.is_secret && !belongs_to_others(setting.key);
    let values = |setting: Reference| {
        let values = [setting.default, setting.example].into_iter().flatten();
        values.map(move |value| (setting.key.to_owned(), value))
    };
    let others = OTHERS.iter().filter(|(key, _)| !belongs_to_others(key));
    let others = others.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    reference().into_iter().filter(alone).flat_map(values).chain(others).collect()
});

/// Good settings, each of some source. With `refused` some that are refused as they are.
pub(super) fn settings(rng: &mut Rng, refused: bool) -> Vec<Given> {
    let mut drawn: Vec<(String, String)> = Vec::new();
    for _ in 0..rng.usize(0..4) {
        drawn.push(ALONE[rng.usize(..ALONE.len())].clone());
    }
    let groups = [(KEYS, true), (SECURITY, true), (REGISTRY, !refused), (REFUSED, refused)];
    for (sets, _) in groups.into_iter().filter(|(_, is_drawn)| *is_drawn) {
        if refused || rng.bool() {
            let set = sets[rng.usize(..sets.len())];
            drawn.extend(set.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        }
    }
    let (together, one) = (rng.bool(), SOURCES[rng.usize(..3)]);
    let mut given: Vec<Given> = Vec::new();
    // What was drawn later belongs together.
    for (key, value) in drawn.into_iter().rev() {
        if given.iter().all(|other| other.key != key) {
            let source = if together { one } else { SOURCES[rng.usize(..3)] };
            given.push(Given { key, value, source });
        }
    }
    given
}

/// A value that is no secret, and that suits some setting.
pub(super) fn value(rng: &mut Rng) -> String {
    ALONE[rng.usize(..ALONE.len())].1.clone()
}

/// A value that is a secret.
pub(super) fn secret(rng: &mut Rng) -> &'static str {
    [SECRET, KEY, TOKEN][rng.usize(..3)]
}

/// The table's sections, each with its head; its secrets are canaries.
static SECTIONS: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| {
    let mut text = kit::reference::connector_toml();
    for secret in reference().into_iter().filter(|setting| setting.is_secret) {
        text = text.replace(&secret.example.unwrap(), SECRET);
    }
    let mut sections = vec![Vec::new()];
    for line in text.lines() {
        if line.starts_with('[') {
            sections.push(Vec::new());
        }
        sections.last_mut().unwrap().push(line.to_owned());
    }
    sections
});

/// Some lines of a section, and whether they load beside any good settings: none of them was a comment before.
pub(super) fn excerpt(rng: &mut Rng) -> (String, bool) {
    let section = &SECTIONS[rng.usize(..SECTIONS.len())];
    let (start, count) = (rng.usize(..section.len()), rng.usize(1..40));
    let mut lines: Vec<&str> = section.iter().take(1).map(String::as_str).collect();
    lines.extend(section.iter().skip(start.max(1)).take(count).map(String::as_str));
    // Its protocol contradicts one among librdkafka's properties.
    let (mut is_good, opens) = (section[0] != "[kafka.security]", rng.bool());
    for line in &mut lines {
        let setting = line.strip_prefix('#').filter(|rest| rest.starts_with(|first: char| first.is_ascii_lowercase()));
        if let Some(setting) = setting.filter(|_| opens && rng.bool()) {
            (*line, is_good) = (setting, false);
        }
    }
    (lines.join("\n") + "\n", is_good)
}
