//! The four objects of the contract, one file each: the attribute table beside the two API actions that read it.

pub(crate) mod cluster;
pub(crate) mod service;
pub(crate) mod task;
pub(crate) mod task_definition;

use aws_sdk_ecs::types::{Cluster, Failure as ApiFailure, Service, Tag, Task, TaskDefinition};

use crate::aws::retry::one_line;
use crate::object::{Failure, Object};

/// The names of all objects, in the contract's order.
pub const OBJECTS: [&str; 4] = ["EcsCluster", "EcsService", "EcsTask", "EcsTaskDefinition"];

/// `tags` in key order: a tag without a value is an empty text, one without a key is none, and of two with one key the later
/// holds.
fn tags(tags: &[Tag]) -> Vec<(&str, &str)> {
    let mut tags: Vec<_> = tags.iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default()))).collect();
    tags.sort_by_key(|(key, _)| *key);
    tags.dedup_by(|later, earlier| {
        let same = later.0 == earlier.0;
        if same {
            earlier.1 = later.1;
        }
        same
    });
    tags
}

fn failures(failures: Option<Vec<ApiFailure>>) -> Vec<Failure> {
    let failures = failures.into_iter().flatten();
    failures.map(|failure| Failure { arn: failure.arn, reason: failure.reason.as_deref().map(one_line) }).collect()
}

/// The Avro schemas by object, in the contract's order.
pub fn schemas() -> [(&'static str, serde_json::Value); 4] {
    fn of<O: Object>() -> (&'static str, serde_json::Value) {
        (O::NAME, crate::sdm::schema(O::NAME, O::DOC, O::TABLE))
    }
    [of::<Cluster>(), of::<Service>(), of::<Task>(), of::<TaskDefinition>()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_in_key_order_and_of_two_with_one_key_the_later_holds() {
        let tag = |key: Option<&str>, value: Option<&str>| {
            Tag::builder().set_key(key.map(str::to_owned)).set_value(value.map(str::to_owned)).build()
        };
        let list = [tag(Some("b"), Some("1")), tag(Some("a"), None), tag(None, Some("x")), tag(Some("b"), Some("2"))];
        assert_eq!(tags(&list), [("a", ""), ("b", "2")]);
    }
}
