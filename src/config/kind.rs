//! What a setting takes: how a value becomes the setting's, and the words for one that does not.

use std::path::PathBuf;

use figment::value::{Dict, Value};

use super::diagnostics::Diagnostics;
use super::nearest::nearest_of;
use super::rule::Rule;
use super::secret::{Secret, SecretForm, warn_of_flag};
use super::shown::{self, PEM, quoted};
use super::value::{Origin, RawValue, SpannedValue, inline, parts};
use super::{OBJECTS, pairs, property};

/// The least share. Far less would be a request a day.
const LEAST_RATIO: f64 = 0.01;

/// What a setting takes.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text(&'static Rule),
    /// Text that no output shows. `KEY_file` may name a file instead.
    Secret(SecretForm),
    /// The path of a secret's file, which has to be readable at the start and not only at the first sync.
    SecretFile(SecretForm),
    Flag,
    /// A whole number from, to, and its unit.
    Int(i64, i64, &'static str),
    /// A whole number from, to. What is greater is cut to the end, with a warning.
    Clamped(i64, i64),
    /// A number from [`LEAST_RATIO`] to 1.
    Ratio,
    /// A time such as `15m`: 1 ms to so many days. Below 1 ms librdkafka reads 0, which means "for ever" there.
    Duration(u64),
    Choice(&'static [&'static str]),
    /// A choice whose case does not count. It is kept as it stands here.
    AnyCase(&'static [&'static str]),
    /// An array or comma-separated text. Elements that are empty or repeated are dropped.
    List(&'static Kind),
    /// A table of these settings. The first is required.
    Table(&'static [Setting]),
    /// Names and their texts: a table, or `name=text,…`.
    Pairs,
    /// One of these.
    Pair,
    /// librdkafka's properties, nested or dotted.
    Properties,
    /// One of librdkafka's properties.
    Property,
}

/// A setting: a row of the table.
#[derive(Clone, Copy)]
pub(super) struct Setting {
    /// Its place in TOML, dotted.
    pub(super) key: &'static str,
    pub(super) kind: Kind,
    /// Its default, spelled as in a variable.
    pub(super) default: Option<&'static str>,
    /// A value that shows the form, spelled as in a variable. Every setting without a default has one.
    pub(super) example: Option<&'static str>,
    /// What it means. The reference adds what it takes, its default, and whether it is a secret.
    pub(super) meaning: &'static str,
}

impl Setting {
    pub(super) fn default_value(&self) -> Option<Value> {
        self.value_of(self.default?)
    }

    /// The value of a text, spelled as in a variable.
    pub(super) fn value_of(&self, text: &str) -> Option<Value> {
        let given = SpannedValue::untyped(text, Origin::Default);
        self.kind.convert(self.key, &given, &mut Diagnostics::default())
    }
}

impl Kind {
    /// The setting's value. Why a value does not fit is added to `diagnostics`.
    pub(super) fn convert(&self, key: &str, given: &SpannedValue, diagnostics: &mut Diagnostics) -> Option<Value> {
        let before = diagnostics.errors.len();
        let SpannedValue { raw, origin } = given;
        let result = match (self, raw) {
            (Kind::Property, raw) => return property::convert(key, raw, origin, diagnostics),
            (Kind::Pairs, RawValue::Untyped(text)) if text.trim().starts_with('{') => match inline(text, origin) {
                Ok(typed) => return self.convert(key, &typed, diagnostics),
                Err(reason) => Err(reason),
            },
            (Kind::Pairs, raw) => pairs::convert(raw),
            (Kind::Pair, raw) => pairs::text_of(pairs::name_in(key), raw),
            (Kind::List(of), RawValue::Untyped(text)) if of.is_table() || text.trim().ends_with(']') => {
                match inline(text, origin) {
                    Ok(typed) => return self.convert(key, &typed, diagnostics),
                    Err(reason) => Err(reason),
                }
            }
            (Kind::List(of), RawValue::List(elements)) => Ok(list(key, of, elements, diagnostics)),
            (Kind::List(of), RawValue::Untyped(text) | RawValue::Text(text)) if !of.is_table() => {
                let parts: Vec<_> =
                    parts(text).iter().map(|part| SpannedValue::untyped(part, origin.clone())).collect();
                Ok(list(key, of, &parts, diagnostics))
            }
            (Kind::Table(settings), RawValue::Table(entries)) => Ok(table(key, settings, entries, origin, diagnostics)),
            (Kind::Secret(form), RawValue::Untyped(text) | RawValue::Text(text)) if !text.trim().is_empty() => {
                let judged = form.judge(key, text, origin, diagnostics);
                // Where PEM is taken, other text is a path.
                if judged.is_ok() && (*form != SecretForm::Pem || text.contains(PEM)) {
                    warn_of_flag(key, origin, diagnostics);
                }
                judged.map(|()| Value::from(text.as_str())).map_err(str::to_owned)
            }
            (Kind::SecretFile(form), RawValue::Untyped(path) | RawValue::Text(path)) if !path.trim().is_empty() => {
                let secret = Secret::File(PathBuf::from(path.trim())).read().map_err(|error| error.with_cause());
                let judge = |secret: String| {
                    form.judge(key, &secret, origin, diagnostics)
                        .map_err(|fault| format!("{}: the secret {fault}", shown::path(path.trim())))
                };
                secret.and_then(judge).map(|()| Value::from(path.trim()))
            }
            (Kind::Clamped(_, most), raw) if raw.whole().is_some_and(|number| number > *most) => {
                diagnostics.warning(key, format_args!("more than {most} ({origin}); {most} is used"));
                Ok(Value::from(*most))
            }
            (kind, raw) => kind.scalar(raw),
        };
        match result {
            Ok(value) => (diagnostics.errors.len() == before).then_some(value),
            Err(reason) => {
                diagnostics.error(key, origin, reason, self.way_out(raw));
                None
            }
        }
    }

    pub(super) fn is_table(&self) -> bool {
        matches!(self, Kind::Table(_))
    }

    /// A value that holds no others, or the reason why it is refused.
    fn scalar(&self, raw: &RawValue) -> Result<Value, String> {
        let text = raw.text().map(str::trim);
        let unlike = || self.unlike(raw);
        let out_of_range = |shown: &dyn std::fmt::Display| Err(format!("{shown} is out of range"));
        match self {
            Kind::Secret(_) | Kind::SecretFile(_) | Kind::Text(_) if text == Some("") => Err("is empty".to_owned()),
            Kind::Text(rule) => text.filter(|text| (rule.holds)(text)).map(Value::from).ok_or_else(unlike),
            Kind::Choice(options) => text.filter(|text| options.contains(text)).map(Value::from).ok_or_else(unlike),
            Kind::AnyCase(options) => {
                let meant = |text: &str| options.iter().find(|option| option.eq_ignore_ascii_case(text)).copied();
                text.and_then(meant).map(Value::from).ok_or_else(unlike)
            }
            Kind::Flag => match raw {
                RawValue::Flag(flag) => Ok(Value::from(*flag)),
                raw => raw.text().and_then(|text| text.parse::<bool>().ok()).map(Value::from).ok_or_else(unlike),
            },
            Kind::Duration(most_days) => {
                let text = text.ok_or_else(unlike)?;
                let millis = humantime::parse_duration(text).map_err(|_| unlike())?.as_millis();
                let in_range = (1..=u128::from(*most_days) * 86_400_000).contains(&millis);
                if in_range { Ok(Value::from(text)) } else { out_of_range(&text) }
            }
            Kind::Ratio => {
                let ratio = raw.number().ok_or_else(unlike)?;
                if (LEAST_RATIO..=1.0).contains(&ratio) { Ok(Value::from(ratio)) } else { out_of_range(&ratio) }
            }
            Kind::Int(least, most, _) | Kind::Clamped(least, most) => {
                let number = raw.whole().ok_or_else(unlike)?;
                if (*least..=*most).contains(&number) { Ok(Value::from(number)) } else { out_of_range(&number) }
            }
            // What is left of these has another type.
            Kind::Secret(_) | Kind::SecretFile(_) => Err(unlike()),
            Kind::List(_) | Kind::Table(_) | Kind::Pairs | Kind::Pair | Kind::Properties | Kind::Property => {
                Err(unlike())
            }
        }
    }

    /// Why a value of another type or form is refused.
    fn unlike(&self, raw: &RawValue) -> String {
        let (noun, _) = self.words();
        let is_number = matches!(self, Kind::Int(..) | Kind::Clamped(..) | Kind::Ratio);
        if let Some((what, _)) = self.mistaken(raw) {
            return format!("{} is {what}", quoted(raw.text().unwrap_or_default().trim()));
        }
        let shown = match raw {
            _ if matches!(self, Kind::Secret(_)) => return "is not text".to_owned(),
            RawValue::Text(text) if is_number && text.parse::<f64>().is_ok() => {
                return format!("{} is text, not {noun}", quoted(text));
            }
            RawValue::Untyped(text) | RawValue::Text(text) => quoted(text.trim()),
            RawValue::Int(number) => number.to_string(),
            RawValue::Float(number) => number.to_string(),
            RawValue::Flag(flag) => flag.to_string(),
            RawValue::Time(time) => time.clone(),
            RawValue::List(_) => "an array".to_owned(),
            RawValue::Table(_) => "a table".to_owned(),
        };
        format!("{shown} is not {noun}")
    }

    /// The way out for a value that is refused.
    fn way_out(&self, raw: &RawValue) -> String {
        let near = match (self, raw.text()) {
            (Kind::Choice(options) | Kind::AnyCase(options), Some(text)) => {
                nearest_of(text.trim(), options.iter().copied())
            }
            _ => None,
        };
        if let Some((_, meant)) = self.mistaken(raw) {
            return format!("use {meant}");
        }
        near.map_or_else(|| format!("it {}", self.takes()), |near| format!("did you mean {near}?"))
    }

    /// What a text is instead of what it has to be, and what was meant, where that can be told.
    fn mistaken(&self, raw: &RawValue) -> Option<(&'static str, String)> {
        let Kind::Text(rule) = self else { return None };
        (rule.mistaken)(raw.text()?.trim())
    }

    /// What it takes: `it …`.
    pub(super) fn takes(&self) -> String {
        self.words().1
    }

    /// What a value has to be (`"x" is not …`), and what the setting takes (`it …`).
    fn words(&self) -> (&'static str, String) {
        let takes_tables = "takes tables, such as [{ arn = \"…\" }]".to_owned();
        match self {
            Kind::Text(rule) => (rule.noun, rule.takes.to_owned()),
            Kind::Secret(SecretForm::Text) => ("text", "takes text, or leave it out".to_owned()),
            Kind::Secret(SecretForm::AwsKey) => ("text", "takes printable ASCII without blanks and quotes".to_owned()),
            Kind::Secret(SecretForm::Pem) => ("text", "takes a path, or PEM text".to_owned()),
            Kind::SecretFile(_) => ("a path", "takes the path of a file that holds the secret".to_owned()),
            Kind::Flag => ("true or false", "takes true or false, in lower case".to_owned()),
            Kind::Int(least, most, unit) => ("a whole number", format!("takes {least} to {most}{unit}")),
            Kind::Clamped(least, most) => ("a whole number", format!("takes {least} to {most}")),
            Kind::Ratio => ("a number", format!("takes a number from {LEAST_RATIO} to 1")),
            Kind::Duration(most_days) => {
                ("a duration", format!("takes a duration such as 30s, 15m or 1h, 1ms to {most_days}d"))
            }
            Kind::Choice(OBJECTS) => ("an object", format!("takes one of {}", OBJECTS.join(", "))),
            Kind::Choice(options) | Kind::AnyCase(options) => {
                ("a choice", format!("takes one of {}", options.join(", ")))
            }
            Kind::List(Kind::Table(_)) => ("an array of tables", takes_tables),
            Kind::List(_) => ("a list", "takes an array or comma-separated text".to_owned()),
            Kind::Table(_) => ("a table", takes_tables),
            Kind::Pairs => ("a table", pairs::TAKES.to_owned()),
            Kind::Pair => ("text", "takes text".to_owned()),
            Kind::Properties => ("a table", "takes a table such as { name = \"value\" }".to_owned()),
            Kind::Property => ("text", "takes text, a number or a switch".to_owned()),
        }
    }
}

/// The elements of a list. They are counted from 0, as in the paths of TOML.
fn list(key: &str, of: &Kind, elements: &[SpannedValue], diagnostics: &mut Diagnostics) -> Value {
    let mut values = Vec::new();
    for (at, element) in elements.iter().enumerate() {
        if !of.is_table() && element.raw.text().is_some_and(|text| text.trim().is_empty()) {
            continue;
        }
        let value = of.convert(&format!("{key}[{at}]"), element, diagnostics);
        // Equal tables are kept, because `check` reports them.
        values.extend(value.filter(|value| of.is_table() || !values.contains(value)));
    }
    Value::from(values)
}

fn table(
    key: &str,
    settings: &[Setting],
    entries: &[(String, SpannedValue)],
    origin: &Origin,
    diagnostics: &mut Diagnostics,
) -> Value {
    let mut values = Dict::new();
    for (name, given) in entries {
        let key = format!("{key}.{name}");
        if let Some(setting) = settings.iter().find(|setting| setting.key == name) {
            values.extend(setting.kind.convert(&key, given, diagnostics).map(|value| (name.clone(), value)));
        } else {
            let names = || settings.iter().map(|setting| setting.key);
            let way_out = match nearest_of(name, names()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("it takes {}", names().collect::<Vec<_>>().join(", ")),
            };
            diagnostics.error(key, &given.origin, "unknown setting", way_out);
        }
    }
    if let Some(first) = settings.first().filter(|first| entries.iter().all(|(name, _)| name != first.key)) {
        diagnostics.error(format!("{key}.{}", first.key), origin, "is missing", format!("it {}", first.kind.takes()));
    }
    Value::from(values)
}
