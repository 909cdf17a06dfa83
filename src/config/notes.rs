//! What is noted while settings are read: mistakes, warnings, and who has set what.

use std::collections::BTreeMap;
use std::fmt;

use super::table;
use super::written::Place;

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

/// What is found on the way.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) mistakes: Vec<Mistake>,
    pub(super) warnings: Vec<String>,
}

impl Notes {
    pub(super) fn mistake(
        &mut self,
        key: impl Into<String>,
        place: &Place,
        reason: impl Into<String>,
        way_out: impl Into<String>,
    ) {
        let (key, reason, way_out) = (key.into(), reason.into(), way_out.into());
        self.mistakes.push(Mistake { key, place: place.to_string(), reason, way_out });
    }
}

/// Every key that a source has set, rightly or wrongly.
#[derive(Debug, Default)]
pub(super) struct Seen(BTreeMap<String, (Place, bool)>);

impl Seen {
    /// A source has set `key`; `changed` tells whether to anything but its default.
    pub(super) fn note(&mut self, key: &str, place: &Place, changed: bool) {
        self.0.insert(key.to_owned(), (place.clone(), changed));
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
    pub(super) fn place(&self, key: &str) -> &Place {
        self.entry(key).map_or(&Place::Default, |(place, _)| place)
    }

    fn entry(&self, key: &str) -> Option<&(Place, bool)> {
        self.0.get(key).or_else(|| self.0.get(&format!("{key}_file")))
    }
}
