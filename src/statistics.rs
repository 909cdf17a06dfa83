//! What was read of one object in one scope, counted while it happens, and what that makes of the type.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Serialize, Serializer};

use crate::aws::{Fault, Verdict};
use crate::object::Parent;

/// Causes that a report shows of one type at most.
const CAUSES: usize = 20;

/// Denied Describe requests after which no more are sent, where each asks for one object.
const HOPELESS: u64 = 10;

/// The counters of one (account, role, region, object). Stages only add to it, so an abort or a panic loses no count.
#[derive(Debug, Default)]
pub struct TypeStatistics {
    /// ARNs that were sent in a Describe request.
    pub(crate) asked: AtomicU64,
    /// Objects that came back.
    pub(crate) described: AtomicU64,
    /// ARNs that were no more.
    pub(crate) gone: AtomicU64,
    /// Records handed to the sink.
    pub(crate) emitted: AtomicU64,
    /// Records that the sink has confirmed.
    pub acknowledged: AtomicU64,
    /// ARNs that were asked, again where that helps, and stay unanswered.
    pub(crate) unanswered: AtomicU64,
    /// This type's own lists.
    pub(crate) listing: Arc<Listing>,
    /// The list of clusters that this type's lists start from.
    parent_listing: Option<Arc<Listing>>,
    answered: AtomicBool,
    refused: AtomicBool,
    set_aside: AtomicBool,
    issues: Mutex<Vec<Issue>>,
}

/// Whether a lister came to the end of all its lists, and if not, why.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    ended: AtomicBool,
    issue: Mutex<Option<Issue>>,
}

#[derive(Debug, Clone)]
struct Issue {
    denied: bool,
    parent: Parent,
    error: String,
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

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl State {
    /// The specification's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Denied => "denied",
        }
    }
}

/// Why something of a type is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// The cluster whose children are missing; none for the account.
    pub parent: Option<String>,
    /// In words.
    pub error: String,
}

/// A type's state with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Complete, partial or denied.
    pub(crate) state: State,
    /// The first reason; none if complete.
    pub error: Option<String>,
    /// At most 20 of the reasons.
    pub(crate) causes: Vec<Cause>,
}

impl Listing {
    /// Every list came to its end.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    fn issue(&self) -> Option<Issue> {
        lock(&self.issue).clone()
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

impl TypeStatistics {
    /// The tally of a type whose lists start from `parent_listing`, the list of clusters.
    pub(crate) fn fed_by(parent_listing: Arc<Listing>) -> Self {
        Self { parent_listing: Some(parent_listing), ..Self::default() }
    }

    /// The tally of the type whose list is `listing`, which feeds others.
    pub(crate) fn listing_for(listing: Arc<Listing>) -> Self {
        Self { listing, ..Self::default() }
    }

    /// Counts.
    pub(crate) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// A counter as it stands.
    pub fn count(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }

    /// AWS answered for this type: it is not denied as a whole.
    pub(crate) fn answer(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    /// A List request that failed for good: what follows in that list is unknown. Whether the report learns anything by it.
    pub(crate) fn list_failed(&self, action: &str, parent: &Parent, fault: &Fault) -> bool {
        let issue = Issue::new(action, parent, fault);
        lock(&self.listing.issue).get_or_insert_with(|| issue.clone());
        self.note(issue)
    }

    /// A Describe request that failed for good: its ARNs stay unknown. Whether the report learns anything by it.
    pub(crate) fn describe_failed(&self, action: &str, parent: &Parent, arns: usize, fault: &Fault) -> bool {
        Self::add(&self.unanswered, arns);
        self.note(Issue::new(action, parent, fault))
    }

    /// Whether AWS has denied so many requests for one object each, and answered none, that it will deny all others.
    pub(crate) fn is_hopeless(&self) -> bool {
        let denials = Self::count(&self.unanswered);
        denials >= HOPELESS && !self.answered.load(Ordering::Relaxed) && lock(&self.issues).iter().all(|one| one.denied)
    }

    /// ARNs that were asked for twice and not answered.
    pub(crate) fn unanswered(&self, arns: usize, parent: &Parent, error: impl Into<String>) {
        Self::add(&self.unanswered, arns);
        self.issue(parent, error);
    }

    /// Anything else that makes the type partial. Records that are never acknowledged need no count: described tells.
    pub(crate) fn issue(&self, parent: &Parent, error: impl Into<String>) {
        self.note(Issue { denied: false, parent: parent.clone(), error: error.into() });
    }

    /// The credentials of the scope fail: nothing of the type can be read.
    pub(crate) fn deny(&self, error: impl Into<String>) {
        self.note(Issue { denied: true, parent: None, error: error.into() });
    }

    /// A record was refused by Kafka: the type ends here. Whether it was the first.
    pub(crate) fn refuse(&self) -> bool {
        !self.refused.swap(true, Ordering::AcqRel)
    }

    /// A record was refused by Kafka and went to the dead letters. Whether it was the first.
    pub(crate) fn set_aside(&self) -> bool {
        !self.set_aside.swap(true, Ordering::AcqRel)
    }

    /// Whether the type has ended with a refused record.
    pub fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Acquire)
    }

    /// ARNs that stay unanswered, and objects described and never acknowledged, whatever became of them.
    pub(crate) fn failed(&self) -> u64 {
        let [unanswered, described, acknowledged] =
            [&self.unanswered, &self.described, &self.acknowledged].map(Self::count);
        unanswered + described.saturating_sub(acknowledged)
    }

    /// The state that the counts, the lists and the troubles amount to.
    pub fn judge(&self) -> Judgement {
        let own = lock(&self.issues);
        let mut issues: Vec<Issue> =
            self.parent_listing.iter().filter_map(|parent_listing| parent_listing.issue()).collect();
        issues.extend(own.iter().cloned());
        drop(own);

        let answered = self.answered.load(Ordering::Relaxed);
        if !answered && !issues.is_empty() && issues.iter().all(|issue| issue.denied) {
            return Judgement::new(State::Denied, &issues);
        }
        let [asked, described, gone, acknowledged] =
            [&self.asked, &self.described, &self.gone, &self.acknowledged].map(Self::count);
        let listed = self.listing.has_ended()
            && self.parent_listing.as_ref().is_none_or(|parent_listing| parent_listing.has_ended());
        if issues.is_empty() {
            let shortfall = if !listed {
                Some("reading ended before the lists did".to_owned())
            } else if asked != described + gone {
                Some(format!("{} of {asked} objects were not described", asked.saturating_sub(described + gone)))
            } else if described != acknowledged {
                Some(format!("{} of {described} records were not acknowledged", described.saturating_sub(acknowledged)))
            } else {
                None
            };
            match shortfall {
                None => {
                    return Judgement { state: State::Complete, error: None, causes: Vec::new() };
                }
                Some(error) => issues.push(Issue { denied: false, parent: None, error }),
            }
        }
        Judgement::new(State::Partial, &issues)
    }

    /// Keeps what a report can show: many equal deliveries that fail say one thing. Whether it is kept.
    fn note(&self, issue: Issue) -> bool {
        let mut issues = lock(&self.issues);
        let all_denied = issues.iter().all(|known| known.denied);
        let wanted = issues.len() < CAUSES || (all_denied && !issue.denied);
        let known = |one: &Issue| one.parent == issue.parent && one.error == issue.error;
        let new = wanted && !issues.iter().any(known);
        if new {
            issues.push(issue);
        }
        new
    }
}

impl Issue {
    fn new(action: &str, parent: &Parent, fault: &Fault) -> Self {
        let denied = fault.verdict == Verdict::Denied;
        Self { denied, parent: parent.clone(), error: format!("{action}: {fault}") }
    }
}

impl Judgement {
    fn new(state: State, issues: &[Issue]) -> Self {
        let causes = issues
            .iter()
            .take(CAUSES)
            .map(|issue| Cause { parent: issue.parent.as_deref().map(str::to_owned), error: issue.error.clone() });
        Self { state, error: issues.first().map(|issue| issue.error.clone()), causes: causes.collect() }
    }
}

/// A panic elsewhere leaves the notes as they are: they are only ever added to.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
