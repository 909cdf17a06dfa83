//! The Task of the API.

use super::{CANARY, MINUTE, instant, tags, unknown_members};
use crate::json::Json;
use crate::seal::{Hex, hash, pick};
use crate::site::{Cluster, Site, TaskId};

/// What the parts of one task share.
pub(super) struct Sketch<'a> {
    pub(super) region: &'a str,
    pub(super) account: &'a str,
    pub(super) cluster_name: &'a str,
    pub(super) id: &'a str,
    pub(super) arn: &'a str,
    pub(super) ordinal: u64,
    pub(super) draw: u64,
    /// An EC2 task in bridge mode: it has a container instance and no network interface.
    pub(super) on_instance: bool,
    pub(super) status: &'static str,
    pub(super) created: u64,
}

impl Site<'_> {
    /// Writes the members of a task.
    pub(crate) fn write_task(&self, json: &mut Json, cluster: Cluster, id: TaskId, with_tags: bool) {
        let ordinal = self.task_ordinal(cluster, id);
        let cluster_name = self.cluster_name(cluster.n);
        let id_text = self.task_id(cluster, id);
        let arn = self.task_arn_by_id(cluster, &cluster_name, id, &id_text);
        let draw = hash(self.key, ordinal << 1 | u64::from(id.stopped));
        let status = match ordinal % 10 {
            _ if id.stopped => "STOPPED",
            1 => "PROVISIONING",
            4 => "PENDING",
            7 => "DEACTIVATING",
            _ => "RUNNING",
        };
        let sketch = Sketch {
            region: self.region,
            account: self.account,
            cluster_name: &cluster_name,
            id: &id_text,
            arn: &arn,
            ordinal,
            draw,
            on_instance: ordinal % 5 == 3,
            status,
            created: instant(draw, ordinal),
        };
        sketch.attachments(json);
        json.list("attributes", |json| {
            json.record(&[("name", "ecs.cpu-architecture"), ("value", "x86_64")]);
        });
        if ordinal % 31 != 9 {
            json.text("availabilityZone", &[self.region, pick(&["a", "b", "c"], ordinal)].concat());
        }
        json.format("clusterArn", format_args!("arn:aws:ecs:{}:{}:cluster/{cluster_name}", self.region, self.account));
        json.text("connectivity", "CONNECTED");
        json.time("connectivityAt", sketch.created + MINUTE);
        json.list("containers", |json| {
            (0..sketch.containers()).for_each(|n| json.item(|json| sketch.container(json, n)));
        });
        sketch.size_and_place(json);
        json.text("desiredStatus", if id.stopped { "STOPPED" } else { "RUNNING" });
        json.flag("enableExecuteCommand", ordinal.is_multiple_of(9));
        self.write_group(json, cluster, ordinal);
        json.text("healthStatus", pick(&["HEALTHY", "UNKNOWN"], ordinal));
        json.text("lastStatus", status);
        sketch.overrides(json);
        sketch.times(json, id.stopped);
        tags(json, ordinal, with_tags);
        json.text("taskArn", &arn);
        if self.shape.task_definitions > 0 {
            json.text("taskDefinitionArn", &self.task_definition_arn(ordinal % self.shape.task_definitions));
        }
        json.number("version", 1 + ordinal % 6);
        json.object("ephemeralStorage", |json| json.number("sizeInGiB", 20));
        unknown_members(json, ordinal);
    }

    fn write_group(&self, json: &mut Json, cluster: Cluster, ordinal: u64) {
        let services = self.services_in(cluster);
        match ordinal % 12 {
            5 => {}
            6 => json.text("group", "夜間バッチ-größe"),
            7 => json.text("group", "family:nightly-report"),
            _ if services == 0 => json.text("group", "family:one-off"),
            _ => json.format("group", format_args!("service:{}", self.service_name(cluster, ordinal % services))),
        }
    }
}

impl Sketch<'_> {
    fn containers(&self) -> u64 {
        1 + self.ordinal % 3
    }

    fn container(&self, json: &mut Json, n: u64) {
        let Sketch { region, account, cluster_name, id, ordinal, draw, .. } = *self;
        json.format(
            "containerArn",
            format_args!(
                "arn:aws:ecs:{region}:{account}:container/{cluster_name}/{id}/{}-77aa-4c2d-8e11-{}",
                Hex::<8>(draw >> 32),
                Hex::<12>(n)
            ),
        );
        json.text("taskArn", self.arn);
        json.text("name", container_name(n));
        match ordinal % 17 {
            // The image could not be pulled.
            3 if n == 0 => {}
            4 if n == 0 => json.null("image"),
            _ => json.format(
                "image",
                format_args!("{account}.dkr.ecr.{region}.amazonaws.com/{}:{}", container_name(n), ordinal % 40),
            ),
        }
        let [draw_digits, others, last] = [draw, !draw, n].map(Hex::<16>);
        json.format("imageDigest", format_args!("sha256:{draw_digits}{others}{draw_digits}{last}"));
        json.format("runtimeId", format_args!("{id}-{:010}", draw >> 31));
        json.text("lastStatus", self.status);
        if self.status == "STOPPED" {
            json.number("exitCode", ordinal % 2);
        }
        json.texts("networkBindings", &[]);
        json.list("networkInterfaces", |list| {
            if !self.on_instance {
                list.item(|json| {
                    self.attachment_id(json, 0);
                    // Written otherwise here than in the attachment's details.
                    self.address(json, "privateIpv4Address", 0);
                });
            }
        });
        json.text("healthStatus", "HEALTHY");
        json.text("cpu", "256");
        json.text("memory", "512");
        json.text("memoryReservation", "256");
    }

    fn size_and_place(&self, json: &mut Json) {
        match self.ordinal % 23 {
            5 => {
                json.null("cpu");
                json.null("memory");
            }
            // Sized by container.
            8 if self.on_instance => {}
            _ => {
                json.text("cpu", pick(&["256", "512", "1024"], self.ordinal));
                json.text("memory", "2048");
            }
        }
        if self.ordinal % 29 == 7 {
            json.text("launchType", "QUANTUM");
        } else if self.on_instance {
            json.text("launchType", "EC2");
            json.format(
                "containerInstanceArn",
                format_args!(
                    "arn:aws:ecs:{}:{}:container-instance/{}/{}",
                    self.region,
                    self.account,
                    self.cluster_name,
                    Hex::<32>(self.ordinal % 50)
                ),
            );
        } else {
            json.text("launchType", "FARGATE");
            json.text("platformVersion", "1.4.0");
            json.text("platformFamily", "Linux");
            if self.ordinal % 5 == 4 {
                json.text("capacityProviderName", "FARGATE_SPOT");
            }
        }
    }

    /// Overrides hold environment values too.
    fn overrides(&self, json: &mut Json) {
        json.object("overrides", |json| {
            json.list("containerOverrides", |list| {
                for n in 0..self.containers() {
                    list.item(|json| {
                        json.text("name", container_name(n));
                        if self.ordinal.is_multiple_of(2) {
                            json.list("environment", |list| {
                                list.item(|json| {
                                    json.text("name", "RUN_TOKEN");
                                    json.format("value", format_args!("{CANARY}-{}", self.ordinal));
                                });
                            });
                        }
                    });
                }
            });
            json.texts("inferenceAcceleratorOverrides", &[]);
        });
    }

    fn times(&self, json: &mut Json, stopped: bool) {
        if self.ordinal % 31 != 9 {
            json.time("createdAt", self.created);
        }
        json.time("pullStartedAt", self.created + MINUTE / 4);
        json.time("pullStoppedAt", self.created + MINUTE / 2);
        json.format("startedBy", format_args!("ecs-svc/{:019}", self.draw >> 4));
        let failed_to_start = stopped && self.ordinal % 4 == 1;
        if !failed_to_start && !matches!(self.status, "PROVISIONING" | "PENDING") {
            json.time("startedAt", self.created + MINUTE);
        }
        if stopped {
            json.text("stopCode", if failed_to_start { "TaskFailedToStart" } else { "EssentialContainerExited" });
            json.text("stoppedReason", "Essential container in task exited");
            json.time("stoppingAt", self.created + 59 * MINUTE);
            json.time("stoppedAt", self.created + 60 * MINUTE);
        }
    }
}

fn container_name(n: u64) -> &'static str {
    pick(&["web", "envoy", "log-router"], n)
}
