//! The three places where settings are written, read into one shape that remembers where.

use std::ffi::OsString;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, TableLike, TomlError, Value};

use super::layer::Notes;
use super::table::{PROPERTIES, SETTINGS};

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

/// Where a setting was written.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Default,
    /// File and line, and the column where that says more.
    File(PathBuf, Option<(usize, Option<usize>)>),
    Variable(String),
    /// The key alone: the value may be a secret.
    Set(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Default => f.write_str("default"),
            Place::File(path, None) => write!(f, "{}", path.display()),
            Place::File(path, Some((line, None))) => write!(f, "{}:{line}", path.display()),
            Place::File(path, Some((line, Some(column)))) => {
                write!(f, "{}:{line}:{column}", path.display())
            }
            Place::Variable(name) => write!(f, "variable {name}"),
            Place::Set(key) => write!(f, "--set {key}"),
        }
    }
}

/// A value as it was written.
pub(super) struct Written {
    pub(super) node: Node,
    pub(super) place: Place,
}

/// The shapes of values.
pub(super) enum Node {
    /// From the environment or a flag: the setting's type says what it is.
    Word(String),
    Text(String),
    Int(i64),
    Float(f64),
    Flag(bool),
    Time(String),
    List(Vec<Written>),
    Table(Vec<(String, Written)>),
}

/// Reads a file; without one there are no entries.
pub(super) fn file(path: Option<&Path>, notes: &mut Notes) -> Vec<(String, Written)> {
    let Some(path) = path else { return Vec::new() };
    let unusable = |at| Place::File(path.to_owned(), at);
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let reason = format!("cannot be read: {error}");
            let way_out = "give --config a readable file, or leave it out";
            notes.mistake("", &unusable(None), reason, way_out);
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
            notes.mistake("", &unusable(at), not_toml(&error), "");
            Vec::new()
        }
    }
}

/// Reads the variables that are ours.
pub(super) fn environment(env: &[(OsString, OsString)], notes: &mut Notes) -> Vec<(String, Written)> {
    let mut variables: Vec<_> = env.iter().map(|(name, value)| (name.to_string_lossy(), value)).collect();
    // The environment has no order; mistakes shall have one.
    variables.sort();
    let mut entries: Vec<(String, Written)> = Vec::new();
    for (name, value) in variables {
        let Some(rest) = strip_prefix_any_case(&name, "ECS_SDM_") else {
            continue;
        };
        // Kubernetes sets ECS_SDM_PRODUCER_SERVICE_HOST and more for a Service named ecs-sdm-producer.
        if strip_prefix_any_case(rest, "PRODUCER_").is_some() {
            continue;
        }
        let (key, place) = (key_of(rest), Place::Variable(name.to_string()));
        if let Some((_, other)) = entries.iter().find(|(known, _)| *known == key) {
            let reason = format!("{} means the same", other.place);
            notes.mistake(&key, &place, reason, "keep one of the two");
        } else if let Some(value) = value.to_str() {
            let node = Node::Word(value.to_owned());
            entries.push((key, Written { node, place }));
        } else {
            notes.mistake(&key, &place, "is not UTF-8", "");
        }
    }
    entries
}

/// Reads `--set KEY=VALUE`; of several for one key the last holds.
pub(super) fn sets(sets: &[String], notes: &mut Notes) -> Vec<(String, Written)> {
    let mut entries = Vec::new();
    for set in sets {
        // Without its =, a secret may follow the key some other way: no more than a key is shown.
        let is_key = |letter: char| letter.is_alphanumeric() || "_.-".contains(letter);
        let key = set.split(|letter| !is_key(letter)).next().unwrap_or_default();
        let place = Place::Set(key.to_owned());
        if let Some((key, value)) = set.split_once('=') {
            let node = Node::Word(value.to_owned());
            entries.push((key.trim().to_owned(), Written { node, place }));
        } else {
            notes.mistake("", &place, "has no value", "it takes KEY=VALUE");
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

/// Reads the inline TOML that a variable or flag holds for a table or an array.
pub(super) fn inline(text: &str, place: &Place) -> Result<Written, String> {
    // A key of its own, so that the text can be nothing but one value.
    let document = format!("value = {text}");
    let document = Document::parse(document.as_str()).map_err(|error| not_toml(&error))?;
    let value = document.as_table().get("value").filter(|_| document.as_table().len() == 1);
    value.map(|value| written(value, None, &|_| place.clone())).ok_or_else(|| "is more than one value".to_owned())
}

type Locate<'a> = &'a dyn Fn(Option<Range<usize>>) -> Place;

fn entries(table: &dyn TableLike, locate: Locate<'_>) -> Vec<(String, Written)> {
    let with_key = |(name, item): (&str, &Item)| {
        let span = table.key(name).and_then(toml_edit::Key::span);
        (name.to_owned(), written(item, span, locate))
    };
    table.iter().map(with_key).collect()
}

fn written(item: &Item, key: Option<Range<usize>>, locate: Locate<'_>) -> Written {
    let place = locate(key.or_else(|| item.span()));
    let node = match item {
        Item::Value(value) => self::value(value, locate),
        Item::Table(table) => Node::Table(entries(table, locate)),
        Item::ArrayOfTables(tables) => Node::List(
            tables
                .iter()
                .map(|table| Written { node: Node::Table(entries(table, locate)), place: locate(table.span()) })
                .collect(),
        ),
        // The parser leaves none behind.
        Item::None => Node::Table(Vec::new()),
    };
    Written { node, place }
}

fn value(value: &Value, locate: Locate<'_>) -> Node {
    match value {
        Value::String(text) => Node::Text(text.value().clone()),
        Value::Integer(number) => Node::Int(*number.value()),
        Value::Float(number) => Node::Float(*number.value()),
        Value::Boolean(flag) => Node::Flag(*flag.value()),
        Value::Datetime(time) => Node::Time(time.value().to_string()),
        Value::InlineTable(table) => Node::Table(entries(table, locate)),
        Value::Array(array) => Node::List(
            array.iter().map(|item| Written { node: self::value(item, locate), place: locate(item.span()) }).collect(),
        ),
    }
}

fn not_toml(error: &TomlError) -> String {
    format!("is not TOML: {}", error.message().replace('\n', " "))
}

fn strip_prefix_any_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}
