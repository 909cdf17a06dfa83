//! What the syncs of a process have come to, together: the sums of those that ended, and the one that runs. A sync counts from nothing,
//! and metrics count for the life of the process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::freshness::{Freshness, seconds};
use crate::aws::CategoryCalls;
use crate::contract::{OBJECTS, place_of};
use crate::report::{Counts, DeliveryCounts, Outcome, Report};
use crate::sync::{Follower, RunHandle, ScopeCost, Totals};

/// For how long a look is good. All instruments of a collection read one.
const GOOD: Duration = Duration::from_millis(100);

/// The ends of syncs, each with its name. The last is a sync that could not begin.
pub(super) const OUTCOMES: [&str; 5] = ["completed", "partial", "aborted", "failed", "not_begun"];

/// What the syncs of a process have come to.
pub struct Ledger {
    state: Mutex<Books>,
    /// What is done with the time that a sync took, in seconds, and its end.
    on_duration: Box<dyn Fn(f64, &'static str) + Send + Sync>,
}

#[derive(Default)]
struct Books {
    past: Sums,
    run: Option<RunHandle>,
    /// In the order of [`OUTCOMES`].
    outcomes: [u64; 5],
    /// Of the last sync that has ended: by object and [`State`](crate::report::State), in how many scopes.
    states: Option<[[u64; 3]; OBJECTS.len()]>,
    freshness: Freshness,
    /// What limits had cost when the last sync ended.
    costs: Costs,
    /// Whether it was told that series of scopes are left out.
    is_told: bool,
    seen: Option<(Instant, Arc<Seen>)>,
}

/// What limits have cost in each account and region, or nothing where these are too many.
#[derive(Clone, Default)]
pub(super) enum Costs {
    /// Nobody has asked AWS yet.
    #[default]
    Unknown,
    Each(Vec<ScopeCost>),
    TooMany,
}

impl Costs {
    fn of(run: &RunHandle) -> Self {
        run.costs().map_or(Self::TooMany, Self::Each)
    }
}

/// What only grows.
#[derive(Debug, Clone, Default)]
pub(super) struct Sums {
    /// In the order of the contract.
    pub(super) types: [TypeSums; OBJECTS.len()],
    /// In the order of the categories.
    pub(super) categories: [CategoryCalls; 4],
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TypeSums {
    pub(super) counts: Counts,
    pub(super) deliveries: DeliveryCounts,
}

/// The process at one moment.
pub(super) struct Seen {
    pub(super) sums: Sums,
    /// The sync that runs.
    pub(super) live: Option<Totals>,
    /// When it began, seconds since the epoch.
    pub(super) live_since: Option<f64>,
    pub(super) outcomes: [u64; 5],
    pub(super) states: Option<[[u64; 3]; OBJECTS.len()]>,
    pub(super) costs: Costs,
    /// By account, region and object, seconds since the epoch.
    pub(super) complete: Vec<([String; 2], &'static str, f64)>,
    /// Scopes whose series are left out, because there are too many.
    pub(super) omitted: usize,
}

impl Sums {
    fn add(&mut self, totals: &Totals) {
        for one in &totals.types {
            let Some(place) = place_of(one.object) else { continue };
            self.types[place].counts += one.counts;
            self.types[place].deliveries += one.deliveries;
        }
        for (sum, calls) in self.categories.iter_mut().zip(totals.categories) {
            *sum += calls;
        }
    }
}

impl Ledger {
    /// Empty books. `on_duration` is told how long each sync took, in seconds, and how it ended.
    pub fn new(on_duration: impl Fn(f64, &'static str) + Send + Sync + 'static) -> Self {
        Self { state: Mutex::default(), on_duration: Box::new(on_duration) }
    }

    /// The process now.
    pub(super) fn seen(&self) -> Arc<Seen> {
        let mut books = self.state.lock();
        let now = Instant::now();
        if let Some((_, seen)) = books.seen.as_ref().filter(|(at, _)| now < *at + GOOD) {
            return Arc::clone(seen);
        }
        let seen = Arc::new(books.look());
        books.seen = Some((now, Arc::clone(&seen)));
        seen
    }
}

impl Books {
    fn look(&self) -> Seen {
        let live = self.run.as_ref().map(RunHandle::totals);
        let mut sums = self.past.clone();
        live.iter().for_each(|totals| sums.add(totals));
        let costs = self.run.as_ref().map_or_else(|| self.costs.clone(), Costs::of);
        let scopes = self.freshness.scopes().max(live.as_ref().map_or(0, |live| live.scopes.asked));
        let too_many = matches!(costs, Costs::TooMany) || self.freshness.is_too_many();
        Seen {
            live_since: self.run.as_ref().filter(|run| run.has_begun()).map(|run| seconds(run.sync())),
            outcomes: self.outcomes,
            states: self.states,
            complete: if too_many { Vec::new() } else { self.freshness.complete() },
            costs: if too_many { Costs::TooMany } else { costs },
            omitted: if too_many { scopes } else { 0 },
            sums,
            live,
        }
    }
}

impl Follower for Ledger {
    fn begin(&self, run: &RunHandle) {
        let mut books = self.state.lock();
        (books.run, books.seen) = (Some(run.clone()), None);
    }

    fn end(&self, report: &Report, has_begun: bool) {
        let mut books = self.state.lock();
        let place = match report.outcome {
            _ if !has_begun => 4,
            Outcome::Completed => 0,
            Outcome::Partial => 1,
            Outcome::Aborted => 2,
            Outcome::Failed => 3,
        };
        // A stop before a sync began is no sync, and no try that failed.
        if has_begun || report.outcome != Outcome::Aborted {
            books.outcomes[place] += 1;
        }
        if let Some(run) = books.run.take() {
            // In one step, so that nobody sees less than before.
            let totals = run.totals();
            books.past.add(&totals);
            books.costs = Costs::of(&run);
        }
        if has_begun {
            books.states = Some(states(report));
            books.freshness.take(report);
        }
        let omitted = books.look().omitted;
        let is_news = omitted > 0 && !std::mem::replace(&mut books.is_told, omitted > 0);
        books.seen = None;
        drop(books);
        if is_news {
            tracing::warn!(
                scopes = omitted,
                "metrics of each account and region are left out, because there are too many"
            );
        }
        if has_begun {
            (self.on_duration)((report.ended - report.started) as f64 / 1000.0, OUTCOMES[place]);
        }
    }
}

fn states(report: &Report) -> [[u64; 3]; OBJECTS.len()] {
    let mut states = [[0; 3]; OBJECTS.len()];
    for one in &report.types {
        if let Some(object) = place_of(one.object) {
            states[object][one.state as usize] += 1;
        }
    }
    states
}
