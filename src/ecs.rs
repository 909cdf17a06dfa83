//! The objects of the contract, one file each: the table of attributes, and the two API actions that read the object.

mod cluster;
mod object;
mod service;
mod task;
mod task_definition;

use aws_sdk_ecs::types::{Cluster, Failure as ApiFailure, Service, Tag, Task, TaskDefinition};
use serde_json::Value;

pub use self::object::Object;
pub(crate) use self::object::{Actions, Described, Failure, Listed, Options, Page, ParentKind, Pass};
use crate::aws::retry::one_line;
use crate::contract::{for_each_object, schema};

/// What is done with each object of the registry.
pub(crate) trait Visitor {
    fn visit<O: Object>(&mut self);
}

macro_rules! visits {
    ($($name:literal => $type:ident,)+) => {
        /// Visits the objects of the registry, in the contract's order.
        pub(crate) fn visit(visitor: &mut impl Visitor) {
            $(visitor.visit::<$type>();)+
        }
    };
}
for_each_object!(visits);

/// `tags` in key order. A tag without a value has an empty one, a tag without a key is left out, and of two tags with one key the
/// later counts.
fn tags(tags: &[Tag]) -> Vec<(&str, &str)> {
    let pairs = tags.iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default())));
    // The sort is stable, so that of equal keys the later tag now comes first, and is kept.
    let mut tags: Vec<_> = pairs.rev().collect();
    tags.sort_by_key(|(key, _)| *key);
    tags.dedup_by_key(|(key, _)| *key);
    tags
}

fn failures(failures: Option<Vec<ApiFailure>>) -> Vec<Failure> {
    let failures = failures.into_iter().flatten();
    failures.map(|failure| Failure { arn: failure.arn, reason: failure.reason.as_deref().map(one_line) }).collect()
}

/// The Avro schemas by object, in the contract's order.
pub fn schemas() -> Vec<(&'static str, Value)> {
    struct Schemas(Vec<(&'static str, Value)>);
    impl Visitor for Schemas {
        fn visit<O: Object>(&mut self) {
            self.0.push((O::NAME, schema(O::NAME, O::DOC, O::TABLE)));
        }
    }
    let mut schemas = Schemas(Vec::new());
    visit(&mut schemas);
    schemas.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_has_the_names_that_the_objects_bear() {
        assert!(schemas().iter().map(|(name, _)| *name).eq(crate::contract::OBJECTS));
    }

    #[test]
    fn tags_are_in_key_order_and_of_two_with_one_key_the_later_holds() {
        let tag = |key: Option<&str>, value: Option<&str>| {
            Tag::builder().set_key(key.map(str::to_owned)).set_value(value.map(str::to_owned)).build()
        };
        let list = [tag(Some("b"), Some("1")), tag(Some("a"), None), tag(None, Some("x")), tag(Some("b"), Some("2"))];
        assert_eq!(tags(&list), [("a", ""), ("b", "2")]);
    }
}
