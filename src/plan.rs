//! What a sync would take: calls and time by each of AWS's token buckets. It is arithmetic on what was listed; nothing is asked here.

mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::aws::{Allowance, Category, RateLimiters};
use crate::config::Config;
use crate::ecs::{self, Object, Visitor};
use crate::report::{PlanCounts, Report, State};

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
    /// How long after the plan the buckets are as full again as this counts on, since its own lists took tokens.
    #[serde(rename = "full_again_seconds", serialize_with = "seconds")]
    pub full_again: Duration,
}

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
    /// The same with all of AWS's bucket (`api_share = 1`).
    #[serde(rename = "seconds_with_all", serialize_with = "seconds")]
    pub with_all: Duration,
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
    /// The same with twice as many parallel requests.
    #[serde(rename = "seconds_with_twice", serialize_with = "seconds")]
    pub with_twice: Duration,
    /// Whether they take longer than every bucket.
    pub bind: bool,
}

impl PlannedRequests {
    fn new(parallel: usize, calls: u64, latency: Duration) -> Self {
        let time = |parallel: usize| latency.mul_f64(calls as f64 / parallel.max(1) as f64);
        Self { parallel, calls, latency, time: time(parallel), with_twice: time(2 * parallel), bind: false }
    }
}

impl Plan {
    /// The plan of what was listed, in the order of the report's types. `latency` is that of one request.
    pub fn new(config: &Config, report: &Report, planned: &[PlanCounts], latency: Option<Duration>) -> Self {
        let of_type = |(one, counts): (&crate::report::TypeReport, &PlanCounts)| PlannedType {
            account: one.account.clone(),
            region: one.region.clone(),
            role: one.role.clone(),
            object: one.object,
            state: one.state,
            objects: counts.objects,
            lists: counts.lists,
            describes: counts.describes,
            error: one.error.clone(),
        };
        let types: Vec<PlannedType> = report.types.iter().zip(planned).map(of_type).collect();
        let mut buckets = buckets(config, &types);
        let calls = buckets.iter().map(|bucket| bucket.lists + bucket.describes).sum();
        let mut requests = PlannedRequests::new(config.parallel_requests, calls, latency.unwrap_or_default());
        let slowest = (0..buckets.len()).max_by_key(|at| buckets[*at].time);
        let of_buckets = slowest.map(|at| buckets[at].time).unwrap_or_default();
        requests.bind = requests.time > of_buckets;
        if let Some(at) = slowest.filter(|_| !requests.bind && !of_buckets.is_zero()) {
            buckets[at].binds = true;
        }
        let time = of_buckets.max(requests.time);
        let refill = |bucket: &PlannedBucket| time_at((bucket.lists as f64).min(bucket.burst), bucket.per_second);
        let full_again = buckets.iter().map(refill).max().unwrap_or_default();
        Self { types, buckets, requests, time, full_again }
    }
}

fn buckets(config: &Config, types: &[PlannedType]) -> Vec<PlannedBucket> {
    let limiters = RateLimiters::new(config);
    let categories = Categories::of_objects();
    let mut calls: BTreeMap<(Option<&str>, Option<&str>, usize), (u64, u64)> = BTreeMap::new();
    for one in types {
        let Some(category) = categories.of(one.object) else { continue };
        let key = (one.account.as_deref(), one.region.as_deref(), category as usize);
        let (lists, describes) = calls.entry(key).or_default();
        *lists += one.lists;
        *describes += one.describes;
    }
    let of_key = |((account, region, at), (lists, describes)): (_, (u64, u64))| {
        let category = Category::ALL[at];
        let here: (Option<&str>, Option<&str>) = (account, region);
        let allowance =
            |share| limiters.allowance(here.0.unwrap_or_default(), here.1.unwrap_or_default(), category, share);
        let (ours, all) = (allowance(None), allowance(Some(1.0)));
        let time = |allowance: &Allowance| time_at((lists + describes) as f64 - allowance.burst, allowance.per_second);
        PlannedBucket {
            account: here.0.map(str::to_owned),
            region: here.1.map(str::to_owned),
            bucket: category.name(),
            lists,
            describes,
            burst: ours.burst,
            per_second: ours.per_second,
            time: time(&ours),
            with_all: time(&all),
            binds: false,
        }
    };
    calls.into_iter().map(of_key).collect()
}

/// The time that so many tokens take to flow in.
fn time_at(tokens: f64, per_second: f64) -> Duration {
    Duration::try_from_secs_f64(tokens.max(0.0) / per_second).unwrap_or(Duration::MAX)
}

/// Which bucket the requests of each object take their tokens from.
#[derive(Default)]
struct Categories(Vec<(&'static str, Category)>);

impl Categories {
    fn of_objects() -> Self {
        let mut categories = Self::default();
        ecs::visit(&mut categories);
        categories
    }

    fn of(&self, object: &str) -> Option<Category> {
        self.0.iter().find(|(name, _)| *name == object).map(|(_, category)| *category)
    }
}

impl Visitor for Categories {
    fn visit<O: Object>(&mut self) {
        self.0.push((O::NAME, O::CATEGORY));
    }
}

fn thousandths<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((time.as_secs_f64() * 1000.0).round() / 1000.0)
}

fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    // Tenths are as much as this knows.
    serializer.serialize_f64((time.as_secs_f64() * 10.0).round() / 10.0)
}
