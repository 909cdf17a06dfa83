//! The four objects of the contract, one file each: the attribute table beside the two API actions that read it.

pub mod cluster;
pub mod service;
pub mod task;
pub mod task_definition;

use std::collections::BTreeMap;

use aws_sdk_ecs::types::{Cluster, Failure as ApiFailure, Service, Tag, Task, TaskDefinition};

use crate::object::{Failure, Object};

/// The names of all objects, in the contract's order.
pub const OBJECTS: [&str; 4] = ["EcsCluster", "EcsService", "EcsTask", "EcsTaskDefinition"];

/// `tags`: a tag without a value is an empty text, one without a key is none.
fn tags(tags: &[Tag]) -> BTreeMap<&str, &str> {
    tags.iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default()))).collect()
}

fn failures(failures: Option<Vec<ApiFailure>>) -> Vec<Failure> {
    let failures = failures.into_iter().flatten();
    failures.map(|failure| Failure { arn: failure.arn, reason: failure.reason }).collect()
}

/// The Avro schemas by object, in the contract's order.
pub fn schemas() -> [(&'static str, serde_json::Value); 4] {
    fn of<O: Object>() -> (&'static str, serde_json::Value) {
        (O::NAME, crate::sdm::schema(O::NAME, O::DOC, O::TABLE))
    }
    [of::<Cluster>(), of::<Service>(), of::<Task>(), of::<TaskDefinition>()]
}
