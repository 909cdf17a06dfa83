//! `EcsCluster`: ListClusters, DescribeClusters.

use aws_sdk_ecs::operation::describe_clusters::DescribeClustersOutput;
use aws_sdk_ecs::types::ClusterField;
use aws_smithy_runtime_api::client::interceptors::context::Output;
use serde::Deserialize;

use super::{Actions, Described, Failure, Listed, Object, ParentKind, Pass, Tag};
use crate::aws::{Answer, Category, Ecs, Fault};
use crate::contract::Read::{Count, Id, List, Str, Tags};
use crate::contract::{Parent, Row};

/// What the contract reads of a cluster, in the API's words.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    cluster_arn: Option<Box<str>>,
    cluster_name: Option<Box<str>>,
    status: Option<Box<str>>,
    active_services_count: Option<i32>,
    pending_tasks_count: Option<i32>,
    registered_container_instances_count: Option<i32>,
    running_tasks_count: Option<i32>,
    capacity_providers: Option<Vec<Box<str>>>,
    tags: Option<Vec<Tag>>,
}

/// The answer of DescribeClusters, which always has its list.
#[derive(Deserialize)]
struct Clusters {
    clusters: Vec<Cluster>,
    failures: Option<Vec<Failure>>,
}

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
        ("cluster.activeServicesCount",               "ACTIVE_SERVICES_COUNT",               Count(|cluster| cluster.active_services_count)),
        ("cluster.capacityProviders",                 "CAPACITY_PROVIDERS",                  List(|cluster| super::texts(cluster.capacity_providers.as_deref()))),
        ("cluster.clusterArn",                        "CLUSTER_ARN",                         Str(|cluster| cluster.cluster_arn.as_deref())),
        ("cluster.clusterArn",                        "UID",                                 Id(Self::arn)),
        ("cluster.clusterName",                       "CLUSTER_NAME",                        Str(|cluster| cluster.cluster_name.as_deref())),
        ("cluster.clusterName (fallback: ARN)",       "NAME",                                Str(|cluster| cluster.cluster_name.as_deref().or(cluster.arn()))),
        ("cluster.pendingTasksCount",                 "PENDING_TASKS_COUNT",                 Count(|cluster| cluster.pending_tasks_count)),
        ("cluster.registeredContainerInstancesCount", "REGISTERED_CONTAINER_INSTANCE_COUNT", Count(|cluster| cluster.registered_container_instances_count)),
        ("cluster.runningTasksCount",                 "RUNNING_TASKS_COUNT",                 Count(|cluster| cluster.running_tasks_count)),
        ("cluster.status",                            "SOURCE_STATUS",                       Str(|cluster| cluster.status.as_deref())),
        ("cluster.tags",                              "TAGS",                                Tags(|cluster| super::tags(cluster.tags.as_deref()))),
    ];

    fn arn(&self) -> Option<&str> {
        self.cluster_arn.as_deref()
    }

    async fn list(ecs: &Ecs, _: &Parent, _: Pass, token: Option<String>) -> Result<Listed, Fault> {
        let request = ecs.client.list_clusters().max_results(ecs.page_size).set_next_token(token);
        let answer = request.send().await.map_err(|error| Fault::judge(&error))?;
        Ok(Listed { arns: answer.cluster_arns.ok_or_else(Fault::malformed)?, next_token: answer.next_token })
    }

    async fn describe(ecs: &Ecs, _: &Parent, arns: Vec<String>) -> Result<Described<Self>, Fault> {
        let request = ecs.client.describe_clusters().set_clusters(Some(arns)).include(ClusterField::Tags);
        let answer = Answer::in_place_of(|| Output::erase(DescribeClustersOutput::builder().build()));
        let Clusters { clusters, failures } =
            answer.of(request.customize().interceptor(answer.clone()).send().await)?;
        Ok(Described { objects: clusters, failures: super::failures(failures) })
    }
}
