//! The tables of the page: objects over all scopes, types that are not complete, and scopes.

use indicatif::HumanCount;

use super::verdict::Mood;
use crate::contract::OBJECTS;
use crate::report::{Counts, State, TypeReport};
use crate::sync::{LiveType, TypeTotal};

/// What is said of a type that is still read or delivered.
const UNDER_WAY: &str = "under way";

/// One object over all scopes.
pub(super) struct ObjectRow {
    pub(super) name: &'static str,
    /// In how many scopes it is complete, and how many there are.
    pub(super) complete: HumanCount,
    pub(super) scopes: HumanCount,
    pub(super) mood: Mood,
    /// ARNs listed, and a plus while there may be more. Empty if no sync runs.
    pub(super) listed: String,
    pub(super) asked: HumanCount,
    pub(super) described: HumanCount,
    pub(super) gone: HumanCount,
    pub(super) acknowledged: HumanCount,
    pub(super) failed: HumanCount,
}

/// Types of a scope that are not complete, for the same reason.
pub(super) struct Missing<'a> {
    pub(super) objects: String,
    pub(super) state: &'static str,
    pub(super) mood: Mood,
    pub(super) scope: Scope<'a>,
    pub(super) reason: &'a str,
    /// How many reasons more there are.
    pub(super) more: HumanCount,
}

/// A scope with a cell for each object.
pub(super) struct ScopeRow<'a> {
    pub(super) scope: Scope<'a>,
    pub(super) cells: Vec<Option<Cell>>,
}

/// Where a type is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Scope<'a> {
    pub(super) account: &'a str,
    pub(super) region: &'a str,
    pub(super) role: &'a str,
}

/// One type of a scope.
pub(super) struct Cell {
    pub(super) count: String,
    pub(super) state: &'static str,
    pub(super) mood: Mood,
}

impl<'a> Scope<'a> {
    fn of(report: &'a TypeReport) -> Self {
        Self {
            account: report.account.as_deref().unwrap_or("account unknown"),
            region: report.region.as_deref().unwrap_or("region unknown"),
            role: report.role.as_deref().unwrap_or("base credentials"),
        }
    }
}

/// How it is with a type: a word, and its mood. None is that it is under way.
fn state(one: &LiveType) -> (&'static str, Mood) {
    match one.report.state {
        _ if !one.has_ended => (UNDER_WAY, Mood::Plain),
        State::Complete => (State::Complete.name(), Mood::Good),
        State::Partial => (State::Partial.name(), Mood::Poor),
        State::Denied => (State::Denied.name(), Mood::Bad),
    }
}

fn is_complete(one: &LiveType) -> bool {
    one.has_ended && one.report.state == State::Complete
}

fn is_missing(one: &LiveType) -> bool {
    one.has_ended && one.report.state != State::Complete
}

/// The objects of which types are known, in the contract's order. `asked` is how many scopes there are, if that is more than are known.
pub(super) fn objects(types: &[LiveType], totals: &[TypeTotal], asked: Option<usize>) -> Vec<ObjectRow> {
    OBJECTS.iter().filter_map(|name| object(name, types, totals, asked)).collect()
}

fn object(name: &'static str, types: &[LiveType], totals: &[TypeTotal], asked: Option<usize>) -> Option<ObjectRow> {
    let of: Vec<&LiveType> = types.iter().filter(|one| one.report.object == name).collect();
    let complete = of.iter().filter(|one| is_complete(one)).count();
    let scopes = asked.unwrap_or(of.len()).max(of.len());
    let mood = match () {
        () if of.is_empty() => return None,
        () if of.iter().any(|one| state(one).1 == Mood::Bad) => Mood::Bad,
        () if of.iter().any(|one| is_missing(one)) => Mood::Poor,
        () if complete == scopes => Mood::Good,
        () => Mood::Plain,
    };
    let mut counts = Counts::default();
    of.iter().for_each(|one| counts += one.report.counts);
    // What is under way has not failed.
    counts.failed = of.iter().filter(|one| one.has_ended).map(|one| one.report.counts.failed).sum();
    let listed = totals.iter().find(|total| total.object == name).map(|total| {
        let more = if total.is_listed || total.has_ended { "" } else { "+" };
        format!("{}{more}", HumanCount(total.listed))
    });
    Some(ObjectRow {
        name,
        complete: count(complete),
        scopes: count(scopes),
        mood,
        listed: listed.unwrap_or_default(),
        asked: HumanCount(counts.asked),
        described: HumanCount(counts.described),
        gone: HumanCount(counts.gone),
        acknowledged: HumanCount(counts.acknowledged),
        failed: HumanCount(counts.failed),
    })
}

/// The types that are not complete, as far as they have ended. A role that is denied is told once, and not for each of its types.
pub(super) fn missing(types: &[LiveType]) -> Vec<Missing<'_>> {
    let missing: Vec<&LiveType> = types.iter().filter(|one| is_missing(one)).collect();
    let of = |one: &LiveType| (one.report.state, one.report.error.clone(), one.report.causes.len());
    let is_same =
        |one: &&LiveType, other: &&LiveType| Scope::of(&one.report) == Scope::of(&other.report) && of(one) == of(other);
    missing.chunk_by(is_same).map(Missing::of).collect()
}

impl<'a> Missing<'a> {
    fn of(types: &[&'a LiveType]) -> Self {
        let one = types[0];
        let (state, mood) = state(one);
        let objects: Vec<&str> = types.iter().map(|one| one.report.object).collect();
        Self {
            objects: objects.join(", "),
            state,
            mood,
            scope: Scope::of(&one.report),
            reason: one.report.error.as_deref().unwrap_or("no reason is known"),
            more: count(one.report.causes.len().saturating_sub(1)),
        }
    }
}

/// How many types are not complete.
pub(super) fn count_missing(types: &[LiveType]) -> HumanCount {
    count(types.iter().filter(|one| is_missing(one)).count())
}

/// The scopes: first those that are not complete, then those under way, else in the order of the report.
pub(super) fn scopes<'a>(types: &'a [LiveType], objects: &[ObjectRow]) -> Vec<ScopeRow<'a>> {
    // The types of a scope follow each other.
    let of_scopes = types.chunk_by(|one, other| Scope::of(&one.report) == Scope::of(&other.report));
    let mut scopes: Vec<&[LiveType]> = of_scopes.collect();
    scopes.sort_by_key(|of| (!of.iter().any(is_missing), of.iter().all(is_complete)));
    let row = |of: &&'a [LiveType]| {
        let cell = |object: &ObjectRow| of.iter().find(|one| one.report.object == object.name).map(cell);
        ScopeRow { scope: Scope::of(&of[0].report), cells: objects.iter().map(cell).collect() }
    };
    scopes.iter().map(row).collect()
}

fn cell(one: &LiveType) -> Cell {
    let (state, mood) = state(one);
    let Counts { asked, acknowledged, .. } = one.report.counts;
    let count = match mood {
        Mood::Good => HumanCount(acknowledged).to_string(),
        _ if asked == 0 => String::new(),
        _ => format!("{} of {}", HumanCount(acknowledged), HumanCount(asked)),
    };
    Cell { count, state, mood }
}

fn count(count: usize) -> HumanCount {
    HumanCount(count as u64)
}
