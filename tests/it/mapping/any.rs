//! Any object of the API, absent, null and odd members included, becomes what the contract says.

use kit::oracle;
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::judge;

#[test]
fn any_cluster() {
    let mut cluster = texts("clusterName status");
    cluster.extend(counts("activeServicesCount pendingTasksCount"));
    cluster.extend(counts("registeredContainerInstancesCount runningTasksCount"));
    cluster.extend([("capacityProviders", list(text())), tags()]);
    check("EcsCluster", "clusterArn", cluster);
}

#[test]
fn any_service() {
    let answers = prop_oneof![Just(json!("ENABLED")), Just(json!("DISABLED")), text()];
    let vpc = vec![("subnets", list(text())), ("securityGroups", list(text())), ("assignPublicIp", answers.boxed())];
    let network = members(vec![("awsvpcConfiguration", members(vpc))]);
    let balancer = members(texts("targetGroupArn loadBalancerName"));

    let mut service = texts("clusterArn serviceName status launchType platformFamily platformVersion roleArn");
    service.extend(texts("schedulingStrategy taskDefinition"));
    service.extend(counts("desiredCount pendingCount runningCount"));
    service.extend([("createdAt", time()), ("networkConfiguration", network)]);
    service.extend([("loadBalancers", list(balancer)), tags()]);
    check("EcsService", "serviceArn", service);
}

#[test]
fn any_task() {
    let names = ["networkInterfaceId", "privateIPv4Address", "subnetId", "macAddress"];
    let name = select(names.to_vec()).prop_map(Value::from).boxed();
    let detail = members(vec![("name", name), ("value", text())]);
    let attachment = members(vec![("type", text()), ("details", list(detail))]);

    let mut task = texts("availabilityZone clusterArn containerInstanceArn cpu desiredStatus group lastStatus");
    task.extend(texts("launchType memory platformVersion taskDefinitionArn"));
    task.extend(["createdAt", "startedAt", "stoppedAt"].map(|name| (name, time())));
    task.extend([("attachments", list(attachment)), ("containers", list(members(texts("name image"))))]);
    task.push(tags());
    check("EcsTask", "taskArn", task);
}

#[test]
fn any_task_definition() {
    // An empty reference is none.
    let reference = text().prop_filter("a reference", |text| text != "").boxed();
    let secret = members(vec![("name", text()), ("valueFrom", reference)]);
    let container = members(vec![
        ("image", text()),
        ("environment", list(members(texts("name value")))),
        ("secrets", list(secret)),
    ]);

    let mut definition = texts("cpu executionRoleArn family memory networkMode status taskRoleArn");
    definition.extend(counts("revision"));
    definition.extend([("registeredAt", time()), ("requiresCompatibilities", list(text()))]);
    definition.push(("containerDefinitions", list(container)));
    check("EcsTaskDefinition", "taskDefinitionArn", definition);
}

/// A member of an API object by name, and what it may be.
type Member = (&'static str, BoxedStrategy<Value>);

fn check(object: &str, arn: &'static str, others: Vec<Member>) {
    let schema = oracle::schema(object);
    let api = (text(), members(others)).prop_map(move |(uid, mut api)| {
        api[arn] = uid;
        api
    });
    let config = Config { cases: 256, failure_persistence: None, ..Config::default() };
    let judged = TestRunner::new(config).run(&api, |api| judge(object, &schema, &api).map(drop));
    judged.unwrap_or_else(|failure| panic!("{failure}"));
}

/// An object whose members are there, null or absent.
fn members(members: Vec<Member>) -> BoxedStrategy<Value> {
    let maybe = |(name, value): Member| {
        prop_oneof![
            1 => Just(None),
            1 => Just(Some(Value::Null)),
            6 => value.prop_map(Some),
        ]
        .prop_map(move |value| Some((name.to_owned(), value?)))
    };
    let members: Vec<_> = members.into_iter().map(maybe).collect();
    members.prop_map(|members| members.into_iter().flatten().collect()).boxed()
}

fn list(item: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    vec(item, 0..4).prop_map(Value::Array).boxed()
}

fn text() -> BoxedStrategy<Value> {
    prop_oneof!["[a-zA-Z0-9:/_-]{0,12}", any::<String>()].prop_map(Value::String).boxed()
}

fn texts(names: &'static str) -> Vec<Member> {
    names.split(' ').map(|name| (name, text())).collect()
}

fn counts(names: &'static str) -> Vec<Member> {
    let count = any::<i32>().prop_map(Value::from).boxed();
    names.split(' ').map(|name| (name, count.clone())).collect()
}

/// Epoch seconds up to the year 9999, with four decimals of which the last is no 5: a double has no exact half.
fn time() -> BoxedStrategy<Value> {
    let seconds = 0..253_402_300_799_i64;
    (seconds, 0..1000_u16, select(vec![0, 1, 4, 6, 9]))
        .prop_map(|(seconds, millis, rest)| serde_json::from_str(&format!("{seconds}.{millis:03}{rest}")).unwrap())
        .boxed()
}

fn tags() -> Member {
    ("tags", list(members(texts("key value"))))
}
