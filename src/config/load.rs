//! The sources, merged: the settings, or everything that is wrong with them.

use figment::Figment;
use figment::value::Value;

use super::diagnostics::{Diagnostic, Diagnostics};
use super::entries::Entries;
use super::kind::Kind;
use super::property::PROPERTIES;
use super::secret::is_secret_property;
use super::shown::{self, REDACTED};
use super::shown_key;
use super::source::{self, Sources};
use super::table::SETTINGS;
use super::value::toml_text;
use super::{Config, Listen, Properties, check};

/// A setting as it holds, for a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// The setting.
    pub key: String,
    /// Its value as TOML, secrets redacted.
    pub value: String,
    /// Where it comes from: file and line, variable, flag or `default`.
    pub origin: String,
}

/// What became of all sources. Not `Debug`, because it holds secrets as they were given.
pub struct Loaded {
    /// The settings, or everything that is wrong with them.
    pub config: Result<Config, Vec<Diagnostic>>,
    /// What holds, but perhaps not as meant.
    pub warnings: Vec<String>,
    figment: Figment,
    entries: Entries,
    /// The keys of properties that librdkafka refuses.
    refused: Vec<String>,
}

/// Reads all sources and checks them; contacts nothing.
pub fn load(sources: &Sources) -> Loaded {
    let (mut diagnostics, mut entries) = (Diagnostics::default(), Entries::default());
    for source in [
        source::file(sources.file.as_deref(), &mut diagnostics),
        source::environment(&sources.env, &mut diagnostics),
        source::sets(&sources.sets, &mut diagnostics),
    ] {
        for (key, given) in source {
            entries.add(key, given, &mut diagnostics);
        }
    }
    let figment = entries.merged();
    // What is wrong is not merged. So this succeeds beside errors, and combinations are checked all the same.
    let config = figment.extract::<Config>();
    match &config {
        Ok(config) => check::combinations(config, &entries, &mut diagnostics),
        Err(errors) => {
            for error in errors.clone() {
                let key = error.path.join(".");
                diagnostics.error(&key, entries.origin(&key), error.kind.to_string(), "");
            }
        }
    }
    let config = config.ok().filter(|_| diagnostics.errors.is_empty()).ok_or(diagnostics.errors);
    Loaded { config, warnings: diagnostics.warnings, figment, entries, refused: Vec::new() }
}

impl Loaded {
    /// Whether a source has set it, rightly or wrongly.
    pub fn has(&self, key: &str) -> bool {
        self.entries.has(key)
    }

    /// Lets librdkafka judge its own properties by name and value; `config` does not know them.
    pub fn judge_properties(&mut self, refusal: impl Fn(&str, &str) -> Option<String>) {
        let properties: Properties = self.figment.extract_inner(PROPERTIES).unwrap_or_default();
        for (name, value) in properties.iter() {
            let key = format!("{PROPERTIES}.{name}");
            let Some(reason) = refusal(name, value) else { continue };
            let origin = self.entries.origin(&key);
            let way_out = "librdkafka's CONFIGURATION.md lists what it takes".to_owned();
            // librdkafka repeats both.
            let shown = shown_key::key(&key, origin.is_flag(), None).into_owned();
            let origin = origin.to_string();
            let reason = reason.replace(name, &shown[PROPERTIES.len() + 1..]);
            let hides = !value.is_empty() && (is_secret_property(name) || shown::is_private(value));
            let reason = if hides { reason.replace(value, REDACTED) } else { reason };
            self.add(Diagnostic { key: shown, origin, reason, way_out });
            self.refused.push(key);
        }
    }

    /// Lets librdkafka judge its configuration as a whole: what is right alone and wrong together, and whether a key opens. It names the
    /// setting; where that comes from is added here.
    pub fn judge_client(&mut self, refusal: impl Fn(&Config) -> Option<Diagnostic>) {
        let Some(refusal) = self.config.as_ref().ok().and_then(refusal) else { return };
        let origin = self.entries.origin(&refusal.key).to_string();
        self.add(Diagnostic { origin, ..refusal });
    }

    /// Adds what was found wrong elsewhere, so that everything is reported together.
    pub fn add(&mut self, error: Diagnostic) {
        match &mut self.config {
            Ok(_) => self.config = Err(vec![error]),
            Err(errors) => errors.push(error),
        }
    }

    /// Where the health server listens, whatever else is wrong.
    ///
    /// # Errors
    /// What is wrong with that setting, or with a source that cannot be read.
    pub fn listen(&self) -> Result<Listen, Diagnostic> {
        let concerns = |error: &&Diagnostic| error.key.is_empty() || "telemetry.listen".starts_with(&error.key);
        match self.config.as_ref().err().and_then(|errors| errors.iter().find(concerns)) {
            Some(error) => Err(error.clone()),
            None => {
                let listen = self.figment.extract_inner::<String>("telemetry.listen");
                Ok(listen.ok().and_then(|text| text.parse().ok()).unwrap_or_default())
            }
        }
    }

    /// The producer's name, if a source has set it, whatever else is wrong.
    pub fn name(&self) -> Option<String> {
        self.entries.has("name").then(|| self.figment.extract_inner("name").ok()).flatten()
    }

    /// The error of a command that contacts Kafka and has no broker to ask.
    pub fn missing_brokers(&self) -> Option<Diagnostic> {
        self.missing("kafka.bootstrap_servers", "name a broker", "localhost:9092")
    }

    /// The error of a command that contacts the schema registry and has none to ask.
    pub fn missing_registry(&self) -> Option<Diagnostic> {
        self.missing("schema_registry.url", "name a registry", "http://localhost:8081")
    }

    fn missing(&self, key: &str, way_out: &str, example: &str) -> Option<Diagnostic> {
        let none = self.figment.extract_inner::<Vec<String>>(key).is_ok_and(|list| list.is_empty());
        let wrong = self.config.as_ref().is_err_and(|errors| errors.iter().any(|error| error.key.starts_with(key)));
        (none && !wrong).then(|| Diagnostic {
            key: key.to_owned(),
            origin: self.entries.origin(key).to_string(),
            reason: "is missing".to_owned(),
            way_out: format!("{way_out}, as in --set {key}={example} or {}", source::variable(key)),
        })
    }

    /// Every setting that has a value, right ones only, in the order of the reference.
    pub fn effective(&self) -> Vec<Effective> {
        let mut listing = Vec::new();
        let Ok(merged) = self.figment.find_value("") else { return listing };
        for setting in SETTINGS.iter() {
            match (setting.kind, merged.find_ref(setting.key)) {
                (_, None) => {}
                (Kind::Secret(_), Some(Value::Dict(_, file))) => {
                    let key = format!("{}_file", setting.key);
                    listing.extend(file.values().map(|path| self.shown(key.clone(), path, false)));
                }
                (Kind::Properties, Some(Value::Dict(_, properties))) => {
                    let shown = |(name, value): (&String, &Value)| {
                        self.shown(format!("{PROPERTIES}.{name}"), value, is_secret_property(name))
                    };
                    listing.extend(properties.iter().map(shown).filter(|one| !self.refused.contains(&one.key)));
                }
                (kind, Some(value)) => {
                    listing.push(self.shown(setting.key.to_owned(), value, matches!(kind, Kind::Secret(_))));
                }
            }
        }
        listing
    }

    fn shown(&self, key: String, value: &Value, secret: bool) -> Effective {
        let origin = self.figment.get_metadata(value.tag()).map(|metadata| metadata.name.to_string());
        // A certificate may come with its key.
        let secret = secret || value.as_str().is_some_and(shown::is_private);
        let value = if secret { format!("{REDACTED:?}") } else { toml_text(value) };
        Effective { key, value, origin: origin.unwrap_or_default() }
    }
}
