//! `EcsTaskDefinition`: ListTaskDefinitions (ACTIVE), and DescribeTaskDefinition, which takes one revision.

use aws_sdk_ecs::operation::describe_task_definition::DescribeTaskDefinitionOutput;
use aws_sdk_ecs::types::TaskDefinitionStatus;
use aws_smithy_runtime_api::client::interceptors::context::Output;
use serde::Deserialize;

use super::{Actions, Described, Failure, Listed, Object, ParentKind, Pass, Timestamp};
use crate::aws::{Answer, Category, Ecs, Fault, Verdict};
use crate::contract::Read::{Id, Int, List, Str, Text, Time};
use crate::contract::{Parent, Row};

/// What the contract reads of a revision of a task definition, in the API's words.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskDefinition {
    task_definition_arn: Option<Box<str>>,
    container_definitions: Option<Vec<ContainerDefinition>>,
    cpu: Option<Box<str>>,
    execution_role_arn: Option<Box<str>>,
    family: Option<Box<str>>,
    memory: Option<Box<str>>,
    network_mode: Option<Box<str>>,
    registered_at: Option<Timestamp>,
    requires_compatibilities: Option<Vec<Box<str>>>,
    revision: Option<i32>,
    status: Option<Box<str>>,
    task_role_arn: Option<Box<str>>,
}

#[derive(Debug, Deserialize)]
struct ContainerDefinition {
    environment: Option<Vec<Variable>>,
    image: Option<Box<str>>,
    secrets: Option<Vec<Secret>>,
}

/// A variable of an environment. It has no place for the value, which the contract promises never to show.
#[derive(Debug, Deserialize)]
struct Variable {
    name: Option<Box<str>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Secret {
    value_from: Option<Box<str>>,
}

/// The answer of DescribeTaskDefinition.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribedDefinition {
    task_definition: Option<TaskDefinition>,
}

impl Object for TaskDefinition {
    const NAME: &'static str = "EcsTaskDefinition";
    const DOC: &'static str =
        "An active revision of an Amazon ECS task definition, as DescribeTaskDefinition shows it.";
    const BATCH: usize = 1;
    const ACTIONS: Actions = Actions { list: "ListTaskDefinitions", describe: "DescribeTaskDefinition" };
    const PARENT: ParentKind = ParentKind::Account;
    const CATEGORY: Category = Category::TaskDefinitionRead;

    #[rustfmt::skip]
    const TABLE: &'static [Row<Self>] = &[
        ("containerDefinitions[*].environment[*].name",       "ENVIRONMENT_KEYS",         List(|definition| containers(definition).flat_map(|container| container.environment.iter().flatten()).filter_map(|variable| variable.name.as_deref()).collect())),
        ("containerDefinitions[*].image",                     "CONTAINER_IMAGES",         List(|definition| containers(definition).filter_map(|container| container.image.as_deref()).collect())),
        ("containerDefinitions[*].secrets[*]",                "SECRET_REFS",              List(|definition| containers(definition).flat_map(|container| container.secrets.iter().flatten()).filter_map(|secret| secret.value_from.as_deref()).filter(|reference| !reference.is_empty()).collect())),
        ("family:revision (fallback: ARN)",                   "NAME",                     Text(|definition| name(definition).or_else(|| definition.arn().map(str::to_owned)))),
        ("taskDefinition.cpu",                                "CPU",                      Str(|definition| definition.cpu.as_deref())),
        ("taskDefinition.executionRoleArn",                   "EXECUTION_ROLE_ARN",       Str(|definition| definition.execution_role_arn.as_deref())),
        ("taskDefinition.family",                             "FAMILY",                   Str(|definition| definition.family.as_deref())),
        ("taskDefinition.memory",                             "MEMORY",                   Str(|definition| definition.memory.as_deref())),
        ("taskDefinition.networkModeAsString()",              "NETWORK_MODE",             Str(|definition| definition.network_mode.as_deref())),
        ("taskDefinition.registeredAt",                       "FIRST_SEEN",               Time(|definition| definition.registered_at.map(|time| time.0))),
        ("taskDefinition.requiresCompatibilitiesAsStrings()", "REQUIRES_COMPATIBILITIES", List(|definition| super::texts(definition.requires_compatibilities.as_deref()))),
        ("taskDefinition.revision",                           "REVISION",                 Int(revision)),
        ("taskDefinition.statusAsString()",                   "SOURCE_STATUS",            Str(|definition| definition.status.as_deref())),
        ("taskDefinition.taskDefinitionArn",                  "TASK_DEFINITION_ARN",      Str(|definition| definition.task_definition_arn.as_deref())),
        ("taskDefinition.taskDefinitionArn",                  "UID",                      Id(Self::arn)),
        ("taskDefinition.taskRoleArn",                        "TASK_ROLE_ARN",            Str(|definition| definition.task_role_arn.as_deref())),
    ];

    fn arn(&self) -> Option<&str> {
        self.task_definition_arn.as_deref()
    }

    async fn list(ecs: &Ecs, _: &Parent, _: Pass, token: Option<String>) -> Result<Listed, Fault> {
        let request = ecs.client.list_task_definitions().status(TaskDefinitionStatus::Active);
        let request = request.max_results(ecs.page_size).set_next_token(token);
        let answer = request.send().await.map_err(|error| Fault::judge(&error))?;
        Ok(Listed { arns: answer.task_definition_arns.ok_or_else(Fault::malformed)?, next_token: answer.next_token })
    }

    async fn describe(ecs: &Ecs, _: &Parent, arns: Vec<String>) -> Result<Described<Self>, Fault> {
        let arn = arns.into_iter().next();
        let request = ecs.client.describe_task_definition().set_task_definition(arn.clone());
        let answer = Answer::in_place_of(|| Output::erase(DescribeTaskDefinitionOutput::builder().build()));
        match answer.of(request.customize().interceptor(answer.clone()).send().await) {
            Ok(DescribedDefinition { task_definition }) => {
                Ok(Described { objects: task_definition.into_iter().collect(), failures: Vec::new() })
            }
            Err(fault) if fault.verdict == Verdict::Client && is_about_the_revision(&fault.message) => {
                let missing = Failure { arn, reason: Some("MISSING".to_owned()) };
                Ok(Described { objects: Vec::new(), failures: vec![missing] })
            }
            Err(fault) => Err(fault),
        }
    }
}

/// `ClientException` has many causes. Its message is "Unable to describe task definition." if the revision is gone.
fn is_about_the_revision(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("task definition") || message.contains("taskdefinition")
}

fn containers(definition: &TaskDefinition) -> impl Iterator<Item = &ContainerDefinition> {
    definition.container_definitions.iter().flatten()
}

/// Revisions start at 1. Like an absent one, 0 is none.
fn revision(definition: &TaskDefinition) -> Option<i64> {
    definition.revision.filter(|revision| *revision != 0).map(i64::from)
}

fn name(definition: &TaskDefinition) -> Option<String> {
    Some(format!("{}:{}", definition.family.as_deref()?, revision(definition)?))
}
