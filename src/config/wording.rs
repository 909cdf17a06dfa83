//! The words for a value that is refused: what it is, what it is not, and what its setting takes.

use std::borrow::Cow;

use super::spanned::RawValue;
use super::table::{self, Kind};

/// Why a value of another type or form is refused.
pub(super) fn unlike(kind: &Kind, raw: &RawValue) -> String {
    match (kind, raw) {
        (Kind::Secret, _) => "is not text".to_owned(),
        (Kind::Int(..) | Kind::Clamped(..) | Kind::Ratio, RawValue::Text(text)) if text.parse::<f64>().is_ok() => {
            format!("{text:?} is text, not {}", noun(kind))
        }
        _ => format!("{} is not {}", shown(raw), noun(kind)),
    }
}

/// A value as a mistake shows it.
pub(super) fn shown(raw: &RawValue) -> String {
    match raw {
        RawValue::Untyped(text) | RawValue::Text(text) => format!("{:?}", without_user(text.trim())),
        RawValue::Int(number) => number.to_string(),
        RawValue::Float(number) => number.to_string(),
        RawValue::Flag(flag) => flag.to_string(),
        RawValue::Time(time) => time.clone(),
        RawValue::List(_) => "an array".to_owned(),
        RawValue::Table(_) => "a table".to_owned(),
    }
}

/// A URL without the user and password that may stand in it. What an e-mail address loses by this is no matter.
fn without_user(text: &str) -> Cow<'_, str> {
    let Some((before, host)) = text.rsplit_once('@').filter(|(before, _)| before.contains(':')) else {
        return text.into();
    };
    let scheme = before.split_once("://").map(|(scheme, _)| format!("{scheme}://")).unwrap_or_default();
    format!("{scheme}{}@{host}", super::secret::REDACTED).into()
}

/// What a value has to be.
fn noun(kind: &Kind) -> &'static str {
    match kind {
        Kind::Text(rule) => rule.noun,
        Kind::Secret => "text",
        Kind::Flag => "true or false",
        Kind::Int(..) | Kind::Clamped(..) => "a whole number",
        Kind::Ratio => "a number",
        Kind::Duration(_) => "a duration",
        Kind::Choice(table::OBJECTS) => "an object",
        Kind::Choice(_) => "a choice",
        Kind::List(_) => "a list",
        Kind::Properties => "a table",
        Kind::Tables(_) => "an array of tables",
    }
}

/// The way out.
pub(super) fn takes(kind: &Kind, raw: &RawValue) -> String {
    match kind {
        Kind::Text(rule) => rule.takes.to_owned(),
        Kind::Secret => "it takes text, or leave it out".to_owned(),
        Kind::Flag => "it takes true or false, in lower case".to_owned(),
        Kind::Int(min, max, unit) => format!("it takes {min} to {max}{unit}"),
        Kind::Clamped(min, max) => format!("it takes {min} to {max}"),
        Kind::Ratio => "it takes a number above 0, at most 1".to_owned(),
        Kind::Duration(most_days) => {
            format!("it takes a duration such as 30s, 15m or 1h, 1ms to {most_days}d")
        }
        Kind::Choice(words) => {
            let near = match raw {
                RawValue::Untyped(text) | RawValue::Text(text) => table::nearest_of(text.trim(), words.iter().copied()),
                _ => None,
            };
            near.map_or_else(|| format!("it takes one of {}", words.join(", ")), |near| format!("did you mean {near}?"))
        }
        Kind::List(_) => "it takes an array or comma-separated text".to_owned(),
        Kind::Properties | Kind::Tables(_) => "it takes tables, such as [{ arn = \"…\" }]".to_owned(),
    }
}
