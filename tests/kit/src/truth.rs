//! What must be on the topics, as the simulator knows it.

use ecs_sim::World;
use serde_json::Value;

use crate::oracle;

/// What the simulator says of an object in one account and region.
pub fn truth(world: &World, object: &str, account: &str, region: &str, stopped: bool) -> Vec<Value> {
    match object {
        "EcsCluster" => world.clusters(account, region).collect(),
        "EcsService" => world.services(account, region).collect(),
        "EcsTask" => {
            let running = world.tasks(account, region, false);
            running.chain(world.tasks(account, region, true).filter(|_| stopped)).collect()
        }
        _ => world.task_definitions(account, region).collect(),
    }
}

/// `ce_id` without its instant: the UID, and the cluster of a service whose ARN does not name it.
pub fn event_id(object: &str, record: &Value) -> String {
    let uid = oracle::key(record);
    let short = object == "EcsService" && uid.matches('/').count() == 1;
    if short { format!("{uid},{}", record["CLUSTER_ARN"].as_str().unwrap()) } else { uid.to_owned() }
}
