//! A value as a source gives it, with its origin; TOML, read and written.

use std::fmt;
use std::ops::Range;

use figment::value::Value;
use toml_edit::{Document, Item, TableLike, TomlError, Value as TomlValue};

/// Where a value comes from.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    Default,
    /// `FILE`, `FILE:LINE` or `FILE:LINE:COLUMN`.
    File(String),
    Variable(String),
    /// The key alone, because the value may be a secret.
    Set(String),
}

impl Origin {
    /// Whether a flag gave it, which may have been written in any way.
    pub(super) fn is_flag(&self) -> bool {
        matches!(self, Self::Set(_))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(position) => f.write_str(position),
            Origin::Variable(name) => write!(f, "variable {name}"),
            Origin::Set(key) if key.is_empty() => f.write_str("--set"),
            Origin::Set(key) => write!(f, "--set {key}"),
        }
    }
}

pub(super) struct SpannedValue {
    pub(super) raw: RawValue,
    pub(super) origin: Origin,
}

impl SpannedValue {
    pub(super) fn untyped(text: &str, origin: Origin) -> SpannedValue {
        SpannedValue { raw: RawValue::Untyped(text.to_owned()), origin }
    }
}

pub(super) enum RawValue {
    /// Text from the environment or a flag: the setting's kind says what it is.
    Untyped(String),
    Text(String),
    Int(i64),
    Float(f64),
    Flag(bool),
    Time(String),
    List(Vec<SpannedValue>),
    Table(Vec<(String, SpannedValue)>),
}

impl RawValue {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            RawValue::Untyped(text) | RawValue::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn whole(&self) -> Option<i64> {
        match self {
            RawValue::Int(number) => Some(*number),
            RawValue::Untyped(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            RawValue::Float(number) => Some(*number),
            RawValue::Int(number) => Some(*number as f64),
            RawValue::Untyped(text) => text.trim().parse().ok(),
            _ => None,
        }
    }
}

/// The parts of a comma-separated text. It is not cut within a password before a host, so that no part of one is shown: what has an `@`
/// and no scheme goes on where a scheme or a user began, or with the first part. ARNs may hold an `@`.
pub(super) fn parts(text: &str) -> Vec<String> {
    let is_arn = |part: &str| part.trim().starts_with("arn:");
    let has_scheme = |part: &str| part.split_once("://").is_some_and(|(scheme, _)| !scheme.trim().is_empty());
    let mut parts: Vec<String> = Vec::new();
    for part in text.split(',') {
        let goes_on = part.contains('@') && !has_scheme(part) && !is_arn(part);
        let begins = |other: &String| (has_scheme(other) || other.contains(':')) && !is_arn(other);
        let is_part = |other: &String| !is_arn(other);
        match parts.iter().rposition(begins).or_else(|| parts.iter().position(is_part)).filter(|_| goes_on) {
            Some(start) => {
                let begun = parts.split_off(start).join(",");
                parts.push(format!("{begun},{part}"));
            }
            None => parts.push(part.to_owned()),
        }
    }
    parts
}

/// Tells the origin of a span of the TOML that is read.
pub(super) type Locate<'a> = &'a dyn Fn(Option<Range<usize>>) -> Origin;

/// Reads the inline TOML that a variable or flag holds for a table or an array.
pub(super) fn inline(text: &str, origin: &Origin) -> Result<SpannedValue, String> {
    let document = format!("value = {text}");
    let document = Document::parse(document.as_str()).map_err(|error| not_toml(&error))?;
    match document.get("value") {
        Some(item) if document.len() == 1 => Ok(spanned(item, None, &|_| origin.clone())),
        _ => Err("is more than one value".to_owned()),
    }
}

/// The entries of a table in their order. An entry's origin is that of its key.
pub(super) fn entries(table: &dyn TableLike, locate: Locate<'_>) -> Vec<(String, SpannedValue)> {
    let entry = |(name, item): (&str, &Item)| {
        let span = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
        (name.to_owned(), spanned(item, span, locate))
    };
    table.iter().map(entry).collect()
}

fn spanned(item: &Item, span: Option<Range<usize>>, locate: Locate<'_>) -> SpannedValue {
    let list = |items: &mut dyn Iterator<Item = Item>| {
        RawValue::List(items.map(|item| spanned(&item, item.span(), locate)).collect())
    };
    let raw = match item {
        // The parser leaves none behind.
        Item::None => RawValue::Table(Vec::new()),
        Item::Table(table) => RawValue::Table(entries(table, locate)),
        Item::ArrayOfTables(tables) => list(&mut tables.iter().cloned().map(Item::Table)),
        Item::Value(TomlValue::InlineTable(table)) => RawValue::Table(entries(table, locate)),
        Item::Value(TomlValue::Array(array)) => list(&mut array.iter().cloned().map(Item::Value)),
        Item::Value(TomlValue::String(text)) => RawValue::Text(text.value().clone()),
        Item::Value(TomlValue::Integer(number)) => RawValue::Int(*number.value()),
        Item::Value(TomlValue::Float(number)) => RawValue::Float(*number.value()),
        Item::Value(TomlValue::Boolean(flag)) => RawValue::Flag(*flag.value()),
        Item::Value(TomlValue::Datetime(time)) => RawValue::Time(time.value().to_string()),
    };
    SpannedValue { raw, origin: locate(span) }
}

/// Why a text is not TOML, in one line.
pub(super) fn not_toml(error: &TomlError) -> String {
    format!("is not TOML: {}", error.message().replace('\n', " "))
}

/// A value as TOML, in one line.
pub(super) fn toml_text(value: &Value) -> String {
    match value {
        Value::Array(_, values) => format!("[{}]", values.iter().map(toml_text).collect::<Vec<_>>().join(", ")),
        Value::Dict(_, entries) => {
            let entries: Vec<_> = entries.iter().map(|(key, value)| format!("{key} = {}", toml_text(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        // Text, numbers and booleans look in TOML as in JSON, except that TOML escapes DEL too. What comes after it acts on terminals.
        scalar => {
            let json = serde_json::to_string(scalar).unwrap_or_default();
            if !json.contains(char::is_control) {
                return json;
            }
            let escaped = |letter: char| match letter.is_control() {
                true => format!("\\u{:04X}", u32::from(letter)),
                false => letter.to_string(),
            };
            json.chars().map(escaped).collect()
        }
    }
}
