//! The Amazon ECS files.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;

fn file(name: &str) -> Value {
    serde_json::from_str(&example(name)).unwrap()
}

/// Our container among those of a task definition: what it is given holds, it is asked how it is, and has the time to stop.
fn assert_ours(task: &Value) -> &Value {
    let mut containers = task["containerDefinitions"].as_array().unwrap().iter();
    let ours = containers.find(|one| one["image"].as_str().unwrap().contains("/ecs-sdm-producer:")).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let given = ours["environment"].as_array().unwrap().iter().map(|one| (text(&one["name"]), text(&one["value"])));
    let secrets = ours["secrets"].as_array().unwrap().iter().map(|one| (text(&one["name"]), "a secret".to_owned()));
    let variables: Vec<_> = given.chain(secrets).collect();
    let names: BTreeMap<_, _> = variables.iter().cloned().collect();
    assert_eq!(names.len(), variables.len(), "a variable that is given twice");

    let place = Place::with(&[]);
    let settings = place.assert_runs(&texts(&ours["command"]), &variables);
    assert!(settings.listen().ip().is_loopback());
    let health = texts(&ours["healthCheck"]["command"]);
    assert_eq!(health[0], "CMD", "CMD-SHELL wants a shell, which the image does not have");
    place.assert_asks(&health[1..], &variables);
    assert!(ours["healthCheck"]["timeout"].as_u64().unwrap() > 3, "the program itself takes up to 3 s");
    assert!((STOP..=120).contains(&ours["stopTimeout"].as_u64().unwrap()), "Fargate allows 120 s");
    assert_eq!((&ours["user"], &ours["readonlyRootFilesystem"]), (&json!(format!("{USER}:{USER}")), &json!(true)));
    for role in ["taskRoleArn", "executionRoleArn"] {
        assert!(task[role].as_str().unwrap().starts_with("arn:aws:iam::"), "{role}");
    }
    ours
}

#[test]
fn the_task_of_the_sidecar_alone_ends_with_it() {
    let task = file("ecs-task-definition.json");
    assert_eq!(assert_ours(&task)["essential"], true);
    assert_eq!(task["containerDefinitions"].as_array().unwrap().len(), 1);
}

#[test]
fn the_sidecar_beside_an_application_does_not_end_it() {
    let task = file("ecs-sidecar-task-definition.json");
    let ours = assert_ours(&task);
    assert_eq!(ours["essential"], false);
    let others: Vec<_> = task["containerDefinitions"].as_array().unwrap().iter().filter(|one| *one != ours).collect();
    assert!(others.iter().any(|one| one["essential"] == true) && others.iter().all(|one| one["dependsOn"].is_null()));
    // Nobody else would start it again: a service looks after tasks, not after a container that is not essential.
    assert_eq!(ours["restartPolicy"]["enabled"], true);
    assert_eq!(ours["restartPolicy"]["ignoredExitCodes"], json!([64]), "what a restart does not mend");
    assert!(ours["memory"].as_u64().is_some(), "without a limit of its own it takes the application's memory");
}

#[test]
fn the_service_never_has_two_tasks() {
    let (service, task) = (file("ecs-service.json"), file("ecs-task-definition.json"));
    assert_eq!((&service["taskDefinition"], &service["desiredCount"]), (&task["family"], &json!(1)));
    let deployment = &service["deploymentConfiguration"];
    assert_eq!((&deployment["minimumHealthyPercent"], &deployment["maximumPercent"]), (&json!(0), &json!(100)));
    assert_eq!(
        service["availabilityZoneRebalancing"], "DISABLED",
        "it starts the new task before it stops the old one"
    );
    assert!(task["requiresCompatibilities"].as_array().unwrap().contains(&service["launchType"]));
}

#[test]
fn the_trust_policy_is_for_tasks_of_the_roles_account() {
    let task = file("ecs-task-definition.json");
    let account = task["taskRoleArn"].as_str().unwrap().split(':').nth(4).unwrap().to_owned();
    let trust = file("ecs-task-role-trust.json");
    let [statement] = &trust["Statement"].as_array().unwrap()[..] else { panic!("one statement") };
    assert_eq!(statement["Principal"]["Service"], "ecs-tasks.amazonaws.com");
    let condition = &statement["Condition"];
    assert_eq!(condition["StringEquals"]["aws:SourceAccount"], account);
    let tasks = condition["ArnLike"]["aws:SourceArn"].as_str().unwrap();
    assert!(tasks.starts_with("arn:aws:ecs:") && tasks.ends_with(&format!(":{account}:*")), "{tasks}");
}
