//! `Object`: what differs between clusters, services, tasks and task definitions. Beside it, the values that flow between stages.

use std::borrow::Cow;
use std::future::Future;

use serde::Deserialize;

use crate::aws::{Category, Ecs, Fault};
use crate::contract::{Parent, Row, Stamp, View};

/// One kind of ECS object, implemented on a struct that holds what the contract reads of it, and nothing else.
pub trait Object: Sized + Send + Sync + 'static {
    /// The contract's name, such as `EcsCluster`. Schema, `ce_type` and report have it.
    const NAME: &'static str;
    /// One sentence for the schema's `doc`.
    const DOC: &'static str;
    /// How many ARNs one Describe request takes at most.
    const BATCH: usize;
    /// The API actions that read it, for messages.
    const ACTIONS: Actions;
    /// What its lists are asked of.
    const PARENT: ParentKind;
    /// Whether lists of other objects are asked of these.
    const IS_PARENT: bool = false;
    /// The category of the rate limit that both actions count against.
    const CATEGORY: Category;
    /// The contract's attributes, in the contract's order, without the generated ones.
    const TABLE: &'static [Row<Self>];

    /// The object's ARN: UID and Kafka key.
    fn arn(&self) -> Option<&str>;

    /// What is unique to this object in its scope: its ARN, or more if the ARN is not unique.
    fn event_id<'a>(&self, arn: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(arn)
    }

    /// The lists that each parent needs.
    fn passes(_options: Options) -> &'static [Pass] {
        &[Pass::Default]
    }

    /// Sends one request, for one page of ARNs.
    fn list(
        ecs: &Ecs,
        parent: &Parent,
        pass: Pass,
        token: Option<String>,
    ) -> impl Future<Output = Result<Listed, Fault>> + Send;

    /// Sends one request, which describes at most [`Self::BATCH`] ARNs of one parent.
    fn describe(
        ecs: &Ecs,
        parent: &Parent,
        arns: Vec<String>,
    ) -> impl Future<Output = Result<Described<Self>, Fault>> + Send;

    /// The object as the contract's flat record.
    fn view<'a>(&'a self, stamp: &'a Stamp) -> View<'a, Self> {
        View { table: Self::TABLE, object: self, stamp }
    }
}

/// The two API actions that read an object.
#[derive(Debug, Clone, Copy)]
pub struct Actions {
    pub(crate) list: &'static str,
    pub(crate) describe: &'static str,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// `EcsTask.fetchStoppedTasks`: also list tasks whose desired status is STOPPED.
    pub(crate) fetch_stopped_tasks: bool,
}

/// One of the lists of a parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// The only list of objects other than tasks.
    Default,
    /// Tasks with `desiredStatus=RUNNING`.
    Running,
    /// Tasks with `desiredStatus=STOPPED`.
    Stopped,
}

/// What the lists of an object are asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParentKind {
    /// The account, once.
    Account,
    /// Each of its clusters.
    Cluster,
}

/// The answer to one List request.
#[derive(Debug)]
pub struct Listed {
    /// The ARNs of this page. An empty page may still have a token.
    pub(crate) arns: Vec<String>,
    /// The token of the next page. Absent or empty at the end of the list.
    pub(crate) next_token: Option<String>,
}

/// The answer to one Describe request.
#[derive(Debug)]
pub struct Described<O> {
    /// The objects, in any order.
    pub objects: Vec<O>,
    /// The ARNs that the API could not describe.
    pub(crate) failures: Vec<Failure>,
}

/// One entry of an answer's `failures`.
#[derive(Debug, Deserialize)]
pub(crate) struct Failure {
    /// The ARN as the API repeats it, sometimes in a short form.
    pub(crate) arn: Option<String>,
    /// `MISSING`, or any other text.
    pub(crate) reason: Option<String>,
}

/// New ARNs of one parent, on their way from the lister to the describer.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) parent: Parent,
    /// ARNs that were not on earlier pages of this parent.
    pub(crate) arns: Vec<String>,
    /// Whether this is the parent's last page, so that a batch need not wait until it is full.
    pub(crate) last: bool,
}
