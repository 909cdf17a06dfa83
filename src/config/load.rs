//! The layers, stacked: the settings, or everything that is wrong with them.

use std::fmt;

use figment::value::{Dict, Value};
use figment::{Figment, Profile};

use super::layer::{Layer, Notes, Seen};
use super::secret::{REDACTED, is_secret_property};
use super::source::{self, Place, Sources};
use super::table::{Kind, PROPERTIES, SETTINGS};
use super::{Config, check};

/// One thing that is wrong; its `Display` is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The setting, as in TOML; empty where it is about a whole file or flag.
    pub key: String,
    /// File and line, variable, or flag.
    pub place: String,
    /// What is wrong.
    pub reason: String,
    /// What to do; empty where the reason says it.
    pub way_out: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mistake { key, place, reason, way_out } = self;
        if key.is_empty() {
            write!(f, "{place}: {reason}")?;
        } else {
            write!(f, "{key}: {reason} ({place})")?;
        }
        if way_out.is_empty() { Ok(()) } else { write!(f, "; {way_out}") }
    }
}

/// One line of the listing of settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// The setting.
    pub key: String,
    /// Its value as TOML, secrets redacted.
    pub value: String,
    /// Where it comes from: file and line, variable, flag or `default`.
    pub origin: String,
}

/// What became of all sources. Not `Debug`: the layers hold secrets as they were written.
pub struct Loaded {
    /// The settings, or all mistakes in them.
    pub config: Result<Config, Vec<Mistake>>,
    /// What holds, but perhaps not as meant.
    pub warnings: Vec<String>,
    figment: Figment,
    seen: Seen,
}

/// Reads all sources and checks them; contacts nothing.
pub fn load(sources: &Sources) -> Loaded {
    let (mut notes, mut seen) = (Notes::default(), Seen::default());
    let mut figment = Figment::from(Layer::defaults());
    for entries in [
        source::file(sources.file.as_deref(), &mut notes),
        source::environment(&sources.env, &mut notes),
        source::sets(&sources.sets, &mut notes),
    ] {
        figment = figment.merge(Layer::read(entries, &mut seen, &mut notes));
    }
    // Wrong entries are in no layer, so this succeeds beside mistakes, and combinations are checked all the same.
    let config = figment.extract::<Config>();
    match &config {
        Ok(config) => check::combinations(config, &seen, &mut notes),
        Err(errors) => {
            for error in errors.clone() {
                let key = error.path.join(".");
                notes.mistake(&key, seen.place(&key), error.kind.to_string(), "");
            }
        }
    }
    let config = match config {
        Ok(config) if notes.mistakes.is_empty() => Ok(config),
        _ => Err(notes.mistakes),
    };
    Loaded { config, warnings: notes.warnings, figment, seen }
}

impl Loaded {
    /// Whether anybody has set it, even wrongly.
    pub fn has(&self, key: &str) -> bool {
        self.seen.has(key)
    }

    /// Lets librdkafka judge its own properties, by name and value: `config` itself does not know them.
    pub fn judge_properties(&mut self, refusal: impl Fn(&str, &str) -> Option<String>) {
        let properties: super::Properties = self.figment.extract_inner(PROPERTIES).unwrap_or_default();
        for (name, value) in properties.iter() {
            let key = format!("{PROPERTIES}.{name}");
            let Some(reason) = refusal(name, value) else { continue };
            let place = self.seen.place(&key).to_string();
            let way_out = "librdkafka's CONFIGURATION.md lists what it takes".to_owned();
            self.add(Mistake { key, place, reason, way_out });
        }
    }

    /// Adds what was found wrong elsewhere, so that everything is reported together.
    pub fn add(&mut self, mistake: Mistake) {
        match &mut self.config {
            Ok(_) => self.config = Err(vec![mistake]),
            Err(mistakes) => mistakes.push(mistake),
        }
    }

    /// The mistake of a command that contacts Kafka and has no broker to ask.
    pub fn missing_brokers(&self) -> Option<Mistake> {
        let key = "kafka.bootstrap_servers";
        let none = self.figment.extract_inner::<Vec<String>>(key).is_ok_and(|brokers| brokers.is_empty());
        let wrong =
            self.config.as_ref().is_err_and(|mistakes| mistakes.iter().any(|mistake| mistake.key.starts_with(key)));
        (none && !wrong).then(|| Mistake {
            key: key.to_owned(),
            place: self.seen.place(key).to_string(),
            reason: "is missing".to_owned(),
            way_out: format!("name a broker, as in --set {key}=localhost:9092 or {}", source::variable(key)),
        })
    }

    /// Every setting that has a value, right ones only, in the order of the reference.
    pub fn effective(&self) -> Vec<Effective> {
        let mut listing = Vec::new();
        for setting in SETTINGS {
            let Ok(value) = self.figment.find_value(setting.key) else {
                continue;
            };
            match (&setting.kind, &value) {
                (Kind::Secret, Value::Dict(_, file)) => {
                    listing.extend(file.values().map(|path| self.line(format!("{}_file", setting.key), path, false)));
                }
                (Kind::Properties, Value::Dict(_, properties)) => {
                    listing.extend(properties.iter().map(|(name, value)| {
                        self.line(format!("{PROPERTIES}.{name}"), value, is_secret_property(name))
                    }));
                }
                (kind, value) => listing.push(self.line(setting.key.to_owned(), value, matches!(kind, Kind::Secret))),
            }
        }
        listing
    }

    fn line(&self, key: String, value: &Value, secret: bool) -> Effective {
        let origin =
            self.figment.get_metadata(value.tag()).map(|source| source.interpolate(&Profile::Default, &[&key]));
        let value = if secret { format!("{REDACTED:?}") } else { toml_text(value) };
        Effective { key, value, origin: origin.unwrap_or_else(|| Place::Default.to_string()) }
    }
}

/// A value as TOML.
pub(super) fn toml_text(value: &Value) -> String {
    match value {
        Value::String(_, text) => quoted(text),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, number) => match (number.to_i128(), number.to_f64()) {
            (Some(whole), _) => whole.to_string(),
            (None, Some(number)) => format!("{number:?}"),
            (None, None) => String::new(),
        },
        Value::Array(_, values) => format!("[{}]", values.iter().map(toml_text).collect::<Vec<_>>().join(", ")),
        Value::Dict(_, values) => table(values),
        Value::Char(_, letter) => quoted(&letter.to_string()),
        Value::Empty(..) => String::new(),
    }
}

fn table(values: &Dict) -> String {
    let entries: Vec<_> = values.iter().map(|(key, value)| format!("{key} = {}", toml_text(value))).collect();
    format!("{{ {} }}", entries.join(", "))
}

/// A basic string: control characters, quote and backslash escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            _ if letter.is_control() => quoted += &format!("\\u{:04X}", letter as u32),
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_reads_as_toml() {
        for text in ["plain", "a \"b\" \\ c", "line\nline\ttab\u{7f}", "ä"] {
            let document = format!("value = {}", quoted(text));
            let document = toml_edit::Document::parse(document.as_str()).expect("TOML");
            assert_eq!(document.get("value").and_then(toml_edit::Item::as_str), Some(text));
        }
        assert_eq!(toml_text(&Value::from(0.75)), "0.75");
        assert_eq!(toml_text(&Value::from(vec![1, 2])), "[1, 2]");
    }
}
