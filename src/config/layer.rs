//! One source's entries, held against the table: the good ones become a layer of figment's, the others mistakes.

use std::collections::BTreeMap;

use figment::value::{Dict, Map, Value};
use figment::{Error, Metadata, Profile, Provider};

use super::convert;
use super::diagnostics::{Diagnostics, Seen};
use super::source::variable;
use super::spanned::{Origin, RawValue, SpannedValue};
use super::table::{self, PROPERTIES, Target};
use super::toml::inline;

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
                layer.insert(setting.key, &path, value, &Origin::Default);
            }
        }
        layer
    }

    /// Holds entries against the table.
    pub(super) fn read(entries: Vec<(String, SpannedValue)>, seen: &mut Seen, diagnostics: &mut Diagnostics) -> Layer {
        let mut layer = Layer::default();
        for (key, spanned) in entries {
            layer.enter(&key, spanned, seen, diagnostics);
        }
        layer
    }

    fn enter(&mut self, key: &str, spanned: SpannedValue, seen: &mut Seen, diagnostics: &mut Diagnostics) {
        match (table::find(key), spanned.raw) {
            (None, _) => unknown(key, &spanned.origin, diagnostics),
            (Some(Target::Group | Target::Property(_)), RawValue::Table(entries)) => {
                for (name, spanned) in entries {
                    self.enter(&format!("{key}.{name}"), spanned, seen, diagnostics);
                }
            }
            (Some(Target::Group), RawValue::Untyped(text)) => match inline(&text, &spanned.origin) {
                Ok(table) if matches!(table.raw, RawValue::Table(_)) => {
                    self.enter(key, table, seen, diagnostics);
                }
                Ok(_) => not_a_table(key, &spanned.origin, diagnostics),
                Err(reason) => diagnostics.error(key, &spanned.origin, reason, TAKES_A_TABLE),
            },
            (Some(Target::Group), _) => not_a_table(key, &spanned.origin, diagnostics),
            (Some(target), raw) => {
                let spanned = SpannedValue { raw, origin: spanned.origin };
                self.take(key, &target, &spanned, seen, diagnostics);
            }
        }
    }

    fn take(
        &mut self,
        key: &str,
        target: &Target<'_>,
        spanned: &SpannedValue,
        seen: &mut Seen,
        diagnostics: &mut Diagnostics,
    ) {
        let value = match target {
            Target::Setting(setting) => convert::setting(key, setting, spanned, diagnostics),
            Target::SecretFile(secret) => convert::secret_file(key, secret, spanned, diagnostics),
            Target::Property(name) => convert::property(key, name, spanned, diagnostics),
            Target::Group => None,
        };
        let changed = match (target, &value) {
            (Target::Setting(setting), Some(value)) => !convert::is_default(setting, value),
            _ => true,
        };
        seen.note(key, &spanned.origin, changed);
        let Some(value) = value else { return };
        let path: Vec<_> = match target {
            Target::Property(name) => PROPERTIES.split('.').chain([*name]).collect(),
            Target::SecretFile(secret) => secret.key.split('.').chain(["file"]).collect(),
            Target::Setting(_) | Target::Group => key.split('.').collect(),
        };
        self.insert(key, &path, value, &spanned.origin);
    }

    fn insert(&mut self, key: &str, path: &[&str], value: Value, origin: &Origin) {
        self.places.insert(key.to_owned(), origin.to_string());
        insert(&mut self.values, path, value);
    }
}

const TAKES_A_TABLE: &str = "it takes a table such as { name = \"value\" }";

fn not_a_table(key: &str, origin: &Origin, diagnostics: &mut Diagnostics) {
    let reason = "is a table of settings, not a setting";
    diagnostics.error(key, origin, reason, TAKES_A_TABLE);
}

fn unknown(key: &str, origin: &Origin, diagnostics: &mut Diagnostics) {
    let spelled = |key: String| {
        if let Origin::Variable(_) = origin { variable(&key) } else { key }
    };
    let way_out = match table::nearest_key(key) {
        Some(near) => format!("did you mean {}?", spelled(near)),
        None => "config/connector.toml has every setting".to_owned(),
    };
    diagnostics.error(key, origin, "unknown setting", way_out);
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
