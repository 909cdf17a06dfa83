//! The layers, stacked: the settings, or everything that is wrong with them.

use figment::value::Value;
use figment::{Figment, Profile};

use super::diagnostics::{Diagnostic, Diagnostics, Seen};
use super::layer::Layer;
use super::secret::{REDACTED, is_secret_property};
use super::source::{self, Sources};
use super::spanned::Origin;
use super::table::{Kind, PROPERTIES, SETTINGS};
use super::toml::toml_text;
use super::{Config, check};

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
    pub config: Result<Config, Vec<Diagnostic>>,
    /// What holds, but perhaps not as meant.
    pub warnings: Vec<String>,
    figment: Figment,
    seen: Seen,
}

/// Reads all sources and checks them; contacts nothing.
pub fn load(sources: &Sources) -> Loaded {
    let (mut diagnostics, mut seen) = (Diagnostics::default(), Seen::default());
    let mut figment = Figment::from(Layer::defaults());
    for entries in [
        source::file(sources.file.as_deref(), &mut diagnostics),
        source::environment(&sources.env, &mut diagnostics),
        source::sets(&sources.sets, &mut diagnostics),
    ] {
        figment = figment.merge(Layer::read(entries, &mut seen, &mut diagnostics));
    }
    // Wrong entries are in no layer, so this succeeds beside mistakes, and combinations are checked all the same.
    let config = figment.extract::<Config>();
    match &config {
        Ok(config) => check::combinations(config, &seen, &mut diagnostics),
        Err(errors) => {
            for error in errors.clone() {
                let key = error.path.join(".");
                diagnostics.error(&key, seen.origin(&key), error.kind.to_string(), "");
            }
        }
    }
    let config = match config {
        Ok(config) if diagnostics.errors.is_empty() => Ok(config),
        _ => Err(diagnostics.errors),
    };
    Loaded { config, warnings: diagnostics.warnings, figment, seen }
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
            let origin = self.seen.origin(&key).to_string();
            let way_out = "librdkafka's CONFIGURATION.md lists what it takes".to_owned();
            self.add(Diagnostic { key, origin, reason, way_out });
        }
    }

    /// Adds what was found wrong elsewhere, so that everything is reported together.
    pub fn add(&mut self, error: Diagnostic) {
        match &mut self.config {
            Ok(_) => self.config = Err(vec![error]),
            Err(errors) => errors.push(error),
        }
    }

    /// The mistake of a command that contacts Kafka and has no broker to ask.
    pub fn missing_brokers(&self) -> Option<Diagnostic> {
        self.missing("kafka.bootstrap_servers", "name a broker", "localhost:9092")
    }

    /// The mistake of a command that contacts the schema registry and has none to ask.
    pub fn missing_registry(&self) -> Option<Diagnostic> {
        self.missing("schema_registry.url", "name a registry", "http://localhost:8081")
    }

    fn missing(&self, key: &str, way_out: &str, example: &str) -> Option<Diagnostic> {
        let none = self.figment.extract_inner::<Vec<String>>(key).is_ok_and(|list| list.is_empty());
        let wrong = self.config.as_ref().is_err_and(|errors| errors.iter().any(|error| error.key.starts_with(key)));
        (none && !wrong).then(|| Diagnostic {
            key: key.to_owned(),
            origin: self.seen.origin(key).to_string(),
            reason: "is missing".to_owned(),
            way_out: format!("{way_out}, as in --set {key}={example} or {}", source::variable(key)),
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
        Effective { key, value, origin: origin.unwrap_or_else(|| Origin::Default.to_string()) }
    }
}
