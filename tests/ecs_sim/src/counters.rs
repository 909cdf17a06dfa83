//! What the simulator saw.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::foreign::ForeignUse;

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
    /// Faults of [`World::chaos`](crate::World::chaos) that requests met, by [`Effect::name`](crate::Effect::name).
    pub chaos: BTreeMap<String, u64>,
    /// What foreign callers got until now, in the order of [`World::foreign`](crate::World::foreign).
    pub foreign: Vec<ForeignUse>,
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
}
