//! The contract with the readers of the topics (the source data model): the names of the objects, the tables of attributes, the
//! records that they make of API objects, and the Avro schemas.
//!
//! Everything here is pure: values in, value out. The tables themselves are in [`crate::ecs`], one per object.

mod objects;
mod schema;
mod time;

use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, SerializeTuple, Serializer};

pub use self::objects::OBJECTS;
pub(crate) use self::objects::{for_each_object, place_of};
pub(crate) use self::schema::{NAMESPACE, schema};
pub use self::time::{millis, rfc3339};

/// What a list is asked of: a cluster, by its full ARN, or the account, which is None.
pub(crate) type Parent = Option<Arc<str>>;

/// One attribute of the contract: its source, its name, and how it is read.
pub(crate) type Row<T> = (&'static str, &'static str, Read<T>);

/// How an attribute is read from `T`. The variant also gives its Avro type.
pub enum Read<T> {
    /// `string`, which is required. An object without it has no record.
    Id(fn(&T) -> Option<&str>),
    /// `["null", "string"]`, borrowed.
    Str(fn(&T) -> Option<&str>),
    /// `["null", "string"]`, made of several members.
    Text(fn(&T) -> Option<String>),
    /// `["null", "long"]`, from a count of the API. It is never null: where the API leaves it out it is 0, as in the SDK.
    Count(fn(&T) -> Option<i32>),
    /// `["null", "long"]`.
    Int(fn(&T) -> Option<i64>),
    /// `["null", "boolean"]`.
    Flag(fn(&T) -> Option<bool>),
    /// `["null", timestamp-millis]`, from milliseconds since the epoch.
    Time(fn(&T) -> Option<i64>),
    /// `timestamp-millis`, from milliseconds since the epoch.
    Instant(fn(&T) -> i64),
    /// `array<string>`, in API order.
    List(fn(&T) -> Vec<&str>),
    /// `map<string>`, in key order.
    Tags(fn(&T) -> Vec<(&str, &str)>),
}

/// The source of the "Generated" attributes of one sync in one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The client's region, for example `eu-west-1`.
    pub region: String,
    /// `LAST_CAPTURED`: the one instant of the whole sync, in milliseconds since the epoch.
    pub captured: i64,
}

/// The attributes that follow every table. They come from the sync, not from the object.
#[rustfmt::skip]
pub(crate) const GENERATED: &[Row<Stamp>] = &[
    ("Generated (constant AWS)",   "CLOUD_PROVIDER", Read::Id(|_| Some("AWS"))),
    ("Generated (sync region)",    "REGION",         Read::Id(|stamp| Some(&stamp.region))),
    ("Generated (sync timestamp)", "LAST_CAPTURED",  Read::Instant(|stamp| stamp.captured)),
];

/// An API object with its stamp: it *is* the flat record. Serializing it walks the table and borrows from both.
///
/// For Avro, whose serializer is not human readable, it is a tuple in the order of the schema. For JSON it is a map.
pub struct View<'a, T: 'static> {
    pub(crate) table: &'static [Row<T>],
    pub(crate) object: &'a T,
    pub(crate) stamp: &'a Stamp,
}

impl<T> Serialize for View<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let len = self.table.len() + GENERATED.len();
        if serializer.is_human_readable() {
            let mut map = serializer.serialize_map(Some(len))?;
            for (_, name, read) in self.table {
                map.serialize_entry(name, &Field(read, self.object))?;
            }
            for (_, name, read) in GENERATED {
                map.serialize_entry(name, &Field(read, self.stamp))?;
            }
            map.end()
        } else {
            let mut tuple = serializer.serialize_tuple(len)?;
            for (_, _, read) in self.table {
                tuple.serialize_element(&Field(read, self.object))?;
            }
            for (_, _, read) in GENERATED {
                tuple.serialize_element(&Field(read, self.stamp))?;
            }
            tuple.end()
        }
    }
}

/// One attribute of one object.
struct Field<'a, T>(&'a Read<T>, &'a T);

impl<T> Serialize for Field<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(read, object) = self;
        match read {
            Read::Id(get) => match get(object) {
                Some(id) => serializer.serialize_str(id),
                None => Err(serde::ser::Error::custom("an object without an ARN has no record")),
            },
            Read::Str(get) => get(object).serialize(serializer),
            Read::Text(get) => get(object).serialize(serializer),
            Read::Count(get) => Some(i64::from(get(object).unwrap_or_default())).serialize(serializer),
            Read::Int(get) => get(object).serialize(serializer),
            Read::Flag(get) => get(object).serialize(serializer),
            Read::Time(get) => match get(object) {
                Some(time) if serializer.is_human_readable() => serializer.serialize_some(&rfc3339(time)),
                time => time.serialize(serializer),
            },
            Read::Instant(get) if serializer.is_human_readable() => serializer.serialize_str(&rfc3339(get(object))),
            Read::Instant(get) => serializer.serialize_i64(get(object)),
            Read::List(get) => get(object).serialize(serializer),
            Read::Tags(get) => serializer.collect_map(get(object)),
        }
    }
}
