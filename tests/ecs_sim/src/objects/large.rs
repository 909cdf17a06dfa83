//! Task definitions as large as ECS allows: ten containers, 64 KiB as JSON.

use super::CANARY;
use crate::json::Json;
use crate::seal::{Hex, hash, pick};
use crate::site::Site;

/// The most containers of a task definition.
const CONTAINERS: usize = 10;
/// Bytes up to the last container's end; the members after it take one KiB of the 64 at most.
const FILLED: usize = 62 * 1_024;

impl Site<'_> {
    /// Writes the containers of a task definition that began at `start`. Environment fills each one's equal part.
    pub(super) fn write_large_containers(&self, list: &mut Json, n: u64, family: &str, start: usize) {
        for (container, end) in (1..=CONTAINERS).map(|parts| start + FILLED * parts / CONTAINERS).enumerate() {
            let container = container as u64;
            list.item(|json| {
                self.write_large_container(json, n, container, family);
                json.list("environment", |list| {
                    for variable in 0.. {
                        if list.length() >= end {
                            break;
                        }
                        let draw = hash(hash(n, container), variable);
                        list.item(|json| {
                            json.format("name", format_args!("SERVICE_SETTING_{variable:03}"));
                            json.format("value", format_args!("{CANARY}-{n}-{container}-{}", Hex::<16>(draw)));
                        });
                    }
                });
            });
        }
    }

    fn write_large_container(&self, json: &mut Json, n: u64, container: u64, family: &str) {
        let (account, region) = (self.account, self.region);
        let kind = pick(&["web", "envoy", "log-router"], container);
        json.format("name", format_args!("{kind}-{container}"));
        json.format("image", format_args!("{account}.dkr.ecr.{region}.amazonaws.com/{family}-{kind}:{n}"));
        json.number("cpu", 25);
        json.number("memory", 200);
        json.flag("essential", container == 0);
        json.texts("entryPoint", &["/bin/sh", "-c"]);
        json.texts("command", &["exec java -XX:MaxRAMPercentage=75 -jar \"/srv/service.jar\""]);
        json.texts("portMappings", &[]);
        json.texts("mountPoints", &[]);
        json.texts("volumesFrom", &[]);
        json.list("secrets", |list| {
            for secret in 0..8 {
                list.item(|json| {
                    json.format("name", format_args!("SECRET_{secret}"));
                    json.format(
                        "valueFrom",
                        format_args!("arn:aws:ssm:{region}:{account}:parameter/{family}/{kind}/secret-{secret}"),
                    );
                });
            }
        });
        json.object("dockerLabels", |labels| {
            labels.text("com.example.team", "platform");
            labels.format("com.example.service", format_args!("{family}-{kind}"));
        });
        json.object("logConfiguration", |json| {
            json.text("logDriver", "awslogs");
            json.object("options", |options| {
                options.format("awslogs-group", format_args!("/ecs/{family}"));
                options.text("awslogs-region", region);
                options.text("awslogs-stream-prefix", kind);
            });
        });
    }
}
