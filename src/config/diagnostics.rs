//! What is wrong with the settings, and what perhaps is.

use std::fmt;

use super::shown::escaped;
use super::value::Origin;

/// One thing that is wrong. Its `Display` is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The setting, as in TOML; empty where a whole file or flag is wrong.
    pub key: String,
    /// File and line, variable, or flag.
    pub origin: String,
    /// What is wrong.
    pub reason: String,
    /// What to do; empty where the reason says it.
    pub way_out: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [key, origin, reason, way_out] =
            [&self.key, &self.origin, &self.reason, &self.way_out].map(|part| escaped(part));
        if key.is_empty() {
            write!(f, "{origin}: {reason}")?;
        } else {
            write!(f, "{key}: {reason} ({origin})")?;
        }
        if way_out.is_empty() { Ok(()) } else { write!(f, "; {way_out}") }
    }
}

impl std::error::Error for Diagnostic {}

#[derive(Debug, Default)]
pub(super) struct Diagnostics {
    pub(super) errors: Vec<Diagnostic>,
    pub(super) warnings: Vec<String>,
}

impl Diagnostics {
    pub(super) fn error(
        &mut self,
        key: impl Into<String>,
        origin: &Origin,
        reason: impl Into<String>,
        way_out: impl Into<String>,
    ) {
        let (key, reason, way_out) = (key.into(), reason.into(), way_out.into());
        self.errors.push(Diagnostic { key, origin: origin.to_string(), reason, way_out });
    }

    pub(super) fn warning(&mut self, key: &str, warning: impl fmt::Display) {
        self.warnings.push(format!("{}: {}", escaped(key), escaped(&warning.to_string())));
    }
}
