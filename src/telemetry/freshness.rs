//! When each type of each account and region was last read and delivered as a whole.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::MOST_SCOPES;
use crate::report::{Outcome, Report, State};

/// An account and a region.
type Place = [String; 2];

/// By role, `LAST_CAPTURED` of the last sync in which a type was complete, or that it never was.
type Roles = BTreeMap<Option<String>, Option<i64>>;

/// By account, region and object.
#[derive(Default)]
pub(super) struct Freshness(BTreeMap<(Place, &'static str), Roles>);

impl Freshness {
    /// Takes up what a sync has come to. What the settings hold no more is left out after a sync that was read to its end.
    pub(super) fn take(&mut self, report: &Report) {
        let mut found = BTreeMap::<_, BTreeMap<_, _>>::new();
        for one in &report.types {
            let of = |part: &Option<String>| part.clone().unwrap_or_else(|| "unknown".to_owned());
            let key = ([of(&one.account), of(&one.region)], one.object);
            let before = self.0.get(&key).and_then(|roles| roles.get(&one.role).copied().flatten());
            // What was complete is of no use where the topic was made anew, or readers cannot be told.
            let is_whole = one.state == State::Complete && report.outcome != Outcome::Failed;
            let captured = if is_whole { Some(report.sync) } else { before };
            found.entry(key).or_default().insert(one.role.clone(), captured);
        }
        if matches!(report.outcome, Outcome::Completed | Outcome::Partial) {
            // Whose account could not be told this time may be any that was known in the region.
            let unknown: BTreeSet<&Option<String>> =
                report.types.iter().filter(|one| one.account.is_none()).map(|one| &one.region).collect();
            self.0.retain(|([_, region], _), _| unknown.iter().any(|of| of.as_deref() == Some(region.as_str())));
        }
        self.0.extend(found);
    }

    /// Each type that was complete for every role that reads it: when the oldest of these was, in seconds since the epoch.
    pub(super) fn complete(&self) -> Vec<(Place, &'static str, f64)> {
        let oldest = |roles: &BTreeMap<_, Option<i64>>| roles.values().copied().min().flatten();
        let all = self.0.iter().filter_map(|((place, object), roles)| Some((place.clone(), *object, oldest(roles)?)));
        all.map(|(place, object, captured)| (place, object, seconds(captured))).collect()
    }

    /// How many accounts and regions there are.
    pub(super) fn scopes(&self) -> usize {
        self.0.keys().map(|(place, _)| place).collect::<BTreeSet<_>>().len()
    }

    /// Whether they are too many to be told apart.
    pub(super) fn is_too_many(&self) -> bool {
        self.scopes() > MOST_SCOPES
    }
}

/// Milliseconds as seconds.
pub(super) fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{CallCounts, Counts, TypeReport};

    fn of(role: Option<&str>, region: &str, state: State) -> TypeReport {
        TypeReport {
            account: Some("111111111111".to_owned()),
            region: Some(region.to_owned()),
            role: role.map(str::to_owned),
            object: "EcsTask",
            state,
            counts: Counts::default(),
            error: None,
            causes: Vec::new(),
        }
    }

    fn report(sync: i64, outcome: Outcome, types: Vec<TypeReport>) -> Report {
        let mut report = Report::new(sync, String::new(), types, CallCounts::default(), None);
        report.outcome = outcome;
        report
    }

    fn complete(freshness: &Freshness) -> Vec<(String, f64)> {
        freshness.complete().into_iter().map(|([_, region], _, at)| (region, at)).collect()
    }

    #[test]
    fn a_type_is_as_fresh_as_the_stalest_of_its_roles_and_absent_until_each_was_complete() {
        use State::{Complete, Denied, Partial};
        let mut freshness = Freshness::default();
        let (a, b) = (Some("a"), Some("b"));
        let two = |first, second| vec![of(a, "eu", first), of(b, "eu", second)];
        freshness.take(&report(1_000, Outcome::Partial, two(Complete, Denied)));
        assert_eq!(complete(&freshness), []);
        freshness.take(&report(2_000, Outcome::Partial, two(Partial, Complete)));
        assert_eq!(complete(&freshness), [("eu".to_owned(), 1.0)]);
        freshness.take(&report(3_000, Outcome::Completed, two(Complete, Complete)));
        assert_eq!(complete(&freshness), [("eu".to_owned(), 3.0)]);
        // What a sync that ended early did not get to is as fresh as before.
        freshness.take(&report(4_000, Outcome::Aborted, vec![of(a, "us", Complete)]));
        assert_eq!(complete(&freshness), [("eu".to_owned(), 3.0), ("us".to_owned(), 4.0)]);
        // A sync that failed leaves all as it was: what it had sent may be gone.
        freshness.take(&report(4_500, Outcome::Failed, vec![of(a, "us", Complete)]));
        assert_eq!(complete(&freshness), [("eu".to_owned(), 3.0), ("us".to_owned(), 4.0)]);
        // An account that could not be told this once is not forgotten.
        let unknown = TypeReport { account: None, ..of(a, "us", Partial) };
        let mut later = Freshness::default();
        later.take(&report(4_000, Outcome::Completed, vec![of(a, "us", Complete)]));
        later.take(&report(5_000, Outcome::Partial, vec![unknown]));
        assert_eq!(complete(&later), [("us".to_owned(), 4.0)]);
        // A region that the settings hold no more goes.
        freshness.take(&report(5_000, Outcome::Completed, vec![of(a, "us", Complete)]));
        assert_eq!((complete(&freshness), freshness.scopes()), (vec![("us".to_owned(), 5.0)], 1));
    }

    #[test]
    fn a_thousand_scopes_are_told_apart_and_no_more() {
        let mut freshness = Freshness::default();
        let scopes = |count: usize| (0..count).map(|at| of(None, &at.to_string(), State::Complete)).collect();
        freshness.take(&report(1, Outcome::Completed, scopes(MOST_SCOPES)));
        assert!(!freshness.is_too_many());
        freshness.take(&report(2, Outcome::Completed, scopes(MOST_SCOPES + 1)));
        assert!(freshness.is_too_many());
    }
}
