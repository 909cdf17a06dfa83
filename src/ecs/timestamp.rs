//! Instants as the API sends them.

use aws_smithy_types::DateTime;
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::value::RawValue;

use crate::contract::millis;

/// Milliseconds since the epoch, read from a JSON number of epoch seconds (awsJson 1.1), to the nearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timestamp(pub(crate) i64);

impl<'de> Deserialize<'de> for Timestamp {
    /// From the number's text, as the SDK reads it: serde_json alone would round some fractions to the next double, and would take
    /// whole numbers beyond `u64` for floats.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = <&RawValue>::deserialize(deserializer)?.get();
        let time = if number.contains(['.', 'e', 'E']) {
            number.parse().ok().filter(|seconds: &f64| seconds.is_finite()).map(DateTime::from_secs_f64)
        } else {
            number.parse().ok().map(DateTime::from_secs)
        };
        // The text is not quoted.
        time.map(|time| Self(millis(&time))).ok_or_else(|| Error::custom("no epoch seconds"))
    }
}
