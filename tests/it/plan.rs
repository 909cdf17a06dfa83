//! `plan`: the calls that it foretells are those that a sync sends. How long these take is measured by
//! `cargo bench --features jemalloc --bench throttled -- --only plan`.

use std::collections::BTreeMap;

use ecs_sdm_producer::config::Config;
use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::plan::Plan;
use ecs_sdm_producer::report::Outcome;
use ecs_sdm_producer::sync::Sink;
use ecs_sim::{Pages, Shape, Simulator, World};
use kit::REGION;
use kit::program::{code, program, text};
use kit::settings::{config, role};
use serde_json::Value;

async fn plan_of(config: &Config) -> Plan {
    let mut engine = Engine::dry(config.clone(), REGION.to_owned());
    let run = engine.start(Sink::Count);
    let handle = run.handle();
    let report = run.finish().await;
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    Plan::new(config, &report, &handle.planned(), handle.latency())
}

/// What a simulator was asked, by action.
fn calls(simulator: &Simulator) -> BTreeMap<String, u64> {
    simulator.counters().calls
}

#[tokio::test(flavor = "multi_thread")]
async fn the_calls_of_a_sync_are_foretold_exactly_and_nothing_is_described() {
    let small = Shape::small();
    for (shape, page_size, stopped) in [
        (small, 100, false),
        (small, 7, true),
        (Shape { clusters: 1, services: 0, tasks: 101, ..small }, 100, true),
        (Shape { clusters: 40, inactive_clusters: 7, ..small }, 3, false),
        (Shape::empty(), 100, false),
    ] {
        let world = World { shape, pages: Pages::Short, repeat_every: Some(3), ..World::default() };
        let [planned, synced] = [(); 2].map(|()| Simulator::start(world.clone()).unwrap());
        let settings = |simulator| {
            let mut config = Config { page_size, ..config(simulator) };
            config.operation_options.ecs_task.fetch_stopped_tasks = stopped;
            config
        };
        let plan = plan_of(&settings(&planned)).await;
        let mut engine = Engine::dry(settings(&synced), REGION.to_owned());
        let report = engine.start(Sink::Print(Box::new(std::io::sink()))).finish().await;
        assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());

        let (of_plan, of_sync) = (calls(&planned), calls(&synced));
        let lists = of_plan.iter().filter(|(action, _)| action.starts_with("List"));
        assert_eq!(lists.map(|(_, count)| count).sum::<u64>(), plan.own_calls, "{of_plan:?}");
        assert!(of_plan.keys().all(|action| !action.starts_with("Describe")), "it describes nothing: {of_plan:?}");
        for one in &plan.types {
            let object = one.object.trim_start_matches("Ecs");
            let of = |action: &str| {
                of_sync
                    .iter()
                    .filter(|(name, _)| name.starts_with(action))
                    .find_map(|(name, count)| (name[action.len()..].trim_end_matches('s') == object).then_some(*count))
            };
            assert_eq!(of("List").unwrap_or(0), one.lists, "{object}: {of_sync:?}");
            assert_eq!(of("Describe").unwrap_or(0), one.describes, "{object}: {of_sync:?}");
        }
        let of_ecs = of_sync.iter().filter(|(action, _)| *action != "GetCallerIdentity").map(|(_, count)| count);
        assert_eq!(of_ecs.sum::<u64>(), plan.requests.calls, "{}", plan.text());
    }
}

#[test]
fn a_plan_is_printed_as_tables_and_as_json_without_kafka() {
    let simulator = Simulator::start(World::default()).unwrap();
    let output = program(Some(&simulator)).arg("plan").output().unwrap();
    let said = text(&output.stdout);
    assert_eq!(code(&output), 0, "{said} {}", text(&output.stderr));
    for word in ["EcsTaskDefinition", "task_definition_read", "from full buckets", "By api_share: 0.25 -> "] {
        assert!(said.contains(word), "{word} is not in: {said}");
    }
    let output =
        program(Some(&simulator)).args(["plan", "--report", "json", "--set", "objects=EcsTask"]).output().unwrap();
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    let objects: Vec<_> = plan["types"].as_array().unwrap().iter().map(|one| one["object"].as_str().unwrap()).collect();
    assert_eq!(objects, ["EcsCluster", "EcsTask"], "clusters are listed for their tasks: {plan}");
    assert_eq!(plan["types"][0]["describes"], 0, "and not described: {plan}");
    assert_eq!(plan["types"][0]["objects"], Shape::small().clusters, "{plan}");
    let shape = Shape::small();
    assert_eq!(plan["types"][1]["objects"], shape.tasks, "{plan}");
}

#[test]
fn what_cannot_be_listed_is_told() {
    let simulator = Simulator::start(World::default()).unwrap();
    drop(simulator.fault(ecs_sim::Fault::access_denied("ListTaskDefinitions")));
    let output = program(Some(&simulator)).args(["plan", "--report", "json"]).output().unwrap();
    assert_eq!(code(&output), 1);
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    let denied = plan["types"].as_array().unwrap().iter().find(|one| one["object"] == "EcsTaskDefinition").unwrap();
    assert_eq!(denied["state"], "denied", "{plan}");
    assert!(denied["error"].as_str().unwrap().contains("ListTaskDefinitions"), "{plan}");
}

#[test]
fn what_is_denied_and_what_does_not_answer_have_their_own_exit_codes() {
    let plan = |simulator: &Simulator, settings: &[&str]| {
        let mut command = program(Some(simulator));
        command.args(["plan", "--report", "json", "--set", "maximum_retries=0"]);
        settings.iter().for_each(|setting| _ = command.args(["--set", setting]));
        code(&command.output().unwrap())
    };
    let denied = Simulator::start(World::default()).unwrap();
    for action in ["ListClusters", "ListTaskDefinitions"] {
        drop(denied.fault(ecs_sim::Fault::access_denied(action)));
    }
    assert_eq!(plan(&denied, &[]), 1, "everything is denied");
    let refused = Simulator::start(World::default()).unwrap();
    drop(refused.fault(ecs_sim::Fault::access_denied("AssumeRole")));
    assert_eq!(plan(&refused, &[&format!("assume_role_arns={}", role(0))]), 1, "the role is refused");
    let silent = Simulator::start(World::default()).unwrap();
    for action in ["GetCallerIdentity", "ListClusters", "ListTaskDefinitions"] {
        drop(silent.fault(ecs_sim::Fault::reset(action)));
    }
    assert_eq!(plan(&silent, &[]), 2, "nobody answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_of_one_account_share_its_buckets() {
    let simulator = Simulator::start(World::default()).unwrap();
    let roles = [role(0), role(0).replace("/reader", "/other")];
    let plan = plan_of(&Config { assume_role_arns: roles.to_vec(), ..config(&simulator) }).await;
    assert_eq!((plan.types.len(), plan.buckets.len()), (8, 4), "{}", plan.text());
    for bucket in &plan.buckets {
        let calls = |role: &String| {
            let of_role = plan.types.iter().filter(|one| one.role.as_ref() == Some(role));
            of_role.map(|one| one.lists + one.describes).collect::<Vec<_>>()
        };
        assert_eq!(calls(&roles[0]), calls(&roles[1]));
        assert!(calls(&roles[0]).contains(&((bucket.lists + bucket.describes) / 2)), "{}", plan.text());
    }
}
