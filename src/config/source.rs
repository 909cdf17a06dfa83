//! The three places where settings are written, read into one shape that remembers where.

use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml_edit::Document;

use super::diagnostics::Diagnostics;
use super::spanned::{Origin, RawValue, SpannedValue};
use super::table::{PROPERTIES, SETTINGS};
use super::toml::{entries, not_toml};

/// Where settings come from, lowest first; the defaults lie below. Not `Debug`: secrets are among them.
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

/// Reads a file; without one there are no entries.
pub(super) fn file(path: Option<&Path>, diagnostics: &mut Diagnostics) -> Vec<(String, SpannedValue)> {
    let Some(path) = path else { return Vec::new() };
    let unusable = |at| Origin::File(path.to_owned(), at);
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let reason = format!("cannot be read: {error}");
            let way_out = "give --config a readable file, or leave it out";
            diagnostics.error("", &unusable(None), reason, way_out);
            return Vec::new();
        }
    };
    // Byte positions become lines and columns; columns count characters, as editors do.
    let line = |at: usize| text[..at].matches('\n').count() + 1;
    match Document::parse(text.as_str()) {
        Ok(document) => entries(document.as_table(), &|span: Option<Range<usize>>| {
            unusable(span.map(|span| (line(span.start), None)))
        }),
        Err(error) => {
            let at = error.span().map(|span| {
                let before = &text[..span.start];
                let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
                (line(span.start), Some(column))
            });
            diagnostics.error("", &unusable(at), not_toml(&error), "");
            Vec::new()
        }
    }
}

/// Reads the variables that are ours.
pub(super) fn environment(env: &[(OsString, OsString)], diagnostics: &mut Diagnostics) -> Vec<(String, SpannedValue)> {
    let mut variables: Vec<_> = env.iter().map(|(name, value)| (name.to_string_lossy(), value)).collect();
    // The environment has no order; mistakes shall have one.
    variables.sort();
    let mut entries: Vec<(String, SpannedValue)> = Vec::new();
    for (name, value) in variables {
        let Some(rest) = strip_prefix_any_case(&name, "ECS_SDM_") else {
            continue;
        };
        // Kubernetes sets ECS_SDM_PRODUCER_SERVICE_HOST and more for a Service named ecs-sdm-producer.
        if strip_prefix_any_case(rest, "PRODUCER_").is_some() {
            continue;
        }
        let (key, origin) = (key_of(rest), Origin::Variable(name.to_string()));
        if let Some((_, other)) = entries.iter().find(|(known, _)| *known == key) {
            let reason = format!("{} means the same", other.origin);
            diagnostics.error(&key, &origin, reason, "keep one of the two");
        } else if let Some(value) = value.to_str() {
            let raw = RawValue::Untyped(value.to_owned());
            entries.push((key, SpannedValue { raw, origin }));
        } else {
            diagnostics.error(&key, &origin, "is not UTF-8", "");
        }
    }
    entries
}

/// Reads `--set KEY=VALUE`; of several for one key the last holds.
pub(super) fn sets(sets: &[String], diagnostics: &mut Diagnostics) -> Vec<(String, SpannedValue)> {
    let mut entries = Vec::new();
    for set in sets {
        // Without its =, a secret may follow the key some other way: no more than a key is shown.
        let is_key = |letter: char| letter.is_alphanumeric() || "_.-".contains(letter);
        let key = set.split(|letter| !is_key(letter)).next().unwrap_or_default();
        let origin = Origin::Set(key.to_owned());
        if let Some((key, value)) = set.split_once('=') {
            let raw = RawValue::Untyped(value.to_owned());
            entries.push((key.trim().to_owned(), SpannedValue { raw, origin }));
        } else {
            diagnostics.error("", &origin, "has no value", "it takes KEY=VALUE");
        }
    }
    entries
}

/// The variable that stands for a key.
pub(super) fn variable(key: &str) -> String {
    let parts: Vec<_> = key.split('.').collect();
    let upper = |part: &&str| {
        if parts[0] == "operation_options" { (*part).to_owned() } else { part.to_uppercase() }
    };
    let rest = parts[1..].iter().map(upper);
    let parts: Vec<_> = std::iter::once(parts[0].to_uppercase()).chain(rest).collect();
    format!("ECS_SDM_{}", parts.join("__"))
}

/// The key that a variable stands for, the right one or not: case counts in operation_options alone.
fn key_of(rest: &str) -> String {
    let key = rest.replace("__", ".");
    let lower = key.to_lowercase();
    if let Some(option) = strip_prefix_any_case(&key, "operation_options.") {
        return format!("operation_options.{option}");
    }
    if let Some(property) = lower.strip_prefix(PROPERTIES).and_then(|rest| rest.strip_prefix('.')) {
        return format!("{PROPERTIES}.{}", property.replace('_', "."));
    }
    match SETTINGS.iter().find(|setting| setting.key.eq_ignore_ascii_case(&key)) {
        Some(setting) => setting.key.to_owned(),
        None => lower,
    }
}

fn strip_prefix_any_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}
