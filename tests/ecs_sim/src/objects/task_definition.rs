//! The TaskDefinition of the API.

use super::{CANARY, instant, unknown_members};
use crate::json::Json;
use crate::seal::{hash, pick};
use crate::site::Site;

impl Site<'_> {
    /// Writes the members of a task definition. Its tags stand beside it, not in it.
    pub(crate) fn write_task_definition(&self, json: &mut Json, n: u64) {
        let (account, region) = (self.account, self.region);
        let (family, revision) = self.task_definition(n);
        let start = json.length();
        json.text("taskDefinitionArn", &self.task_definition_arn(n));
        json.list("containerDefinitions", |list| {
            if self.task_definition_is_large(n) {
                return self.write_large_containers(list, n, &family, start);
            }
            for container in 0..=n % 3 {
                list.item(|json| self.write_container(json, n, container, &family));
            }
        });
        json.text("family", &family);
        match n % 4 {
            0 => {}
            // Task roles may be short names.
            1 => json.format("taskRoleArn", format_args!("{family}-task")),
            _ => json.format("taskRoleArn", format_args!("arn:aws:iam::{account}:role/{family}-task")),
        }
        if n % 5 != 2 {
            json.format("executionRoleArn", format_args!("arn:aws:iam::{account}:role/ecsTaskExecutionRole"));
        }
        match n % 7 {
            0 => {}
            1 => json.text("networkMode", "bridge"),
            2 => json.text("networkMode", "tunnel"),
            _ => json.text("networkMode", "awsvpc"),
        }
        json.number("revision", revision);
        json.texts("volumes", &[]);
        json.text("status", "ACTIVE");
        json.list("requiresAttributes", |list| {
            for name in
                ["com.amazonaws.ecs.capability.ecr-auth", "ecs.capability.task-eni", "ecs.capability.secrets.ssm"]
            {
                list.record(&[("name", name)]);
            }
        });
        json.texts("placementConstraints", &[]);
        json.texts("compatibilities", &["EC2", "FARGATE"]);
        match n % 6 {
            0 => {}
            1 => json.texts("requiresCompatibilities", &[]),
            2 => json.texts("requiresCompatibilities", &["EC2", "QUANTUM"]),
            _ => json.texts("requiresCompatibilities", &["FARGATE"]),
        }
        match n % 8 {
            0 => {}
            1 => {
                json.null("cpu");
                json.null("memory");
            }
            _ => {
                json.text("cpu", pick(&["256", "512", "1024"], n));
                json.text("memory", "2048");
            }
        }
        // Records from before 2020 have neither.
        if n % 9 != 4 {
            json.time("registeredAt", instant(hash(self.key, 2), n));
            json.format("registeredBy", format_args!("arn:aws:sts::{account}:assumed-role/deployer/{region}"));
        }
        unknown_members(json, n);
    }

    fn write_container(&self, json: &mut Json, n: u64, container: u64, family: &str) {
        let (account, region) = (self.account, self.region);
        json.text("name", pick(&["web", "envoy", "log-router"], container));
        match n % 13 {
            3 if container == 0 => {}
            4 if container == 0 => json.null("image"),
            _ => json.format("image", format_args!("{account}.dkr.ecr.{region}.amazonaws.com/{family}:{n}")),
        }
        json.number("cpu", 128);
        json.number("memory", 512);
        json.flag("essential", true);
        json.list("portMappings", |list| {
            list.item(|json| {
                json.number("containerPort", 8080);
                json.number("hostPort", 8080);
                json.text("protocol", "tcp");
            });
        });
        match n % 10 {
            1 => {}
            2 => json.texts("environment", &[]),
            _ => json.list("environment", |list| {
                let mut variable = |name: &str| {
                    list.item(|json| {
                        json.text("name", name);
                        json.format("value", format_args!("{CANARY}-{n}-{container}"));
                    });
                };
                variable("DATABASE_URL");
                variable("LOG_LEVEL");
                variable(pick(&["GRÖSSE", "FEATURE_FLAGS", "DATABASE_URL"], n));
                list.record(&[("name", "WITHOUT_VALUE")]);
                list.item(|json| {
                    json.null("name");
                    json.format("value", format_args!("{CANARY}-nameless"));
                });
            }),
        }
        json.texts("mountPoints", &[]);
        json.texts("volumesFrom", &[]);
        match n % 3 {
            0 => {}
            1 => json.texts("secrets", &[]),
            _ => json.list("secrets", |list| {
                list.item(|json| {
                    json.text("name", "API_KEY");
                    json.format("valueFrom", format_args!("arn:aws:ssm:{region}:{account}:parameter/{family}/api-key"));
                });
                list.item(|json| {
                    json.text("name", "PASSWORD");
                    json.format(
                        "valueFrom",
                        format_args!("arn:aws:secretsmanager:{region}:{account}:secret:{family}-AbCdEf:password::"),
                    );
                });
            }),
        }
        json.object("logConfiguration", |json| {
            json.text("logDriver", "awslogs");
            json.object("options", |options| {
                options.format("awslogs-group", format_args!("/ecs/{family}"));
                options.text("awslogs-region", region);
                options.text("awslogs-stream-prefix", "ecs");
            });
        });
    }
}
