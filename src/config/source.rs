//! The three sources of settings. Each becomes entries: a key, and its value with its origin.

use std::borrow::Cow;
use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Key};

use super::diagnostics::Diagnostics;
use super::pairs::EXTENSIONS;
use super::property::PROPERTIES;
use super::shown_key;
use super::table::{self, keys};
use super::value::{Origin, SpannedValue, entries, not_toml};

/// Where settings come from, lowest first; the defaults lie below. Not `Debug`, because secrets are among them.
#[derive(Clone, Default)]
pub struct Sources {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// Environment variables; those that do not begin with `ECS_SDM_` are passed over.
    pub env: Vec<(OsString, OsString)>,
    /// `KEY=VALUE`, as given to `--set`.
    pub sets: Vec<String>,
}

impl Sources {
    /// With the environment of this process.
    pub fn from_process(file: Option<PathBuf>, sets: Vec<String>) -> Self {
        Sources { file, env: std::env::vars_os().collect(), sets }
    }
}

/// The entries of a file; none without a file.
pub(super) fn file(path: Option<&Path>, diagnostics: &mut Diagnostics) -> Vec<(String, SpannedValue)> {
    let Some(path) = path else { return Vec::new() };
    let name = path.display();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let way_out = "give --config a readable file, or leave it out";
            diagnostics.error("", &Origin::File(name.to_string()), format!("cannot be read: {error}"), way_out);
            return Vec::new();
        }
    };
    let file_and_line = |span: Option<Range<usize>>| match span {
        Some(span) => format!("{name}:{}", text[..span.start].matches('\n').count() + 1),
        None => name.to_string(),
    };
    match Document::parse(text.as_str()) {
        Ok(document) => entries(document.as_table(), &|span| Origin::File(file_and_line(span))),
        Err(error) => {
            let mut position = file_and_line(error.span());
            if let Some(span) = error.span() {
                // Columns count characters, as editors do.
                let column = text[..span.start].chars().rev().take_while(|letter| *letter != '\n').count() + 1;
                position += &format!(":{column}");
            }
            diagnostics.error("", &Origin::File(position), not_toml(&error), "");
            Vec::new()
        }
    }
}

/// The variables that begin with `ECS_SDM_`.
pub(super) fn environment(env: &[(OsString, OsString)], diagnostics: &mut Diagnostics) -> Vec<(String, SpannedValue)> {
    let mut variables: Vec<_> = env.iter().map(|(name, value)| (name.to_string_lossy(), value)).collect();
    // The environment has no order. Diagnostics shall have one.
    variables.sort();
    let mut entries: Vec<(String, SpannedValue)> = Vec::new();
    for (name, value) in variables {
        let Some(rest) = strip_prefix_any_case(&name, "ECS_SDM_") else {
            continue;
        };
        let (key, origin) = (key_of(rest), Origin::Variable(name.to_string()));
        // Compose and Helm pass `VAR=${VAR:-}`.
        if value.is_empty() || (table::find(&key).is_none() && is_of_a_service(rest)) {
            continue;
        }
        if let Some((_, other)) = entries.iter().find(|(known, _)| *known == key) {
            let reason = format!("{} means the same", other.origin);
            diagnostics.error(&key, &origin, reason, "keep one of the two");
        } else if let Some(value) = value.to_str() {
            entries.push((key, SpannedValue::untyped(value, origin)));
        } else {
            diagnostics.error(&key, &origin, "is not UTF-8", "");
        }
    }
    entries
}

/// The settings of `--set KEY=VALUE`. Of several for one key the last holds.
pub(super) fn sets(sets: &[String], diagnostics: &mut Diagnostics) -> Vec<(String, SpannedValue)> {
    let mut entries = Vec::new();
    for set in sets {
        // A secret may follow its key in some other way than after a =.
        let (key, value) = set.split_once('=').map_or((set.as_str(), None), |(key, value)| (key.trim(), Some(value)));
        let key = unquoted(key);
        let shown = shown_key::flag(&key).into_owned();
        match value {
            Some(value) => entries.push((key.into_owned(), SpannedValue::untyped(value, Origin::Set(shown)))),
            // A secret alone is nothing like a key.
            None => {
                let shown = shown.trim_end_matches('…').to_owned();
                let shown = if shown_key::is_like_a_key(&shown) { shown } else { String::new() };
                diagnostics.error("", &Origin::Set(shown), "has no value", "it takes KEY=VALUE");
            }
        }
    }
    entries
}

/// A key without the quotes that TOML may have in it, as in `kafka.properties."linger.ms"`.
fn unquoted(key: &str) -> Cow<'_, str> {
    match Key::parse(key) {
        Ok(names) if key.contains(['"', '\'']) => names.iter().map(Key::get).collect::<Vec<_>>().join(".").into(),
        _ => key.into(),
    }
}

/// The variable that stands for a key. Case counts in operation_options and in the names of extensions.
pub(super) fn variable(key: &str) -> String {
    let name = match key.strip_prefix("operation_options.") {
        Some(option) => format!("OPERATION_OPTIONS.{option}"),
        None => match key.strip_prefix(EXTENSIONS) {
            Some(name) => EXTENSIONS.to_uppercase() + name,
            None => key.to_uppercase(),
        },
    };
    format!("ECS_SDM_{}", name.replace('.', "__"))
}

/// The key that a variable stands for, known or not.
fn key_of(rest: &str) -> String {
    let key = rest.replace("__", ".");
    let lower = key.to_lowercase();
    if let Some(option) = strip_prefix_any_case(&key, "operation_options.") {
        return format!("operation_options.{option}");
    }
    if let Some(name) = strip_prefix_any_case(&key, EXTENSIONS).and_then(|rest| rest.strip_prefix('.')) {
        return format!("{EXTENSIONS}.{name}");
    }
    if let Some(property) = lower.strip_prefix(PROPERTIES).and_then(|rest| rest.strip_prefix('.')) {
        return format!("{PROPERTIES}.{}", property.replace('_', "."));
    }
    keys().find(|known| known.eq_ignore_ascii_case(&key)).map_or(lower, str::to_owned)
}

/// Whether Kubernetes makes such a variable for a Service: `…SERVICE_HOST`, `…SERVICE_PORT_HTTP`, `…PORT`, `…PORT_80_TCP_ADDR`
/// (kubernetes.io/docs/concepts/services-networking/service, "Environment variables"). `rest` is what follows `ECS_SDM_`.
fn is_of_a_service(rest: &str) -> bool {
    // A name with two of them in a row is a setting's.
    if rest.contains("__") {
        return false;
    }
    let parts: Vec<&str> = rest.split('_').collect();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_protocol = |part: &str| ["TCP", "UDP", "SCTP"].contains(&part);
    (0..parts.len()).any(|at| match &parts[at..] {
        ["SERVICE", "HOST"] | ["SERVICE", "PORT", ..] | ["PORT"] => true,
        ["PORT", number, protocol] => is_number(number) && is_protocol(protocol),
        ["PORT", number, protocol, "PROTO" | "PORT" | "ADDR"] => is_number(number) && is_protocol(protocol),
        _ => false,
    })
}

fn strip_prefix_any_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}
