//! One source's entries, held against the table: the good ones become a layer of figment's, the others mistakes.

use std::collections::BTreeMap;

use figment::value::{Dict, Map, Value};
use figment::{Error, Metadata, Profile, Provider};

use super::convert;
use super::notes::{Notes, Seen};
use super::source::variable;
use super::table::{self, PROPERTIES, Target};
use super::toml::inline;
use super::written::{Node, Place, Written};

/// The good entries of one source.
#[derive(Default)]
pub(super) struct Layer {
    values: Dict,
    /// Where each key stands, so that figment can say it of the value that wins.
    places: BTreeMap<String, String>,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        let places = self.places.clone();
        Metadata::named("settings")
            .interpolater(move |_, keys| places.get(&keys.join(".")).cloned().unwrap_or_default())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

impl Layer {
    /// The table's own defaults.
    pub(super) fn defaults() -> Layer {
        let mut layer = Layer::default();
        for setting in table::SETTINGS {
            if let Some(value) = convert::default(setting) {
                let path: Vec<_> = setting.key.split('.').collect();
                layer.insert(setting.key, &path, value, &Place::Default);
            }
        }
        layer
    }

    /// Holds entries against the table.
    pub(super) fn read(entries: Vec<(String, Written)>, seen: &mut Seen, notes: &mut Notes) -> Layer {
        let mut layer = Layer::default();
        for (key, written) in entries {
            layer.enter(&key, written, seen, notes);
        }
        layer
    }

    fn enter(&mut self, key: &str, written: Written, seen: &mut Seen, notes: &mut Notes) {
        match (table::find(key), written.node) {
            (None, _) => unknown(key, &written.place, notes),
            (Some(Target::Group | Target::Property(_)), Node::Table(entries)) => {
                for (name, written) in entries {
                    self.enter(&format!("{key}.{name}"), written, seen, notes);
                }
            }
            (Some(Target::Group), Node::Word(text)) => match inline(&text, &written.place) {
                Ok(table) if matches!(table.node, Node::Table(_)) => {
                    self.enter(key, table, seen, notes);
                }
                Ok(_) => not_a_table(key, &written.place, notes),
                Err(reason) => notes.mistake(key, &written.place, reason, TAKES_A_TABLE),
            },
            (Some(Target::Group), _) => not_a_table(key, &written.place, notes),
            (Some(target), node) => {
                let written = Written { node, place: written.place };
                self.take(key, &target, &written, seen, notes);
            }
        }
    }

    fn take(&mut self, key: &str, target: &Target<'_>, written: &Written, seen: &mut Seen, notes: &mut Notes) {
        let value = match target {
            Target::Setting(setting) => convert::setting(key, setting, written, notes),
            Target::SecretFile(secret) => convert::secret_file(key, secret, written, notes),
            Target::Property(name) => convert::property(key, name, written, notes),
            Target::Group => None,
        };
        let changed = match (target, &value) {
            (Target::Setting(setting), Some(value)) => !convert::is_default(setting, value),
            _ => true,
        };
        seen.note(key, &written.place, changed);
        let Some(value) = value else { return };
        let path: Vec<_> = match target {
            Target::Property(name) => PROPERTIES.split('.').chain([*name]).collect(),
            Target::SecretFile(secret) => secret.key.split('.').chain(["file"]).collect(),
            Target::Setting(_) | Target::Group => key.split('.').collect(),
        };
        self.insert(key, &path, value, &written.place);
    }

    fn insert(&mut self, key: &str, path: &[&str], value: Value, place: &Place) {
        self.places.insert(key.to_owned(), place.to_string());
        insert(&mut self.values, path, value);
    }
}

const TAKES_A_TABLE: &str = "it takes a table such as { name = \"value\" }";

fn not_a_table(key: &str, place: &Place, notes: &mut Notes) {
    let reason = "is a table of settings, not a setting";
    notes.mistake(key, place, reason, TAKES_A_TABLE);
}

fn unknown(key: &str, place: &Place, notes: &mut Notes) {
    let spelled = |key: String| {
        if let Place::Variable(_) = place { variable(&key) } else { key }
    };
    let way_out = match table::nearest_key(key) {
        Some(near) => format!("did you mean {}?", spelled(near)),
        None => "config/connector.toml has every setting".to_owned(),
    };
    notes.mistake(key, place, "unknown setting", way_out);
}

/// Puts a value where its path leads; a text in the way gives way.
fn insert(values: &mut Dict, path: &[&str], value: Value) {
    match path {
        [] => {}
        [last] => {
            values.insert((*last).to_owned(), value);
        }
        [table, rest @ ..] => {
            let mut inner = match values.remove(*table) {
                Some(Value::Dict(_, inner)) => inner,
                _ => Dict::new(),
            };
            insert(&mut inner, rest, value);
            values.insert((*table).to_owned(), Value::from(inner));
        }
    }
}
