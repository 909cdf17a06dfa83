//! `EcsCluster`: ListClusters, DescribeClusters.

use aws_sdk_ecs::types::{Cluster, ClusterField};

use super::{Actions, Described, Listed, Object, ParentKind, Pass};
use crate::aws::{Category, Ecs, Fault};
use crate::contract::Read::{Count, Id, List, Str, Tags};
use crate::contract::{Parent, Row};

impl Object for Cluster {
    const NAME: &'static str = "EcsCluster";
    const DOC: &'static str = "An Amazon ECS cluster, as DescribeClusters shows it.";
    const BATCH: usize = 100;
    const ACTIONS: Actions = Actions { list: "ListClusters", describe: "DescribeClusters" };
    const PARENT: ParentKind = ParentKind::Account;
    const IS_PARENT: bool = true;
    const CATEGORY: Category = Category::ClusterRead;

    #[rustfmt::skip]
    const TABLE: &'static [Row<Self>] = &[
        ("cluster.activeServicesCount",               "ACTIVE_SERVICES_COUNT",               Count(Self::active_services_count)),
        ("cluster.capacityProviders",                 "CAPACITY_PROVIDERS",                  List(|cluster| cluster.capacity_providers().iter().map(String::as_str).collect())),
        ("cluster.clusterArn",                        "CLUSTER_ARN",                         Str(Self::cluster_arn)),
        ("cluster.clusterArn",                        "UID",                                 Id(Self::cluster_arn)),
        ("cluster.clusterName",                       "CLUSTER_NAME",                        Str(Self::cluster_name)),
        ("cluster.clusterName (fallback: ARN)",       "NAME",                                Str(|cluster| cluster.cluster_name().or(cluster.cluster_arn()))),
        ("cluster.pendingTasksCount",                 "PENDING_TASKS_COUNT",                 Count(Self::pending_tasks_count)),
        ("cluster.registeredContainerInstancesCount", "REGISTERED_CONTAINER_INSTANCE_COUNT", Count(Self::registered_container_instances_count)),
        ("cluster.runningTasksCount",                 "RUNNING_TASKS_COUNT",                 Count(Self::running_tasks_count)),
        ("cluster.status",                            "SOURCE_STATUS",                       Str(Self::status)),
        ("cluster.tags",                              "TAGS",                                Tags(|cluster| super::tags(cluster.tags()))),
    ];

    fn arn(&self) -> Option<&str> {
        self.cluster_arn()
    }

    async fn list(ecs: &Ecs, _: &Parent, _: Pass, token: Option<String>) -> Result<Listed, Fault> {
        let request = ecs.client.list_clusters().max_results(ecs.page_size).set_next_token(token);
        let answer = request.send().await.map_err(|error| Fault::judge(&error))?;
        Ok(Listed { arns: answer.cluster_arns.ok_or_else(Fault::malformed)?, next_token: answer.next_token })
    }

    async fn describe(ecs: &Ecs, _: &Parent, arns: Vec<String>) -> Result<Described<Self>, Fault> {
        let request = ecs.client.describe_clusters().set_clusters(Some(arns)).include(ClusterField::Tags);
        let answer = request.send().await.map_err(|error| Fault::judge(&error))?;
        Ok(Described { objects: answer.clusters.unwrap_or_default(), failures: super::failures(answer.failures) })
    }
}
