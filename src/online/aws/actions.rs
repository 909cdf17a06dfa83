//! The ECS actions of one role in one region: each is asked once, for as little as it can be.

use super::clusters::Clusters;
use super::findings::Findings;
use crate::aws::scope::Scope;
use crate::aws::{Caller, Ecs, Fault, RequestContext};
use crate::config::Config;
use crate::contract::Parent;
use crate::ecs::{Object, Options, ParentKind};
use crate::observe::TypeTrace;
use crate::online::aws::answer::{Answer, Listed, judge};
use crate::online::{Check, CheckResult};

/// The most that ListClusters gives at once (`maxResults`).
const MOST_LISTED: i32 = 100;

/// A name of the right form for a cluster, a service, a task and a task definition, which none of them has.
const NOBODY: &str = "00000000000000000000000000000000";

/// What is asked of one role in one region, and what came of it.
pub(super) struct Actions<'a> {
    config: &'a Config,
    caller: &'a Caller,
    scope: Scope,
    /// A cluster that nobody has.
    nowhere: String,
    clusters: Clusters,
    /// Requests that may still be sent.
    left: u32,
    /// Actions that are still to be asked, and those of them that are asked of a cluster.
    to_come: u32,
    of_clusters_to_come: u32,
    /// Whether all clusters are known.
    has_listed: bool,
    /// Whether there is nothing that an action to come could read.
    is_idle: bool,
    findings: Findings,
}

/// One request.
enum Request {
    List,
    /// Of this ARN.
    Describe(String),
}

/// An action that is asked.
#[derive(Clone, Copy)]
struct Asked {
    action: &'static str,
    object: &'static str,
    /// Whether a cluster is named in it.
    is_of_cluster: bool,
    /// Whether it is about what is in a cluster.
    is_within: bool,
}

impl<'a> Actions<'a> {
    /// `identity` is an ARN of who asks. `requests` may be sent at most; with `lost` none is.
    pub(super) fn new(
        config: &'a Config,
        caller: &'a Caller,
        scope: Scope,
        identity: Option<&str>,
        requests: u32,
        lost: Option<String>,
    ) -> Self {
        let partition = identity.and_then(|arn| arn.split(':').nth(1));
        let nowhere = match (partition, scope.account.get()) {
            (Some(partition), Some(account)) => {
                format!("arn:{partition}:ecs:{}:{account}:cluster/{NOBODY}", scope.region)
            }
            _ => NOBODY.to_owned(),
        };
        Self {
            config,
            caller,
            scope,
            nowhere,
            clusters: Clusters::default(),
            left: requests,
            to_come: 0,
            of_clusters_to_come: 0,
            has_listed: false,
            is_idle: false,
            findings: Findings::new(lost),
        }
    }

    /// So many actions are going to be asked, and so many of them name a cluster.
    pub(super) fn expect(&mut self, actions: u32, of_clusters: u32) {
        (self.to_come, self.of_clusters_to_come) = (actions, of_clusters);
    }

    /// All have been asked.
    pub(super) fn settle(&mut self) {
        if let Some(limit) = self.clusters.limit() {
            self.findings.settle(limit);
        }
    }

    /// Why nobody answers there, if nobody does.
    pub(super) fn silence(&self) -> Option<&str> {
        self.findings.silence()
    }

    /// A check of the region, and one of each action.
    pub(super) fn checks(self) -> Vec<Check> {
        self.findings.checks(self.scope)
    }

    pub(super) async fn list_and_describe<O: Object>(&mut self) {
        let is_within = O::PARENT == ParentKind::Cluster;
        self.is_idle = is_within && self.has_listed && self.clusters.are_at_most(0);
        let (at, listed) = self.list::<O>().await;
        let first = listed.as_ref().and_then(|listed| listed.arns.first().cloned());
        let has_none = listed.as_ref().is_some_and(|listed| listed.arns.is_empty() && listed.is_all);
        // Of several clusters another may have some.
        self.is_idle |= has_none && (!is_within || self.has_listed && self.clusters.are_at_most(1));
        if O::IS_PARENT {
            self.keep(listed);
            self.ask::<O>(|cluster| Request::Describe(cluster.to_owned()), asked_to_describe::<O>()).await;
        } else {
            let describe = |cluster: &str| {
                // What was listed is in one cluster alone.
                let here = first.as_deref().filter(|_| !is_within || cluster == at);
                Request::Describe(here.unwrap_or(NOBODY).to_owned())
            };
            self.ask::<O>(describe, asked_to_describe::<O>()).await;
        }
        self.is_idle = false;
    }

    pub(super) async fn list_only<O: Object>(&mut self) {
        let (_, listed) = self.list::<O>().await;
        self.keep(listed);
    }

    /// Asks for a list. None if it is not allowed, or AWS does not say.
    async fn list<O: Object>(&mut self) -> (String, Option<Listed>) {
        self.ask::<O>(|_| Request::List, asked_to_list::<O>()).await
    }

    fn keep(&mut self, listed: Option<Listed>) {
        self.has_listed = listed.as_ref().is_some_and(|listed| listed.is_all);
        self.clusters = Clusters::of(listed.unwrap_or_default().arns);
    }

    /// Asks once, and again in other clusters while it is denied and there are requests to spare. Returns the cluster that was asked
    /// last, and what it listed.
    async fn ask<O: Object>(&mut self, request: impl Fn(&str) -> Request, asked: Asked) -> (String, Option<Listed>) {
        self.to_come -= 1;
        self.of_clusters_to_come -= u32::from(asked.is_of_cluster);
        let next = self.clusters.next(self.of_clusters_to_come == 0).filter(|_| asked.is_of_cluster);
        let mut at = next.unwrap_or(&self.nowhere).to_owned();
        if self.findings.pass(asked.action) {
            return (at, None);
        }
        let mut tried = Vec::new();
        let mut denial = None;
        loop {
            let request = request(&at);
            let is_nowhere = asked.is_of_cluster && at == self.nowhere;
            let is_made_up = is_nowhere || matches!(&request, Request::Describe(arn) if arn == NOBODY);
            match judge(self.send::<O>(&at, &request).await, is_made_up, asked.is_within) {
                Answer::Allowed(listed) => {
                    if asked.is_of_cluster {
                        self.clusters.allow(&at, asked.is_within);
                    }
                    let note = (!tried.is_empty()).then(|| limited(&tried, &at, asked.object));
                    self.findings.add(asked.action, CheckResult::Ok, note);
                    return (at, Some(listed));
                }
                Answer::Denied(fault) => {
                    denial.get_or_insert(fault);
                    tried.push(at.clone());
                }
                // The first denial says more.
                other if denial.is_none() => {
                    self.findings.take(asked.action, other, self.is_idle);
                    return (at, None);
                }
                _ => break,
            }
            // Each action to come has its request.
            let other = self.clusters.untried(&tried).filter(|_| asked.is_of_cluster && self.left > self.to_come);
            match other {
                Some(other) => at = other.to_owned(),
                None => break,
            }
        }
        if let Some(fault) = denial {
            let is_here = asked.is_of_cluster && self.clusters.untried(&tried).is_some();
            if asked.is_of_cluster {
                self.clusters.deny(&tried);
            }
            self.findings.take(asked.action, Answer::Denied(fault), self.is_idle);
            if is_here {
                self.findings.denied_in(tried);
            }
        }
        (at, None)
    }

    async fn send<O: Object>(&mut self, cluster: &str, request: &Request) -> Result<Listed, Fault> {
        self.left = self.left.saturating_sub(1);
        // Several clusters cost no more than one, and there may be need of another.
        let page_size = if O::IS_PARENT { MOST_LISTED } else { 1 };
        let ecs = Ecs { client: self.scope.ecs.client.clone(), page_size };
        let parent: Parent = (O::PARENT == ParentKind::Cluster).then(|| cluster.into());
        let options = Options { fetch_stopped_tasks: self.config.operation_options.ecs_task.fetch_stopped_tasks };
        let limiter = self.scope.limiters.limiter(O::CATEGORY);
        let action = if matches!(request, Request::List) { O::ACTIONS.list } else { O::ACTIONS.describe };
        let (credentials, trace) = (&self.scope.credentials, TypeTrace::default());
        let context = RequestContext { action, trace: &trace, credentials, limiter };
        match request {
            Request::List => {
                let passes = O::passes(options);
                let listed = self.caller.list(context, || O::list(&ecs, &parent, passes[0], None)).await?;
                let is_last = listed.next_token.is_none_or(|token| token.is_empty());
                let arns: Vec<String> = listed.arns.into_iter().filter(|arn| !arn.is_empty()).collect();
                if let Some(first) = arns.first() {
                    self.scope.account.learn(first);
                }
                Ok(Listed { arns, is_all: is_last && passes.len() == 1 })
            }
            Request::Describe(arn) => {
                let described = || O::describe(&ecs, &parent, vec![arn.clone()]);
                self.caller.list(context, described).await.map(|_| Listed::default())
            }
        }
    }
}

fn asked_to_list<O: Object>() -> Asked {
    let is_within = O::PARENT == ParentKind::Cluster;
    Asked { action: O::ACTIONS.list, object: O::NAME, is_of_cluster: is_within, is_within }
}

fn asked_to_describe<O: Object>() -> Asked {
    let is_within = O::PARENT == ParentKind::Cluster;
    Asked { action: O::ACTIONS.describe, object: O::NAME, is_of_cluster: is_within || O::IS_PARENT, is_within }
}

fn limited(tried: &[String], at: &str, object: &str) -> String {
    let tried = tried.join(" and ");
    format!("denied in {tried}, allowed in {at}: a policy is limited to some clusters, and {object} would be partial")
}
