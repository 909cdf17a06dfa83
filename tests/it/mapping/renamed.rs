//! A misspelt member would be silently absent. So each member of an API object is misspelt in turn, in the body: exactly the attributes
//! that are read from it change.

use std::collections::BTreeSet;

use kit::oracle;
use serde_json::{Map, Value, json};

use super::{CAPTURED, REGION, judge};

/// Names from the top to a member. Lists in between are passed through.
type Path = Vec<String>;

/// An API object in which every member that the contract reads is there and says something, and some that it does not read.
fn whole(object: &str) -> Value {
    let tags = json!([{"key": "team", "value": "shop"}]);
    match object {
        "EcsCluster" => json!({
            "clusterArn": "arn:cluster/shop", "clusterName": "shop", "status": "ACTIVE", "tags": tags,
            "activeServicesCount": 1, "pendingTasksCount": 2, "registeredContainerInstancesCount": 3, "runningTasksCount": 4,
            "capacityProviders": ["FARGATE"], "settings": [{"name": "containerInsights", "value": "enabled"}],
        }),
        "EcsService" => json!({
            "serviceArn": "arn:service/shop/web", "serviceName": "web", "clusterArn": "arn:cluster/shop", "status": "ACTIVE",
            "createdAt": 1_700_000_000.123, "desiredCount": 1, "pendingCount": 2, "runningCount": 3, "launchType": "FARGATE",
            "platformFamily": "Linux", "platformVersion": "1.4.0", "roleArn": "arn:role", "schedulingStrategy": "REPLICA",
            "taskDefinition": "arn:task-definition/web:7", "tags": tags,
            "loadBalancers": [{"targetGroupArn": "arn:group", "containerPort": 80}],
            "networkConfiguration": {"awsvpcConfiguration":
                {"subnets": ["subnet-a"], "securityGroups": ["sg-a"], "assignPublicIp": "ENABLED"}},
        }),
        "EcsTask" => json!({
            "taskArn": "arn:task/shop/1", "availabilityZone": "eu-west-1a", "clusterArn": "arn:cluster/shop", "group": "service:web",
            "containerInstanceArn": "arn:instance", "cpu": "256", "memory": "512", "desiredStatus": "RUNNING",
            "lastStatus": "PENDING", "launchType": "EC2", "platformVersion": "1.4.0", "taskDefinitionArn": "arn:definition",
            "createdAt": 1_700_000_000.123, "startedAt": 1_700_000_001.5, "stoppedAt": 1_700_000_002, "tags": tags,
            "containers": [{"image": "web:1", "name": "web"}],
            "attachments": [{"type": "ElasticNetworkInterface", "details": [{"name": "networkInterfaceId", "value": "eni-a"},
                {"name": "privateIPv4Address", "value": "10.0.0.1"}, {"name": "subnetId", "value": "subnet-a"}]}],
            "overrides": {"containerOverrides": [{"environment": [{"name": "KEY", "value": "secret"}]}]},
        }),
        "EcsTaskDefinition" => json!({
            "taskDefinitionArn": "arn:task-definition/web:7", "family": "web", "revision": 7, "status": "ACTIVE", "cpu": "256",
            "memory": "512", "executionRoleArn": "arn:execution", "taskRoleArn": "arn:role", "networkMode": "awsvpc",
            "registeredAt": 1_700_000_000.123, "requiresCompatibilities": ["FARGATE"], "volumes": [{"name": "data"}],
            "containerDefinitions": [{"image": "web:1", "environment": [{"name": "KEY", "value": "secret"}],
                "secrets": [{"name": "TOKEN", "valueFrom": "arn:secret"}]}],
        }),
        _ => panic!("the contract has no {object}"),
    }
}

#[test]
fn a_misspelt_member_is_missed_by_exactly_its_attributes() {
    for (object, _) in ecs_sdm_producer::ecs::schemas() {
        let (schema, api) = (oracle::schema(object), whole(object));
        let before = judge(object, &schema, &api).unwrap_or_else(|error| panic!("{object}: {error}"));
        let expected_of = |api: &Value| oracle::expected(object, api, REGION, CAPTURED);
        let expected_before = expected_of(&api);
        let mut unread = BTreeSet::new();
        let mut read = BTreeSet::new();
        for path in paths(&api) {
            let misspelt = misspelt(&api, &path);
            let expected = changed(&expected_before, Some(&expected_of(&misspelt)));
            // Without its ARN an object has no record.
            let found = judge(object, &schema, &misspelt);
            let names = changed(&before, found.as_ref().ok());
            let path = path.join(".");
            match found {
                Ok(_) => assert_eq!(names, expected, "{object}: {path}"),
                Err(error) => {
                    assert!(path.ends_with("Arn") && expected.contains("UID"), "{object}: {path}: {error}");
                    assert!(error.to_string().contains("an object without an ARN has no record"), "{path}: {error}");
                }
            }
            if names.is_empty() {
                unread.insert(path);
            }
            read.extend(expected);
        }
        let contract: BTreeSet<String> = oracle::attributes(object)
            .filter(|attribute| !attribute.source.starts_with("Generated"))
            .map(|attribute| attribute.name.to_owned())
            .collect();
        assert_eq!(read, contract, "{object}: every attribute is read from a member");
        assert!(!unread.is_empty(), "{object} has members that nobody reads");
    }
}

/// The attributes that differ; all of them where there is no record.
fn changed(before: &Value, after: Option<&Value>) -> BTreeSet<String> {
    let attributes = before.as_object().unwrap().iter();
    let differs = |(name, value): &(&String, &Value)| after.is_none_or(|after| after[name.as_str()] != **value);
    attributes.filter(differs).map(|(name, _)| name.clone()).collect()
}

/// The paths of all members.
fn paths(value: &Value) -> BTreeSet<Path> {
    match value {
        Value::Array(items) => items.iter().flat_map(paths).collect(),
        Value::Object(members) => {
            let below = |(name, value): (&String, &Value)| {
                let deeper = paths(value).into_iter().map(|path| [vec![name.clone()], path].concat());
                deeper.chain([vec![name.clone()]]).collect::<Vec<_>>()
            };
            members.iter().flat_map(below).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// The object with one letter more in the last name of a path.
fn misspelt(value: &Value, path: &[String]) -> Value {
    match (value, path) {
        (Value::Array(items), _) => items.iter().map(|item| misspelt(item, path)).collect(),
        (Value::Object(members), [name, rest @ ..]) => {
            let renamed = members.iter().map(|(member, value)| match (member == name, rest) {
                (true, []) => (format!("{member}s"), value.clone()),
                (true, rest) => (member.clone(), misspelt(value, rest)),
                (false, _) => (member.clone(), value.clone()),
            });
            Value::Object(renamed.collect::<Map<_, _>>())
        }
        _ => value.clone(),
    }
}
