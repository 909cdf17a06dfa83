//! Counts what the simulator sees. Requests wait for each other here, so the ten actions are counted by number, and
//! texts are copied only the first time they are seen; nothing is kept by object.

use std::collections::HashMap;

use crate::call::{ACTIONS, Call, Service};
use crate::counters::Counters;
use crate::ecs::Answer;

/// Broken rules are kept word for word up to this many; `breaches_seen` goes on counting.
const BREACHES_KEPT: usize = 100;

/// [`Counters`] while they are being counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// All but what is counted by number below.
    counters: Counters,
    actions: [ActionTally; ACTIONS.len()],
    /// Requests by `ACCOUNT/REGION` and action.
    scopes: HashMap<String, [u64; ACTIONS.len()]>,
}

#[derive(Debug, Clone, Copy, Default)]
struct ActionTally {
    calls: u64,
    /// Answers that are no errors.
    results: u64,
    items: u64,
    missing: u64,
}

impl Tally {
    /// Counts a request that came in, and gives its number.
    pub(crate) fn begin(&mut self, call: &Call) -> u64 {
        match call.action_number {
            Some(action) => {
                self.actions[action].calls += 1;
                match self.scopes.get_mut(&call.scope) {
                    Some(calls) => calls[action] += 1,
                    None => self.scopes.entry(call.scope.clone()).or_default()[action] += 1,
                }
            }
            None => {
                let scope = [&call.scope, "/", &call.action].concat();
                *self.counters.calls.entry(call.action.clone()).or_default() += 1;
                *self.counters.calls_by_scope.entry(scope).or_default() += 1;
            }
        }
        let seen = &mut self.counters;
        seen.requests += 1;
        if let Some(role) = call.role_arn() {
            let role = seen.roles.entry(role.to_owned()).or_default();
            role.calls += 1;
            role.duration_seconds = call.form("DurationSeconds").map(str::to_owned);
            role.external_id = call.form("ExternalId").map(str::to_owned);
            role.session_name = call.form("RoleSessionName").map(str::to_owned);
        }
        seen.user_agent.clone_from(&call.user_agent);
        seen.in_flight += 1;
        seen.in_flight_peak = seen.in_flight_peak.max(seen.in_flight);
        let (now, peak) = in_flight(seen, call.service);
        *now += 1;
        *peak = (*peak).max(*now);
        self.counters.requests
    }

    /// Counts the answer.
    pub(crate) fn answered(&mut self, call: &Call, answer: &Answer) {
        let mut other = ActionTally::default();
        let action = call.action_number.map_or(&mut other, |number| &mut self.actions[number]);
        action.items += answer.items;
        action.missing += answer.missing;
        let seen = &mut self.counters;
        match &answer.result {
            Ok(_) => {
                action.results += 1;
                if let Some(role) = call.role_arn().and_then(|role| seen.roles.get_mut(role)) {
                    role.issued += 1;
                }
            }
            Err(refusal) => {
                match seen.errors.get_mut(&refusal.code) {
                    Some(errors) => *errors += 1,
                    None => _ = seen.errors.insert(refusal.code.clone(), 1),
                }
                seen.throttles += u64::from(refusal.code.starts_with("Throttling"));
            }
        }
        for breach in &answer.breaches {
            seen.breaches_seen += 1;
            if seen.breaches.len() < BREACHES_KEPT {
                seen.breaches.push(format!("{} in {}: {breach}", call.action, call.scope));
            }
        }
    }

    /// The request is no longer in flight.
    pub(crate) fn end(&mut self, service: Service) {
        self.counters.in_flight -= 1;
        *in_flight(&mut self.counters, service).0 -= 1;
    }

    /// What was counted, by name.
    pub(crate) fn counters(self) -> Counters {
        let Tally { mut counters, actions, scopes } = self;
        for (name, action) in ACTIONS.iter().zip(actions) {
            for (shown, map, count) in [
                (action.calls > 0, &mut counters.calls, action.calls),
                (action.results > 0, &mut counters.items, action.items),
                (action.missing > 0, &mut counters.missing, action.missing),
            ] {
                if shown {
                    map.insert((*name).to_owned(), count);
                }
            }
        }
        for (scope, calls) in scopes {
            let seen = ACTIONS.iter().zip(calls).filter(|(_, calls)| *calls > 0);
            counters.calls_by_scope.extend(seen.map(|(name, calls)| ([&scope, "/", name].concat(), calls)));
        }
        counters
    }
}

/// The requests of one service in flight, and their peak.
fn in_flight(counters: &mut Counters, service: Service) -> (&mut u64, &mut u64) {
    match service {
        Service::Ecs => (&mut counters.ecs_in_flight, &mut counters.ecs_in_flight_peak),
        Service::Sts => (&mut counters.sts_in_flight, &mut counters.sts_in_flight_peak),
    }
}
