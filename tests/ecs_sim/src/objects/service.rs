//! The Service of the API.

use super::{MINUTE, instant, tags, unknown_members};
use crate::json::Json;
use crate::seal::hash;
use crate::site::{Cluster, Site};

impl Site<'_> {
    /// Writes the members of a service.
    pub(crate) fn write_service(&self, json: &mut Json, cluster: Cluster, n: u64, with_tags: bool) {
        let ordinal = self.service_ordinal(cluster, n);
        let draw = hash(self.key, 1);
        let created = instant(draw, ordinal);
        let name = self.service_name(cluster, n);
        let arn = self.service_arn(cluster, n);
        let (old, external) = (ordinal % 31 == 9, ordinal % 37 == 11);
        let task_definition =
            (self.shape.task_definitions > 0).then(|| self.task_definition_arn(ordinal % self.shape.task_definitions));

        json.text("serviceArn", &arn);
        json.text("serviceName", &name);
        json.text("clusterArn", &self.cluster_arn(cluster.n));
        load_balancers(json, self, ordinal, &name);
        if ordinal.is_multiple_of(3) {
            json.texts("serviceRegistries", &[]);
        }
        json.text("status", if ordinal % 19 == 7 { "DRAINING" } else { "ACTIVE" });
        json.number("desiredCount", ordinal % 5);
        json.number("runningCount", ordinal % 5);
        json.number("pendingCount", ordinal % 2);
        launch(json, ordinal);
        if let Some(task_definition) = task_definition.as_deref().filter(|_| !external) {
            json.text("taskDefinition", task_definition);
        }
        json.object("deploymentConfiguration", |deployment| {
            deployment.object("deploymentCircuitBreaker", |breaker| {
                breaker.flag("enable", true);
                breaker.flag("rollback", true);
            });
            deployment.number("maximumPercent", 200);
            deployment.number("minimumHealthyPercent", 100);
        });
        if !external {
            json.list("deployments", |deployments| {
                for (id, status) in
                    ["PRIMARY", "ACTIVE"].iter().enumerate().take(1 + usize::from(ordinal.is_multiple_of(4)))
                {
                    deployments.item(|deployment| {
                        deployment.format("id", format_args!("ecs-svc/{:019}", (hash(draw, ordinal) >> 4) + id as u64));
                        deployment.text("status", status);
                        deployment.number("desiredCount", ordinal % 5);
                        deployment.number("failedTasks", 0);
                        deployment.time("createdAt", created);
                        deployment.time("updatedAt", created + MINUTE);
                        deployment.text("platformVersion", "1.4.0");
                        deployment.text("rolloutState", "COMPLETED");
                        deployment.text("rolloutStateReason", "ECS deployment completed.");
                        network(deployment, draw, ordinal);
                    });
                }
            });
        }
        if !runs_on_bridge(ordinal) {
            json.format(
                "roleArn",
                format_args!(
                    "arn:aws:iam::{}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
                    self.account
                ),
            );
        }
        json.list("events", |events| {
            for event in 0..3 {
                events.item(|json| {
                    json.format("id", format_args!("{:08x}-aaaa-4bbb-8ccc-{event:012x}", hash(draw, ordinal) >> 32));
                    json.time("createdAt", created + event * MINUTE);
                    json.format("message", format_args!("(service {name}) has reached a steady state."));
                });
            }
        });
        if !old {
            json.time("createdAt", created);
            json.text("schedulingStrategy", if ordinal % 7 == 3 { "DAEMON" } else { "REPLICA" });
        }
        json.texts("placementConstraints", &[]);
        json.texts("placementStrategy", &[]);
        network(json, draw, ordinal);
        json.number("healthCheckGracePeriodSeconds", 0);
        json.object("deploymentController", |json| {
            json.text("type", if external { "EXTERNAL" } else { "ECS" });
        });
        tags(json, ordinal, with_tags);
        json.format("createdBy", format_args!("arn:aws:iam::{}:role/deployer", self.account));
        json.flag("enableECSManagedTags", ordinal.is_multiple_of(2));
        json.text("propagateTags", "SERVICE");
        json.flag("enableExecuteCommand", false);
        unknown_members(json, ordinal);
    }
}

/// EC2 services in bridge mode have no network configuration and no service role.
fn runs_on_bridge(ordinal: u64) -> bool {
    ordinal % 6 == 3
}

fn launch(json: &mut Json, ordinal: u64) {
    match ordinal % 6 {
        _ if ordinal % 29 == 7 => json.text("launchType", "QUANTUM"),
        3 => json.text("launchType", "EC2"),
        // With a strategy there is no launch type.
        4 => {
            json.list("capacityProviderStrategy", |strategy| {
                strategy.item(|json| {
                    json.text("capacityProvider", "FARGATE_SPOT");
                    json.number("weight", 1);
                    json.number("base", 0);
                });
            });
            json.text("platformFamily", "Linux");
            json.text("platformVersion", "1.4.0");
        }
        5 => {
            json.text("launchType", "FARGATE");
            json.null("platformFamily");
            json.text("platformVersion", "LATEST");
        }
        _ => {
            json.text("launchType", "FARGATE");
            json.text("platformFamily", "Linux");
            json.text("platformVersion", "LATEST");
        }
    };
}

fn network(json: &mut Json, draw: u64, ordinal: u64) {
    if runs_on_bridge(ordinal) {
        return;
    }
    if ordinal % 23 == 5 {
        json.object("networkConfiguration", |_| {});
        return;
    }
    json.object("networkConfiguration", |json| {
        json.object("awsvpcConfiguration", |vpc| {
            vpc.list("subnets", |subnets| {
                for subnet in 0..=ordinal % 3 {
                    subnets.element(&format!("subnet-{:017x}", hash(draw, subnet)));
                }
            });
            match ordinal % 4 {
                0 => {}
                1 => vpc.texts("securityGroups", &[]),
                _ => vpc.texts("securityGroups", &["sg-0a1b2c3d4e5f60718", "sg-0ffffffffffffffff"]),
            }
            match ordinal % 5 {
                0 => {}
                1 => vpc.text("assignPublicIp", "ENABLED"),
                _ => vpc.text("assignPublicIp", "DISABLED"),
            }
        });
    });
}

fn load_balancers(json: &mut Json, site: &Site<'_>, ordinal: u64, service: &str) {
    let target_group = |list: &mut Json, n: u64| {
        list.item(|json| {
            json.format(
                "targetGroupArn",
                format_args!(
                    "arn:aws:elasticloadbalancing:{}:{}:targetgroup/{service}/{:016x}",
                    site.region,
                    site.account,
                    hash(ordinal, n)
                ),
            );
            json.text("containerName", "web");
            json.number("containerPort", 8080);
        });
    };
    let classic = |list: &mut Json| {
        list.item(|json| {
            json.text("loadBalancerName", "classic-elb");
            json.text("containerName", "web");
            json.number("containerPort", 80);
        });
    };
    match ordinal % 7 {
        0 => {}
        1 | 2 => json.texts("loadBalancers", &[]),
        3 => json.list("loadBalancers", |list| classic(list)),
        4 => json.list("loadBalancers", |list| {
            classic(list);
            target_group(list, 1);
        }),
        5 => json.list("loadBalancers", |list| {
            (0..3).for_each(|n| target_group(list, n % 2));
        }),
        _ => json.list("loadBalancers", |list| target_group(list, 1)),
    }
}
