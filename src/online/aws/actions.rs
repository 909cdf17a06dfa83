//! The ECS actions of one role in one region: each is asked once, for as little as it can be.

use std::pin::Pin;

use crate::aws::scope::Scope;
use crate::aws::{Caller, Ecs, Fault, RequestContext, Verdict as Judged};
use crate::config::Config;
use crate::contract::Parent;
use crate::ecs::{self, Object, Options, ParentKind, Visitor};
use crate::online::{Kind, Row, Verdict};

/// A name of the right form for a cluster, a service, a task and a task definition, which none of them has.
const NOBODY: &str = "00000000000000000000000000000000";

/// How an account or a region that is not enabled answers.
const NOT_ENABLED: [&str; 4] =
    ["RegionDisabledException", "UnrecognizedClientException", "InvalidClientTokenId", "OptInRequired"];

/// What is asked of one role in one region, and what came of it.
pub(super) struct Actions<'a> {
    config: &'a Config,
    caller: &'a Caller,
    scope: Scope,
    /// A cluster that nobody has.
    nowhere: String,
    /// The clusters that can be asked, the one that is asked now first.
    clusters: Vec<String>,
    /// Requests that may still be sent.
    left: u32,
    /// Actions that are still to be asked.
    to_come: u32,
    /// Why nothing is asked any more.
    lost: Option<String>,
    region: (Verdict, Option<String>),
    actions: Vec<(&'static str, Verdict, Option<String>)>,
    has_answered: bool,
}

/// One request.
enum Request {
    List,
    Describe(String),
}

type Check = for<'a> fn(&'a mut Actions<'_>) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What is asked of one object.
struct Step {
    is_parent: bool,
    is_wanted: bool,
    requests: u32,
    check: Check,
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
        self.needs_parents |= is_wanted && O::PARENT == ParentKind::Cluster;
        let (requests, check): (_, Check) = if is_wanted {
            (2, |actions| Box::pin(actions.list_and_describe::<O>()))
        } else {
            (1, |actions| Box::pin(actions.list_only::<O>()))
        };
        self.steps.push(Step { is_parent: O::IS_PARENT, is_wanted, requests, check });
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
            Some(reason) => (Verdict::Unknown, Some(reason.clone())),
            None => (Verdict::Ok, None),
        };
        let (clusters, actions) = (Vec::new(), Vec::new());
        Self {
            config,
            caller,
            scope,
            nowhere,
            clusters,
            left: requests,
            to_come: 0,
            lost,
            region,
            actions,
            has_answered: false,
        }
    }

    pub(super) async fn check(&mut self) {
        let steps = Steps::of(&self.config.objects);
        self.to_come = steps.iter().map(|step| step.requests).sum();
        for step in steps {
            (step.check)(self).await;
        }
    }

    pub(super) fn is_contacted(&self) -> bool {
        self.has_answered
    }

    /// The region's row, and one for each action.
    pub(super) fn rows(self) -> Vec<Row> {
        let account = self.scope.account.get().map(str::to_owned);
        let Scope { region, role, .. } = self.scope;
        let row = |kind, name: &str, result, error| Row {
            account: account.clone(),
            region: Some(region.clone()),
            role: role.clone(),
            result,
            error,
            ..Row::new(kind, name)
        };
        let of_region = row(Kind::Region, &region, self.region.0, self.region.1);
        let of_actions = self.actions.into_iter().map(|(name, result, error)| row(Kind::Action, name, result, error));
        std::iter::once(of_region).chain(of_actions).collect()
    }

    async fn list_and_describe<O: Object>(&mut self) {
        let listed = self.ask::<O>(Request::List).await;
        if O::IS_PARENT {
            self.clusters.clone_from(&listed);
        }
        let nobody = if O::IS_PARENT { &self.nowhere } else { NOBODY };
        let arn = listed.into_iter().next().unwrap_or_else(|| nobody.to_owned());
        self.ask::<O>(Request::Describe(arn)).await;
    }

    async fn list_only<O: Object>(&mut self) {
        self.clusters = self.ask::<O>(Request::List).await;
    }

    /// Asks once, and again elsewhere if it is denied in one cluster of several. Returns what was listed.
    async fn ask<O: Object>(&mut self, request: Request) -> Vec<String> {
        let action = match &request {
            Request::List => O::ACTIONS.list,
            Request::Describe(_) => O::ACTIONS.describe,
        };
        self.to_come -= 1;
        if let Some(reason) = &self.lost {
            self.actions.push((action, Verdict::Unknown, Some(reason.clone())));
            return Vec::new();
        }
        let asked = self.clusters.first().cloned();
        let answer = self.send::<O>(&request).await;
        let denied = match answer {
            Err(fault) if fault.verdict == Judged::Denied && !is_of_region(&fault) => fault,
            answer => return self.conclude(action, answer, None),
        };
        let is_of_cluster =
            O::PARENT == ParentKind::Cluster || matches!((O::IS_PARENT, &request), (true, Request::Describe(_)));
        // Each action to come has its request.
        let spare = self.left.saturating_sub(self.to_come);
        let Some(asked) = asked.filter(|_| is_of_cluster && self.clusters.len() > 1 && spare > 0) else {
            return self.conclude(action, Err(denied), None);
        };
        self.clusters.remove(0);
        let other = self.clusters[0].clone();
        let elsewhere = match (request, O::IS_PARENT) {
            (Request::List, _) => Request::List,
            (Request::Describe(_), true) => Request::Describe(other.clone()),
            (Request::Describe(_), false) => Request::Describe(NOBODY.to_owned()),
        };
        match self.send::<O>(&elsewhere).await {
            Ok(listed) => {
                let note = format!(
                    "denied in {asked}, allowed in {other}: the policy is limited to some clusters, and {} would be partial",
                    O::NAME
                );
                self.conclude(action, Ok(listed), Some(note))
            }
            Err(_) => {
                self.clusters.insert(0, asked);
                self.conclude(action, Err(denied), None)
            }
        }
    }

    async fn send<O: Object>(&mut self, request: &Request) -> Result<Vec<String>, Fault> {
        self.left = self.left.saturating_sub(1);
        // Several clusters cost no more than one, and there may be need of another.
        let page_size = if O::IS_PARENT { self.scope.ecs.page_size } else { 1 };
        let ecs = Ecs { client: self.scope.ecs.client.clone(), page_size };
        let parent: Parent = match O::PARENT {
            ParentKind::Account => None,
            ParentKind::Cluster => Some(self.clusters.first().unwrap_or(&self.nowhere).as_str().into()),
        };
        let options = Options { fetch_stopped_tasks: self.config.operation_options.ecs_task.fetch_stopped_tasks };
        let limiter = self.scope.limiters.limiter(O::CATEGORY);
        let context = RequestContext { credentials: &self.scope.credentials, limiter };
        match request {
            Request::List => {
                let pass = O::passes(options)[0];
                let listed = self.caller.list(context, || O::list(&ecs, &parent, pass, None)).await?;
                if let Some(first) = listed.arns.first() {
                    self.scope.account.learn(first);
                }
                Ok(listed.arns)
            }
            Request::Describe(arn) => {
                let described = || O::describe(&ecs, &parent, vec![arn.clone()]);
                self.caller.list(context, described).await.map(|_| Vec::new())
            }
        }
    }

    fn conclude(
        &mut self,
        action: &'static str,
        answer: Result<Vec<String>, Fault>,
        note: Option<String>,
    ) -> Vec<String> {
        let fault = match answer {
            Ok(listed) => {
                self.has_answered = true;
                self.actions.push((action, Verdict::Ok, note));
                return listed;
            }
            Err(fault) => fault,
        };
        let is_answer = super::is_answer(&fault);
        self.has_answered |= is_answer;
        match fault.verdict {
            // Whoever may not ask does not learn that there is nothing of this name.
            Judged::NoCluster | Judged::Client | Judged::Invalid => self.actions.push((action, Verdict::Ok, note)),
            _ if !is_answer || is_of_region(&fault) => {
                let way_out =
                    if is_answer { "; enable the region in this account, or take it out of the settings" } else { "" };
                self.region = (Verdict::Broken, Some(format!("{action}: {fault}{way_out}")));
                let reason = "not asked: see the region".to_owned();
                self.actions.push((action, Verdict::Unknown, Some(reason.clone())));
                self.lost = Some(reason);
            }
            Judged::Denied => {
                let words = format!("{fault}; allow ecs:{action} (config/iam-policy.json has the whole policy)");
                self.actions.push((action, Verdict::Broken, Some(words)));
            }
            _ => self.actions.push((action, Verdict::Broken, Some(fault.to_string()))),
        }
        Vec::new()
    }
}

fn is_of_region(fault: &Fault) -> bool {
    NOT_ENABLED.contains(&fault.code.as_str())
}
