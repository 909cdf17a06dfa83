//! Lists: pages, tokens, limits, filters.

use super::*;

#[test]
fn pages_of_every_kind_list_and_describe_the_ground_truth() {
    for (pages, max_results) in [(Pages::Full, 100), (Pages::Full, 7), (Pages::Short, 100), (Pages::ShortAndEmpty, 7)] {
        let world = World {
            pages,
            shape: Shape {
                clusters: 5,
                inactive_clusters: 1,
                services: 61,
                tasks: 350,
                stopped_tasks: 90,
                task_definitions: 110,
            },
            ..World::default()
        };
        let (clusters, _) = listed(&world, "ListClusters", json!({"maxResults": max_results}));
        let described = body(ecs(&world, "DescribeClusters", &json!({"clusters": clusters, "include": ["TAGS"]})));
        same(&described["clusters"], world.clusters(ACCOUNT, REGION));

        let mut seen: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for described in described["clusters"].as_array().into_iter().flatten() {
            if described["status"] == "INACTIVE" {
                continue;
            }
            let cluster = &described["clusterArn"];
            let input = json!({"cluster": cluster, "maxResults": max_results});
            let (arns, _) = listed(&world, "ListServices", input);
            for arns in arns.chunks(10) {
                let input = json!({"cluster": cluster, "services": arns, "include": ["TAGS"]});
                seen.entry("services")
                    .or_default()
                    .push(body(ecs(&world, "DescribeServices", &input))["services"].take());
            }
            for status in ["RUNNING", "STOPPED"] {
                let input = json!({"cluster": cluster, "maxResults": max_results, "desiredStatus": status});
                let (arns, _) = listed(&world, "ListTasks", input);
                for arns in arns.chunks(100) {
                    let input = json!({"cluster": cluster, "tasks": arns, "include": ["TAGS"]});
                    seen.entry(status).or_default().push(body(ecs(&world, "DescribeTasks", &input))["tasks"].take());
                }
            }
        }
        let (arns, _) = listed(&world, "ListTaskDefinitions", json!({"maxResults": max_results}));
        for arn in &arns {
            let answer = ecs(&world, "DescribeTaskDefinition", &json!({"taskDefinition": arn}));
            assert_eq!(answer.breaches, Vec::<String>::new());
            seen.entry("definitions").or_default().push(json!([body(answer)["taskDefinition"].take()]));
        }
        let mut seen = |what: &str| -> Value { seen.remove(what).into_iter().flatten().flat_map(items).collect() };
        same(&seen("services"), world.services(ACCOUNT, REGION));
        same(&seen("RUNNING"), world.tasks(ACCOUNT, REGION, false));
        same(&seen("STOPPED"), world.tasks(ACCOUNT, REGION, true));
        same(&seen("definitions"), world.task_definitions(ACCOUNT, REGION));
        assert_eq!(world.services(ACCOUNT, REGION).count(), 61);
        assert_eq!(world.tasks(ACCOUNT, REGION, false).count(), 350);
        assert_eq!(world.tasks(ACCOUNT, REGION, true).count(), 90);
    }
}

fn items(list: Value) -> Vec<Value> {
    if let Value::Array(items) = list { items } else { Vec::new() }
}

#[test]
fn limits_and_defaults_are_those_of_the_api() {
    let world =
        one_cluster(Shape { services: 200, tasks: 300, stopped_tasks: 5, task_definitions: 150, ..Shape::empty() });
    let cluster = first_cluster(&world);
    let unknown = cluster.replace("-0-", "-1-");
    let many = |count: usize| vec!["x"; count];
    // What the product should never send is a breach; what it may run into is not.
    for (breaches, action, input, code, message) in [
        (1, "ListClusters", json!({"maxResults": 0}), "InvalidParameterException", "maxResults"),
        (1, "ListClusters", json!({"maxResults": 101}), "InvalidParameterException", "maxResults"),
        (1, "ListClusters", json!({"maxResults": -1}), "InvalidParameterException", "maxResults"),
        (1, "ListTasks", json!({"maxResults": 9}), "ClusterNotFoundException", "Cluster not found."),
        (
            0,
            "ListTasks",
            json!({"maxResults": 9, "cluster": cluster, "desiredStatus": "running"}),
            "InvalidParameterException",
            "desiredStatus",
        ),
        (0, "ListTaskDefinitions", json!({"maxResults": 9, "status": "active"}), "InvalidParameterException", "status"),
        (0, "ListTaskDefinitions", json!({"maxResults": 9, "sort": "UP"}), "InvalidParameterException", "sort"),
        (1, "ListServices", json!({"maxResults": 9}), "ClusterNotFoundException", "Cluster not found."),
        (
            1,
            "ListServices",
            json!({"maxResults": 9, "cluster": "api-0"}),
            "ClusterNotFoundException",
            "Cluster not found.",
        ),
        (
            0,
            "ListServices",
            json!({"maxResults": 9, "cluster": unknown}),
            "ClusterNotFoundException",
            "Cluster not found.",
        ),
        (1, "ListServices", json!({"maxResults": 9, "launchType": "EC2"}), "SerializationException", "not simulated"),
        (
            1,
            "DescribeClusters",
            json!({"clusters": many(101), "include": ["TAGS"]}),
            "InvalidParameterException",
            "clusters can have at most 100 items.",
        ),
        (
            1,
            "DescribeServices",
            json!({"services": many(11), "cluster": cluster, "include": ["TAGS"]}),
            "InvalidParameterException",
            "service names can have at most 10 items.",
        ),
        (
            1,
            "DescribeTasks",
            json!({"tasks": many(101), "cluster": cluster, "include": ["TAGS"]}),
            "InvalidParameterException",
            "taskIds can have at most 100 items.",
        ),
        (
            1,
            "DescribeServices",
            json!({"services": [], "cluster": cluster, "include": ["TAGS"]}),
            "InvalidParameterException",
            "Services cannot be empty.",
        ),
        (
            1,
            "DescribeTasks",
            json!({"cluster": cluster, "include": ["TAGS"]}),
            "InvalidParameterException",
            "Tasks cannot be empty.",
        ),
        (
            1,
            "DescribeTasks",
            json!({"tasks": many(1), "cluster": cluster, "include": ["ALL"]}),
            "InvalidParameterException",
            "Invalid include",
        ),
        (
            0,
            "DescribeTaskDefinition",
            json!({"taskDefinition": "app-0000000-api:1"}),
            "ClientException",
            "Unable to describe task definition.",
        ),
        (1, "DescribeTaskDefinition", json!({}), "InvalidParameterException", "cannot be empty"),
        (1, "RunTask", json!({}), "UnknownOperationException", "not recognized"),
    ] {
        let mut input = input;
        if action == "ListTasks" && input.get("desiredStatus").is_none() {
            input["desiredStatus"] = json!("RUNNING");
        }
        let answer = ecs(&world, action, &input);
        assert_eq!(answer.breaches.len(), breaches, "{action} {input}: {:?}", answer.breaches);
        let (status, seen_code, seen_message) = refusal(answer);
        assert_eq!((status, seen_code.as_str()), (400, code), "{action} {input}");
        assert!(seen_message.contains(message), "{action} {input}: {seen_message}");
    }
    for (action, input, member, length) in [
        ("ListServices", json!({"cluster": cluster}), "serviceArns", 10),
        ("ListTasks", json!({"cluster": cluster}), "taskArns", 100),
        ("ListTaskDefinitions", json!({}), "taskDefinitionArns", 100),
        ("ListTasks", json!({"cluster": cluster, "desiredStatus": "STOPPED"}), "taskArns", 5),
        ("ListTasks", json!({"cluster": cluster, "desiredStatus": "PENDING"}), "taskArns", 0),
        ("ListTaskDefinitions", json!({"status": "INACTIVE"}), "taskDefinitionArns", 0),
    ] {
        let answer = ecs(&world, action, &input);
        assert!(answer.breaches.contains(&"maxResults is missing".to_owned()), "{action} {input}");
        assert_eq!(body(answer)[member].as_array().map(Vec::len), Some(length), "{action} {input}");
    }
}

#[test]
fn task_definitions_are_ordered_by_family_and_number() {
    let world = one_cluster(Shape { task_definitions: 40, ..Shape::empty() });
    let (ascending, _) = listed(&world, "ListTaskDefinitions", json!({"maxResults": 100}));
    let (mut descending, _) = listed(&world, "ListTaskDefinitions", json!({"maxResults": 7, "sort": "DESC"}));
    descending.reverse();
    assert_eq!(ascending, descending);
    let order = |arn: &String| {
        let (family, revision) = arn.rsplit_once(':').expect("a revision");
        (family.to_owned(), revision.parse::<u64>().expect("a number"))
    };
    assert!(ascending.is_sorted_by_key(order));
    assert!(!ascending.is_sorted(), "as texts they are not in order");
    let (family, _) =
        listed(&world, "ListTaskDefinitions", json!({"maxResults": 5, "familyPrefix": "app-0000001-auth"}));
    assert_eq!(family, &ascending[12..24]);
}

#[test]
fn tokens_are_bound_to_their_list() {
    let shape =
        Shape { clusters: 2, services: 40, tasks: 40, stopped_tasks: 40, task_definitions: 40, ..Shape::empty() };
    let world = World { shape, ..World::default() };
    let other = World { base_account: "222222222222".to_owned(), ..world.clone() };
    let (cluster, second) = (first_cluster(&world), world.site(ACCOUNT, REGION).cluster_arn(1));
    let tasks = |cluster: &str, status: &str| json!({"cluster": cluster, "maxResults": 5, "desiredStatus": status});
    let token = body(ecs(&world, "ListTasks", &tasks(&cluster, "RUNNING")))["nextToken"].take();
    let tampered = json!(token.as_str().map(|token| token.replace(&token[31..], "g")));
    for (world, action, input, token, expected) in [
        (&world, "ListTasks", tasks(&cluster, "RUNNING"), &token, true),
        (&world, "ListTasks", tasks(&cluster, "RUNNING"), &tampered, false),
        (&world, "ListTasks", tasks(&cluster, "RUNNING"), &json!(""), false),
        (&world, "ListTasks", tasks(&cluster, "STOPPED"), &token, false),
        (&world, "ListTasks", tasks(&second, "RUNNING"), &token, false),
        (&world, "ListServices", json!({"cluster": cluster, "maxResults": 5}), &token, false),
        (&world, "ListTaskDefinitions", json!({"maxResults": 5}), &token, false),
        (&other, "ListTasks", tasks(&first_cluster_of(&other), "RUNNING"), &token, false),
    ] {
        let mut input = input;
        input["nextToken"] = token.clone();
        let answer = ecs(world, action, &input);
        assert_eq!(answer.breaches.is_empty(), expected, "{action} {input}");
        if !expected {
            assert_eq!(refusal(answer).1, "InvalidParameterException", "{action} {input}");
        }
    }
}

fn first_cluster_of(world: &World) -> String {
    world.site(&world.base_account, REGION).cluster_arn(0)
}

#[test]
fn inactive_clusters_are_described_but_have_no_children() {
    let world =
        World { shape: Shape { clusters: 9, inactive_clusters: 4, tasks: 100, ..Shape::small() }, ..World::default() };
    let inactive: Vec<Value> =
        world.clusters(ACCOUNT, REGION).filter(|cluster| cluster["status"] == "INACTIVE").collect();
    assert_eq!(inactive.len(), 4);
    let answers = inactive.iter().map(|cluster| {
        let input = json!({"cluster": cluster["clusterArn"], "maxResults": 100, "desiredStatus": "RUNNING"});
        refusal(ecs(&world, "ListTasks", &input)).2
    });
    assert_eq!(
        answers.collect::<BTreeSet<_>>(),
        BTreeSet::from(["Cluster not found.".to_owned(), "The referenced cluster was inactive.".to_owned(),])
    );
    assert_eq!(world.tasks(ACCOUNT, REGION, false).count(), 100, "the others hold all tasks");
}

#[test]
fn a_task_can_be_in_both_lists() {
    let world =
        World { list_twice_every: Some(10), ..one_cluster(Shape { tasks: 35, stopped_tasks: 3, ..Shape::empty() }) };
    let list = |status: &str| {
        let input = json!({"cluster": first_cluster(&world), "maxResults": 2, "desiredStatus": status});
        listed(&world, "ListTasks", input).0.into_iter().collect::<BTreeSet<_>>()
    };
    let (running, stopped) = (list("RUNNING"), list("STOPPED"));
    assert_eq!((running.len(), stopped.len(), running.intersection(&stopped).count()), (35, 7, 4));
}

#[test]
fn every_list_can_repeat_arns_over_pages() {
    let shape =
        Shape { clusters: 9, services: 270, tasks: 270, stopped_tasks: 180, task_definitions: 30, ..Shape::empty() };
    let world = World { repeat_every: Some(2), shape, ..World::default() };
    let plain = World { repeat_every: None, ..world.clone() };
    for (action, input) in [
        ("ListClusters", json!({})),
        ("ListServices", json!({"cluster": first_cluster(&world)})),
        ("ListTasks", json!({"cluster": first_cluster(&world), "desiredStatus": "STOPPED"})),
        ("ListTaskDefinitions", json!({"sort": "DESC"})),
    ] {
        let mut input = input;
        input["maxResults"] = json!(4);
        let (truth, _) = listed(&plain, action, input.clone());
        let (mut arns, _) = listed(&world, action, input);
        // Pages of four, of which every other one has three that are new.
        assert_eq!(arns.len() - truth.len(), (truth.len() - 2) / 7, "{action}");
        arns.dedup();
        assert_eq!(arns, truth, "{action}");
    }
}
