//! Lists and arrays of tables: every element is converted, so that every mistake in them is found.

use figment::value::{Dict, Value};

use super::convert::{convert, setting};
use super::layer::Notes;
use super::source::{Node, Written};
use super::table::{self, Kind, Setting};
use super::wording::{shown, takes};

/// Elements count from 0, as in TOML paths. What is empty is dropped, what stands twice is kept once.
pub(super) fn list(key: &str, of: &Kind, elements: &[Written], notes: &mut Notes) -> Option<Value> {
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
pub(super) fn tables(key: &str, settings: &'static [Setting], tables: &[Written], notes: &mut Notes) -> Option<Value> {
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
