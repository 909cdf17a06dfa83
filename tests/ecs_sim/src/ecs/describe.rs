//! The four describes.

use super::{Body, Case};
use crate::json::Json;
use crate::refusal::Refusal;

/// Bytes of an object, about: a task, the largest of those described together, has three KB.
const OBJECT: usize = 3_300;

impl Case<'_> {
    pub(super) fn describe_clusters(&mut self) -> Body {
        self.check_include(&["ATTACHMENTS", "CONFIGURATIONS", "SETTINGS", "STATISTICS"])?;
        let (site, tags) = (self.site, self.includes_tags());
        let default = ["default".to_owned()];
        let asked = some(self.input.clusters.as_deref()).unwrap_or_else(|| {
            // Not refused: an empty list stands for the default cluster.
            self.breach("the describe asks for nothing");
            &default
        });
        self.check_most(asked, 100, "clusters can have at most 100 items.")?;
        let find = |given: &str| site.find_cluster(given).filter(|cluster| !site.vanishes(cluster.n));
        self.describe(["clusters", "cluster"], asked, find, |json, cluster| {
            site.write_cluster(json, cluster, tags);
        })
    }

    pub(super) fn describe_services(&mut self) -> Body {
        self.check_include(&[])?;
        let (site, tags) = (self.site, self.includes_tags());
        let asked =
            some(self.input.services.as_deref()).ok_or_else(|| self.nothing_asked("Services cannot be empty."))?;
        self.check_most(asked, 10, "service names can have at most 10 items.")?;
        let cluster = self.cluster()?;
        let find = |given: &str| site.find_service(cluster, given).filter(|&n| !site.service_vanishes(cluster, n));
        self.describe(["services", "service"], asked, find, |json, n| {
            site.write_service(json, cluster, n, tags);
        })
    }

    pub(super) fn describe_tasks(&mut self) -> Body {
        self.check_include(&[])?;
        let (site, tags) = (self.site, self.includes_tags());
        let asked = some(self.input.tasks.as_deref()).ok_or_else(|| self.nothing_asked("Tasks cannot be empty."))?;
        self.check_most(asked, 100, "taskIds can have at most 100 items.")?;
        let cluster = self.cluster()?;
        let name = site.cluster_name(cluster.n);
        let find = |given: &str| site.find_task(cluster, &name, given).filter(|&id| !site.task_vanishes(cluster, id));
        self.describe(["tasks", "task"], asked, find, |json, id| {
            site.write_task(json, cluster, id, tags);
        })
    }

    pub(super) fn describe_task_definition(&mut self) -> Body {
        if self.input.include.is_some() {
            self.breach("include is set, but no attribute comes from a task definition's tags");
        }
        let site = self.site;
        let given = self.input.task_definition.as_deref().unwrap_or_default();
        if given.is_empty() {
            return Err(self.nothing_asked("Task definition cannot be empty."));
        }
        let Some(n) = site.find_task_definition(given).filter(|&n| !site.vanishes(n)) else {
            self.missing += 1;
            return Err(Refusal::new(400, "ClientException", "Unable to describe task definition."));
        };
        self.items += 1;
        let tags = self.includes_tags();
        Ok(Json::object_of(|json| {
            json.object("taskDefinition", |json| site.write_task_definition(json, n));
            if tags {
                json.list("tags", |tags| {
                    tags.record(&[("key", "team"), ("value", "platform")]);
                });
            }
        }))
    }

    fn describe<T>(
        &mut self,
        [member, kind]: [&str; 2],
        asked: &[String],
        find: impl Fn(&str) -> Option<T>,
        write: impl Fn(&mut Json, T),
    ) -> Body {
        let mut failures = Vec::new();
        let body = Json::object_of_size(asked.len() * OBJECT, |json| {
            json.list(member, |list| {
                for given in asked {
                    match find(given) {
                        Some(found) => list.item(|json| write(json, found)),
                        None => failures.push(given),
                    }
                }
            });
            json.list("failures", |list| {
                for given in &failures {
                    let arn = if given.starts_with("arn:") {
                        (*given).clone()
                    } else {
                        self.site.arn(&format!("{kind}/{given}"))
                    };
                    list.record(&[("arn", &arn), ("reason", "MISSING")]);
                }
            });
        });
        self.missing += failures.len() as u64;
        self.items += (asked.len() - failures.len()) as u64;
        Ok(body)
    }

    fn includes_tags(&self) -> bool {
        self.input.include.iter().flatten().any(|include| include == "TAGS")
    }

    /// TAGS is all that the product needs; `others` are what the API takes besides.
    fn check_include(&mut self, others: &[&str]) -> Result<(), Refusal> {
        let include = self.input.include.as_deref().unwrap_or_default();
        if include != ["TAGS"] {
            self.breach(&format!("include is {include:?}, not [\"TAGS\"]"));
        }
        match include.iter().find(|include| *include != "TAGS" && !others.contains(&include.as_str())) {
            Some(unknown) => Err(Refusal::invalid_parameter(format!("Invalid include: {unknown}"))),
            None => Ok(()),
        }
    }

    fn nothing_asked(&mut self, message: &str) -> Refusal {
        self.breach("the describe asks for nothing");
        Refusal::invalid_parameter(message)
    }

    fn check_most(&mut self, asked: &[String], most: usize, message: &str) -> Result<(), Refusal> {
        if asked.len() <= most {
            return Ok(());
        }
        self.breach(&format!("the describe asks for {}, {most} are allowed", asked.len()));
        Err(Refusal::invalid_parameter(message))
    }
}

fn some(asked: Option<&[String]>) -> Option<&[String]> {
    asked.filter(|asked| !asked.is_empty())
}
