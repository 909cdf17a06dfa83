//! What the program makes of settings, and what may never be in it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::sync::LazyLock;

use ecs_sdm_producer::config::{Effective, Loaded, Sources, load, reference};
use ecs_sdm_producer::kafka::client;

use super::good::{CANARY, FINCH, FOLDER};
use super::places::is_open;
use super::spelling::Case;

/// No line is longer. A text that is quoted is cut.
const LONGEST: usize = 2_000;

const REDACTED: &str = "\"<redacted>\"";

/// The settings that are secrets.
static SECRETS: LazyLock<Vec<&str>> =
    LazyLock::new(|| reference().into_iter().filter(|setting| setting.is_secret).map(|setting| setting.key).collect());

/// What came of a case.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Seen {
    pub(super) loads: bool,
    pub(super) lines: u64,
    /// A secret that had become the value of a setting that is none.
    pub(super) open: u64,
}

impl Case {
    /// Gives the settings to the program as `check` does, and judges what it says. With `client` librdkafka judges
    /// them as a whole too, and with `again` what is listed is loaded.
    pub(super) fn judge(&self, folder: &Path, client: bool, again: bool) -> Result<Seen, String> {
        let sources = self.sources(folder);
        let mut loaded = loaded(&sources);
        if client {
            loaded.judge_client(client::refusal_of_all);
        }
        let mut seen = Seen { loads: loaded.config.is_ok(), ..Seen::default() };
        let effective = loaded.effective();
        self.judge_lines(&loaded, &effective, &mut seen)?;
        if let Ok(config) = &loaded.config {
            config.roles();
            if again {
                load_again(&loaded, &effective, folder)?;
            }
        }
        Ok(seen)
    }

    fn sources(&self, folder: &Path) -> Sources {
        let name = folder.to_str().unwrap();
        let placed = |bytes: &[u8]| match std::str::from_utf8(bytes) {
            Ok(text) if text.contains(FOLDER) => text.replace(FOLDER, name).into_bytes(),
            _ => bytes.to_vec(),
        };
        let os = |bytes: &[u8]| OsString::from_vec(placed(bytes));
        let file = (!self.file.is_empty()).then(|| folder.join("connector.toml"));
        if let Some(file) = &file {
            std::fs::write(file, placed(&self.file)).unwrap();
        }
        std::fs::write(folder.join("secret"), &self.secret).unwrap();
        Sources {
            file,
            env: self.env.iter().map(|(name, value)| (os(name), os(value))).collect(),
            sets: self.sets.iter().map(|set| String::from_utf8_lossy(&placed(set)).into_owned()).collect(),
        }
    }

    fn judge_lines(&self, loaded: &Loaded, effective: &[Effective], seen: &mut Seen) -> Result<(), String> {
        let missing = [loaded.missing_brokers(), loaded.missing_registry()].into_iter().flatten();
        for error in loaded.config.as_ref().err().into_iter().flatten().chain(missing.collect::<Vec<_>>().iter()) {
            if (error.key.is_empty() && error.origin.is_empty()) || error.reason.is_empty() {
                return Err(format!("it says nothing: {error:?}"));
            }
            self.judge_line(&error.key, &error.to_string(), seen)?;
        }
        for warning in &loaded.warnings {
            self.judge_line(warning.split(": ").next().unwrap_or_default(), warning, seen)?;
        }
        for Effective { key, value, origin } in effective {
            self.judge_line(key, &format!("{key} = {value}  # {origin}"), seen)?;
        }
        Ok(())
    }

    fn judge_line(&self, key: &str, line: &str, seen: &mut Seen) -> Result<(), String> {
        seen.lines += 1;
        if line.contains(char::is_control) {
            return Err(format!("no single line: {line:?}"));
        }
        let is_listed = line.starts_with(&format!("{key} = "));
        if line.chars().count() > LONGEST && !is_listed {
            return Err(format!("{} letters: {line:?}", line.chars().count()));
        }
        if line.contains(CANARY) || line.contains(FINCH) {
            if !is_open(self, key) {
                return Err(format!("a secret is shown: {line:?}"));
            }
            seen.open += 1;
        }
        Ok(())
    }
}

fn loaded(sources: &Sources) -> Loaded {
    let mut loaded = load(sources);
    loaded.judge_properties(client::refusal);
    loaded
}

fn values(effective: &[Effective]) -> BTreeMap<&str, &str> {
    effective.iter().map(|one| (one.key.as_str(), one.value.as_str())).collect()
}

/// What is listed means the same where it is set again, but for the secrets.
fn load_again(loaded: &Loaded, effective: &[Effective], folder: &Path) -> Result<(), String> {
    let mut text = String::new();
    // With a default that is set, more is said than without.
    for Effective { key, value, .. } in effective.iter().filter(|one| one.origin != "default") {
        // A certificate, or another text, that came with a key is listed like a secret, and would be another one.
        let is_sensitive = |key: &str| ["password", "pem", "config"].iter().any(|part| key.contains(part));
        let is_secret = SECRETS.contains(&key.as_str()) || (key.contains(".properties.") && is_sensitive(key));
        if value == REDACTED && !is_secret {
            return Ok(());
        }
        let is_key = key.ends_with(".key") && value == REDACTED;
        let path = is_key.then(|| format!("{:?}", folder.join("key.pem")));
        let value = path.as_ref().unwrap_or(value);
        match key.strip_prefix("kafka.properties.") {
            Some(name) => writeln!(text, "kafka.properties.{name:?} = {value}").unwrap(),
            None => writeln!(text, "{key} = {value}").unwrap(),
        }
    }
    let file = folder.join("again.toml");
    std::fs::write(&file, &text).unwrap();
    let again = load(&Sources { file: Some(file), ..Sources::default() });
    let listed = again.effective();
    match (&loaded.config, &again.config) {
        (Ok(one), Ok(other)) if values(effective) == values(&listed) && format!("{one:?}") == format!("{other:?}") => {
            Ok(())
        }
        (_, Err(errors)) => Err(format!("what is listed does not load: {text}{errors:#?}")),
        _ => Err(format!("what is listed means something else: {text}{effective:?}\n{listed:?}")),
    }
}
