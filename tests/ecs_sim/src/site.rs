//! One account in one region: how its objects are numbered, spread over clusters, named, and found again by name.

use crate::seal::{Seal, hash, key, pick};
use crate::world::{Shape, World};

const WORDS: [&str; 12] = [
    "api", "auth", "billing", "catalog", "events", "ledger", "mailer", "orders", "payments", "search", "web", "worker",
];
/// Revisions of one family.
const REVISIONS: u64 = 12;
/// The first living revision of a family: the order of numbers (95 … 106) is not the order of their texts.
const FIRST_REVISION: u64 = 95;

/// One account in one region, as the generator sees it. Cheap to copy: it holds no objects.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) shape: Shape,
    /// What all generated data of this site is drawn from.
    pub(crate) key: u64,
    vanish_every: Option<u64>,
    list_twice_every: Option<u64>,
}

/// A cluster by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cluster {
    /// Its place among all clusters of the site.
    pub(crate) n: u64,
    /// Its place among the active ones, or, with `active` false, among the inactive ones.
    pub(crate) rank: u64,
    /// Whether it may have children.
    pub(crate) active: bool,
}

/// A task by its number within its cluster; running and stopped tasks are numbered apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TaskId {
    pub(crate) stopped: bool,
    pub(crate) n: u64,
}

impl<'a> Site<'a> {
    pub(crate) fn new(world: &World, account: &'a str, region: &'a str, shape: Shape) -> Site<'a> {
        Site {
            account,
            region,
            shape,
            key: key(world.seed, &[account, region]),
            vanish_every: world.vanish_every,
            list_twice_every: world.list_twice_every,
        }
    }

    /// The cluster with this number.
    pub(crate) fn cluster(&self, n: u64) -> Cluster {
        let inactive_before = |n: u64| n * self.inactive() / self.shape.clusters;
        let active = inactive_before(n) == inactive_before(n + 1);
        let rank = if active { n - inactive_before(n) } else { inactive_before(n) };
        Cluster { n, rank, active }
    }

    pub(crate) fn services_in(&self, cluster: Cluster) -> u64 {
        self.share(self.shape.services, cluster).1
    }

    pub(crate) fn tasks_in(&self, cluster: Cluster, stopped: bool) -> u64 {
        self.share(self.tasks(stopped), cluster).1
    }

    /// How many ARNs the list of this desired status has: the STOPPED one may repeat running tasks.
    pub(crate) fn listed_tasks_in(&self, cluster: Cluster, stopped: bool) -> u64 {
        let own = self.tasks_in(cluster, stopped);
        let repeated = match self.list_twice_every {
            Some(every) if stopped => self.tasks_in(cluster, false).div_ceil(every.max(1)),
            _ => 0,
        };
        own + repeated
    }

    /// The task at a position of that list.
    pub(crate) fn listed_task(&self, cluster: Cluster, stopped: bool, position: u64) -> TaskId {
        match position.checked_sub(self.tasks_in(cluster, stopped)) {
            Some(beyond) if stopped => {
                TaskId { stopped: false, n: beyond * self.list_twice_every.unwrap_or_default().max(1) }
            }
            _ => TaskId { stopped, n: position },
        }
    }

    /// A service's number among all of the site: its odd cases go by this, so small worlds have them all.
    pub(crate) fn service_ordinal(&self, cluster: Cluster, n: u64) -> u64 {
        self.share(self.shape.services, cluster).0 + n
    }

    /// A task's number among all running or all stopped ones of the site.
    pub(crate) fn task_ordinal(&self, cluster: Cluster, id: TaskId) -> u64 {
        self.share(self.tasks(id.stopped), cluster).0 + id.n
    }

    /// Whether the object with this ordinal is gone by the time it is described.
    pub(crate) fn vanishes(&self, ordinal: u64) -> bool {
        self.vanish_every.is_some_and(|every| ordinal % every.max(1) == every.max(1) - 1)
    }

    pub(crate) fn service_vanishes(&self, cluster: Cluster, n: u64) -> bool {
        self.vanishes(self.service_ordinal(cluster, n))
    }

    pub(crate) fn task_vanishes(&self, cluster: Cluster, id: TaskId) -> bool {
        self.vanishes(self.task_ordinal(cluster, id))
    }

    fn inactive(&self) -> u64 {
        self.shape.inactive_clusters.min(self.shape.clusters)
    }

    fn tasks(&self, stopped: bool) -> u64 {
        if stopped { self.shape.stopped_tasks } else { self.shape.tasks }
    }

    /// Where a cluster's part of `total` begins, and how many it has.
    fn share(&self, total: u64, cluster: Cluster) -> (u64, u64) {
        if !cluster.active {
            return (0, 0);
        }
        let clusters = self.shape.clusters - self.inactive();
        let (each, left) = (total / clusters, total % clusters);
        (cluster.rank * each + cluster.rank.min(left), each + u64::from(cluster.rank < left))
    }
}

/// Names and ARNs, both ways.
impl Site<'_> {
    /// `arn:aws:ecs:REGION:ACCOUNT:RESOURCE`
    pub(crate) fn arn(&self, resource: &str) -> String {
        ["arn:aws:ecs:", self.region, ":", self.account, ":", resource].concat()
    }

    /// What follows `KIND/` in an ARN of this account and region.
    pub(crate) fn resource<'t>(&self, kind: &str, arn: &'t str) -> Option<&'t str> {
        let rest = arn.strip_prefix("arn:aws:ecs:")?.strip_prefix(self.region)?.strip_prefix(':')?;
        rest.strip_prefix(self.account)?.strip_prefix(':')?.strip_prefix(kind)?.strip_prefix('/')
    }

    pub(crate) fn cluster_name(&self, n: u64) -> String {
        named(key(self.key, &["cluster"]), n)
    }

    pub(crate) fn cluster_arn(&self, n: u64) -> String {
        self.arn(&["cluster/", &self.cluster_name(n)].concat())
    }

    /// The cluster that a name or an ARN stands for.
    pub(crate) fn find_cluster(&self, given: &str) -> Option<Cluster> {
        let name = self.resource("cluster", given).unwrap_or(given);
        let n = numbered(key(self.key, &["cluster"]), name).filter(|&n| n < self.shape.clusters)?;
        Some(self.cluster(n))
    }

    pub(crate) fn service_name(&self, cluster: Cluster, n: u64) -> String {
        named(hash(key(self.key, &["service"]), cluster.n), n)
    }

    /// Every thirteenth service is from before cluster names stood in ARNs.
    pub(crate) fn service_arn(&self, cluster: Cluster, n: u64) -> String {
        let name = self.service_name(cluster, n);
        if self.service_ordinal(cluster, n) % 13 == 5 {
            return self.arn(&["service/", &name].concat());
        }
        self.arn(&["service/", &self.cluster_name(cluster.n), "/", &name].concat())
    }

    /// The service of a cluster that a name or an ARN stands for.
    pub(crate) fn find_service(&self, cluster: Cluster, given: &str) -> Option<u64> {
        let name = given.rsplit('/').next()?;
        let n = numbered(hash(key(self.key, &["service"]), cluster.n), name)?;
        let known = n < self.services_in(cluster) && (given == name || given == self.service_arn(cluster, n));
        known.then_some(n)
    }

    pub(crate) fn task_id(&self, cluster: Cluster, id: TaskId) -> String {
        self.task_seal(cluster).close(id.n << 1 | u64::from(id.stopped))
    }

    /// Every thirteenth task is from before cluster names stood in ARNs.
    pub(crate) fn task_arn(&self, cluster: Cluster, cluster_name: &str, id: TaskId) -> String {
        let name = self.task_id(cluster, id);
        if self.task_ordinal(cluster, id) % 13 == 5 {
            return self.arn(&["task/", &name].concat());
        }
        self.arn(&["task/", cluster_name, "/", &name].concat())
    }

    /// The task of a cluster that an id or an ARN stands for.
    pub(crate) fn find_task(&self, cluster: Cluster, cluster_name: &str, given: &str) -> Option<TaskId> {
        let name = given.rsplit('/').next()?;
        let number = self.task_seal(cluster).open(name)?;
        let id = TaskId { stopped: number & 1 == 1, n: number >> 1 };
        let known = id.n < self.tasks_in(cluster, id.stopped)
            && (given == name || given == self.task_arn(cluster, cluster_name, id));
        known.then_some(id)
    }

    /// Family and revision. Families are numbered first, so that their order is that of their numbers.
    pub(crate) fn task_definition(&self, n: u64) -> (String, u64) {
        let family = n / REVISIONS;
        (format!("app-{family:07}-{}", pick(&WORDS, family)), FIRST_REVISION + n % REVISIONS)
    }

    pub(crate) fn task_definition_arn(&self, n: u64) -> String {
        let (family, revision) = self.task_definition(n);
        self.arn(&format!("task-definition/{family}:{revision}"))
    }

    /// The task definition that `FAMILY:REVISION`, a family (its latest revision), or an ARN stands for.
    pub(crate) fn find_task_definition(&self, given: &str) -> Option<u64> {
        let name = self.resource("task-definition", given).unwrap_or(given);
        let (family, revision) = name.split_once(':').map_or((name, None), |(family, text)| (family, Some(text)));
        let mut revisions = self.find_family(family);
        match revision {
            None => revisions.next_back(),
            Some(text) => revisions.find(|&n| self.task_definition(n).1.to_string() == text),
        }
    }

    /// The numbers of a family's revisions; none if there is no such family.
    pub(crate) fn find_family(&self, name: &str) -> std::ops::Range<u64> {
        let number = name.strip_prefix("app-").and_then(|rest| rest.split('-').next()?.parse::<u64>().ok());
        let first = number.and_then(|family| family.checked_mul(REVISIONS));
        match first.filter(|&n| n < self.shape.task_definitions && self.task_definition(n).0 == name) {
            Some(first) => first..self.shape.task_definitions.min(first + REVISIONS),
            None => 0..0,
        }
    }

    fn task_seal(&self, cluster: Cluster) -> Seal {
        Seal(hash(self.key, cluster.n))
    }
}

/// A name that tells its number and proves it: `payments-17-3fa9c1`.
fn named(key: u64, n: u64) -> String {
    format!("{}-{n}-{:06x}", pick(&WORDS, hash(key, n)), hash(key, n) >> 40)
}

fn numbered(key: u64, name: &str) -> Option<u64> {
    let n = name.split('-').nth(1)?.parse().ok()?;
    (named(key, n) == name).then_some(n)
}
