//! The four lists.

use super::{Body, Case};
use crate::json::Json;
use crate::page::page_of_list;
use crate::refusal::Refusal;
use crate::seal::{Seal, key};

impl Case<'_> {
    pub(super) fn list_clusters(&mut self) -> Body {
        let site = self.site;
        self.list("clusterArns", &[], site.shape.clusters, |n| site.cluster_arn(n))
    }

    pub(super) fn list_services(&mut self) -> Body {
        let cluster = self.cluster()?;
        let (site, name) = (self.site, self.site.cluster_name(cluster.n));
        self.list("serviceArns", &[&name], site.services_in(cluster), |n| site.service_arn(cluster, n))
    }

    pub(super) fn list_tasks(&mut self) -> Body {
        if self.input.desired_status.is_none() {
            self.breach("desiredStatus is missing");
        }
        let cluster = self.cluster()?;
        let (site, name) = (self.site, self.site.cluster_name(cluster.n));
        let status = self.input.desired_status.as_deref().unwrap_or("RUNNING");
        let (length, stopped) = match status {
            "RUNNING" => (site.listed_tasks_in(cluster, false), false),
            "STOPPED" => (site.listed_tasks_in(cluster, true), true),
            // ECS never sets a desired status of PENDING.
            "PENDING" => (0, false),
            _ => {
                return Err(Refusal::invalid_parameter("desiredStatus must be RUNNING, PENDING or STOPPED"));
            }
        };
        let arn = |n| site.task_arn(cluster, &name, site.listed_task(cluster, stopped, n));
        self.list("taskArns", &[&name, status], length, arn)
    }

    pub(super) fn list_task_definitions(&mut self) -> Body {
        let site = self.site;
        let family = self.input.family_prefix.as_deref();
        let (sort, status) = (self.input.sort.as_deref(), self.input.status.as_deref().unwrap_or("ACTIVE"));
        let numbers = match status {
            "ACTIVE" => family.map_or(0..site.shape.task_definitions, |family| site.find_family(family)),
            "INACTIVE" | "DELETE_IN_PROGRESS" => 0..0,
            _ => {
                return Err(Refusal::invalid_parameter("status must be ACTIVE, INACTIVE or DELETE_IN_PROGRESS"));
            }
        };
        let descending = match sort {
            None | Some("ASC") => false,
            Some("DESC") => true,
            Some(_) => return Err(Refusal::invalid_parameter("sort must be ASC or DESC")),
        };
        let filters = [family.unwrap_or_default(), sort.unwrap_or("ASC"), status];
        self.list("taskDefinitionArns", &filters, numbers.end - numbers.start, |n| {
            site.task_definition_arn(if descending { numbers.end - 1 - n } else { numbers.start + n })
        })
    }

    /// One page of a list; `filters` are what beside action and site makes it this list and no other.
    fn list(&mut self, member: &str, filters: &[&str], length: u64, arn: impl Fn(u64) -> String) -> Body {
        let most = match self.input.max_results {
            None => {
                self.breach("maxResults is missing");
                if self.action == "ListServices" { 10 } else { 100 }
            }
            Some(most) => u64::try_from(most).ok().filter(|most| (1..=100).contains(most)).ok_or_else(|| {
                self.breach(&format!("maxResults is {most}"));
                Refusal::invalid_parameter("maxResults must be between 1 and 100.")
            })?,
        };
        let identity = [&[self.action], filters].concat();
        let list = Seal(key(self.site.key, &identity));
        let token = self.input.next_token.as_deref();
        let page = page_of_list(self.world, list, length, token, most, self.stick)
            .inspect_err(|_| self.breaches.push("nextToken is not of this list".to_owned()))?;
        self.items += page.positions.end - page.positions.start;
        Ok(Json::object_of(|json| {
            json.list(member, |list| {
                page.positions.for_each(|n| list.element(&arn(n)));
            });
            if let Some(token) = page.next_token {
                json.text("nextToken", &token);
            }
        }))
    }
}
