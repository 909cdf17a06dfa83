//! The Cluster of the API.

use super::{tags, unknown_members};
use crate::json::Json;
use crate::site::{Cluster, Site};

impl Site<'_> {
    /// Writes the members of a cluster.
    pub(crate) fn write_cluster(&self, json: &mut Json, cluster: Cluster, with_tags: bool) {
        let n = cluster.n;
        json.text("clusterArn", &self.cluster_arn(n));
        json.text("clusterName", &self.cluster_name(n));
        json.text("status", if cluster.active { "ACTIVE" } else { "INACTIVE" });
        json.number("registeredContainerInstancesCount", n % 4);
        json.number("runningTasksCount", self.tasks_in(cluster, false));
        json.number("pendingTasksCount", 0);
        json.number("activeServicesCount", self.services_in(cluster));
        json.texts("statistics", &[]);
        tags(json, n, with_tags);
        json.texts("settings", &[]);
        match n % 3 {
            0 => json.texts("capacityProviders", &["FARGATE", "FARGATE_SPOT"]),
            1 => json.texts("capacityProviders", &[]),
            _ => {}
        }
        json.texts("defaultCapacityProviderStrategy", &[]);
        unknown_members(json, n);
    }
}
