//! What the simulator saw.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::call::{Call, Service};
use crate::ecs::Answer;

/// Broken rules are kept word for word up to this many; `breaches_seen` goes on counting.
const BREACHES_KEPT: usize = 100;

/// What the simulator saw since it started. A request is in flight from its last byte received until its answer is
/// handed over for writing: never longer than its client can know, so that a peak never overstates.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Counters {
    /// Requests of both services.
    pub requests: u64,
    /// Requests by action.
    pub calls: BTreeMap<String, u64>,
    /// Requests by `ACCOUNT/REGION/ACTION`; see [`Counters::calls_in`].
    pub calls_by_scope: BTreeMap<String, u64>,
    /// ARNs listed and objects described, by action.
    pub items: BTreeMap<String, u64>,
    /// Objects answered as MISSING or unable to describe, by action.
    pub missing: BTreeMap<String, u64>,
    /// Error answers by their code.
    pub errors: BTreeMap<String, u64>,
    /// Error answers that are throttles.
    pub throttles: u64,
    /// Requests of both services in flight now.
    pub in_flight: u64,
    /// The most requests that were ever in flight at once.
    pub in_flight_peak: u64,
    /// The same for ECS alone.
    pub ecs_in_flight: u64,
    /// The same for ECS alone.
    pub ecs_in_flight_peak: u64,
    /// The same for STS alone.
    pub sts_in_flight: u64,
    /// The same for STS alone.
    pub sts_in_flight_peak: u64,
    /// Requests that broke a rule of the API, each with the rule; the first hundred.
    pub breaches: Vec<String>,
    /// How many there were.
    pub breaches_seen: u64,
    /// AssumeRole by role ARN.
    pub roles: BTreeMap<String, RoleUse>,
    /// The last request's user agent, in the AWS SDK's longer form where it sends both.
    pub user_agent: String,
}

/// AssumeRole of one role; the texts are those of the last request.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RoleUse {
    /// Requests, refused ones included.
    pub calls: u64,
    /// Sessions issued.
    pub issued: u64,
    /// DurationSeconds as sent.
    pub duration_seconds: Option<String>,
    /// ExternalId as sent.
    pub external_id: Option<String>,
    /// RoleSessionName as sent.
    pub session_name: Option<String>,
}

impl Counters {
    /// Requests of one action in one account and region.
    pub fn calls_in(&self, account: &str, region: &str, action: &str) -> u64 {
        self.calls_by_scope.get(&[account, region, action].join("/")).copied().unwrap_or_default()
    }

    /// Counts a request that came in, and gives its number.
    pub(crate) fn begin(&mut self, call: &Call) -> u64 {
        self.requests += 1;
        *self.calls.entry(call.action.clone()).or_default() += 1;
        let scope = [call.account(), &call.region, &call.action].join("/");
        *self.calls_by_scope.entry(scope).or_default() += 1;
        if let Some(role) = call.role_arn() {
            let role = self.roles.entry(role.to_owned()).or_default();
            role.calls += 1;
            role.duration_seconds = call.form("DurationSeconds").map(str::to_owned);
            role.external_id = call.form("ExternalId").map(str::to_owned);
            role.session_name = call.form("RoleSessionName").map(str::to_owned);
        }
        self.user_agent.clone_from(&call.user_agent);
        self.in_flight += 1;
        self.in_flight_peak = self.in_flight_peak.max(self.in_flight);
        let (now, peak) = self.of(call.service);
        *now += 1;
        *peak = (*peak).max(*now);
        self.requests
    }

    /// Counts the answer.
    pub(crate) fn answered(&mut self, call: &Call, answer: &Answer) {
        match &answer.result {
            Ok(_) => {
                *self.items.entry(call.action.clone()).or_default() += answer.items;
                if let Some(role) = call.role_arn().and_then(|role| self.roles.get_mut(role)) {
                    role.issued += 1;
                }
            }
            Err(refusal) => {
                *self.errors.entry(refusal.code.clone()).or_default() += 1;
                self.throttles += u64::from(refusal.code.starts_with("Throttling"));
            }
        }
        if answer.missing > 0 {
            *self.missing.entry(call.action.clone()).or_default() += answer.missing;
        }
        for breach in &answer.breaches {
            self.breaches_seen += 1;
            if self.breaches.len() < BREACHES_KEPT {
                self.breaches.push(format!("{} in {}/{}: {breach}", call.action, call.account(), call.region));
            }
        }
    }

    /// The request is no longer in flight.
    pub(crate) fn end(&mut self, service: Service) {
        self.in_flight -= 1;
        *self.of(service).0 -= 1;
    }

    fn of(&mut self, service: Service) -> (&mut u64, &mut u64) {
        match service {
            Service::Ecs => (&mut self.ecs_in_flight, &mut self.ecs_in_flight_peak),
            Service::Sts => (&mut self.sts_in_flight, &mut self.sts_in_flight_peak),
        }
    }
}
