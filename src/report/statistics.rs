//! What was read of one object in one scope: its counters and issues while it is read, and the state that these amount to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use serde::{Serialize, Serializer};

use super::counts::{Counters, Counts};
use crate::contract::Parent;

/// Causes that a report shows of one type at most.
const CAUSES: usize = 20;

/// Denied Describe requests after which no more are sent, where each asks for one object.
const HOPELESS: u64 = 10;

/// The statistics of one (account, role, region, object). Stages only add to them, so that an abort or a panic loses nothing.
#[derive(Debug, Default)]
pub struct TypeStatistics {
    /// What is counted.
    pub counters: Counters,
    /// This type's own lists.
    pub(crate) listing: Arc<Listing>,
    /// The list of clusters that this type's lists start from.
    parent_listing: Option<Arc<Listing>>,
    answered: AtomicBool,
    ended_by_refusal: AtomicBool,
    has_dead_letters: AtomicBool,
    issues: Mutex<Vec<Issue>>,
}

/// Whether a lister came to the end of all its lists, and if not, why.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    ended: AtomicBool,
    issue: Mutex<Option<Issue>>,
}

/// Something that keeps a type from being complete.
#[derive(Debug, Clone)]
pub(crate) struct Issue {
    /// Whether AWS denied a request. A type is denied only if all its issues are.
    pub(crate) denied: bool,
    /// The cluster whose children are missing, or the account.
    pub(crate) parent: Parent,
    pub(crate) error: String,
}

/// What can be said of a type after a sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Every list ended, asked = described + gone, described = acknowledged.
    Complete,
    /// Something is missing: absence does not mean deletion.
    Partial,
    /// AWS allowed nothing of it.
    Denied,
}

/// Text in Avro too, which has enums of its own.
impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Denied => "denied",
        })
    }
}

/// Why something of a type is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// The cluster whose children are missing. None is the account.
    pub parent: Option<String>,
    /// In words.
    pub error: String,
}

/// A type's counts and state with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    pub(crate) counts: Counts,
    pub(crate) state: State,
    /// The first reason. None if complete.
    pub error: Option<String>,
    /// At most 20 of the reasons.
    pub(crate) causes: Vec<Cause>,
}

impl Listing {
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

impl TypeStatistics {
    /// The statistics of a type whose lists start from `clusters`.
    pub(crate) fn under(clusters: Arc<Listing>) -> Self {
        Self { parent_listing: Some(clusters), ..Self::default() }
    }

    /// The statistics of the type whose list is `listing`, from which the lists of others start.
    pub(crate) fn with_listing(listing: Arc<Listing>) -> Self {
        Self { listing, ..Self::default() }
    }

    /// AWS answered for this type: it is not denied as a whole.
    pub(crate) fn answer(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    /// A list did not end: what follows in it is unknown. True if the report learns anything by the issue.
    pub(crate) fn list_failed(&self, issue: Issue) -> bool {
        self.listing.issue.lock().get_or_insert_with(|| issue.clone());
        self.keep(issue)
    }

    /// ARNs were asked for and stay unanswered. True if the report learns anything by the issue.
    pub(crate) fn unanswered(&self, arns: usize, issue: Issue) -> bool {
        Counters::add(&self.counters.failed, arns);
        self.keep(issue)
    }

    /// Anything else makes the type partial. Records that are never acknowledged need no count: `described` tells of them.
    pub(crate) fn issue(&self, parent: &Parent, error: impl Into<String>) {
        self.keep(Issue { denied: false, parent: parent.clone(), error: error.into() });
    }

    /// The credentials of the scope fail: nothing of the type can be read.
    pub(crate) fn deny(&self, error: impl Into<String>) {
        self.keep(Issue { denied: true, parent: None, error: error.into() });
    }

    /// Whether AWS has denied so many requests for one object each, and answered none, that it will deny all others.
    pub(crate) fn is_hopeless(&self) -> bool {
        let denials = self.counters.failed.load(Ordering::Relaxed);
        denials >= HOPELESS
            && !self.answered.load(Ordering::Relaxed)
            && self.issues.lock().iter().all(|issue| issue.denied)
    }

    /// Kafka refused a record, and the type ends. True for the first one.
    pub(crate) fn end_by_refusal(&self) -> bool {
        !self.ended_by_refusal.swap(true, Ordering::AcqRel)
    }

    /// Kafka refused a record, which goes to the dead letter topic. True for the first one.
    pub(crate) fn add_dead_letter(&self) -> bool {
        !self.has_dead_letters.swap(true, Ordering::AcqRel)
    }

    /// Whether the type has ended with a refused record.
    pub fn has_ended_by_refusal(&self) -> bool {
        self.ended_by_refusal.load(Ordering::Acquire)
    }

    /// The state that the counts, the lists and the issues amount to.
    pub fn judge(&self) -> Judgement {
        let parent_issue = self.parent_listing.iter().filter_map(|listing| listing.issue.lock().clone());
        let mut issues: Vec<Issue> = parent_issue.collect();
        issues.extend(self.issues.lock().iter().cloned());
        let counts = self.counters.counts();
        let state = if issues.is_empty() {
            match self.shortfall(&counts) {
                Some(error) => {
                    issues.push(Issue { denied: false, parent: None, error });
                    State::Partial
                }
                None => State::Complete,
            }
        } else if !self.answered.load(Ordering::Relaxed) && issues.iter().all(|issue| issue.denied) {
            State::Denied
        } else {
            State::Partial
        };
        let error = issues.first().map(|issue| issue.error.clone());
        let causes = issues.into_iter().take(CAUSES);
        let causes =
            causes.map(|issue| Cause { parent: issue.parent.as_deref().map(str::to_owned), error: issue.error });
        Judgement { counts, state, error, causes: causes.collect() }
    }

    /// What is missing although nothing went wrong.
    fn shortfall(&self, counts: &Counts) -> Option<String> {
        let Counts { asked, described, gone, acknowledged, unchanged, .. } = *counts;
        let sent = described.saturating_sub(unchanged);
        let listed = self.listing.has_ended() && self.parent_listing.as_ref().is_none_or(|listing| listing.has_ended());
        if !listed {
            Some("reading ended before the lists did".to_owned())
        } else if asked != described + gone {
            Some(format!("{} of {asked} objects were not described", asked.saturating_sub(described + gone)))
        } else if sent != acknowledged {
            Some(format!("{} of {sent} records were not acknowledged", sent.saturating_sub(acknowledged)))
        } else {
            None
        }
    }

    /// Keeps what a report can show: many records that fail for one reason are one issue. True if the issue is kept.
    fn keep(&self, issue: Issue) -> bool {
        let mut issues = self.issues.lock();
        let all_denied = issues.iter().all(|known| known.denied);
        let has_room = issues.len() < CAUSES || (all_denied && !issue.denied);
        let is_new = !issues.iter().any(|known| known.parent == issue.parent && known.error == issue.error);
        if has_room && is_new {
            issues.push(issue);
        }
        has_room && is_new
    }
}
