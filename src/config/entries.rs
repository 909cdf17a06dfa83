//! What the sources set, held against the table. Figment merges what is right; what is wrong is remembered too.

use std::sync::LazyLock;

use figment::value::{Dict, Map, Value};
use figment::{Error, Figment, Metadata, Profile, Provider};

use super::diagnostics::Diagnostics;
use super::kind::{Kind, Setting};
use super::shown_key;
use super::source::variable;
use super::table::{self, SETTINGS, Target};
use super::value::{Origin, RawValue, SpannedValue, inline};

/// A setting as a source sets it: a provider of its own, so that figment's metadata tells the origin of each value.
pub(super) struct Entry {
    key: String,
    /// Where figment keeps the value.
    path: Vec<String>,
    /// None where the value is wrong.
    value: Option<Value>,
    origin: Origin,
}

impl Provider for Entry {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.to_string())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let nest = |value, name: &String| Value::from(Map::from([(name.clone(), value)]));
        let nested = self.value.clone().and_then(|value| self.path.iter().rev().fold(value, nest).into_dict());
        Ok(Profile::Default.collect(nested.unwrap_or_default()))
    }
}

/// Every default. They are the same for all that is ever loaded.
static DEFAULTS: LazyLock<Figment> = LazyLock::new(|| {
    let entry = |setting: &Setting| Entry {
        key: setting.key.to_owned(),
        path: setting.key.split('.').map(str::to_owned).collect(),
        value: setting.default_value(),
        origin: Origin::Default,
    };
    SETTINGS.iter().map(entry).fold(Figment::new(), Figment::merge)
});

/// Every setting that a source sets, rightly or wrongly; later ones override earlier ones.
#[derive(Default)]
pub(super) struct Entries(Vec<Entry>);

impl Entries {
    /// Adds an entry of a source, or everything in it where it is a table.
    pub(super) fn add(&mut self, key: String, given: SpannedValue, diagnostics: &mut Diagnostics) {
        let not_a_table = "is a table of settings, not a setting";
        let takes_a_table = "it takes a table such as { name = \"value\" }";
        let SpannedValue { raw, origin } = given;
        match (table::find(&key), raw) {
            (None, _) => {
                let near = table::nearest_key(&key);
                let key = shown_key::key(&key, origin.is_flag(), near.as_deref());
                let way_out = match (near, &origin) {
                    (Some(near), Origin::Variable(_)) => format!("did you mean {}?", variable(&near)),
                    (Some(near), _) => format!("did you mean {near}?"),
                    (None, _) => "config/connector.toml has every setting".to_owned(),
                };
                diagnostics.error(key, &origin, "unknown setting", way_out);
            }
            (Some(Target::Group), RawValue::Untyped(text)) => match inline(&text, &origin) {
                Ok(typed) => self.add(key, typed, diagnostics),
                Err(reason) => diagnostics.error(key, &origin, reason, takes_a_table),
            },
            (Some(Target::Group), RawValue::Table(entries)) => self.add_all(&key, entries, diagnostics),
            (Some(Target::Group), _) => diagnostics.error(key, &origin, not_a_table, takes_a_table),
            // The names of librdkafka's properties have dots, which TOML takes for tables.
            (Some(Target::Value { kind: Kind::Property, .. }), RawValue::Table(entries)) => {
                self.add_all(&key, entries, diagnostics);
            }
            (Some(Target::Value { kind, path }), raw) => {
                let given = SpannedValue { raw, origin };
                let value = kind.convert(&key, &given, diagnostics);
                self.0.push(Entry { key, path, value, origin: given.origin });
            }
        }
    }

    fn add_all(&mut self, table: &str, entries: Vec<(String, SpannedValue)>, diagnostics: &mut Diagnostics) {
        for (name, given) in entries {
            self.add(format!("{table}.{name}"), given, diagnostics);
        }
    }

    /// The defaults, and over them what is right.
    pub(super) fn merged(&self) -> Figment {
        self.0.iter().fold(DEFAULTS.clone(), Figment::merge)
    }

    /// Whether a source has set a setting, through `KEY_file` too, or something in the table of that name.
    pub(super) fn has(&self, key: &str) -> bool {
        self.last(key).is_some() || self.0.iter().any(|entry| table::is_under(&entry.key, key))
    }

    /// Whether the value that counts is wrong.
    pub(super) fn is_wrong(&self, key: &str) -> bool {
        self.last(key).is_some_and(|entry| entry.value.is_none())
    }

    /// Whether a source has set it under just this name.
    pub(super) fn exactly(&self, key: &str) -> bool {
        self.0.iter().any(|entry| entry.key == key)
    }

    /// Whether a source has set it to anything but its default.
    pub(super) fn changed(&self, key: &str) -> bool {
        let default = SETTINGS.iter().find(|setting| setting.key == key).and_then(|setting| setting.default_value());
        self.last(key).is_some_and(|entry| entry.value.is_none() || entry.value != default)
    }

    /// Where the last source has set it, or something in the table of that name.
    pub(super) fn origin(&self, key: &str) -> &Origin {
        let within = || self.0.iter().rfind(|entry| table::is_under(&entry.key, key));
        self.last(key).or_else(within).map_or(&Origin::Default, |entry| &entry.origin)
    }

    fn last(&self, key: &str) -> Option<&Entry> {
        let last = |key: &str| self.0.iter().rfind(|entry| entry.key == key);
        last(key).or_else(|| last(&format!("{key}_file")))
    }
}
