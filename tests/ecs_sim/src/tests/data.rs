//! The generated data: its odd cases, its size, its names.

use super::*;

#[test]
fn a_page_of_a_million_costs_a_page() {
    let world = one_cluster(Shape { tasks: 1_000_000_000_000, ..Shape::empty() });
    let site = world.site(ACCOUNT, REGION);
    for n in [0, 999_999, 999_999_999_999, hash(1, 1) % 1_000_000_000_000] {
        let id = TaskId { stopped: false, n };
        let name = site.cluster_name(0);
        assert_eq!(site.find_task(site.cluster(0), &name, &site.task_arn(site.cluster(0), &name, id)), Some(id));
    }
    let input = json!({"cluster": first_cluster(&world), "maxResults": 100, "desiredStatus": "RUNNING"});
    let answer = ecs(&world, "ListTasks", &input);
    assert_eq!(answer.items, 100);
    let arns = body(answer)["taskArns"].take();
    let described =
        ecs(&world, "DescribeTasks", &json!({"cluster": input["cluster"], "tasks": arns, "include": ["TAGS"]}));
    assert_eq!(described.items, 100);
    let bytes = described.result.expect("a result").len() / 100;
    assert!((2_500..3_500).contains(&bytes), "a task has {bytes} bytes; real ones have about 3 KB");
}

#[test]
fn worlds_follow_from_their_seed() {
    let tasks = |seed, account: &str| {
        let world = World { seed, ..World::default() };
        world.tasks(account, REGION, false).collect::<Vec<_>>()
    };
    assert_eq!(tasks(1, ACCOUNT), tasks(1, ACCOUNT));
    assert_ne!(tasks(1, ACCOUNT), tasks(2, ACCOUNT));
    assert_ne!(tasks(1, ACCOUNT), tasks(1, "222222222222"));
    let shapes = BTreeMap::from([((ACCOUNT.to_owned(), REGION.to_owned()), Shape::empty())]);
    let world = World { shapes, ..World::default() };
    assert_eq!(world.clusters(ACCOUNT, REGION).count(), 0);
    assert_eq!(world.clusters(ACCOUNT, "us-east-1").count(), 3);
}

#[test]
fn the_odd_cases_of_real_records_are_all_there() {
    let world = World {
        shape: Shape { services: 400, tasks: 700, task_definitions: 300, ..Shape::small() },
        ..World::default()
    };
    let tasks: Vec<Value> = world.tasks(ACCOUNT, REGION, false).collect();
    let services: Vec<Value> = world.services(ACCOUNT, REGION).collect();
    let definitions: Vec<Value> = world.task_definitions(ACCOUNT, REGION).collect();
    let has = |objects: &[Value], what: &str, test: fn(&Value) -> bool| {
        assert!(objects.iter().any(test), "{what}");
    };
    let first_attachment = |task: &Value| task["attachments"][0]["type"].clone();
    assert!(tasks.iter().any(|task| first_attachment(task) == "Service Connect"));
    assert!(tasks.iter().any(|task| first_attachment(task) == "AmazonElasticBlockStorage"));
    has(&tasks, "attachments absent", |task| task.get("attachments").is_none());
    has(&tasks, "attachments empty", |task| task["attachments"] == json!([]));
    has(&tasks, "an old record", |task| task.get("createdAt").is_none() && task.get("availabilityZone").is_none());
    has(&tasks, "null size", |task| task.get("cpu") == Some(&Value::Null));
    has(&tasks, "no image", |task| task["containers"][0].get("image").is_none());
    has(&tasks, "unknown launch type", |task| task["launchType"] == "QUANTUM");
    has(&tasks, "unknown member", |task| task.get("quantumProfile").is_some());
    has(&tasks, "a short ARN", |task| task["taskArn"].as_str().is_some_and(|arn| arn.matches('/').count() == 1));
    has(&tasks, "canary", |task| task["overrides"].to_string().contains(CANARY));
    has(&tasks, "a unicode group", |task| task["group"].as_str().is_some_and(|group| !group.is_ascii()));
    has(&tasks, "a tag without value", |task| task["tags"].to_string().contains(r#"{"key":"without-value"}"#));
    has(&tasks, "no tags member", |task| task.get("tags").is_none());
    has(&services, "a classic load balancer", |service| {
        service["loadBalancers"].to_string().contains("loadBalancerName")
    });
    has(&services, "a strategy", |service| {
        service.get("launchType").is_none() && service.get("capacityProviderStrategy").is_some()
    });
    has(&services, "no network", |service| {
        service.get("networkConfiguration").is_none() && service.get("roleArn").is_none()
    });
    has(&services, "an empty network", |service| service["networkConfiguration"] == json!({}));
    has(&services, "no task definition", |service| service.get("taskDefinition").is_none());
    has(&services, "a short ARN", |service| {
        service["serviceArn"].as_str().is_some_and(|arn| arn.matches('/').count() == 1)
    });
    has(&definitions, "no compatibilities", |definition| definition.get("requiresCompatibilities").is_none());
    has(&definitions, "no network mode", |definition| definition.get("networkMode").is_none());
    has(&definitions, "unknown network mode", |definition| definition["networkMode"] == "tunnel");
    has(&definitions, "a variable without value", |definition| {
        definition.to_string().contains(r#"{"name":"WITHOUT_VALUE"}"#)
    });
    has(&definitions, "canary", |definition| definition.to_string().contains(CANARY));
    has(&definitions, "secrets", |definition| definition.to_string().contains("valueFrom"));
    let fraction = |task: &Value| task["createdAt"].as_f64().map(|at| (at * 10_000.0).round().rem_euclid(10_000.0));
    assert!(tasks.iter().any(|task| fraction(task) == Some(4_567.0)));
    assert!(tasks.iter().any(|task| fraction(task) == Some(9_996.0)));
}

#[test]
fn names_and_ids_find_their_objects_again() {
    let world = World {
        shape: Shape {
            clusters: 1_000,
            inactive_clusters: 137,
            services: 70_001,
            tasks: 900_003,
            stopped_tasks: 4_000,
            task_definitions: 99_999,
        },
        ..World::default()
    };
    let site = world.site(ACCOUNT, REGION);
    assert_eq!((0..1_000).filter(|&n| !site.cluster(n).active).count(), 137);
    assert_eq!((0..1_000).map(|n| site.services_in(site.cluster(n))).sum::<u64>(), 70_001);
    for draw in 0..500 {
        let cluster = site.cluster(hash(1, draw) % 1_000);
        let name = site.cluster_name(cluster.n);
        assert_eq!(site.find_cluster(&site.cluster_arn(cluster.n)), Some(cluster));
        assert_eq!(site.find_cluster(&name), Some(cluster));
        if cluster.active {
            let n = hash(2, draw) % site.services_in(cluster);
            assert_eq!(site.find_service(cluster, &site.service_arn(cluster, n)), Some(n));
            let id = TaskId { stopped: draw % 2 == 0, n: hash(3, draw) % site.tasks_in(cluster, draw % 2 == 0) };
            assert_eq!(site.find_task(cluster, &name, &site.task_arn(cluster, &name, id)), Some(id));
        }
        let n = hash(4, draw) % 99_999;
        assert_eq!(site.find_task_definition(&site.task_definition_arn(n)), Some(n));
        assert_eq!(site.find_task_definition(&site.task_definition_arn(n).replace(ACCOUNT, "222222222222")), None);
    }
}

#[test]
fn large_task_definitions_are_as_large_as_ecs_allows() {
    let world = World {
        large_task_definition_every: Some(7),
        ..one_cluster(Shape { task_definitions: 100_000_000, ..Shape::empty() })
    };
    let site = world.site(ACCOUNT, REGION);
    for n in [6, 13, 20, 99_999_998, 6 + 7 * 8 * 9 * 11 * 4, 48] {
        let input = json!({"taskDefinition": site.task_definition_arn(n)});
        let bytes = ecs(&world, "DescribeTaskDefinition", &input).result.expect("a result");
        let length = bytes.len() - r#"{"taskDefinition":}"#.len();
        let definition = serde_json::from_slice::<Value>(&bytes).expect("JSON")["taskDefinition"].take();
        if n % 7 != 6 {
            assert!(length < 10_000, "{n} has {length} bytes");
            continue;
        }
        assert!((60 * 1_024..=64 * 1_024).contains(&length), "{n} has {length} bytes");
        let containers = definition["containerDefinitions"].as_array().expect("containers");
        let names: BTreeSet<_> = containers.iter().map(|container| container["name"].to_string()).collect();
        assert_eq!((containers.len(), names.len()), (10, 10));
        for container in containers {
            let environment = container["environment"].as_array().expect("variables");
            assert!(environment.len() > 20, "{}", environment.len());
            let holds = |variable: &Value| variable["value"].as_str().is_some_and(|value| value.starts_with(CANARY));
            assert!(environment.iter().all(holds));
            assert!(container["secrets"][0]["valueFrom"].is_string());
        }
    }
    let small = World { shape: Shape { task_definitions: 21, ..Shape::empty() }, ..world };
    let sizes = small.task_definitions(ACCOUNT, REGION).map(|definition| definition.to_string().len());
    assert_eq!(sizes.filter(|bytes| *bytes > 60_000).count(), 3);
}
