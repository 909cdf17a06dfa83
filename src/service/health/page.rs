//! The page at `/`: what `/status` says, for people. It works without a script, loads nothing, and escapes whatever it is given (askama).

mod rows;
#[cfg(test)]
mod tests;
mod verdict;

use std::time::Duration;

use askama::Template;
use http::HeaderName;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use indicatif::{HumanCount, HumanDuration};

use self::rows::{Missing, ObjectRow, ScopeRow};
use self::verdict::Verdict;
use super::status::{At, Last, Status, status_of};
use crate::contract::rfc3339;
use crate::report::{CallCounts, Outcome, now};
use crate::service::board::Board;
use crate::sync::{Phase, TypeTotal};

/// In the query it keeps the page from being read again by itself.
const STILL: &str = "refresh=off";

/// How often the page is read again while something is under way, in seconds.
const OFTEN: u32 = 10;

/// The same while nothing is.
const SELDOM: u32 = 30;

/// A sync that begins within this time is waited for.
const SOON: Duration = Duration::from_secs(60);

const STYLE: &str = include_str!("page/page.css");

/// The headers of the page. Its style is allowed by its hash, which a test compares. Its icon is the one image, and lies in the page.
pub(super) const HEADERS: [(HeaderName, &str); 5] = [
    (CONTENT_TYPE, "text/html; charset=utf-8"),
    (CACHE_CONTROL, "no-store"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'sha256-/TYUt/0HnvOyHxV61/JccfCWnqCUYk1/D4VomuhiOuw='; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// All that is shown, at one moment.
struct Facts {
    status: Status,
    /// What runs, summed by object.
    totals: Vec<TypeTotal>,
    is_ready: bool,
    is_stopped: bool,
    /// Why the last try to begin a sync came to nothing.
    obstacle: Option<String>,
    /// Why Kafka cannot be used any more.
    fatal: Option<String>,
    /// The first reason for which the last sync is not complete.
    incomplete: Option<String>,
    /// What does not move any more.
    standstill: Option<&'static str>,
    /// Milliseconds since the epoch.
    now: i64,
}

#[derive(Template)]
#[template(path = "page.html", config = "src/service/health/page/askama.toml")]
struct Page<'a> {
    version: &'static str,
    style: &'static str,
    name: &'a str,
    refresh: Option<u32>,
    verdict: Verdict,
    last: Option<LastSync<'a>>,
    runs: Option<Runs>,
    next: Option<When>,
    skipped: HumanCount,
    calls: Option<Calls>,
    /// Which sync the tables are of.
    subject: String,
    objects: Vec<ObjectRow>,
    has_listed: bool,
    /// How many types are not complete: the objects of all scopes.
    incomplete: HumanCount,
    missing: Vec<Missing<'a>>,
    scopes: Vec<ScopeRow<'a>>,
    /// How many scopes are known, and how many there are.
    scope_count: HumanCount,
    scopes_asked: HumanCount,
}

/// The last sync that ended.
struct LastSync<'a> {
    outcome: Outcome,
    ended: When,
    took: HumanDuration,
    error: Option<&'a str>,
}

/// The sync that runs.
struct Runs {
    doing: &'static str,
    /// How many scopes are read, and how many there are.
    scopes: Option<(usize, usize)>,
    began: Option<When>,
}

/// The requests to ECS.
struct Calls {
    attempts: HumanCount,
    throttled: HumanCount,
    retried: HumanCount,
}

impl Calls {
    fn of(CallCounts { attempts, throttled, retried }: CallCounts) -> Self {
        Self { attempts: HumanCount(attempts), throttled: HumanCount(throttled), retried: HumanCount(retried) }
    }
}

/// A point in time, and where that is from now.
struct When {
    at: String,
    ago: String,
}

/// Whether a query asks for a page that is not read again by itself.
pub(super) fn is_still(query: &str) -> bool {
    query.split('&').any(|pair| pair == STILL)
}

/// The page as it is now. A browser reads it again if it `refreshes`.
pub(super) fn render(board: &Board, refreshes: bool) -> String {
    let page = Facts::of(board).page(refreshes).render();
    page.unwrap_or_else(|error| format!("the page cannot be written: {error}\n"))
}

impl Facts {
    fn of(board: &Board) -> Self {
        let shown = board.show();
        Self {
            status: status_of(board, &shown),
            totals: shown.run.map(|run| run.totals().types).unwrap_or_default(),
            is_ready: shown.readiness.is_ready,
            is_stopped: shown.is_stopped,
            obstacle: shown.obstacle,
            fatal: shown.fatal,
            incomplete: shown.last.and_then(|report| report.first_incomplete()),
            standstill: board.standstill(),
            now: now(),
        }
    }

    fn page(&self, refreshes: bool) -> Page<'_> {
        let Self { status, totals, .. } = self;
        let totals = if status.scopes.is_some() { &totals[..] } else { &[] };
        let subject = match (status.sync, status.scopes) {
            (Some(At(sync)), Some(_)) => format!("The sync that runs, {}", rfc3339(sync)),
            (Some(At(sync)), None) => format!("The last sync, {}", rfc3339(sync)),
            (None, _) => String::new(),
        };
        let verdict = Verdict::of(self);
        // A scope whose turn has not come has no types yet.
        let asked = status.scopes.map(|scopes| scopes.asked);
        let objects = rows::objects(&status.types, totals, asked);
        let scopes = rows::scopes(&status.types, &objects);
        Page {
            version: env!("CARGO_PKG_VERSION"),
            style: STYLE,
            name: &status.name,
            refresh: refreshes.then_some(if self.is_awaited() { OFTEN } else { SELDOM }),
            last: status.last.as_ref().map(|last| self.last(last, &verdict)),
            verdict,
            runs: status.phase.map(|phase| self.runs(phase)),
            // One that is due may not have begun yet.
            next: status.next.filter(|_| !self.is_stopped).map(|At(next)| self.when(At(next.max(self.now)))),
            skipped: HumanCount(status.skipped),
            calls: status.calls.map(Calls::of),
            subject,
            has_listed: !totals.is_empty(),
            incomplete: rows::count_missing(&status.types),
            missing: rows::missing(&status.types),
            scopes_asked: HumanCount(asked.unwrap_or(scopes.len()) as u64),
            scope_count: HumanCount(scopes.len() as u64),
            scopes,
            objects,
        }
    }

    /// Whether something is under way, or soon will be.
    fn is_awaited(&self) -> bool {
        let is_soon = |At(next): At| between(self.now, next) < SOON;
        self.status.phase.is_some() || !self.is_ready || self.status.next.is_some_and(is_soon)
    }

    fn last<'a>(&self, last: &'a Last, verdict: &Verdict) -> LastSync<'a> {
        LastSync {
            outcome: last.outcome,
            ended: self.when(last.ended),
            took: HumanDuration(between(last.started.0, last.ended.0)),
            // It is said once.
            error: last.error.as_deref().filter(|error| verdict.reason.as_deref() != Some(error)),
        }
    }

    fn runs(&self, phase: Phase) -> Runs {
        let doing = match phase {
            Phase::Starting => "a sync begins: what it needs is asked for",
            Phase::Reading => "a sync reads",
            // It may have been stopped.
            Phase::Delivering => "a sync reads no more, and waits for Kafka",
        };
        // Before it has begun, the rest of the status is that of the last one.
        let has_begun = phase != Phase::Starting;
        let scopes = self
            .status
            .scopes
            .filter(|scopes| has_begun && scopes.asked > 0)
            .map(|scopes| (scopes.ended, scopes.asked));
        Runs { doing, scopes, began: self.status.sync.filter(|_| has_begun).map(|sync| self.when(sync)) }
    }

    fn when(&self, At(at): At) -> When {
        let (past, future) = (between(at, self.now), between(self.now, at));
        let ago = match (past.as_secs(), future.as_secs()) {
            (0, 0) => "now".to_owned(),
            (_, 0) => format!("{} ago", HumanDuration(past)),
            _ => format!("in {}", HumanDuration(future)),
        };
        When { at: rfc3339(at), ago }
    }
}

/// The time from one to the other, none if that is the earlier.
fn between(from: i64, to: i64) -> Duration {
    Duration::from_millis(u64::try_from(to.saturating_sub(from)).unwrap_or(0))
}
