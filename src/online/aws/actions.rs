//! The ECS actions of one role in one region: each is asked once, for as little as it can be.

use std::pin::Pin;

use super::clusters::Clusters;
use crate::aws::scope::Scope;
use crate::aws::{Caller, Ecs, Fault, RequestContext};
use crate::config::Config;
use crate::contract::Parent;
use crate::ecs::{self, Object, Options, ParentKind, Visitor};
use crate::online::aws::answer::{Answer, judge};
use crate::online::{Check, CheckResult, Kind};

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
    /// Why nothing is asked any more.
    lost: Option<String>,
    region: (CheckResult, Option<String>),
    actions: Vec<Found>,
    /// Why nobody answers, if nobody does.
    silence: Option<String>,
}

/// What came of an action.
struct Found {
    action: &'static str,
    result: CheckResult,
    error: Option<String>,
    /// Whether it is denied in the clusters that were asked, and there are others.
    is_denied_here: bool,
}

/// One request.
#[derive(Clone)]
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

type Ask = for<'a> fn(&'a mut Actions<'_>) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What is asked of one object.
struct Step {
    is_parent: bool,
    is_wanted: bool,
    requests: u32,
    of_clusters: u32,
    ask: Ask,
}

/// The steps of the wanted objects, and of those whose lists these need.
struct Steps<'a> {
    wanted: &'a [String],
    needs_parents: bool,
    steps: Vec<Step>,
}

impl Visitor for Steps<'_> {
    fn visit<O: Object>(&mut self) {
        let is_wanted = self.wanted.iter().any(|wanted| wanted == O::NAME);
        let is_within = O::PARENT == ParentKind::Cluster;
        self.needs_parents |= is_wanted && is_within;
        let (requests, ask): (_, Ask) = if is_wanted {
            (2, |actions| Box::pin(actions.list_and_describe::<O>()))
        } else {
            (1, |actions| Box::pin(actions.list_only::<O>()))
        };
        // Clusters are described, and what is in them is listed and described.
        let of_clusters = if is_within { requests } else { u32::from(O::IS_PARENT && is_wanted) };
        self.steps.push(Step { is_parent: O::IS_PARENT, is_wanted, requests, of_clusters, ask });
    }
}

impl Steps<'_> {
    fn of(wanted: &[String]) -> Vec<Step> {
        let mut steps = Steps { wanted, needs_parents: false, steps: Vec::new() };
        ecs::visit(&mut steps);
        let Steps { needs_parents, mut steps, .. } = steps;
        steps.retain(|step| step.is_wanted || step.is_parent && needs_parents);
        steps.sort_by_key(|step| !step.is_parent);
        steps
    }
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
        let region = match &lost {
            Some(reason) => (CheckResult::Unknown, Some(reason.clone())),
            None => (CheckResult::Ok, None),
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
            lost,
            region,
            actions: Vec::new(),
            silence: None,
        }
    }

    pub(super) async fn check(&mut self) {
        let steps = Steps::of(&self.config.objects);
        self.to_come = steps.iter().map(|step| step.requests).sum();
        self.of_clusters_to_come = steps.iter().map(|step| step.of_clusters).sum();
        for step in steps {
            (step.ask)(self).await;
        }
        if let Some(limit) = self.clusters.limit() {
            for found in self.actions.iter_mut().filter(|found| found.is_denied_here) {
                let why = format!(
                    "; not asked in {limit}, which allows another action: a policy is limited to some clusters"
                );
                found.error = found.error.take().map(|error| error + &why);
                found.result = CheckResult::Unknown;
            }
        }
    }

    /// Why nobody answers there, if nobody does.
    pub(super) fn silence(&self) -> Option<&str> {
        self.silence.as_deref()
    }

    /// A check of the region, and one of each action.
    pub(super) fn checks(self) -> Vec<Check> {
        let account = self.scope.account.get().map(str::to_owned);
        let Scope { region, role, .. } = self.scope;
        let check = |kind, name: &str, result, error| Check {
            account: account.clone(),
            region: Some(region.clone()),
            role: role.clone(),
            result,
            error,
            ..Check::new(kind, name)
        };
        let of_region = check(Kind::Region, &region, self.region.0, self.region.1);
        let of_action = |Found { action, result, error, .. }| check(Kind::Action, action, result, error);
        std::iter::once(of_region).chain(self.actions.into_iter().map(of_action)).collect()
    }

    async fn list_and_describe<O: Object>(&mut self) {
        let (at, listed) = self.ask::<O>(|_| Request::List, asked_to_list::<O>()).await;
        if O::IS_PARENT {
            self.clusters = Clusters::of(listed);
            self.ask::<O>(|cluster| Request::Describe(cluster.to_owned()), asked_to_describe::<O>()).await;
            return;
        }
        let first = listed.into_iter().next();
        let describe = |cluster: &str| {
            // What was listed is in one cluster alone.
            let here = first.as_deref().filter(|_| O::PARENT == ParentKind::Account || cluster == at);
            Request::Describe(here.unwrap_or(NOBODY).to_owned())
        };
        self.ask::<O>(describe, asked_to_describe::<O>()).await;
    }

    async fn list_only<O: Object>(&mut self) {
        let (_, listed) = self.ask::<O>(|_| Request::List, asked_to_list::<O>()).await;
        self.clusters = Clusters::of(listed);
    }

    /// Asks once, and again in other clusters while it is denied and there are requests to spare. Returns the cluster that was asked
    /// last, and what it listed.
    async fn ask<O: Object>(&mut self, request: impl Fn(&str) -> Request, asked: Asked) -> (String, Vec<String>) {
        self.to_come -= 1;
        self.of_clusters_to_come -= u32::from(asked.is_of_cluster);
        let next = self.clusters.next(self.of_clusters_to_come == 0).filter(|_| asked.is_of_cluster);
        let mut at = next.unwrap_or(&self.nowhere).to_owned();
        if let Some(reason) = self.lost.clone() {
            self.found(asked.action, CheckResult::Unknown, Some(reason));
            return (at, Vec::new());
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
                    self.found(asked.action, CheckResult::Ok, note);
                    return (at, listed);
                }
                Answer::Denied(fault) => {
                    denial.get_or_insert(fault);
                    tried.push(at.clone());
                }
                // The first denial says more.
                other if denial.is_none() => {
                    self.take(asked.action, other);
                    return (at, Vec::new());
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
            self.take(asked.action, Answer::Denied(fault));
            self.actions.last_mut().into_iter().for_each(|found| found.is_denied_here = is_here);
        }
        (at, Vec::new())
    }

    async fn send<O: Object>(&mut self, cluster: &str, request: &Request) -> Result<Vec<String>, Fault> {
        self.left = self.left.saturating_sub(1);
        // Several clusters cost no more than one, and there may be need of another.
        let page_size = if O::IS_PARENT { self.scope.ecs.page_size } else { 1 };
        let ecs = Ecs { client: self.scope.ecs.client.clone(), page_size };
        let parent: Parent = (O::PARENT == ParentKind::Cluster).then(|| cluster.into());
        let options = Options { fetch_stopped_tasks: self.config.operation_options.ecs_task.fetch_stopped_tasks };
        let limiter = self.scope.limiters.limiter(O::CATEGORY);
        let context = RequestContext { credentials: &self.scope.credentials, limiter };
        match request {
            Request::List => {
                let pass = O::passes(options)[0];
                let listed = self.caller.list(context, || O::list(&ecs, &parent, pass, None)).await?;
                let arns: Vec<String> = listed.arns.into_iter().filter(|arn| !arn.is_empty()).collect();
                if let Some(first) = arns.first() {
                    self.scope.account.learn(first);
                }
                Ok(arns)
            }
            Request::Describe(arn) => {
                let described = || O::describe(&ecs, &parent, vec![arn.clone()]);
                self.caller.list(context, described).await.map(|_| Vec::new())
            }
        }
    }

    /// Notes an answer that allows nothing.
    fn take(&mut self, action: &'static str, answer: Answer) {
        let (result, error) = match answer {
            Answer::Allowed(_) => (CheckResult::Ok, None),
            Answer::Denied(fault) => {
                let words = format!("{fault}; allow ecs:{action} (config/iam-policy.json has the whole policy)");
                (CheckResult::Broken, Some(words))
            }
            Answer::Refused(words) => (CheckResult::Broken, Some(words)),
            Answer::Untold(words) => (CheckResult::Unknown, Some(words)),
            Answer::NotEnabled(words) => (CheckResult::Unknown, Some(self.lose(format!("{action}: {words}")))),
            Answer::Silence(words) => {
                let words = format!("{action}: {words}");
                self.silence = Some(words.clone());
                (CheckResult::Unknown, Some(self.lose(words)))
            }
        };
        self.found(action, result, error);
    }

    /// The region cannot be asked. Returns what is said of its actions.
    fn lose(&mut self, words: String) -> String {
        self.region = (CheckResult::Broken, Some(words));
        let reason = "not known: see the region".to_owned();
        self.lost = Some(reason.clone());
        reason
    }

    fn found(&mut self, action: &'static str, result: CheckResult, error: Option<String>) {
        self.actions.push(Found { action, result, error, is_denied_here: false });
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
