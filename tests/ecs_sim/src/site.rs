//! One account in one region: how its objects are numbered and spread over clusters.

mod names;

use crate::seal::key;
use crate::world::{Shape, World};

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
    twin_services: bool,
    large_task_definition_every: Option<u64>,
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
            twin_services: world.twin_services,
            large_task_definition_every: world.large_task_definition_every,
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

    /// Whether a service has a twin: one with its number, name and short ARN in the cluster that is its own's pair.
    pub(crate) fn is_twin(&self, cluster: Cluster, n: u64) -> bool {
        let pair = Cluster { rank: cluster.rank ^ 1, ..cluster };
        self.twin_services && n % 4 == 1 && pair.rank < self.active() && n < self.services_in(pair)
    }

    pub(crate) fn task_definition_is_large(&self, n: u64) -> bool {
        self.large_task_definition_every.is_some_and(|every| n % every.max(1) == every.max(1) - 1)
    }

    fn active(&self) -> u64 {
        self.shape.clusters - self.inactive()
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
        let (each, left) = (total / self.active(), total % self.active());
        (cluster.rank * each + cluster.rank.min(left), each + u64::from(cluster.rank < left))
    }
}
