//! The objects of the contract, one file each: the table of attributes, and the two API actions that read the object.

mod cluster;
mod object;
mod service;
mod task;
mod task_definition;
mod timestamp;

use serde::Deserialize;
use serde_json::Value;

pub use self::cluster::Cluster;
pub use self::object::Object;
pub(crate) use self::object::{Actions, Described, Failure, Listed, Options, Page, ParentKind, Pass};
pub use self::service::Service;
pub use self::task::Task;
pub use self::task_definition::TaskDefinition;
pub(crate) use self::timestamp::Timestamp;
use crate::aws::Category;
use crate::contract::{for_each_object, schema};
use crate::foreign::one_line;

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

/// The token bucket that the requests of an object take their tokens from.
pub(crate) fn category(object: &str) -> Option<Category> {
    struct Categories<'a>(&'a str, Option<Category>);
    impl Visitor for Categories<'_> {
        fn visit<O: Object>(&mut self) {
            if O::NAME == self.0 {
                self.1 = Some(O::CATEGORY);
            }
        }
    }
    let mut found = Categories(object, None);
    visit(&mut found);
    found.1
}

#[derive(Debug, Deserialize)]
pub(crate) struct Tag {
    key: Option<Box<str>>,
    value: Option<Box<str>>,
}

/// `tags` in key order. A tag without a value has an empty one, a tag without a key is left out, and of two tags with one key the
/// later counts.
fn tags(tags: Option<&[Tag]>) -> Vec<(&str, &str)> {
    let tags = tags.unwrap_or_default().iter();
    let pairs = tags.filter_map(|tag| Some((tag.key.as_deref()?, tag.value.as_deref().unwrap_or_default())));
    // The sort is stable, so that of equal keys the later tag now comes first, and is kept.
    let mut tags: Vec<_> = pairs.rev().collect();
    tags.sort_by_key(|(key, _)| *key);
    tags.dedup_by_key(|(key, _)| *key);
    tags
}

fn texts(texts: Option<&[Box<str>]>) -> Vec<&str> {
    texts.unwrap_or_default().iter().map(|text| &**text).collect()
}

fn failures(failures: Option<Vec<Failure>>) -> Vec<Failure> {
    let failures = failures.into_iter().flatten();
    failures.map(|Failure { arn, reason }| Failure { arn, reason: reason.as_deref().map(one_line) }).collect()
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
        let tag = |key: Option<&str>, value: Option<&str>| Tag { key: key.map(Box::from), value: value.map(Box::from) };
        let list =
            vec![tag(Some("b"), Some("1")), tag(Some("a"), None), tag(None, Some("x")), tag(Some("b"), Some("2"))];
        assert_eq!(tags(Some(&list)), [("a", ""), ("b", "2")]);
    }
}
