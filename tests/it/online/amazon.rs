//! What is asked of AWS: how often, and what a policy that is limited to some clusters means.

use ecs_sim::{Effect, Fault, Pages, Refusal, Shape, Simulator, World};
use kit::REGION;
use kit::program::{code, program, text};
use kit::settings::{account, role};
use serde_json::Value;

/// What a check may send for a role in a region, STS included.
const REQUESTS: u64 = 11;

/// The actions that are asked of a cluster.
const OF_CLUSTER: [&str; 5] = ["DescribeClusters", "ListServices", "DescribeServices", "ListTasks", "DescribeTasks"];

fn simulator(world: World) -> Simulator {
    Simulator::start(World { shape: Shape { clusters: 4, services: 8, tasks: 8, ..Shape::small() }, ..world }).unwrap()
}

/// Checks AWS alone. Gives the exit code, and the rows.
fn check(simulator: &Simulator, settings: &[&str]) -> (i32, Vec<Value>) {
    let mut command = program(Some(simulator));
    command.args(["check", "--online", "--dry-run", "--report", "json"]);
    settings.iter().for_each(|setting| _ = command.args(["--set", setting]));
    let output = command.output().unwrap();
    let json: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}: {}", text(&output.stderr)));
    (code(&output), json["checks"].as_array().unwrap().clone())
}

fn requests(simulator: &Simulator) -> u64 {
    simulator.counters().calls.values().sum()
}

/// The cluster that is listed first, as requests name it.
fn first_cluster(simulator: &Simulator, account: &str) -> String {
    let first = simulator.world().clusters(account, REGION).next().unwrap();
    first["clusterArn"].as_str().unwrap().to_owned()
}

fn row<'a>(rows: &'a [Value], name: &str) -> &'a Value {
    rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name} is not in {rows:?}"))
}

#[test]
fn an_action_that_one_cluster_denies_and_another_allows_is_no_denial() {
    let (account, role) = (account(0), role(0));
    for action in &OF_CLUSTER[1..] {
        let simulator = simulator(World::default());
        let cluster = first_cluster(&simulator, &account);
        drop(simulator.fault(Fault::access_denied(action).cluster(&cluster)));
        let (exit, rows) = check(&simulator, &[&format!("assume_role_arns={role}")]);
        let found = row(&rows, action);
        assert_eq!((exit, found["result"].as_str()), (0, Some("ok")), "{action}: {rows:?}");
        let note = found["error"].as_str().unwrap();
        assert!(note.contains("limited to some clusters") && note.contains("would be partial"), "{note}");
        assert!(note.contains(&format!("denied in {cluster}")), "{note}");
        assert!(rows.iter().all(|row| row["result"] == "ok"), "{rows:?}");
        assert!(requests(&simulator) <= REQUESTS, "{action}: {:?}", simulator.counters().calls);
        assert_eq!(simulator.counters().breaches, [] as [&str; 0]);
    }
}

/// Denies every action in all clusters but one, as a policy for that cluster does.
fn limit_to(simulator: &Simulator, allowed: usize) {
    for (place, cluster) in simulator.world().clusters(&account(0), REGION).enumerate() {
        let arn = cluster["clusterArn"].as_str().unwrap();
        for action in OF_CLUSTER.iter().filter(|_| place != allowed) {
            drop(simulator.fault(Fault::access_denied(action).cluster(arn)));
        }
    }
}

#[test]
fn a_policy_that_is_limited_to_one_cluster_is_no_denial() {
    for allowed in 0..3 {
        let simulator = simulator(World::default());
        limit_to(&simulator, allowed);
        let (exit, rows) = check(&simulator, &[&format!("assume_role_arns={}", role(0))]);
        let results: Vec<_> = rows.iter().map(|row| row["result"].as_str().unwrap()).collect();
        assert!(exit == 0 && !results.contains(&"broken"), "{allowed}: {rows:?}");
        let told =
            rows.iter().filter(|row| row["error"].as_str().is_some_and(|error| error.contains("limited to some")));
        assert_eq!(told.count() > 0, allowed > 0, "{allowed}: {rows:?}");
        assert!(requests(&simulator) <= REQUESTS, "{allowed}: {:?}", simulator.counters().calls);
    }
}

#[test]
fn what_every_cluster_denies_is_a_denial_and_costs_no_more() {
    let simulator = simulator(World::default());
    for action in OF_CLUSTER {
        drop(simulator.fault(Fault::access_denied(action)));
    }
    let (exit, rows) = check(&simulator, &[&format!("assume_role_arns={}", role(0))]);
    assert_eq!(exit, 1);
    for row in rows.iter().filter(|row| row["kind"] == "action") {
        let is_denied = OF_CLUSTER.contains(&row["name"].as_str().unwrap());
        assert_eq!(row["result"], if is_denied { "broken" } else { "ok" }, "{row}");
    }
    assert!(requests(&simulator) <= REQUESTS, "{:?}", simulator.counters().calls);
}

#[test]
fn each_role_and_region_has_its_own_rows_and_requests() {
    let disabled = "eu-south-1";
    let simulator = simulator(World { disabled_regions: [disabled.to_owned()].into(), ..World::default() });
    let roles: Vec<String> = (0..3).map(role).collect();
    drop(simulator.fault(Fault::access_denied("ListTasks").account(&account(1)).region("eu-north-1")));
    drop(simulator.fault(Fault::access_denied("AssumeRole").role(&roles[2])));
    let settings = [format!("assume_role_arns={}", roles.join(",")), format!("regions={REGION},eu-north-1,{disabled}")];
    let (exit, rows) = check(&simulator, &settings.each_ref().map(String::as_str));
    assert_eq!(exit, 1);
    let broken: Vec<_> = rows.iter().filter(|row| row["result"] == "broken").collect();
    let found: Vec<_> = broken
        .iter()
        .map(|row| {
            (row["kind"].as_str().unwrap(), row["role"].as_str().unwrap(), row["region"].as_str().unwrap_or_default())
        })
        .collect();
    let expected = [
        ("region", roles[0].as_str(), disabled),
        ("action", &roles[1], "eu-north-1"),
        ("region", &roles[1], disabled),
        ("role", &roles[2], ""),
    ];
    assert_eq!(found, expected, "{broken:?}");
    // Three regions of two roles; the third role has its refusal alone.
    assert!(requests(&simulator) <= REQUESTS * 6 + 2, "{:?}", simulator.counters().calls);
    let of_third = rows.iter().filter(|row| row["role"] == roles[2].as_str() && row["kind"] != "role");
    assert!(of_third.clone().count() > 0);
    assert!(of_third.into_iter().all(|row| row["result"] == "unknown" && row["account"] == account(2).as_str()));
}

#[test]
fn an_empty_account_is_asked_for_names_that_nobody_has_and_a_denial_there_costs_no_sync() {
    for (shape, is_idle) in [
        (Shape::empty(), true),
        (Shape { clusters: 1, ..Shape::empty() }, true),
        // Another cluster may have some.
        (Shape { clusters: 2, ..Shape::empty() }, false),
    ] {
        let simulator = Simulator::start(World { shape, ..World::default() }).unwrap();
        let (exit, rows) = check(&simulator, &[]);
        assert!(exit == 0 && rows.iter().all(|row| row["result"] == "ok"), "{rows:?}");
        assert_eq!(simulator.counters().breaches, [] as [&str; 0]);
        drop(simulator.fault(Fault::access_denied("DescribeServices")));
        let (exit, rows) = check(&simulator, &[]);
        let found = row(&rows, "DescribeServices");
        let expected = if is_idle { (0, "warning") } else { (1, "broken") };
        assert_eq!((exit, found["result"].as_str().unwrap()), expected, "{shape:?}: {found}");
        assert!(found["error"].as_str().unwrap().contains("allow ecs:DescribeServices"), "{found}");
    }
}

#[test]
fn an_explicit_deny_is_not_mended_by_another_policy() {
    let simulator = simulator(World::default());
    let message = "User is not authorized to perform: ecs:ListTasks with an explicit deny in a service control policy";
    drop(simulator.fault(Fault::refuse("ListTasks", 400, "AccessDeniedException", message)));
    let (exit, rows) = check(&simulator, &[]);
    let error = row(&rows, "ListTasks")["error"].as_str().unwrap().to_owned();
    assert!(exit == 1 && error.contains("take that deny of ecs:ListTasks away"), "{error}");
}

#[test]
fn throttles_and_failing_servers_say_nothing_of_rights() {
    for fault in [Fault::throttling("ListServices"), Fault::server_error("ListServices")] {
        let simulator = simulator(World::default());
        drop(simulator.fault(fault.times(5)));
        let (exit, rows) = check(&simulator, &[]);
        let found = row(&rows, "ListServices");
        assert_eq!((exit, found["result"].as_str()), (0, Some("unknown")), "{rows:?}");
        assert!(found["error"].as_str().unwrap().contains("ask again later"), "{found}");
    }
}

#[test]
fn what_is_listed_and_not_described_is_broken_whatever_aws_calls_it() {
    let simulator = simulator(World::default());
    drop(simulator.fault(Fault::refuse("DescribeTasks", 400, "ClientException", "something else")));
    drop(simulator.fault(Fault::refuse("ListServices", 400, "InvalidParameterException", "something else")));
    drop(simulator.fault(Fault::refuse("ListTaskDefinitions", 400, "ClientException", "something else")));
    let (exit, rows) = check(&simulator, &[]);
    let broken = rows.iter().filter(|row| row["result"] == "broken").map(|row| row["name"].as_str().unwrap());
    assert_eq!(broken.collect::<Vec<_>>(), ["ListServices", "DescribeTasks", "ListTaskDefinitions"], "{rows:?}");
    assert_eq!(exit, 1);
}

#[test]
fn an_account_that_nobody_names_is_broken_and_aws_account_id_mends_it() {
    let simulator = Simulator::start(World { shape: Shape::empty(), ..World::default() }).unwrap();
    let refusal = Refusal::new(403, "AccessDenied", "not through this endpoint");
    drop(simulator.fault(Fault::new("GetCallerIdentity", Effect::Refuse(refusal))));
    let identity = |account: Option<&str>| {
        let mut command = program(Some(&simulator));
        command.args(["check", "--online", "--dry-run", "--report", "json"]);
        command.envs(account.map(|id| ("AWS_ACCOUNT_ID", id)));
        let output = command.output().unwrap();
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        (code(&output), json["checks"][0].clone())
    };
    let (exit, unknown) = identity(None);
    assert_eq!((exit, unknown["result"].as_str()), (1, Some("broken")), "{unknown}");
    assert!(unknown["error"].as_str().unwrap().contains("set AWS_ACCOUNT_ID"), "{unknown}");
    let (exit, known) = identity(Some("123456789012"));
    assert_eq!((exit, known["result"].as_str(), known["account"].as_str()), (0, Some("warning"), Some("123456789012")));
}

#[test]
fn keys_that_only_sts_of_the_default_region_does_not_know_are_a_warning() {
    let simulator = simulator(World::default());
    let refusal = Fault::refuse("GetCallerIdentity", 403, "InvalidClientTokenId", "The security token is invalid");
    drop(simulator.fault(refusal));
    let (exit, rows) = check(&simulator, &[]);
    assert_eq!((exit, rows[0]["result"].as_str()), (0, Some("warning")), "{rows:?}");
    assert!(rows[1..].iter().all(|row| row["result"] == "ok"), "{rows:?}");
}

#[test]
fn what_is_on_a_later_page_or_in_another_list_is_something_to_read() {
    let denied = |world: World, action: &str, settings: &[&str]| {
        let simulator = Simulator::start(world).unwrap();
        drop(simulator.fault(Fault::access_denied(action)));
        let (exit, rows) = check(&simulator, settings);
        (exit, row(&rows, action)["result"].as_str().unwrap().to_owned())
    };
    let shape = Shape { clusters: 1, stopped_tasks: 6, ..Shape::empty() };
    let world = World { shape, ..World::default() };
    let stopped = "operation_options.EcsTask.fetchStoppedTasks=true";
    assert_eq!(denied(world.clone(), "DescribeTasks", &[stopped]), (1, "broken".to_owned()), "stopped tasks are there");
    assert_eq!(denied(world, "DescribeTasks", &[]), (0, "warning".to_owned()), "they are not read");
    for seed in 0..8 {
        let shape = Shape { clusters: 1, services: 3, ..Shape::empty() };
        let world = World { seed, shape, pages: Pages::ShortAndEmpty, ..World::default() };
        assert_eq!(denied(world, "DescribeServices", &[]), (1, "broken".to_owned()), "seed {seed}");
    }
    // The account's page size is for syncs.
    let simulator = simulator(World::default());
    limit_to(&simulator, 1);
    let (exit, rows) = check(&simulator, &["page_size=1", &format!("assume_role_arns={}", role(0))]);
    assert!(exit == 0 && rows.iter().all(|row| row["result"] != "broken"), "{rows:?}");
}

#[test]
fn where_nobody_answers_one_role_asks_for_all() {
    let simulator = simulator(World::default());
    drop(simulator.fault(Fault::reset("ListClusters").region("eu-north-1")));
    let roles: Vec<String> = (0..40).map(role).collect();
    let settings = [format!("assume_role_arns={}", roles.join(",")), format!("regions={REGION},eu-north-1")];
    let (exit, rows) = check(&simulator, &settings.each_ref().map(String::as_str));
    assert_eq!(exit, 1);
    let of_region = rows.iter().filter(|row| row["kind"] == "region" && row["region"] == "eu-north-1");
    let (broken, others): (Vec<_>, Vec<_>) = of_region.partition(|row| row["result"] == "broken");
    assert!(!broken.is_empty() && broken.len() + others.len() == 40, "{rows:?}");
    assert!(others.iter().all(|row| row["error"].as_str().unwrap().starts_with("not asked, since nobody answered")));
    assert!(rows.iter().filter(|row| row["region"] == REGION).all(|row| row["result"] == "ok"));
}

#[test]
fn a_network_that_reaches_ecs_and_not_sts_is_a_warning() {
    let simulator = simulator(World::default());
    let refusal = Refusal::new(403, "AccessDenied", "not through this endpoint");
    drop(simulator.fault(Fault::new("GetCallerIdentity", Effect::Refuse(refusal))));
    let (exit, rows) = check(&simulator, &[]);
    assert_eq!((exit, rows[0]["result"].as_str()), (0, Some("warning")), "{rows:?}");
    assert!(rows[0]["error"].as_str().unwrap().contains("see default_region"), "{rows:?}");
    assert!(rows[1..].iter().all(|row| row["result"] == "ok" && row["account"] == "111111111111"), "{rows:?}");
}
