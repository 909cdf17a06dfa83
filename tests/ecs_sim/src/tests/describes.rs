//! Describes: failures, tags, objects that vanish.

use super::*;

#[test]
fn what_is_not_there_is_a_failure_with_reason_missing() {
    let world = World { shape: Shape { clusters: 2, services: 20, tasks: 20, ..Shape::empty() }, ..World::default() };
    let site = world.site(ACCOUNT, REGION);
    let (first, second) = (site.cluster(0), site.cluster(1));
    let arn = site.service_arn(first, 0);
    let elsewhere = site.service_arn(second, 0);
    let input = json!({"cluster": site.cluster_arn(0), "services": [elsewhere, arn, "nobody"], "include": ["TAGS"]});
    let answer = ecs(&world, "DescribeServices", &input);
    assert_eq!((answer.items, answer.missing), (1, 2));
    let described = body(answer);
    assert_eq!(described["services"][0]["serviceArn"], arn);
    assert_eq!(
        described["failures"],
        json!([
            {"arn": elsewhere, "reason": "MISSING"},
            {"arn": format!("arn:aws:ecs:{REGION}:{ACCOUNT}:service/nobody"), "reason": "MISSING"},
        ])
    );
    let id = TaskId { stopped: false, n: 3 };
    let by_id = json!({"cluster": site.cluster_arn(0), "tasks": [site.task_id(first, id)], "include": ["TAGS"]});
    assert_eq!(body(ecs(&world, "DescribeTasks", &by_id))["failures"], json!([]));
    let foreign = json!({"cluster": site.cluster_arn(1), "tasks": [site.task_id(first, id)], "include": ["TAGS"]});
    assert_eq!(body(ecs(&world, "DescribeTasks", &foreign))["tasks"], json!([]));
    // An empty list stands for the default cluster, which is not there.
    let answer = ecs(&world, "DescribeClusters", &json!({"include": ["TAGS"]}));
    assert_eq!(answer.breaches.len(), 1);
    assert_eq!(body(answer)["failures"][0]["arn"], format!("arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/default"));
}

#[test]
fn tags_are_there_only_when_included() {
    let world = one_cluster(Shape { services: 10, tasks: 10, task_definitions: 10, ..Shape::empty() });
    let site = world.site(ACCOUNT, REGION);
    let (cluster, arn) = (site.cluster(0), site.cluster_arn(0));
    let task = site.task_id(cluster, TaskId { stopped: false, n: 0 });
    for (action, member, input) in [
        ("DescribeClusters", "clusters", json!({"clusters": [arn]})),
        ("DescribeServices", "services", json!({"cluster": arn, "services": [site.service_arn(cluster, 0)]})),
        ("DescribeTasks", "tasks", json!({"cluster": arn, "tasks": [task]})),
    ] {
        let mut input = input;
        let without = ecs(&world, action, &input);
        assert_eq!(without.breaches.len(), 1, "{action}");
        assert_eq!(body(without)[member][0]["tags"], json!([]), "{action}");
        input["include"] = json!(["TAGS"]);
        let with = ecs(&world, action, &input);
        assert_eq!(with.breaches, Vec::<String>::new(), "{action}");
        assert_ne!(body(with)[member][0]["tags"], json!([]), "{action}");
    }
    let mut input = json!({"taskDefinition": site.task_definition_arn(0)});
    assert_eq!(body(ecs(&world, "DescribeTaskDefinition", &input)).get("tags"), None);
    input["include"] = json!(["TAGS"]);
    let answer = ecs(&world, "DescribeTaskDefinition", &input);
    assert_eq!(answer.breaches.len(), 1);
    assert!(body(answer)["tags"].is_array());
}

#[test]
fn vanishing_objects_are_listed_and_missing() {
    let world =
        World { vanish_every: Some(5), ..one_cluster(Shape { tasks: 50, task_definitions: 50, ..Shape::empty() }) };
    let cluster = first_cluster(&world);
    let input = json!({"cluster": cluster, "maxResults": 100, "desiredStatus": "RUNNING"});
    let (tasks, _) = listed(&world, "ListTasks", input);
    let described = ecs(&world, "DescribeTasks", &json!({"cluster": cluster, "tasks": tasks, "include": ["TAGS"]}));
    assert_eq!((tasks.len(), described.items, described.missing), (50, 40, 10));
    same(&body(described)["tasks"], world.tasks(ACCOUNT, REGION, false));
    let (definitions, _) = listed(&world, "ListTaskDefinitions", json!({"maxResults": 100}));
    let gone = definitions.iter().filter(|arn| {
        let answer = ecs(&world, "DescribeTaskDefinition", &json!({"taskDefinition": arn}));
        answer.result.is_err_and(|refusal| refusal.code == "ClientException")
    });
    assert_eq!((definitions.len(), gone.count()), (50, 10));
    assert_eq!(world.task_definitions(ACCOUNT, REGION).count(), 40);
}

#[test]
fn twins_share_a_short_arn_and_are_told_apart_by_their_cluster() {
    let world = World { twin_services: true, ..World::default() };
    let mut clusters: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for service in world.services(ACCOUNT, REGION) {
        let arn = service["serviceArn"].as_str().expect("an ARN").to_owned();
        clusters.entry(arn).or_default().push(service["clusterArn"].clone());
    }
    let twins: Vec<_> = clusters.iter().filter(|(_, clusters)| clusters.len() > 1).collect();
    assert_eq!((clusters.values().flatten().count(), twins.len()), (36, 3));
    for (arn, clusters) in twins {
        assert!(arn.matches('/').count() == 1 && clusters.len() == 2 && clusters[0] != clusters[1], "{arn}");
        let described = clusters.iter().map(|cluster| {
            let (arns, _) = listed(&world, "ListServices", json!({"cluster": cluster, "maxResults": 100}));
            assert_eq!(arns.iter().filter(|listed| *listed == arn).count(), 1);
            let input = json!({"cluster": cluster, "services": [arn], "include": ["TAGS"]});
            body(ecs(&world, "DescribeServices", &input))["services"][0].take()
        });
        let truth = world.services(ACCOUNT, REGION).filter(|service| service["serviceArn"] == **arn);
        same(&described.collect(), truth);
    }
    let alone = World { twin_services: true, ..one_cluster(Shape { services: 20, ..Shape::empty() }) };
    let plain = World { twin_services: false, ..alone.clone() };
    same(&alone.services(ACCOUNT, REGION).collect(), plain.services(ACCOUNT, REGION));
}
