//! What is noted while settings are read: mistakes, warnings, and who has set what.

use std::collections::BTreeMap;
use std::fmt;

use super::spanned::Origin;
use super::table;

/// One thing that is wrong; its `Display` is one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The setting, as in TOML; empty where it is about a whole file or flag.
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
        let Diagnostic { key, origin, reason, way_out } = self;
        if key.is_empty() {
            write!(f, "{origin}: {reason}")?;
        } else {
            write!(f, "{key}: {reason} ({origin})")?;
        }
        if way_out.is_empty() { Ok(()) } else { write!(f, "; {way_out}") }
    }
}

/// What is found on the way.
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
}

/// Every key that a source has set, rightly or wrongly.
#[derive(Debug, Default)]
pub(super) struct Seen(BTreeMap<String, (Origin, bool)>);

impl Seen {
    /// A source has set `key`; `changed` tells whether to anything but its default.
    pub(super) fn note(&mut self, key: &str, origin: &Origin, changed: bool) {
        self.0.insert(key.to_owned(), (origin.clone(), changed));
    }

    /// Whether somebody has set it, through `KEY_file` too, or something in the table of that name.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entry(key).is_some() || self.0.keys().any(|seen| table::is_under(seen, key))
    }

    /// Whether somebody has set it under just this name.
    pub(super) fn exactly(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Whether somebody has set it to anything but its default.
    pub(super) fn changed(&self, key: &str) -> bool {
        self.entry(key).is_some_and(|(_, changed)| *changed)
    }

    /// Where the last source has set it.
    pub(super) fn origin(&self, key: &str) -> &Origin {
        self.entry(key).map_or(&Origin::Default, |(origin, _)| origin)
    }

    fn entry(&self, key: &str) -> Option<&(Origin, bool)> {
        self.0.get(key).or_else(|| self.0.get(&format!("{key}_file")))
    }
}
