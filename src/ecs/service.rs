//! `EcsService`: ListServices, DescribeServices.

use std::borrow::Cow;

use aws_sdk_ecs::operation::describe_services::DescribeServicesOutput;
use aws_sdk_ecs::types::ServiceField;
use aws_smithy_runtime_api::client::interceptors::context::Output;
use serde::Deserialize;

use super::{Actions, Described, Failure, Listed, Object, ParentKind, Pass, Tag, Timestamp};
use crate::aws::{Answer, Category, Ecs, Fault};
use crate::contract::Read::{Count, Flag, Id, List, Str, Tags, Time};
use crate::contract::{Parent, Row};

/// What the contract reads of a service, in the API's words.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    service_arn: Option<Box<str>>,
    service_name: Option<Box<str>>,
    cluster_arn: Option<Box<str>>,
    status: Option<Box<str>>,
    created_at: Option<Timestamp>,
    desired_count: Option<i32>,
    pending_count: Option<i32>,
    running_count: Option<i32>,
    launch_type: Option<Box<str>>,
    load_balancers: Option<Vec<LoadBalancer>>,
    network_configuration: Option<NetworkConfiguration>,
    platform_family: Option<Box<str>>,
    platform_version: Option<Box<str>>,
    role_arn: Option<Box<str>>,
    scheduling_strategy: Option<Box<str>>,
    tags: Option<Vec<Tag>>,
    task_definition: Option<Box<str>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoadBalancer {
    target_group_arn: Option<Box<str>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NetworkConfiguration {
    awsvpc_configuration: Option<AwsvpcConfiguration>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AwsvpcConfiguration {
    assign_public_ip: Option<Box<str>>,
    security_groups: Option<Vec<Box<str>>>,
    subnets: Option<Vec<Box<str>>>,
}

/// The answer of DescribeServices, which always has its list.
#[derive(Deserialize)]
struct Services {
    services: Vec<Service>,
    failures: Option<Vec<Failure>>,
}

impl Object for Service {
    const NAME: &'static str = "EcsService";
    const DOC: &'static str = "An Amazon ECS service, as DescribeServices shows it.";
    const BATCH: usize = 10;
    const ACTIONS: Actions = Actions { list: "ListServices", describe: "DescribeServices" };
    const PARENT: ParentKind = ParentKind::Cluster;
    const CATEGORY: Category = Category::ServiceRead;

    #[rustfmt::skip]
    const TABLE: &'static [Row<Self>] = &[
        ("awsvpcConfiguration.assignPublicIp == ENABLED", "ASSIGN_PUBLIC_IP",    Flag(|service| awsvpc(service).map(|awsvpc| awsvpc.assign_public_ip.as_deref() == Some("ENABLED")))),
        ("awsvpcConfiguration.securityGroups",            "SECURITY_GROUP_IDS",  List(|service| awsvpc(service).map(|awsvpc| super::texts(awsvpc.security_groups.as_deref())).unwrap_or_default())),
        ("awsvpcConfiguration.subnets",                   "SUBNET_IDS",          List(|service| awsvpc(service).map(|awsvpc| super::texts(awsvpc.subnets.as_deref())).unwrap_or_default())),
        ("service.clusterArn",                            "CLUSTER_ARN",         Str(|service| service.cluster_arn.as_deref())),
        ("service.createdAt",                             "FIRST_SEEN",          Time(|service| service.created_at.map(|time| time.0))),
        ("service.desiredCount",                          "DESIRED_COUNT",       Count(|service| service.desired_count)),
        ("service.launchTypeAsString()",                  "LAUNCH_TYPE",         Str(|service| service.launch_type.as_deref())),
        ("service.loadBalancers[*].targetGroupArn",       "TARGET_GROUP_ARNS",   List(|service| service.load_balancers.iter().flatten().filter_map(|balancer| balancer.target_group_arn.as_deref()).collect())),
        ("service.pendingCount",                          "PENDING_COUNT",       Count(|service| service.pending_count)),
        ("service.platformFamily",                        "PLATFORM_FAMILY",     Str(|service| service.platform_family.as_deref())),
        ("service.platformVersion",                       "PLATFORM_VERSION",    Str(|service| service.platform_version.as_deref())),
        ("service.roleArn",                               "SERVICE_ROLE_ARN",    Str(|service| service.role_arn.as_deref())),
        ("service.runningCount",                          "RUNNING_COUNT",       Count(|service| service.running_count)),
        ("service.schedulingStrategyAsString()",          "SCHEDULING_STRATEGY", Str(|service| service.scheduling_strategy.as_deref())),
        ("service.serviceArn",                            "SERVICE_ARN",         Str(|service| service.service_arn.as_deref())),
        ("service.serviceArn",                            "UID",                 Id(Self::arn)),
        ("service.serviceName",                           "SERVICE_NAME",        Str(|service| service.service_name.as_deref())),
        ("service.serviceName (fallback: ARN)",           "NAME",                Str(|service| service.service_name.as_deref().or(service.arn()))),
        ("service.status",                                "SOURCE_STATUS",       Str(|service| service.status.as_deref())),
        ("service.tags",                                  "TAGS",                Tags(|service| super::tags(service.tags.as_deref()))),
        ("service.taskDefinition",                        "TASK_DEFINITION",     Str(|service| service.task_definition.as_deref())),
    ];

    fn arn(&self) -> Option<&str> {
        self.service_arn.as_deref()
    }

    /// Services of several clusters may share an ARN of the old format (`service/NAME`), which does not name the cluster.
    fn event_id<'a>(&self, arn: &'a str) -> Cow<'a, str> {
        match &self.cluster_arn {
            Some(cluster) if is_short(arn) => Cow::Owned(format!("{arn},{cluster}")),
            _ => Cow::Borrowed(arn),
        }
    }

    async fn list(ecs: &Ecs, parent: &Parent, _: Pass, token: Option<String>) -> Result<Listed, Fault> {
        let request = ecs.client.list_services().set_cluster(parent.as_deref().map(str::to_owned));
        let request = request.max_results(ecs.page_size).set_next_token(token);
        let answer = request.send().await.map_err(|error| Fault::judge(&error))?;
        Ok(Listed { arns: answer.service_arns.ok_or_else(Fault::malformed)?, next_token: answer.next_token })
    }

    async fn describe(ecs: &Ecs, parent: &Parent, arns: Vec<String>) -> Result<Described<Self>, Fault> {
        let request = ecs.client.describe_services().set_cluster(parent.as_deref().map(str::to_owned));
        let request = request.set_services(Some(arns)).include(ServiceField::Tags);
        let answer = Answer::in_place_of(|| Output::erase(DescribeServicesOutput::builder().build()));
        let Services { services, failures } =
            answer.of(request.customize().interceptor(answer.clone()).send().await)?;
        Ok(Described { objects: services, failures: super::failures(failures) })
    }
}

fn awsvpc(service: &Service) -> Option<&AwsvpcConfiguration> {
    service.network_configuration.as_ref()?.awsvpc_configuration.as_ref()
}

/// Whether the ARN has the old format.
fn is_short(arn: &str) -> bool {
    arn.rsplit(':').next().is_some_and(|resource| resource.split('/').count() == 2)
}
