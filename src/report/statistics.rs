//! The statistics of one object in one scope: counters and issues, and the state that follows from them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;
use serde::{Serialize, Serializer};

use super::counts::{Counters, Counts};
use super::deliveries::DeliveryCounters;
use super::planned::PlanCounters;
use crate::contract::Parent;

/// How many causes a report shows of one type at most.
const CAUSES: usize = 20;

/// How many denied Describe requests end the Describes of a type, if each asks for one object.
const HOPELESS: u64 = 10;

/// The statistics of one (account, role, region, object). Stages only add to them, so an abort or a panic loses nothing.
#[derive(Debug, Default)]
pub struct TypeStatistics {
    /// The counters.
    pub counters: Counters,
    /// What a plan counts.
    pub(crate) planned: PlanCounters,
    /// What Kafka did not take.
    pub(crate) deliveries: DeliveryCounters,
    /// This type's own lists.
    pub(crate) listing: Arc<Listing>,
    /// The list of clusters, if this type is listed for each cluster.
    parent_listing: Option<Arc<Listing>>,
    /// AWS answered a Describe.
    answered: AtomicBool,
    /// AWS answered a list of what needs no Describe.
    listed: AtomicBool,
    /// AWS denied a Describe.
    describe_denied: AtomicBool,
    ended_by_refusal: AtomicBool,
    has_dead_letters: AtomicBool,
    issues: Mutex<Vec<Issue>>,
    limit: IssueLimit,
}

/// How many issues the types of a sync may keep together, beside those that decide their states. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct IssueLimit(Arc<AtomicUsize>);

/// Whether a lister came to the end of all its lists, and the first issue if it did not.
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
    /// In words. What fails many types is held once.
    pub(crate) error: Arc<str>,
}

/// Whether a type was read and delivered as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Every list ended, asked = described + gone, and described = acknowledged.
    Complete,
    /// Something is missing, so absence does not mean deletion.
    Partial,
    /// AWS denied every request.
    Denied,
}

/// A string in Avro too. The derived form would be an Avro enum.
impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl State {
    /// All of them, in their order.
    pub(crate) const ALL: [Self; 3] = [Self::Complete, Self::Partial, Self::Denied];

    /// The word for it, everywhere.
    pub(crate) fn name(self) -> &'static str {
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
    /// The cluster whose children are missing. None is the account.
    pub parent: Option<String>,
    /// In words.
    pub error: String,
}

/// The counts of a type, its state, and the reasons for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    pub(crate) counts: Counts,
    pub(crate) state: State,
    /// The first reason. None if the type is complete.
    pub error: Option<String>,
    /// At most 20 of the reasons.
    pub(crate) causes: Vec<Cause>,
}

impl Judgement {
    /// The same, of a type that is not complete for a reason of its whole scope.
    #[must_use]
    pub(crate) fn incomplete(self, reason: String) -> Self {
        let cause = Cause { parent: None, error: reason.clone() };
        Self { state: State::Partial, error: Some(reason), causes: vec![cause], ..self }
    }
}

impl Listing {
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

impl IssueLimit {
    pub(crate) fn new(issues: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(issues)))
    }

    fn take(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

/// The limit of a type that stands alone.
impl Default for IssueLimit {
    fn default() -> Self {
        Self::new(CAUSES)
    }
}

impl TypeStatistics {
    /// The statistics of a type in a sync with this limit.
    pub(crate) fn new(limit: &IssueLimit) -> Self {
        Self { limit: limit.clone(), ..Self::default() }
    }

    /// For a type that is listed for each cluster of `clusters`.
    pub(crate) fn under(self, clusters: Arc<Listing>) -> Self {
        Self { parent_listing: Some(clusters), ..self }
    }

    /// For the type whose own list is `listing`, which other types share.
    pub(crate) fn with_listing(self, listing: Arc<Listing>) -> Self {
        Self { listing, ..self }
    }

    /// Notes that AWS answered a Describe, so that the type is not denied.
    pub(crate) fn answer(&self) {
        self.answered.store(true, Ordering::Relaxed);
    }

    /// Notes that AWS answered a list of which nothing has to be described. The type is not denied then, unless every Describe of
    /// what other lists hold is.
    pub(crate) fn answer_list(&self) {
        self.listed.store(true, Ordering::Relaxed);
    }

    /// A list did not end, or holds what cannot be read. What starts from it is partial too. True if the issue is new to the report.
    pub(crate) fn list_failed(&self, issue: Issue) -> bool {
        self.listing.issue.lock().get_or_insert_with(|| issue.clone());
        self.keep(issue)
    }

    /// ARNs stay unanswered. True if the issue is new to the report.
    pub(crate) fn unanswered(&self, arns: usize, issue: Issue) -> bool {
        Counters::add(&self.counters.failed, arns);
        if issue.denied {
            self.describe_denied.store(true, Ordering::Relaxed);
        }
        self.keep(issue)
    }

    /// Anything else that makes the type partial. Records without an acknowledgement need no counter: `described` includes them.
    pub(crate) fn issue(&self, parent: &Parent, error: impl Into<Arc<str>>) {
        self.keep(Issue { denied: false, parent: parent.clone(), error: error.into() });
    }

    /// The credentials of the scope fail, so that nothing of the type can be read.
    pub(crate) fn deny(&self, error: impl Into<Arc<str>>) {
        self.keep(Issue { denied: true, parent: None, error: error.into() });
    }

    /// Whether AWS has answered none of the type's requests and denied so many that it will deny the others too.
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

    /// Whether all its lists have come to their end.
    pub(crate) fn is_listed(&self) -> bool {
        self.listing.has_ended() && self.parent_listing.as_ref().is_none_or(|listing| listing.has_ended())
    }

    /// Whether something is known already that keeps the type from being complete.
    pub(crate) fn has_issue(&self) -> bool {
        let is_parent_known = || self.parent_listing.as_ref().is_some_and(|listing| listing.issue.lock().is_some());
        !self.issues.lock().is_empty() || is_parent_known()
    }

    /// Whether the type has ended with a refused record.
    pub fn has_ended_by_refusal(&self) -> bool {
        self.ended_by_refusal.load(Ordering::Acquire)
    }

    /// Judges the type by its counts, lists and issues.
    pub fn judge(&self) -> Judgement {
        let parent_issue = self.parent_listing.iter().filter_map(|listing| listing.issue.lock().clone());
        let mut issues: Vec<Issue> = parent_issue.collect();
        issues.extend(self.issues.lock().iter().cloned());
        let counts = self.counters.counts();
        if issues.is_empty()
            && let Some(error) = self.shortfall(&counts)
        {
            issues.push(Issue { denied: false, parent: None, error: error.into() });
        }
        let state = if issues.is_empty() {
            State::Complete
        } else if !self.was_allowed() && issues.iter().all(|issue| issue.denied) {
            State::Denied
        } else {
            State::Partial
        };
        let error = issues.first().map(|issue| issue.error.to_string());
        let cause =
            |issue: Issue| Cause { parent: issue.parent.as_deref().map(str::to_owned), error: issue.error.to_string() };
        Judgement { counts, state, error, causes: issues.into_iter().take(CAUSES).map(cause).collect() }
    }

    /// Whether AWS allowed what the type has to be asked: its Describes, or its lists where these hold nothing.
    fn was_allowed(&self) -> bool {
        let is_set = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        is_set(&self.answered) || (is_set(&self.listed) && !is_set(&self.describe_denied))
    }

    /// What is missing although there is no issue.
    fn shortfall(&self, counts: &Counts) -> Option<String> {
        let Counts { asked, described, gone, acknowledged, unchanged, .. } = *counts;
        let sent = described.saturating_sub(unchanged);
        if !self.is_listed() {
            Some("reading ended before the lists did".to_owned())
        } else if asked != described + gone {
            Some(format!("{} of {asked} objects were not described", asked.saturating_sub(described + gone)))
        } else if sent != acknowledged {
            Some(format!("{} of {sent} records were not acknowledged", sent.saturating_sub(acknowledged)))
        } else {
            None
        }
    }

    /// Keeps an issue if it is new and there is room for it, and returns whether it did. Many records that fail for one reason are one
    /// issue. There is always room for what decides the state: the first issue, and the first that is no denial.
    fn keep(&self, issue: Issue) -> bool {
        let mut issues = self.issues.lock();
        if issues.iter().any(|known| known.parent == issue.parent && known.error == issue.error) {
            return false;
        }
        let decides = issues.is_empty() || (!issue.denied && issues.iter().all(|known| known.denied));
        let keeps = decides || (issues.len() < CAUSES && self.limit.take());
        if keeps {
            issues.push(issue);
        }
        keeps
    }
}
