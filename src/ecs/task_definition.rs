//! `EcsTaskDefinition`: ListTaskDefinitions (ACTIVE), and DescribeTaskDefinition, which takes one revision.

use aws_sdk_ecs::types::{Compatibility, ContainerDefinition, TaskDefinition, TaskDefinitionStatus};

use super::{Actions, Described, Failure, Listed, Object, ParentKind, Pass};
use crate::aws::{Category, Ecs, Fault, Verdict};
use crate::contract::Read::{Id, Int, List, Str, Text, Time};
use crate::contract::{Parent, Row};

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
        ("containerDefinitions[*].environment[*].name",       "ENVIRONMENT_KEYS",         List(|definition| definition.container_definitions().iter().flat_map(|container| container.environment()).filter_map(|variable| variable.name()).collect())),
        ("containerDefinitions[*].image",                     "CONTAINER_IMAGES",         List(|definition| definition.container_definitions().iter().filter_map(ContainerDefinition::image).collect())),
        ("containerDefinitions[*].secrets[*]",                "SECRET_REFS",              List(|definition| definition.container_definitions().iter().flat_map(|container| container.secrets()).map(|secret| secret.value_from()).filter(|reference| !reference.is_empty()).collect())),
        ("family:revision (fallback: ARN)",                   "NAME",                     Text(|definition| name(definition).or_else(|| definition.task_definition_arn.clone()))),
        ("taskDefinition.cpu",                                "CPU",                      Str(Self::cpu)),
        ("taskDefinition.executionRoleArn",                   "EXECUTION_ROLE_ARN",       Str(Self::execution_role_arn)),
        ("taskDefinition.family",                             "FAMILY",                   Str(Self::family)),
        ("taskDefinition.memory",                             "MEMORY",                   Str(Self::memory)),
        ("taskDefinition.networkModeAsString()",              "NETWORK_MODE",             Str(|definition| definition.network_mode().map(|mode| mode.as_str()))),
        ("taskDefinition.registeredAt",                       "FIRST_SEEN",               Time(Self::registered_at)),
        ("taskDefinition.requiresCompatibilitiesAsStrings()", "REQUIRES_COMPATIBILITIES", List(|definition| definition.requires_compatibilities().iter().map(Compatibility::as_str).collect())),
        ("taskDefinition.revision",                           "REVISION",                 Int(revision)),
        ("taskDefinition.statusAsString()",                   "SOURCE_STATUS",            Str(|definition| definition.status().map(|status| status.as_str()))),
        ("taskDefinition.taskDefinitionArn",                  "TASK_DEFINITION_ARN",      Str(Self::task_definition_arn)),
        ("taskDefinition.taskDefinitionArn",                  "UID",                      Id(Self::task_definition_arn)),
        ("taskDefinition.taskRoleArn",                        "TASK_ROLE_ARN",            Str(Self::task_role_arn)),
    ];

    fn arn(&self) -> Option<&str> {
        self.task_definition_arn()
    }

    async fn list(ecs: &Ecs, _: &Parent, _: Pass, token: Option<String>) -> Result<Listed, Fault> {
        let request = ecs.client.list_task_definitions().status(TaskDefinitionStatus::Active);
        let request = request.max_results(ecs.page_size).set_next_token(token);
        let answer = request.send().await.map_err(|error| Fault::judge(&error))?;
        Ok(Listed { arns: answer.task_definition_arns.ok_or_else(Fault::malformed)?, next_token: answer.next_token })
    }

    async fn describe(ecs: &Ecs, _: &Parent, arns: Vec<String>) -> Result<Described<Self>, Fault> {
        let arn = arns.into_iter().next();
        let answer = match ecs.client.describe_task_definition().set_task_definition(arn.clone()).send().await {
            Ok(answer) => answer,
            Err(error) => {
                let fault = Fault::judge(&error);
                if fault.verdict == Verdict::Client && is_about_the_revision(&fault.message) {
                    let missing = Failure { arn, reason: Some("MISSING".to_owned()) };
                    return Ok(Described { objects: Vec::new(), failures: vec![missing] });
                }
                return Err(fault);
            }
        };
        let mut objects: Vec<Self> = answer.task_definition.into_iter().collect();
        objects.iter_mut().for_each(drop_environment_values);
        Ok(Described { objects, failures: Vec::new() })
    }
}

/// `ClientException` has many causes. Its message is "Unable to describe task definition." if the revision is gone.
fn is_about_the_revision(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("task definition") || message.contains("taskdefinition")
}

/// The contract promises that environment values never leave this step.
fn drop_environment_values(definition: &mut TaskDefinition) {
    let containers = definition.container_definitions.iter_mut().flatten();
    for variable in containers.flat_map(|container| container.environment.iter_mut().flatten()) {
        variable.value = None;
    }
}

/// The SDK has 0 for an absent revision. Revisions start at 1.
fn revision(definition: &TaskDefinition) -> Option<i64> {
    Some(i64::from(definition.revision())).filter(|revision| *revision != 0)
}

fn name(definition: &TaskDefinition) -> Option<String> {
    Some(format!("{}:{}", definition.family()?, revision(definition)?))
}
