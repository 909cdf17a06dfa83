//! `EcsTask`: ListTasks (running, and stopped when asked for), DescribeTasks.

use aws_sdk_ecs::types::{DesiredStatus, Task, TaskField};

use super::{Actions, Described, Listed, Object, Options, ParentKind, Pass};
use crate::aws::{Category, Ecs, Fault};
use crate::contract::Read::{Id, List, Str, Tags, Time};
use crate::contract::{Parent, Row};

impl Object for Task {
    const NAME: &'static str = "EcsTask";
    const DOC: &'static str = "An Amazon ECS task, as DescribeTasks shows it.";
    const BATCH: usize = 100;
    const ACTIONS: Actions = Actions { list: "ListTasks", describe: "DescribeTasks" };
    const PARENT: ParentKind = ParentKind::Cluster;
    const CATEGORY: Category = Category::ClusterResourceRead;

    #[rustfmt::skip]
    const TABLE: &'static [Row<Self>] = &[
        ("attachment details networkInterfaceId", "NETWORK_INTERFACE_IDS",  List(|task| attachment_details(task, "networkInterfaceId"))),
        ("attachment details privateIPv4Address", "PRIVATE_IP_ADDRESSES",   List(|task| attachment_details(task, "privateIPv4Address"))),
        ("attachment details subnetId",           "SUBNET_IDS",             List(|task| attachment_details(task, "subnetId"))),
        ("task.availabilityZone",                 "AVAILABILITY_ZONE",      Str(Self::availability_zone)),
        ("task.clusterArn",                       "CLUSTER_ARN",            Str(Self::cluster_arn)),
        ("task.containerInstanceArn",             "CONTAINER_INSTANCE_ARN", Str(Self::container_instance_arn)),
        ("task.containers[*].image",              "CONTAINER_IMAGES",       List(|task| task.containers().iter().filter_map(|container| container.image()).collect())),
        ("task.cpu",                              "CPU",                    Str(Self::cpu)),
        ("task.createdAt",                        "FIRST_SEEN",             Time(Self::created_at)),
        ("task.desiredStatus",                    "DESIRED_STATUS",         Str(Self::desired_status)),
        ("task.group",                            "GROUP",                  Str(Self::group)),
        ("task.lastStatus",                       "SOURCE_STATUS",          Str(Self::last_status)),
        ("task.launchTypeAsString()",             "LAUNCH_TYPE",            Str(|task| task.launch_type().map(|launch_type| launch_type.as_str()))),
        ("task.memory",                           "MEMORY",                 Str(Self::memory)),
        ("task.platformVersion",                  "PLATFORM_VERSION",       Str(Self::platform_version)),
        ("task.startedAt",                        "LAST_STARTED",           Time(Self::started_at)),
        ("task.stoppedAt",                        "LAST_STOPPED",           Time(Self::stopped_at)),
        ("task.tags",                             "TAGS",                   Tags(|task| super::tags(task.tags()))),
        ("task.taskArn",                          "NAME",                   Str(Self::task_arn)),
        ("task.taskArn",                          "TASK_ARN",               Str(Self::task_arn)),
        ("task.taskArn",                          "UID",                    Id(Self::task_arn)),
        ("task.taskDefinitionArn",                "TASK_DEFINITION_ARN",    Str(Self::task_definition_arn)),
    ];

    fn arn(&self) -> Option<&str> {
        self.task_arn()
    }

    fn passes(options: Options) -> &'static [Pass] {
        if options.fetch_stopped_tasks { &[Pass::Running, Pass::Stopped] } else { &[Pass::Running] }
    }

    async fn list(ecs: &Ecs, parent: &Parent, pass: Pass, token: Option<String>) -> Result<Listed, Fault> {
        let status = if pass == Pass::Stopped { DesiredStatus::Stopped } else { DesiredStatus::Running };
        let request = ecs.client.list_tasks().set_cluster(parent.as_deref().map(str::to_owned));
        let request = request.desired_status(status).max_results(ecs.page_size).set_next_token(token);
        let answer = request.send().await.map_err(|error| Fault::judge(&error))?;
        Ok(Listed { arns: answer.task_arns.ok_or_else(Fault::malformed)?, next_token: answer.next_token })
    }

    async fn describe(ecs: &Ecs, parent: &Parent, arns: Vec<String>) -> Result<Described<Self>, Fault> {
        let request = ecs.client.describe_tasks().set_cluster(parent.as_deref().map(str::to_owned));
        let request = request.set_tasks(Some(arns)).include(TaskField::Tags);
        let answer = request.send().await.map_err(|error| Fault::judge(&error))?;
        let mut objects = answer.tasks.unwrap_or_default();
        for task in &mut objects {
            // Overrides hold environment values, which must not leave this function. The contract reads nothing of them.
            task.overrides = None;
        }
        Ok(Described { objects, failures: super::failures(answer.failures) })
    }
}

/// The values of one detail in all attachments. The network interface may be any of them.
fn attachment_details<'a>(task: &'a Task, name: &str) -> Vec<&'a str> {
    let details = task.attachments().iter().flat_map(|attachment| attachment.details());
    details.filter(|detail| detail.name() == Some(name)).filter_map(|detail| detail.value()).collect()
}
