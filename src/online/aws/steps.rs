//! Which actions the wanted objects need, in which order.

use std::pin::Pin;

use super::actions::Actions;
use crate::ecs::{self, Object, ParentKind, Visitor};

/// Asks about one object.
type Ask = for<'a> fn(&'a mut Actions<'_>) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What is asked of one object.
struct Step {
    is_parent: bool,
    is_wanted: bool,
    /// How many actions it is.
    requests: u32,
    /// How many of them name a cluster.
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

/// Asks every action that these objects need; those whose lists others need come first.
pub(super) async fn ask(actions: &mut Actions<'_>, wanted: &[String]) {
    let mut steps = Steps { wanted, needs_parents: false, steps: Vec::new() };
    ecs::visit(&mut steps);
    let Steps { needs_parents, mut steps, .. } = steps;
    steps.retain(|step| step.is_wanted || step.is_parent && needs_parents);
    steps.sort_by_key(|step| !step.is_parent);
    actions.expect(steps.iter().map(|step| step.requests).sum(), steps.iter().map(|step| step.of_clusters).sum());
    for step in steps {
        (step.ask)(actions).await;
    }
    actions.settle();
}
