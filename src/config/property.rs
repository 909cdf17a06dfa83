//! librdkafka's properties that may not be changed: a setting sets them, or a guarantee rests on them.

use std::borrow::Cow;
use std::fs::File;

use figment::value::Value;

use super::diagnostics::Diagnostics;
use super::secret::{SecretForm, is_secret_property, warn_of_flag};
use super::shown::{self, goes_on};
use super::value::{Origin, RawValue};

/// The table of librdkafka's own properties.
pub(super) const PROPERTIES: &str = "kafka.properties";

/// librdkafka's properties that a setting sets.
const OWNED: &[(&str, &str)] = &[
    ("bootstrap.servers", "kafka.bootstrap_servers"),
    ("metadata.broker.list", "kafka.bootstrap_servers"),
    ("client.id", "name"),
    ("message.timeout.ms", "kafka.delivery_timeout"),
    ("delivery.timeout.ms", "kafka.delivery_timeout"),
    // librdkafka's own way to a token endpoint needs curl, which is not built in.
    ("sasl.oauthbearer.token.endpoint.url", "kafka.security.oauth.token_endpoint"),
    ("sasl.oauthbearer.client.id", "kafka.security.oauth.client_id"),
    ("sasl.oauthbearer.client.secret", "kafka.security.oauth.client_secret"),
    ("sasl.oauthbearer.scope", "kafka.security.oauth.scope"),
    ("sasl.oauthbearer.extensions", "kafka.security.oauth.extensions"),
];

/// The properties on which the guarantees rest: order per key, delivery at least once, no topic made by accident, bounded memory.
/// The producer sets the first value. The others mean the same and may be set.
const FIXED: &[(&str, &[&str])] = &[
    ("enable.idempotence", &["true"]),
    ("acks", &["all", "-1"]),
    ("partitioner", &["murmur2_random"]),
    ("allow.auto.create.topics", &["false"]),
    // Larger than what may be in flight (20,000 records, 16 MiB): a full queue is then a bug, not a state.
    ("queue.buffering.max.messages", &["100000"]),
    ("queue.buffering.max.kbytes", &["65536"]),
    ("delivery.report.only.error", &["false"]),
    // End offsets are asked with it. The default hides what lies behind another program's open transaction.
    ("isolation.level", &["read_uncommitted"]),
];

/// Properties that the producer leaves out, with the values that do no harm.
const CLOSED: &[(&str, &[&str])] = &[("request.required.acks", &["all", "-1"]), ("transactional.id", &[])];

/// Properties that name a file. librdkafka tells of one that it cannot read without its path.
const FILES: &[&str] = &[
    "ssl.ca.location",
    "https.ca.location",
    "ssl.certificate.location",
    "ssl.crl.location",
    "ssl.key.location",
    "ssl.keystore.location",
    "sasl.oauthbearer.assertion.file",
    "sasl.oauthbearer.assertion.private.key.file",
    "sasl.oauthbearer.assertion.jwt.template.file",
];

/// The properties that librdkafka's CONFIGURATION.md calls sensitive.
const SENSITIVE: &[&str] = &[
    "sasl.password",
    "sasl.jaas.config",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
];

/// With it in place of a path librdkafka looks for the system's certificates itself.
const PROBE: &str = "probe";

/// librdkafka's properties that nobody changes, with the values that the producer sets.
pub fn guarantees() -> impl Iterator<Item = (&'static str, &'static str)> {
    FIXED.iter().filter_map(|(name, values)| Some((*name, *values.first()?)))
}

/// What is shown of the name of a property that a flag gives: it is cut where a secret may follow it. librdkafka's names have small
/// letters, dots and underscores alone; what else a flag has may be the secret.
pub(super) fn shown_name(name: &str) -> Cow<'_, str> {
    if let Some(sensitive) = SENSITIVE.iter().filter(|one| goes_on(name, one)).max_by_key(|one| one.len()) {
        return format!("{sensitive}…").into();
    }
    let end = name.find(|letter: char| !letter.is_ascii_lowercase() && !"._".contains(letter));
    end.map_or(name.into(), |end| format!("{}…", &name[..end]).into())
}

/// The value of a property. Words, numbers and switches are all text to librdkafka.
pub(super) fn convert(key: &str, raw: &RawValue, origin: &Origin, diagnostics: &mut Diagnostics) -> Option<Value> {
    let text = match raw {
        RawValue::Untyped(text) | RawValue::Text(text) => text.clone(),
        RawValue::Int(number) => number.to_string(),
        RawValue::Float(number) => number.to_string(),
        RawValue::Flag(flag) => flag.to_string(),
        RawValue::Time(_) | RawValue::List(_) | RawValue::Table(_) => {
            diagnostics.error(key, origin, "is not text, a number or a switch", "write the value as text");
            return None;
        }
    };
    let name = &key[PROPERTIES.len() + 1..];
    let shown = if origin.is_flag() { shown_name(name) } else { name.into() };
    let key = &format!("{PROPERTIES}.{shown}");
    if let Some((_, setting)) = OWNED.iter().find(|(owned, _)| *owned == name) {
        diagnostics.error(key, origin, format!("contradicts the setting {setting}"), format!("set {setting} instead"));
        return None;
    }
    let mut not_open =
        FIXED.iter().chain(CLOSED).filter(|(fixed, kept)| *fixed == name && !kept.contains(&text.as_str()));
    if let Some((_, kept)) = not_open.next() {
        let reason = "is not open to change: what the producer guarantees rests on it";
        let keep = kept.first().map(|value| format!(" or set it to {value}")).unwrap_or_default();
        diagnostics.error(key, origin, reason, format!("leave it out{keep}"));
        return None;
    }
    let fault = if is_secret_property(name) {
        // Some hold PEM text, others a whole configuration, with blanks in it.
        let form = if name.ends_with(".pem") { SecretForm::Pem } else { SecretForm::Text };
        let judged = form.judge(key, &text, origin, diagnostics);
        judged.map(|()| warn_of_flag(key, origin, diagnostics)).err().map(str::to_owned)
    } else if FILES.contains(&name) && text != PROBE {
        File::open(&text).err().map(|error| format!("cannot read {}: {error}", shown::path(&text)))
    } else {
        None
    };
    match fault {
        Some(fault) => {
            let is_file = FILES.contains(&name);
            let way_out = if is_file { "name a file that can be read" } else { "it takes text of one line" };
            diagnostics.error(key, origin, fault, way_out);
            None
        }
        None => Some(Value::from(text)),
    }
}
