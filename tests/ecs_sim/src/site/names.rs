//! Names and ARNs, both ways: each tells its number and proves it.

use super::{Cluster, Site, TaskId};
use crate::seal::{Hex, Seal, hash, key, pick};

const WORDS: [&str; 12] = [
    "api", "auth", "billing", "catalog", "events", "ledger", "mailer", "orders", "payments", "search", "web", "worker",
];
/// Revisions of one family.
const REVISIONS: u64 = 12;
/// The first living revision of a family: the order of numbers (95 … 106) is not the order of their texts.
const FIRST_REVISION: u64 = 95;

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
        let n = number_in(name).filter(|&n| n < self.shape.clusters && self.cluster_name(n) == name)?;
        Some(self.cluster(n))
    }

    pub(crate) fn service_name(&self, cluster: Cluster, n: u64) -> String {
        let seed = if self.is_twin(cluster, n) {
            hash(key(self.key, &["twins"]), cluster.rank / 2)
        } else {
            hash(key(self.key, &["service"]), cluster.n)
        };
        named(seed, n)
    }

    /// Every thirteenth service is from before cluster names stood in ARNs; twins are.
    pub(crate) fn service_arn(&self, cluster: Cluster, n: u64) -> String {
        let name = self.service_name(cluster, n);
        if self.service_ordinal(cluster, n) % 13 == 5 || self.is_twin(cluster, n) {
            return self.arn(&["service/", &name].concat());
        }
        self.arn(&["service/", &self.cluster_name(cluster.n), "/", &name].concat())
    }

    /// The service of a cluster that a name or an ARN stands for.
    pub(crate) fn find_service(&self, cluster: Cluster, given: &str) -> Option<u64> {
        let name = given.rsplit('/').next()?;
        let n = number_in(name).filter(|&n| n < self.services_in(cluster))?;
        let known = self.service_name(cluster, n) == name && (given == name || given == self.service_arn(cluster, n));
        known.then_some(n)
    }

    pub(crate) fn task_id(&self, cluster: Cluster, id: TaskId) -> String {
        self.task_seal(cluster).close(id.n << 1 | u64::from(id.stopped))
    }

    /// Every thirteenth task is from before cluster names stood in ARNs.
    pub(crate) fn task_arn(&self, cluster: Cluster, cluster_name: &str, id: TaskId) -> String {
        self.task_arn_by_id(cluster, cluster_name, id, &self.task_id(cluster, id))
    }

    /// The same where the text of the id is at hand.
    pub(crate) fn task_arn_by_id(&self, cluster: Cluster, cluster_name: &str, id: TaskId, text: &str) -> String {
        if self.task_ordinal(cluster, id) % 13 == 5 {
            return self.arn(&["task/", text].concat());
        }
        self.arn(&["task/", cluster_name, "/", text].concat())
    }

    /// The task of a cluster that an id or an ARN stands for.
    pub(crate) fn find_task(&self, cluster: Cluster, cluster_name: &str, given: &str) -> Option<TaskId> {
        let name = given.rsplit('/').next()?;
        let number = self.task_seal(cluster).open(name)?;
        let id = TaskId { stopped: number & 1 == 1, n: number >> 1 };
        let known = id.n < self.tasks_in(cluster, id.stopped)
            && (given == name || given == self.task_arn_by_id(cluster, cluster_name, id, name));
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
    let draw = hash(key, n);
    format!("{}-{n}-{}", pick(&WORDS, draw), Hex::<6>(draw >> 40))
}

/// The number that a name tells, not yet proved.
fn number_in(name: &str) -> Option<u64> {
    name.split('-').nth(1)?.parse().ok()
}
