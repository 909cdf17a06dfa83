//! What came of the actions of one role in one region.

use super::answer::Answer;
use crate::aws::scope::Scope;
use crate::online::{Check, CheckResult, Kind};

/// The region, and each action that was asked.
pub(super) struct Findings {
    /// Why nothing is asked any more.
    lost: Option<String>,
    region: (CheckResult, Option<String>),
    actions: Vec<Found>,
    /// Whether nobody answers.
    is_silent: bool,
}

/// What came of an action.
struct Found {
    action: &'static str,
    result: CheckResult,
    error: Option<String>,
    /// The clusters that denied it, if there are others that were not asked.
    denied_in: Vec<String>,
}

impl Findings {
    /// Nothing was asked. With `lost` nothing is.
    pub(super) fn new(lost: Option<String>) -> Self {
        let region = match &lost {
            Some(reason) => (CheckResult::Unknown, Some(reason.clone())),
            None => (CheckResult::Ok, None),
        };
        Self { lost, region, actions: Vec::new(), is_silent: false }
    }

    pub(super) fn add(&mut self, action: &'static str, result: CheckResult, error: Option<String>) {
        self.actions.push(Found { action, result, error, denied_in: Vec::new() });
    }

    /// Notes an action that is not asked, if nothing is asked any more.
    pub(super) fn pass(&mut self, action: &'static str) -> bool {
        let reason = self.lost.clone();
        let is_lost = reason.is_some();
        if is_lost {
            self.add(action, CheckResult::Unknown, reason);
        }
        is_lost
    }

    /// Notes an answer that allows nothing. With `is_idle` there is nothing that the action could read.
    pub(super) fn take(&mut self, action: &'static str, answer: Answer, is_idle: bool) {
        let (result, error) = match answer {
            Answer::Allowed(_) => (CheckResult::Ok, None),
            Answer::Denied(fault) => {
                let way_out = if fault.message.contains("explicit deny") {
                    format!("take that deny of ecs:{action} away")
                } else {
                    format!("allow ecs:{action} (config/iam-policy.json has the whole policy)")
                };
                if is_idle {
                    let words = format!("{fault}; there is nothing to read with it now; {way_out}");
                    (CheckResult::Warning, Some(words))
                } else {
                    (CheckResult::Broken, Some(format!("{fault}; {way_out}")))
                }
            }
            Answer::Refused(words) => (CheckResult::Broken, Some(words)),
            Answer::Untold(words) => (CheckResult::Unknown, Some(words)),
            Answer::NotEnabled(words) => (CheckResult::Unknown, Some(self.lose(format!("{action}: {words}")))),
            Answer::Silence(words) => {
                self.is_silent = true;
                (CheckResult::Unknown, Some(self.lose(format!("{action}: {words}"))))
            }
        };
        self.add(action, result, error);
    }

    /// The action that was noted last is denied in these clusters, and there are others.
    pub(super) fn denied_in(&mut self, clusters: Vec<String>) {
        if let Some(found) = self.actions.last_mut() {
            let words = format!("; denied in {}, and not asked in other clusters", clusters.join(" and "));
            found.error = found.error.take().map(|error| error + &words);
            found.denied_in = clusters;
        }
    }

    /// All have been asked, and the policy allows something in `limit` alone: denials that come of that are none.
    pub(super) fn settle(&mut self, limit: &str) {
        // What is denied there too is denied wherever the policy holds.
        let is_elsewhere =
            |found: &&mut Found| !found.denied_in.is_empty() && found.denied_in.iter().all(|one| one != limit);
        for found in self.actions.iter_mut().filter(is_elsewhere) {
            let why = format!("; {limit} allows another action, so that a policy is limited to some clusters");
            found.error = found.error.take().map(|error| error + &why);
            found.result = CheckResult::Unknown;
        }
    }

    /// Why nobody answers there, if nobody does.
    pub(super) fn silence(&self) -> Option<&str> {
        self.region.1.as_deref().filter(|_| self.is_silent)
    }

    /// A check of the region, and one of each action.
    pub(super) fn checks(self, scope: Scope) -> Vec<Check> {
        let Scope { region, role, account, .. } = scope;
        let check = |kind, name: &str, result, error| Check {
            account: account.get().map(str::to_owned),
            region: Some(region.clone()),
            role: role.clone(),
            result,
            error,
            ..Check::new(kind, name)
        };
        let of_region = check(Kind::Region, &region, self.region.0, self.region.1);
        let of_action = |Found { action, result, error, .. }| check(Kind::Action, action, result, error);
        std::iter::once(of_region).chain(self.actions.into_iter().map(of_action)).collect()
    }

    /// The region cannot be asked. Returns what is said of its actions.
    fn lose(&mut self, words: String) -> String {
        self.region = (CheckResult::Broken, Some(words));
        let reason = "not known: see the region".to_owned();
        self.lost = Some(reason.clone());
        reason
    }
}
