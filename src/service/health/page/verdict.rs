//! What stands first on the page: how it is, in a sentence.

use std::fmt;

use super::{At, Facts};
use crate::report::Outcome;
use crate::sync::Phase;

/// How something is, as a class of the page's style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// Nothing is to be said of it yet.
    Plain,
    Good,
    /// Something is missing, or not there yet.
    Poor,
    Bad,
}

impl fmt::Display for Mood {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Plain => "plain",
            Self::Good => "good",
            Self::Poor => "poor",
            Self::Bad => "bad",
        })
    }
}

impl Mood {
    /// The colour of the page's icon, in a URL.
    pub(super) fn icon(self) -> &'static str {
        match self {
            Self::Plain => "%23808890",
            Self::Good => "%231a9c4b",
            Self::Poor => "%23d99a00",
            Self::Bad => "%23d0213a",
        }
    }
}

/// How it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) mood: Mood,
    pub(super) title: String,
    pub(super) reason: Option<String>,
}

impl Verdict {
    /// What stops everything comes first, then what kept the last sync from its start, then how the last one ended.
    pub(super) fn of(facts: &Facts) -> Self {
        let Facts { status, obstacle, fatal, standstill, .. } = facts;
        let say = |mood, title: &str, reason: Option<String>| Self { mood, title: title.to_owned(), reason };
        if facts.is_stopped {
            return say(Mood::Plain, "It is being stopped", None);
        }
        if let Some(reason) = standstill {
            return say(Mood::Bad, "It stands still", Some((*reason).to_owned()));
        }
        if fatal.is_some() {
            return say(Mood::Bad, "Kafka cannot be used", fatal.clone());
        }
        if obstacle.is_some() {
            let next = status.next.filter(|_| status.phase.is_none()).map(|next| facts.when(next).ago);
            let again = next.map_or_else(String::new, |next| format!(". It is tried again {next}"));
            return say(Mood::Bad, &format!("No sync could begin{again}"), obstacle.clone());
        }
        let Some(last) = &status.last else {
            let title = match status.phase {
                None => "No sync has begun yet",
                Some(Phase::Starting) => "The first sync begins",
                Some(Phase::Reading | Phase::Delivering) => "The first sync runs",
            };
            return say(Mood::Plain, title, None);
        };
        let At(captured) = last.sync;
        let age = facts.when(At(captured)).ago;
        let (mood, words) = match last.outcome {
            Outcome::Completed => (Mood::Good, "The inventory is complete, as of"),
            Outcome::Partial => (Mood::Poor, "The inventory is not complete. The last sync began"),
            Outcome::Aborted => (Mood::Poor, "The last sync was stopped. It began"),
            Outcome::Failed => (Mood::Bad, "The last sync has failed. It began"),
        };
        let reason = last.error.as_ref().or(facts.incomplete.as_ref());
        say(mood, &format!("{words} {age}"), reason.cloned())
    }
}
