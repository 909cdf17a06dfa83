//! The eight actions of Amazon ECS: a call in, an answer out, and every rule that the call broke.

mod describe;
mod list;

use crate::call::{Call, Caller, Input};
use crate::refusal::Refusal;
use crate::site::{Cluster, Site};
use crate::world::World;

/// What an answer is made of.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The body, or an error answer.
    pub(crate) result: Result<Vec<u8>, Refusal>,
    /// The rules that the request broke.
    pub(crate) breaches: Vec<String>,
    /// ARNs listed or objects described.
    pub(crate) items: u64,
    /// Objects asked for that are not there.
    pub(crate) missing: u64,
}

impl Answer {
    /// A body, or an error answer, and nothing to count.
    pub(crate) fn of(result: Result<Vec<u8>, Refusal>) -> Answer {
        Answer { result, breaches: Vec::new(), items: 0, missing: 0 }
    }

    pub(crate) fn refused(refusal: Refusal) -> Answer {
        Answer::of(Err(refusal))
    }
}

/// Answers a call to ECS; with `stick` a list that its client cannot follow to an end.
pub(crate) fn answer(world: &World, call: &Call, stick: bool) -> Answer {
    if world.disabled_regions.contains(&call.region) {
        return Answer::refused(Refusal::unrecognized_client());
    }
    let (caller, input) = match (&call.caller, &call.input) {
        (Ok(caller), Ok(input)) => (caller, input),
        (Err(refusal), _) => return Answer::refused(refusal.clone()),
        (_, Err(refusal)) => {
            return Answer { breaches: vec![refusal.message.clone()], ..Answer::refused(refusal.clone()) };
        }
    };
    let mut case = Case { stick, ..Case::new(world, caller, call, input) };
    let result = match call.action.as_str() {
        "ListClusters" => case.list_clusters(),
        "ListServices" => case.list_services(),
        "ListTasks" => case.list_tasks(),
        "ListTaskDefinitions" => case.list_task_definitions(),
        "DescribeClusters" => case.describe_clusters(),
        "DescribeServices" => case.describe_services(),
        "DescribeTasks" => case.describe_tasks(),
        "DescribeTaskDefinition" => case.describe_task_definition(),
        _ => {
            case.breach("an action that is not one of the eight");
            Err(Refusal::new(
                400,
                "UnknownOperationException",
                "The requested operation is not recognized by the service.",
            ))
        }
    };
    Answer { result, breaches: case.breaches, items: case.items, missing: case.missing }
}

/// One call being judged.
struct Case<'a> {
    world: &'a World,
    site: Site<'a>,
    action: &'a str,
    input: &'a Input,
    /// Whether a list hands out its token again.
    stick: bool,
    breaches: Vec<String>,
    items: u64,
    missing: u64,
}

type Body = Result<Vec<u8>, Refusal>;

impl<'a> Case<'a> {
    fn new(world: &'a World, caller: &'a Caller, call: &'a Call, input: &'a Input) -> Case<'a> {
        let site = world.site(&caller.account, &call.region);
        Case { world, site, action: &call.action, input, stick: false, breaches: Vec::new(), items: 0, missing: 0 }
    }

    /// The cluster of a child call, if it can have children.
    fn cluster(&mut self) -> Result<Cluster, Refusal> {
        let given = self.input.cluster.as_deref().unwrap_or("default");
        if self.site.resource("cluster", given).is_none() {
            self.breach(&format!("cluster is not a full ARN of this account and region: {given}"));
        }
        let found = self.site.find_cluster(given).filter(|cluster| !self.site.vanishes(cluster.n));
        match found.ok_or_else(Refusal::cluster_not_found)? {
            cluster if cluster.active => Ok(cluster),
            cluster if cluster.rank.is_multiple_of(2) => Err(Refusal::cluster_not_found()),
            _ => Err(Refusal::invalid_parameter("The referenced cluster was inactive.")),
        }
    }

    fn breach(&mut self, rule: &str) {
        self.breaches.push(rule.to_owned());
    }
}
