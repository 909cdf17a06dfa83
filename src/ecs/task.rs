//! `EcsTask`: ListTasks (running, and stopped when asked for), DescribeTasks.

use aws_sdk_ecs::operation::describe_tasks::DescribeTasksOutput;
use aws_sdk_ecs::types::{DesiredStatus, TaskField};
use aws_smithy_runtime_api::client::interceptors::context::Output;
use serde::Deserialize;

use super::{Actions, Described, Failure, Listed, Object, Options, ParentKind, Pass, Tag, Timestamp};
use crate::aws::{Answer, Category, Ecs, Fault};
use crate::contract::Read::{Id, List, Str, Tags, Time};
use crate::contract::{Parent, Row};

/// What the contract reads of a task, in the API's words. Its overrides, which hold environment values, are not among it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    task_arn: Option<Box<str>>,
    attachments: Option<Vec<Attachment>>,
    availability_zone: Option<Box<str>>,
    cluster_arn: Option<Box<str>>,
    container_instance_arn: Option<Box<str>>,
    containers: Option<Vec<Container>>,
    cpu: Option<Box<str>>,
    created_at: Option<Timestamp>,
    desired_status: Option<Box<str>>,
    group: Option<Box<str>>,
    last_status: Option<Box<str>>,
    launch_type: Option<Box<str>>,
    memory: Option<Box<str>>,
    platform_version: Option<Box<str>>,
    started_at: Option<Timestamp>,
    stopped_at: Option<Timestamp>,
    tags: Option<Vec<Tag>>,
    task_definition_arn: Option<Box<str>>,
}

#[derive(Debug, Deserialize)]
struct Attachment {
    details: Option<Vec<Detail>>,
}

/// A `KeyValuePair` of an attachment. Those of an environment are the same to the API.
#[derive(Debug, Deserialize)]
struct Detail {
    name: Option<Box<str>>,
    value: Option<Box<str>>,
}

#[derive(Debug, Deserialize)]
struct Container {
    image: Option<Box<str>>,
}

/// The answer of DescribeTasks, which always has its list.
#[derive(Deserialize)]
struct Tasks {
    tasks: Vec<Task>,
    failures: Option<Vec<Failure>>,
}

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
        ("task.availabilityZone",                 "AVAILABILITY_ZONE",      Str(|task| task.availability_zone.as_deref())),
        ("task.clusterArn",                       "CLUSTER_ARN",            Str(|task| task.cluster_arn.as_deref())),
        ("task.containerInstanceArn",             "CONTAINER_INSTANCE_ARN", Str(|task| task.container_instance_arn.as_deref())),
        ("task.containers[*].image",              "CONTAINER_IMAGES",       List(|task| task.containers.iter().flatten().filter_map(|container| container.image.as_deref()).collect())),
        ("task.cpu",                              "CPU",                    Str(|task| task.cpu.as_deref())),
        ("task.createdAt",                        "FIRST_SEEN",             Time(|task| task.created_at.map(|time| time.0))),
        ("task.desiredStatus",                    "DESIRED_STATUS",         Str(|task| task.desired_status.as_deref())),
        ("task.group",                            "GROUP",                  Str(|task| task.group.as_deref())),
        ("task.lastStatus",                       "SOURCE_STATUS",          Str(|task| task.last_status.as_deref())),
        ("task.launchTypeAsString()",             "LAUNCH_TYPE",            Str(|task| task.launch_type.as_deref())),
        ("task.memory",                           "MEMORY",                 Str(|task| task.memory.as_deref())),
        ("task.platformVersion",                  "PLATFORM_VERSION",       Str(|task| task.platform_version.as_deref())),
        ("task.startedAt",                        "LAST_STARTED",           Time(|task| task.started_at.map(|time| time.0))),
        ("task.stoppedAt",                        "LAST_STOPPED",           Time(|task| task.stopped_at.map(|time| time.0))),
        ("task.tags",                             "TAGS",                   Tags(|task| super::tags(task.tags.as_deref()))),
        ("task.taskArn",                          "NAME",                   Str(|task| task.task_arn.as_deref())),
        ("task.taskArn",                          "TASK_ARN",               Str(|task| task.task_arn.as_deref())),
        ("task.taskArn",                          "UID",                    Id(Self::arn)),
        ("task.taskDefinitionArn",                "TASK_DEFINITION_ARN",    Str(|task| task.task_definition_arn.as_deref())),
    ];

    fn arn(&self) -> Option<&str> {
        self.task_arn.as_deref()
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
        let answer = Answer::in_place_of(|| Output::erase(DescribeTasksOutput::builder().build()));
        let Tasks { tasks, failures } = answer.of(request.customize().interceptor(answer.clone()).send().await)?;
        Ok(Described { objects: tasks, failures: super::failures(failures) })
    }
}

/// The values of one detail in all attachments. The network interface may be any of them.
fn attachment_details<'a>(task: &'a Task, name: &str) -> Vec<&'a str> {
    let details = task.attachments.iter().flatten().flat_map(|attachment| attachment.details.iter().flatten());
    details.filter(|detail| detail.name.as_deref() == Some(name)).filter_map(|detail| detail.value.as_deref()).collect()
}
