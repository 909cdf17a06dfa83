//! `plan`: the calls that it foretells are those that a sync sends, and the time that it foretells is the time of its arrivals.

use ecs_sdm_producer::config::{Config, Rate, Rates};
use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::plan::Plan;
use ecs_sdm_producer::report::Outcome;
use ecs_sdm_producer::sync::Sink;
use ecs_sim::{Buckets, Refill, Shape, Simulator, World};
use kit::REGION;
use kit::program::{code, program, text};
use kit::settings::config;
use serde_json::Value;

/// So many times as much as AWS has published.
const TIMES: u32 = 2;

fn rates() -> Rates {
    let rate = |burst: u32, per_second: u32| Rate { burst: burst * TIMES, per_second: per_second * TIMES };
    Rates {
        cluster_read: rate(50, 20),
        service_read: rate(100, 20),
        cluster_resource_read: rate(100, 20),
        task_definition_read: rate(50, 20),
    }
}

async fn plan_of(config: &Config) -> Plan {
    let mut engine = Engine::dry(config.clone(), REGION.to_owned());
    let run = engine.start(Sink::Count);
    let handle = run.handle();
    let report = run.finish().await;
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    Plan::new(config, &report, &handle.planned(), handle.latency())
}

/// A plan against one simulator, then a sync against another one whose buckets are full.
async fn foretells(shape: Shape, page_size: u32, bucket: &str) {
    let buckets = Some(Buckets::published(Refill::Smooth).times(TIMES));
    let world = World { shape, buckets, record_arrivals: true, ..World::default() };
    let [planned, synced] = [(); 2].map(|()| Simulator::start(world.clone()).unwrap());
    let settings = |simulator| Config { rates: rates(), page_size, ..config(simulator) };
    let plan = plan_of(&settings(&planned)).await;
    let lists: u64 = plan.types.iter().map(|one| one.lists).sum();
    assert_eq!(planned.arrivals().len() as u64, lists, "it lists alone: {}", plan.text());
    assert!(planned.arrivals().iter().all(|arrival| arrival.action.starts_with("List")), "it describes nothing");

    let config = settings(&synced);
    let mut engine = Engine::dry(config, REGION.to_owned());
    let report = engine.start(Sink::Print(Box::new(std::io::sink()))).finish().await;
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    let arrivals = synced.arrivals();
    let calls: u64 = plan.buckets.iter().map(|bucket| bucket.lists + bucket.describes).sum();
    assert_eq!(arrivals.len() as u64, calls, "{}", plan.text());
    let binding: Vec<_> = plan.buckets.iter().filter(|bucket| bucket.binds).map(|bucket| bucket.bucket).collect();
    assert_eq!(binding, [bucket], "{}", plan.text());
    let (first, last) = (arrivals[0].at, arrivals[arrivals.len() - 1].at);
    let (took, foretold) = ((last - first).as_secs_f64(), plan.time.as_secs_f64());
    assert!((took / foretold - 1.0).abs() < 0.05, "{foretold:.2} s foretold, {took:.2} s taken: {}", plan.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_foretold_exactly_and_time_within_a_twentieth() {
    let empty = Shape::empty();
    tokio::join!(
        foretells(Shape { clusters: 3, task_definitions: 350, ..empty }, 100, "task_definition_read"),
        foretells(Shape { clusters: 20, services: 1_600, ..empty }, 5, "service_read"),
        foretells(Shape { clusters: 20, tasks: 1_600, services: 20, ..empty }, 5, "cluster_resource_read"),
    );
}

#[test]
fn a_plan_is_printed_as_tables_and_as_json_without_kafka() {
    let simulator = Simulator::start(World::default()).unwrap();
    let output = program(Some(&simulator)).arg("plan").output().unwrap();
    let said = text(&output.stdout);
    assert_eq!(code(&output), 0, "{said} {}", text(&output.stderr));
    for word in ["EcsTaskDefinition", "task_definition_read", "from full buckets", "with api_share = 1"] {
        assert!(said.contains(word), "{word} is not in: {said}");
    }
    let output =
        program(Some(&simulator)).args(["plan", "--report", "json", "--set", "objects=EcsTask"]).output().unwrap();
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    let objects: Vec<_> = plan["types"].as_array().unwrap().iter().map(|one| one["object"].as_str().unwrap()).collect();
    assert_eq!(objects, ["EcsCluster", "EcsTask"], "clusters are listed for their tasks: {plan}");
    assert_eq!(plan["types"][0]["describes"], 0, "and not described: {plan}");
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
