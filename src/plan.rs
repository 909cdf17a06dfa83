//! What a sync would take: calls and time by each of AWS's token buckets. It is arithmetic on what was listed; nothing is asked here.

mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::aws::{Allowance, Category, RateLimiters};
use crate::config::Config;
use crate::ecs;
use crate::report::{PlanCounts, Report, State, TypeReport};

/// What a sync of these settings would take.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Each type of each role in each region.
    pub types: Vec<PlannedType>,
    /// Each token bucket that these use.
    pub buckets: Vec<PlannedBucket>,
    /// What the parallel requests have to give.
    pub requests: PlannedRequests,
    /// How long a sync takes at the allowed rates, from full buckets: as long as the slowest of them, or the parallel requests.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub time: Duration,
    /// How long a sync would take with other settings; the present ones are among them.
    pub alternatives: Vec<Alternative>,
    /// ECS requests that the plan itself has sent, retries included.
    pub own_calls: u64,
    /// How long after the plan the buckets are as full again as this counts on, since its own lists took tokens.
    #[serde(rename = "full_again_seconds", serialize_with = "seconds")]
    pub full_again: Duration,
}

/// How long a sync would take with another share or more parallel requests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alternative {
    /// `api_share`, for all roles. None leaves it as it is set.
    pub api_share: Option<f64>,
    /// `parallel_requests`.
    pub parallel_requests: usize,
    /// How long a sync would take.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub time: Duration,
}

/// The shares that are compared, beside that of the settings.
const SHARES: [f64; 4] = [0.25, 0.5, 0.75, 1.0];

/// How many times as many parallel requests are compared.
const TIMES: [usize; 3] = [1, 2, 4];

/// What one type of one role in one region takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedType {
    /// The account; None where nothing has told it.
    pub account: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The role's ARN; None for the base credentials.
    pub role: Option<String>,
    /// The object's name, such as `EcsTask`.
    pub object: &'static str,
    /// Whether all of its lists could be read.
    pub state: State,
    /// Objects listed.
    pub objects: u64,
    /// List requests, which the plan has sent and a sync sends again.
    pub lists: u64,
    /// Describe requests.
    pub describes: u64,
    /// How long these requests take from a full bucket that nothing else draws from. Several roles may share one.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub time: Duration,
    /// Why it is not complete.
    pub error: Option<String>,
}

/// What one of AWS's token buckets has to give.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedBucket {
    /// The account.
    pub account: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The category of requests, as in `rates`.
    pub bucket: &'static str,
    /// List requests of all roles that read this account and region.
    pub lists: u64,
    /// Their Describe requests.
    pub describes: u64,
    /// Requests that may be sent at once.
    pub burst: f64,
    /// Requests per second in the long run.
    pub per_second: f64,
    /// How long it takes from a full bucket.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub time: Duration,
    /// Whether it is the one that takes longest.
    pub binds: bool,
}

/// What `parallel_requests` have to give, over all accounts and regions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedRequests {
    /// The setting.
    pub parallel: usize,
    /// All calls.
    pub calls: u64,
    /// How long AWS took for one List request of the plan, on average.
    #[serde(rename = "latency_seconds", serialize_with = "thousandths")]
    pub latency: Duration,
    /// How long all calls take if AWS's buckets have enough.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub time: Duration,
    /// Whether they take longer than every bucket.
    pub bind: bool,
}

impl Plan {
    /// The plan of what was listed, in the order of the report's types. `latency` is that of one request.
    pub fn new(config: &Config, report: &Report, planned: &[PlanCounts], latency: Option<Duration>) -> Self {
        let limiters = RateLimiters::new(config);
        let of_type = |(one, counts): (&TypeReport, &PlanCounts)| {
            let (account, region) = (one.account.clone(), one.region.clone());
            let calls = counts.lists + counts.describes;
            let time = ecs::category(one.object).map(|category| {
                time_from_full(calls, &limiters.allowance(account.as_deref(), region.as_deref(), category, None))
            });
            PlannedType {
                account,
                region,
                role: one.role.clone(),
                object: one.object,
                state: one.state,
                objects: counts.objects,
                lists: counts.lists,
                describes: counts.describes,
                time: time.unwrap_or_default(),
                error: one.error.clone(),
            }
        };
        let types: Vec<PlannedType> = report.types.iter().zip(planned).map(of_type).collect();
        let mut uses = uses(&types);
        uses.retain(|one| one.calls() > 0);
        let calls = uses.iter().map(Use::calls).sum();
        let latency = latency.unwrap_or_default();
        let in_parallel = |parallel: usize| latency.mul_f64(calls as f64 / parallel.max(1) as f64);
        let at_share = |share: Option<f64>| {
            let time = |one: &Use| time_from_full(one.calls(), &one.allowance(&limiters, share));
            uses.iter().map(time).max().unwrap_or_default()
        };
        let parallel = config.parallel_requests;
        let (of_buckets, of_requests) = (at_share(None), in_parallel(parallel));
        let requests = PlannedRequests { parallel, calls, latency, time: of_requests, bind: of_requests > of_buckets };
        let mut buckets: Vec<PlannedBucket> = uses.iter().map(|one| one.bucket(&limiters)).collect();
        let slowest = (0..buckets.len()).max_by_key(|at| buckets[*at].time);
        if let Some(at) = slowest.filter(|_| !requests.bind && !of_buckets.is_zero()) {
            buckets[at].binds = true;
        }
        let of_share = |share| Alternative {
            api_share: Some(share),
            parallel_requests: parallel,
            time: at_share(Some(share)).max(of_requests),
        };
        let of_parallel = |times| Alternative {
            api_share: None,
            parallel_requests: times * parallel,
            time: in_parallel(times * parallel).max(of_buckets),
        };
        let mut shares = Vec::from(SHARES);
        shares.push(config.api_share);
        shares.sort_by(f64::total_cmp);
        shares.dedup();
        let alternatives = shares.into_iter().map(of_share).chain(TIMES.into_iter().map(of_parallel)).collect();
        let refill = |one: &PlannedBucket| time_at((one.lists as f64).min(one.burst), one.per_second);
        let full_again = buckets.iter().map(refill).max().unwrap_or_default();
        let (time, own_calls) = (of_buckets.max(of_requests), report.calls.attempts);
        Self { types, buckets, requests, time, alternatives, own_calls, full_again }
    }
}

/// What is asked of one bucket.
struct Use<'a> {
    account: Option<&'a str>,
    region: Option<&'a str>,
    category: Category,
    lists: u64,
    describes: u64,
}

impl Use<'_> {
    fn calls(&self) -> u64 {
        self.lists + self.describes
    }

    fn allowance(&self, limiters: &RateLimiters, share: Option<f64>) -> Allowance {
        limiters.allowance(self.account, self.region, self.category, share)
    }

    fn bucket(&self, limiters: &RateLimiters) -> PlannedBucket {
        let allowance = self.allowance(limiters, None);
        PlannedBucket {
            account: self.account.map(str::to_owned),
            region: self.region.map(str::to_owned),
            bucket: self.category.name(),
            lists: self.lists,
            describes: self.describes,
            burst: allowance.burst,
            per_second: allowance.per_second,
            time: time_from_full(self.calls(), &allowance),
            binds: false,
        }
    }
}

/// The buckets that types use, in the order of accounts, regions and categories.
fn uses(types: &[PlannedType]) -> Vec<Use<'_>> {
    let mut uses: BTreeMap<_, Use<'_>> = BTreeMap::new();
    for one in types {
        let Some(category) = ecs::category(one.object) else { continue };
        let (account, region) = (one.account.as_deref(), one.region.as_deref());
        let none = || Use { account, region, category, lists: 0, describes: 0 };
        let found = uses.entry((account, region, category as usize)).or_insert_with(none);
        found.lists += one.lists;
        found.describes += one.describes;
    }
    uses.into_values().collect()
}

/// The time that so many requests take from a full bucket.
fn time_from_full(calls: u64, allowance: &Allowance) -> Duration {
    time_at(calls as f64 - allowance.burst, allowance.per_second)
}

/// The time that so many tokens take to flow in.
fn time_at(tokens: f64, per_second: f64) -> Duration {
    Duration::try_from_secs_f64(tokens.max(0.0) / per_second).unwrap_or(Duration::MAX)
}

fn thousandths<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1000.0).round() / 1000.0)
}

fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    // Tenths are as much as this knows.
    serializer.serialize_f64((time.as_secs_f64() * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests;
