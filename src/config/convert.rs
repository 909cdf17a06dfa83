//! What was written becomes what the setting takes, or a mistake that says what it takes.

use std::error::Error;
use std::fmt::Display;

use figment::value::{Dict, Value};

use super::diagnostics::Diagnostics;
use super::property::property_conflict;
use super::rule;
use super::secret::Secret;
use super::spanned::{Origin, RawValue, SpannedValue};
use super::table::{self, Kind, Setting};
use super::toml::{self, toml_text};
use super::wording::{shown, takes, unlike};

/// A setting's value; one that is not available yet is refused here, once its type is right.
pub(super) fn setting(
    key: &str,
    setting: &Setting,
    spanned: &SpannedValue,
    diagnostics: &mut Diagnostics,
) -> Option<Value> {
    let value = convert(key, &setting.kind, spanned, diagnostics)?;
    match setting.not_yet {
        Some(way_out) if !is_default(setting, &value) => {
            diagnostics.error(key, &spanned.origin, "is not available yet", way_out);
            None
        }
        _ => Some(value),
    }
}

/// The table's own value.
pub(super) fn default(setting: &Setting) -> Option<Value> {
    let spanned = toml::inline(setting.default?, &Origin::Default).ok()?;
    convert(setting.key, &setting.kind, &spanned, &mut Diagnostics::default())
}

/// Whether a value is the table's own.
pub(super) fn is_default(setting: &Setting, value: &Value) -> bool {
    default(setting).is_some_and(|default| toml_text(&default) == toml_text(value))
}

/// The file of a secret, which has to be readable now and not only at the first sync.
pub(super) fn secret_file(
    key: &str,
    secret: &Setting,
    spanned: &SpannedValue,
    diagnostics: &mut Diagnostics,
) -> Option<Value> {
    let path = convert(key, &Kind::Text(&rule::PATH), spanned, diagnostics)?;
    if let Some(way_out) = secret.not_yet {
        diagnostics.error(key, &spanned.origin, "is not available yet", way_out);
        return None;
    }
    let Err(error) = Secret::File(path.as_str()?.into()).read() else {
        return Some(path);
    };
    let reason = match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    let way_out = "it takes the path of a file that holds the secret";
    diagnostics.error(key, &spanned.origin, reason, way_out);
    None
}

/// One of librdkafka's properties: its own words, numbers and switches are all text to it.
pub(super) fn property(key: &str, name: &str, spanned: &SpannedValue, diagnostics: &mut Diagnostics) -> Option<Value> {
    let text = match &spanned.raw {
        RawValue::Untyped(text) | RawValue::Text(text) => text.clone(),
        RawValue::Int(number) => number.to_string(),
        RawValue::Float(number) => number.to_string(),
        RawValue::Flag(flag) => flag.to_string(),
        RawValue::Time(_) | RawValue::List(_) | RawValue::Table(_) => {
            let reason = "is not text, a number or a switch";
            diagnostics.error(key, &spanned.origin, reason, "write the value as text");
            return None;
        }
    };
    if let Some((reason, way_out)) = property_conflict(name, &text) {
        diagnostics.error(key, &spanned.origin, reason, way_out);
        return None;
    }
    Some(Value::from(text))
}

/// A value of that kind; whatever is wrong with it goes to the notes.
pub(super) fn convert(key: &str, kind: &Kind, spanned: &SpannedValue, diagnostics: &mut Diagnostics) -> Option<Value> {
    let result = match (kind, &spanned.raw) {
        (Kind::Tables(_), RawValue::Untyped(text)) => return inline(key, kind, text, spanned, diagnostics),
        // No element of ours ends in a bracket: this is an array.
        (Kind::List(_), RawValue::Untyped(text)) if text.trim().ends_with(']') => {
            return inline(key, kind, text, spanned, diagnostics);
        }
        (Kind::Tables(settings), RawValue::List(elements)) => {
            return tables(key, settings, elements, diagnostics);
        }
        (Kind::List(of), RawValue::List(elements)) => return list(key, of, elements, diagnostics),
        (Kind::List(of), RawValue::Untyped(text) | RawValue::Text(text)) => {
            return list(key, of, &comma_separated(text, &spanned.origin), diagnostics);
        }
        (Kind::Clamped(_, max), raw) if whole(raw).is_some_and(|number| number > *max) => {
            let origin = &spanned.origin;
            diagnostics.warnings.push(format!("{key}: more than {max} ({origin}); {max} is used"));
            Ok(Value::from(*max))
        }
        (kind, raw) => scalar(kind, raw),
    };
    result.map_err(|reason| refuse(key, kind, spanned, reason, diagnostics)).ok()
}

/// Notes why a value is refused and what its setting takes.
fn refuse(key: &str, kind: &Kind, spanned: &SpannedValue, reason: String, diagnostics: &mut Diagnostics) {
    diagnostics.error(key, &spanned.origin, reason, takes(kind, &spanned.raw));
}

fn inline(key: &str, kind: &Kind, text: &str, spanned: &SpannedValue, diagnostics: &mut Diagnostics) -> Option<Value> {
    match toml::inline(text, &spanned.origin) {
        Ok(typed) => convert(key, kind, &typed, diagnostics),
        Err(reason) => {
            refuse(key, kind, spanned, reason, diagnostics);
            None
        }
    }
}

fn comma_separated(text: &str, origin: &Origin) -> Vec<SpannedValue> {
    let element = |part: &str| SpannedValue { raw: RawValue::Untyped(part.to_owned()), origin: origin.clone() };
    text.split(',').map(element).collect()
}

/// Elements count from 0, as in TOML paths. What is empty is dropped, what stands twice is kept once.
fn list(key: &str, of: &Kind, elements: &[SpannedValue], diagnostics: &mut Diagnostics) -> Option<Value> {
    let before = diagnostics.errors.len();
    let mut values = Vec::new();
    for (at, element) in elements.iter().enumerate() {
        if matches!(&element.raw, RawValue::Untyped(text) | RawValue::Text(text) if text.trim().is_empty()) {
            continue;
        }
        let value = convert(&format!("{key}[{at}]"), of, element, diagnostics);
        values.extend(value.filter(|value| !values.contains(value)));
    }
    (diagnostics.errors.len() == before).then(|| Value::from(values))
}

/// The settings of each table, of which the first is required.
fn tables(
    key: &str,
    settings: &'static [Setting],
    tables: &[SpannedValue],
    diagnostics: &mut Diagnostics,
) -> Option<Value> {
    let before = diagnostics.errors.len();
    let mut values = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        let key = format!("{key}[{at}]");
        if let RawValue::Table(entries) = &table.raw {
            values.push(Value::from(one_table(&key, settings, entries, diagnostics)));
            if let Some(missing) = missing(settings, entries) {
                let way_out = takes(&missing.kind, &table.raw);
                diagnostics.error(format!("{key}.{}", missing.key), &table.origin, "is missing", way_out);
            }
        } else {
            let reason = format!("{} is not a table", shown(&table.raw));
            diagnostics.error(&key, &table.origin, reason, takes(&Kind::Tables(settings), &table.raw));
        }
    }
    (diagnostics.errors.len() == before).then(|| Value::from(values))
}

fn one_table(
    key: &str,
    settings: &'static [Setting],
    entries: &[(String, SpannedValue)],
    diagnostics: &mut Diagnostics,
) -> Dict {
    let mut values = Dict::new();
    for (name, spanned) in entries {
        let key = format!("{key}.{name}");
        if let Some(known) = settings.iter().find(|setting| setting.key == name) {
            values.extend(setting(&key, known, spanned, diagnostics).map(|value| (name.clone(), value)));
        } else {
            let names = || settings.iter().map(|setting| setting.key);
            let way_out = match table::nearest_of(name, names()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("it takes {}", names().collect::<Vec<_>>().join(", ")),
            };
            diagnostics.error(key, &spanned.origin, "unknown setting", way_out);
        }
    }
    values
}

fn missing(settings: &'static [Setting], entries: &[(String, SpannedValue)]) -> Option<&'static Setting> {
    settings.first().filter(|first| entries.iter().all(|(name, _)| name != first.key))
}

/// A value that holds no others, or the reason why it is none of that kind.
fn scalar(kind: &Kind, raw: &RawValue) -> Result<Value, String> {
    let unlike = || unlike(kind, raw);
    match (kind, raw) {
        (Kind::Secret | Kind::Text(_), RawValue::Untyped(text) | RawValue::Text(text)) if text.trim().is_empty() => {
            Err("is empty".to_owned())
        }
        (Kind::Secret, RawValue::Untyped(text) | RawValue::Text(text)) => Ok(Value::from(text.as_str())),
        (Kind::Text(rule), RawValue::Untyped(text) | RawValue::Text(text)) => {
            let legal = Some(text.trim()).filter(|text| (rule.holds)(text));
            legal.map(Value::from).ok_or_else(unlike)
        }
        (Kind::Choice(words), RawValue::Untyped(text) | RawValue::Text(text)) => {
            let legal = words.iter().find(|word| **word == text.trim());
            legal.map(|word| Value::from(*word)).ok_or_else(unlike)
        }
        (Kind::Flag, RawValue::Flag(flag)) => Ok(Value::from(*flag)),
        (Kind::Flag, RawValue::Untyped(text) | RawValue::Text(text)) => {
            text.parse::<bool>().map(Value::from).map_err(|_| unlike())
        }
        (Kind::Duration(most_days), RawValue::Untyped(text) | RawValue::Text(text)) => {
            let duration = humantime::parse_duration(text.trim()).map_err(|_| unlike())?;
            // A millisecond is the least: below it librdkafka reads 0, which is "for ever" there.
            let millis = 1..=u128::from(*most_days) * 86_400_000;
            let text = text.trim();
            in_range(millis.contains(&duration.as_millis()), text, Value::from(text))
        }
        (Kind::Ratio, raw) => {
            let share = number(raw).ok_or_else(unlike)?;
            in_range(share > 0.0 && share <= 1.0, share, Value::from(share))
        }
        (Kind::Int(min, max, _) | Kind::Clamped(min, max), raw) => {
            let number = whole(raw).ok_or_else(unlike)?;
            in_range((*min..=*max).contains(&number), number, Value::from(number))
        }
        _ => Err(unlike()),
    }
}

fn in_range(is_in: bool, shown: impl Display, value: Value) -> Result<Value, String> {
    if is_in { Ok(value) } else { Err(format!("{shown} is out of range")) }
}

fn whole(raw: &RawValue) -> Option<i64> {
    match raw {
        RawValue::Int(number) => Some(*number),
        RawValue::Untyped(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn number(raw: &RawValue) -> Option<f64> {
    match raw {
        RawValue::Float(number) => Some(*number),
        // Text again, because not every integer is a float; what is lost is far out of range.
        RawValue::Int(number) => number.to_string().parse().ok(),
        RawValue::Untyped(text) => text.trim().parse().ok(),
        _ => None,
    }
}
