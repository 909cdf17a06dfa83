//! What the simulated accounts hold, and the same as ground truth for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;

use crate::bucket::Buckets;
use crate::fault::Chaos;
use crate::foreign::Foreign;
use crate::json::Json;
use crate::refusal::Refusal;
use crate::site::{Cluster, Site, TaskId};

/// Everything that decides the simulator's answers, but for faults on demand.
#[derive(Debug, Clone)]
pub struct World {
    /// Two worlds with one seed hold the same objects.
    pub seed: u64,
    /// The account of requests without a session token, or with [`World::base_session_token`].
    pub base_account: String,
    /// A session token that the base credentials carry; other tokens must have been issued here.
    pub base_session_token: Option<String>,
    /// Whether the base credentials are themselves an assumed role: AssumeRole is then role chaining, which AWS
    /// limits to 3,600 seconds.
    pub base_is_role_session: bool,
    /// The shape of every (account, region) that [`World::shapes`] does not name.
    pub shape: Shape,
    /// Shapes of single (account, region) pairs.
    pub shapes: BTreeMap<(String, String), Shape>,
    /// Rules for AssumeRole, by role ARN; any other role can be assumed.
    pub roles: BTreeMap<String, RoleRule>,
    /// How list answers are cut into pages.
    pub pages: Pages,
    /// The time a request takes, drawn evenly from this range by the seed and the request's number.
    pub latency: RangeInclusive<Duration>,
    /// Every n-th object of a kind is listed but gone when it is described; a cluster takes its children along.
    pub vanish_every: Option<u64>,
    /// Every n-th running task of a cluster is in its STOPPED list too, as if it had stopped between the two lists.
    pub list_twice_every: Option<u64>,
    /// Every fourth service of an active cluster has a twin in the cluster next to it: both bear one name and one
    /// short ARN, as services did before cluster names stood in ARNs.
    pub twin_services: bool,
    /// Every n-th page after the first of a list begins with the last ARN of the page before it. Only pages that hold
    /// ARNs count, and a page of one ARN has no room for it.
    pub repeat_every: Option<u64>,
    /// Every n-th task definition is as large as ECS allows: ten containers and nearly 64 KiB.
    pub large_task_definition_every: Option<u64>,
    /// Sessions end this long after their AssumeRole, whatever it asked for.
    pub session_life: Option<Duration>,
    /// The end that AssumeRole tells, as long after it, instead of the true one: a session can die early.
    pub session_told: Option<Duration>,
    /// Regions that are not enabled: ECS knows no credentials there, and its STS is not activated.
    pub disabled_regions: BTreeSet<String>,
    /// The token buckets of ECS; without them nothing is throttled. Requests with known credentials are judged when
    /// they arrive, before faults and latency.
    pub buckets: Option<Buckets>,
    /// Who else takes from those buckets.
    pub foreign: Vec<Foreign>,
    /// Whether [`Simulator::arrivals`](crate::Simulator::arrivals) are kept.
    pub record_arrivals: bool,
    /// A schedule of faults that is drawn from a seed.
    pub chaos: Option<Chaos>,
}

impl Default for World {
    fn default() -> World {
        World {
            seed: 1,
            base_account: "111111111111".to_owned(),
            base_session_token: None,
            base_is_role_session: false,
            shape: Shape::small(),
            shapes: BTreeMap::new(),
            roles: BTreeMap::new(),
            pages: Pages::Full,
            latency: Duration::ZERO..=Duration::ZERO,
            vanish_every: None,
            list_twice_every: None,
            twin_services: false,
            repeat_every: None,
            large_task_definition_every: None,
            session_life: None,
            session_told: None,
            disabled_regions: BTreeSet::new(),
            buckets: None,
            foreign: Vec::new(),
            record_arrivals: false,
            chaos: None,
        }
    }
}

/// What one account holds in one region. Services and tasks are totals, spread evenly over the active clusters;
/// without an active cluster there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Clusters, the inactive ones included.
    pub clusters: u64,
    /// Clusters with the status INACTIVE, spread evenly among all.
    pub inactive_clusters: u64,
    /// Services in all clusters.
    pub services: u64,
    /// Tasks whose desired status is RUNNING.
    pub tasks: u64,
    /// Tasks whose desired status is STOPPED.
    pub stopped_tasks: u64,
    /// ACTIVE task definition revisions, twelve to a family; at most 120 million keep their order.
    pub task_definitions: u64,
}

impl Shape {
    /// Nothing at all.
    pub const fn empty() -> Shape {
        Shape { clusters: 0, inactive_clusters: 0, services: 0, tasks: 0, stopped_tasks: 0, task_definitions: 0 }
    }

    /// A few of everything: enough for every list to need more than one describe.
    pub const fn small() -> Shape {
        Shape { clusters: 3, inactive_clusters: 0, services: 36, tasks: 120, stopped_tasks: 12, task_definitions: 30 }
    }
}

/// How list answers are cut into pages. The API allows all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    /// Every page but the last holds maxResults.
    Full,
    /// Pages hold fewer, with a token.
    Short,
    /// As short, and some pages hold nothing, with or without a token.
    ShortAndEmpty,
}

/// What AssumeRole asks of its caller for one role.
#[derive(Debug, Clone, Default)]
pub struct RoleRule {
    /// AccessDenied for everybody.
    pub refused: bool,
    /// Another error answer for everybody, as RegionDisabledException with status 403; it goes before all other rules.
    pub refusal: Option<Refusal>,
    /// The trust policy's `sts:ExternalId`.
    pub external_id: Option<String>,
    /// MaxSessionDuration in seconds.
    pub max_session_duration: Option<u64>,
}

/// The ground truth: whole API objects as a describe with include=TAGS gives them, without those that vanish.
impl World {
    /// All clusters of an account in a region, inactive ones too.
    pub fn clusters<'a>(&'a self, account: &'a str, region: &'a str) -> impl Iterator<Item = Value> + 'a {
        let site = self.site(account, region);
        present_clusters(site).map(move |cluster| parsed(|json| site.write_cluster(json, cluster, true)))
    }

    /// All services of the active clusters.
    pub fn services<'a>(&'a self, account: &'a str, region: &'a str) -> impl Iterator<Item = Value> + 'a {
        let site = self.site(account, region);
        present_clusters(site).flat_map(move |cluster| {
            (0..site.services_in(cluster))
                .filter(move |&n| !site.service_vanishes(cluster, n))
                .map(move |n| parsed(|json| site.write_service(json, cluster, n, true)))
        })
    }

    /// The running or the stopped tasks of the active clusters.
    pub fn tasks<'a>(&'a self, account: &'a str, region: &'a str, stopped: bool) -> impl Iterator<Item = Value> + 'a {
        let site = self.site(account, region);
        present_clusters(site).flat_map(move |cluster| {
            (0..site.tasks_in(cluster, stopped))
                .map(move |n| TaskId { stopped, n })
                .filter(move |&id| !site.task_vanishes(cluster, id))
                .map(move |id| parsed(|json| site.write_task(json, cluster, id, true)))
        })
    }

    /// All task definitions, in the API's order.
    pub fn task_definitions<'a>(&'a self, account: &'a str, region: &'a str) -> impl Iterator<Item = Value> + 'a {
        let site = self.site(account, region);
        (0..site.shape.task_definitions)
            .filter(move |&n| !site.vanishes(n))
            .map(move |n| parsed(|json| site.write_task_definition(json, n)))
    }

    pub(crate) fn site<'a>(&'a self, account: &'a str, region: &'a str) -> Site<'a> {
        // Without named shapes no texts are copied to look for one.
        let named =
            if self.shapes.is_empty() { None } else { self.shapes.get(&(account.to_owned(), region.to_owned())) };
        Site::new(self, account, region, *named.unwrap_or(&self.shape))
    }
}

fn present_clusters(site: Site<'_>) -> impl Iterator<Item = Cluster> {
    (0..site.shape.clusters).filter(move |&n| !site.vanishes(n)).map(move |n| site.cluster(n))
}

fn parsed(write: impl FnOnce(&mut Json)) -> Value {
    serde_json::from_slice(&Json::object_of(write)).expect("the generator writes well-formed JSON")
}
