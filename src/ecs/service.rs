//! `EcsService`: ListServices, DescribeServices.

use std::borrow::Cow;

use aws_sdk_ecs::types::{AssignPublicIp, AwsVpcConfiguration, Service, ServiceField};

use super::{Actions, Described, Listed, Object, ParentKind, Pass};
use crate::aws::{Category, Ecs, Fault};
use crate::contract::Read::{Count, Flag, Id, List, Str, Tags, Time};
use crate::contract::{Parent, Row};

impl Object for Service {
    const NAME: &'static str = "EcsService";
    const DOC: &'static str = "An Amazon ECS service, as DescribeServices shows it.";
    const BATCH: usize = 10;
    const ACTIONS: Actions = Actions { list: "ListServices", describe: "DescribeServices" };
    const PARENT: ParentKind = ParentKind::Cluster;
    const CATEGORY: Category = Category::ServiceRead;

    #[rustfmt::skip]
    const TABLE: &'static [Row<Self>] = &[
        ("awsvpcConfiguration.assignPublicIp == ENABLED", "ASSIGN_PUBLIC_IP",    Flag(|service| vpc(service).map(|vpc| vpc.assign_public_ip() == Some(&AssignPublicIp::Enabled)))),
        ("awsvpcConfiguration.securityGroups",            "SECURITY_GROUP_IDS",  List(|service| texts(vpc(service).map(AwsVpcConfiguration::security_groups)))),
        ("awsvpcConfiguration.subnets",                   "SUBNET_IDS",          List(|service| texts(vpc(service).map(AwsVpcConfiguration::subnets)))),
        ("service.clusterArn",                            "CLUSTER_ARN",         Str(Self::cluster_arn)),
        ("service.createdAt",                             "FIRST_SEEN",          Time(Self::created_at)),
        ("service.desiredCount",                          "DESIRED_COUNT",       Count(Self::desired_count)),
        ("service.launchTypeAsString()",                  "LAUNCH_TYPE",         Str(|service| service.launch_type().map(|launch_type| launch_type.as_str()))),
        ("service.loadBalancers[*].targetGroupArn",       "TARGET_GROUP_ARNS",   List(|service| service.load_balancers().iter().filter_map(|balancer| balancer.target_group_arn()).collect())),
        ("service.pendingCount",                          "PENDING_COUNT",       Count(Self::pending_count)),
        ("service.platformFamily",                        "PLATFORM_FAMILY",     Str(Self::platform_family)),
        ("service.platformVersion",                       "PLATFORM_VERSION",    Str(Self::platform_version)),
        ("service.roleArn",                               "SERVICE_ROLE_ARN",    Str(Self::role_arn)),
        ("service.runningCount",                          "RUNNING_COUNT",       Count(Self::running_count)),
        ("service.schedulingStrategyAsString()",          "SCHEDULING_STRATEGY", Str(|service| service.scheduling_strategy().map(|strategy| strategy.as_str()))),
        ("service.serviceArn",                            "SERVICE_ARN",         Str(Self::service_arn)),
        ("service.serviceArn",                            "UID",                 Id(Self::service_arn)),
        ("service.serviceName",                           "SERVICE_NAME",        Str(Self::service_name)),
        ("service.serviceName (fallback: ARN)",           "NAME",                Str(|service| service.service_name().or(service.service_arn()))),
        ("service.status",                                "SOURCE_STATUS",       Str(Self::status)),
        ("service.tags",                                  "TAGS",                Tags(|service| super::tags(service.tags()))),
        ("service.taskDefinition",                        "TASK_DEFINITION",     Str(Self::task_definition)),
    ];

    fn arn(&self) -> Option<&str> {
        self.service_arn()
    }

    /// Services of several clusters may share an ARN of the old format (`service/NAME`), which does not name the cluster.
    fn event_id<'a>(&self, arn: &'a str) -> Cow<'a, str> {
        match self.cluster_arn() {
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
        let answer = request.send().await.map_err(|error| Fault::judge(&error))?;
        Ok(Described { objects: answer.services.unwrap_or_default(), failures: super::failures(answer.failures) })
    }
}

fn vpc(service: &Service) -> Option<&AwsVpcConfiguration> {
    service.network_configuration()?.awsvpc_configuration()
}

fn texts(list: Option<&[String]>) -> Vec<&str> {
    list.unwrap_or_default().iter().map(String::as_str).collect()
}

/// Whether the ARN has the old format.
fn is_short(arn: &str) -> bool {
    arn.rsplit(':').next().is_some_and(|resource| resource.split('/').count() == 2)
}
