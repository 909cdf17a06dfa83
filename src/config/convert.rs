//! What was written becomes what the setting takes, or a mistake that says what it takes.

use std::error::Error;
use std::fmt::Display;

use figment::value::{Dict, Value};

use super::notes::Notes;
use super::property::property_conflict;
use super::rule;
use super::secret::Secret;
use super::table::{self, Kind, Setting};
use super::toml::{self, toml_text};
use super::wording::{shown, takes, unlike};
use super::written::{Node, Place, Written};

/// A setting's value; one that is not available yet is refused here, once its type is right.
pub(super) fn setting(key: &str, setting: &Setting, written: &Written, notes: &mut Notes) -> Option<Value> {
    let value = convert(key, &setting.kind, written, notes)?;
    match setting.not_yet {
        Some(way_out) if !is_default(setting, &value) => {
            notes.mistake(key, &written.place, "is not available yet", way_out);
            None
        }
        _ => Some(value),
    }
}

/// The table's own value.
pub(super) fn default(setting: &Setting) -> Option<Value> {
    let written = toml::inline(setting.default?, &Place::Default).ok()?;
    convert(setting.key, &setting.kind, &written, &mut Notes::default())
}

/// Whether a value is the table's own.
pub(super) fn is_default(setting: &Setting, value: &Value) -> bool {
    default(setting).is_some_and(|default| toml_text(&default) == toml_text(value))
}

/// The file of a secret, which has to be readable now and not only at the first sync.
pub(super) fn secret_file(key: &str, secret: &Setting, written: &Written, notes: &mut Notes) -> Option<Value> {
    let path = convert(key, &Kind::Text(&rule::PATH), written, notes)?;
    if let Some(way_out) = secret.not_yet {
        notes.mistake(key, &written.place, "is not available yet", way_out);
        return None;
    }
    let Err(error) = Secret::File(path.as_str()?.into()).read() else {
        return Some(path);
    };
    let reason = match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    let way_out = "it takes the path of a file that holds the secret";
    notes.mistake(key, &written.place, reason, way_out);
    None
}

/// One of librdkafka's properties: its own words, numbers and switches are all text to it.
pub(super) fn property(key: &str, name: &str, written: &Written, notes: &mut Notes) -> Option<Value> {
    let text = match &written.node {
        Node::Word(text) | Node::Text(text) => text.clone(),
        Node::Int(number) => number.to_string(),
        Node::Float(number) => number.to_string(),
        Node::Flag(flag) => flag.to_string(),
        Node::Time(_) | Node::List(_) | Node::Table(_) => {
            let reason = "is not text, a number or a switch";
            notes.mistake(key, &written.place, reason, "write the value as text");
            return None;
        }
    };
    if let Some((reason, way_out)) = property_conflict(name, &text) {
        notes.mistake(key, &written.place, reason, way_out);
        return None;
    }
    Some(Value::from(text))
}

/// A value of that kind; whatever is wrong with it goes to the notes.
pub(super) fn convert(key: &str, kind: &Kind, written: &Written, notes: &mut Notes) -> Option<Value> {
    let result = match (kind, &written.node) {
        (Kind::Tables(_), Node::Word(text)) => return inline(key, kind, text, written, notes),
        // No element of ours ends in a bracket: this is an array.
        (Kind::List(_), Node::Word(text)) if text.trim().ends_with(']') => {
            return inline(key, kind, text, written, notes);
        }
        (Kind::Tables(settings), Node::List(elements)) => {
            return tables(key, settings, elements, notes);
        }
        (Kind::List(of), Node::List(elements)) => return list(key, of, elements, notes),
        (Kind::List(of), Node::Word(text) | Node::Text(text)) => {
            return list(key, of, &comma_separated(text, &written.place), notes);
        }
        (Kind::Clamped(_, max), node) if whole(node).is_some_and(|number| number > *max) => {
            let place = &written.place;
            notes.warnings.push(format!("{key}: more than {max} ({place}); {max} is used"));
            Ok(Value::from(*max))
        }
        (kind, node) => scalar(kind, node),
    };
    result.map_err(|reason| refuse(key, kind, written, reason, notes)).ok()
}

/// Notes why a value is refused and what its setting takes.
fn refuse(key: &str, kind: &Kind, written: &Written, reason: String, notes: &mut Notes) {
    notes.mistake(key, &written.place, reason, takes(kind, &written.node));
}

fn inline(key: &str, kind: &Kind, text: &str, written: &Written, notes: &mut Notes) -> Option<Value> {
    match toml::inline(text, &written.place) {
        Ok(typed) => convert(key, kind, &typed, notes),
        Err(reason) => {
            refuse(key, kind, written, reason, notes);
            None
        }
    }
}

fn comma_separated(text: &str, place: &Place) -> Vec<Written> {
    let element = |part: &str| Written { node: Node::Word(part.to_owned()), place: place.clone() };
    text.split(',').map(element).collect()
}

/// Elements count from 0, as in TOML paths. What is empty is dropped, what stands twice is kept once.
fn list(key: &str, of: &Kind, elements: &[Written], notes: &mut Notes) -> Option<Value> {
    let before = notes.mistakes.len();
    let mut values = Vec::new();
    for (at, element) in elements.iter().enumerate() {
        if matches!(&element.node, Node::Word(text) | Node::Text(text) if text.trim().is_empty()) {
            continue;
        }
        let value = convert(&format!("{key}[{at}]"), of, element, notes);
        values.extend(value.filter(|value| !values.contains(value)));
    }
    (notes.mistakes.len() == before).then(|| Value::from(values))
}

/// The settings of each table, of which the first is required.
fn tables(key: &str, settings: &'static [Setting], tables: &[Written], notes: &mut Notes) -> Option<Value> {
    let before = notes.mistakes.len();
    let mut values = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        let key = format!("{key}[{at}]");
        if let Node::Table(entries) = &table.node {
            values.push(Value::from(one_table(&key, settings, entries, notes)));
            if let Some(missing) = missing(settings, entries) {
                let way_out = takes(&missing.kind, &table.node);
                notes.mistake(format!("{key}.{}", missing.key), &table.place, "is missing", way_out);
            }
        } else {
            let reason = format!("{} is not a table", shown(&table.node));
            notes.mistake(&key, &table.place, reason, takes(&Kind::Tables(settings), &table.node));
        }
    }
    (notes.mistakes.len() == before).then(|| Value::from(values))
}

fn one_table(key: &str, settings: &'static [Setting], entries: &[(String, Written)], notes: &mut Notes) -> Dict {
    let mut values = Dict::new();
    for (name, written) in entries {
        let key = format!("{key}.{name}");
        if let Some(known) = settings.iter().find(|setting| setting.key == name) {
            values.extend(setting(&key, known, written, notes).map(|value| (name.clone(), value)));
        } else {
            let names = || settings.iter().map(|setting| setting.key);
            let way_out = match table::nearest_of(name, names()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("it takes {}", names().collect::<Vec<_>>().join(", ")),
            };
            notes.mistake(key, &written.place, "unknown setting", way_out);
        }
    }
    values
}

fn missing(settings: &'static [Setting], entries: &[(String, Written)]) -> Option<&'static Setting> {
    settings.first().filter(|first| entries.iter().all(|(name, _)| name != first.key))
}

/// A value that holds no others, or the reason why it is none of that kind.
fn scalar(kind: &Kind, node: &Node) -> Result<Value, String> {
    let unlike = || unlike(kind, node);
    match (kind, node) {
        (Kind::Secret | Kind::Text(_), Node::Word(text) | Node::Text(text)) if text.trim().is_empty() => {
            Err("is empty".to_owned())
        }
        (Kind::Secret, Node::Word(text) | Node::Text(text)) => Ok(Value::from(text.as_str())),
        (Kind::Text(rule), Node::Word(text) | Node::Text(text)) => {
            let legal = Some(text.trim()).filter(|text| (rule.holds)(text));
            legal.map(Value::from).ok_or_else(unlike)
        }
        (Kind::Choice(words), Node::Word(text) | Node::Text(text)) => {
            let legal = words.iter().find(|word| **word == text.trim());
            legal.map(|word| Value::from(*word)).ok_or_else(unlike)
        }
        (Kind::Flag, Node::Flag(flag)) => Ok(Value::from(*flag)),
        (Kind::Flag, Node::Word(text) | Node::Text(text)) => {
            text.parse::<bool>().map(Value::from).map_err(|_| unlike())
        }
        (Kind::Duration(most_days), Node::Word(text) | Node::Text(text)) => {
            let duration = humantime::parse_duration(text.trim()).map_err(|_| unlike())?;
            // A millisecond is the least: below it librdkafka reads 0, which is "for ever" there.
            let millis = 1..=u128::from(*most_days) * 86_400_000;
            let text = text.trim();
            in_range(millis.contains(&duration.as_millis()), text, Value::from(text))
        }
        (Kind::Ratio, node) => {
            let share = number(node).ok_or_else(unlike)?;
            in_range(share > 0.0 && share <= 1.0, share, Value::from(share))
        }
        (Kind::Int(min, max, _) | Kind::Clamped(min, max), node) => {
            let number = whole(node).ok_or_else(unlike)?;
            in_range((*min..=*max).contains(&number), number, Value::from(number))
        }
        _ => Err(unlike()),
    }
}

fn in_range(is_in: bool, shown: impl Display, value: Value) -> Result<Value, String> {
    if is_in { Ok(value) } else { Err(format!("{shown} is out of range")) }
}

fn whole(node: &Node) -> Option<i64> {
    match node {
        Node::Int(number) => Some(*number),
        Node::Word(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn number(node: &Node) -> Option<f64> {
    match node {
        Node::Float(number) => Some(*number),
        // Text again, because not every integer is a float; what is lost is far out of range.
        Node::Int(number) => number.to_string().parse().ok(),
        Node::Word(text) => text.trim().parse().ok(),
        _ => None,
    }
}
