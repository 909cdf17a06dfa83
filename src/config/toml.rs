//! TOML, both ways: what is read becomes what was written, and a value becomes what one could write.

use std::ops::Range;

use figment::value::{Dict, Value as Converted};
use toml_edit::{Document, Item, TableLike, TomlError, Value};

use super::spanned::{Origin, RawValue, SpannedValue};

/// Reads the inline TOML that a variable or flag holds for a table or an array.
pub(super) fn inline(text: &str, origin: &Origin) -> Result<SpannedValue, String> {
    // A key of its own, so that the text can be nothing but one value.
    let document = format!("value = {text}");
    let document = Document::parse(document.as_str()).map_err(|error| not_toml(&error))?;
    let value = document.as_table().get("value").filter(|_| document.as_table().len() == 1);
    value.map(|value| spanned(value, None, &|_| origin.clone())).ok_or_else(|| "is more than one value".to_owned())
}

/// Where a span of the text stands.
pub(super) type Locate<'a> = &'a dyn Fn(Option<Range<usize>>) -> Origin;

/// The entries of a table, in order.
pub(super) fn entries(table: &dyn TableLike, locate: Locate<'_>) -> Vec<(String, SpannedValue)> {
    let with_key = |(name, item): (&str, &Item)| {
        let span = table.key(name).and_then(toml_edit::Key::span);
        (name.to_owned(), spanned(item, span, locate))
    };
    table.iter().map(with_key).collect()
}

fn spanned(item: &Item, key: Option<Range<usize>>, locate: Locate<'_>) -> SpannedValue {
    let origin = locate(key.or_else(|| item.span()));
    let raw = match item {
        Item::Value(value) => self::value(value, locate),
        Item::Table(table) => RawValue::Table(entries(table, locate)),
        Item::ArrayOfTables(tables) => RawValue::List(
            tables
                .iter()
                .map(|table| SpannedValue {
                    raw: RawValue::Table(entries(table, locate)),
                    origin: locate(table.span()),
                })
                .collect(),
        ),
        // The parser leaves none behind.
        Item::None => RawValue::Table(Vec::new()),
    };
    SpannedValue { raw, origin }
}

fn value(value: &Value, locate: Locate<'_>) -> RawValue {
    match value {
        Value::String(text) => RawValue::Text(text.value().clone()),
        Value::Integer(number) => RawValue::Int(*number.value()),
        Value::Float(number) => RawValue::Float(*number.value()),
        Value::Boolean(flag) => RawValue::Flag(*flag.value()),
        Value::Datetime(time) => RawValue::Time(time.value().to_string()),
        Value::InlineTable(table) => RawValue::Table(entries(table, locate)),
        Value::Array(array) => RawValue::List(
            array
                .iter()
                .map(|item| SpannedValue { raw: self::value(item, locate), origin: locate(item.span()) })
                .collect(),
        ),
    }
}

/// Why a text is not TOML, in one line.
pub(super) fn not_toml(error: &TomlError) -> String {
    format!("is not TOML: {}", error.message().replace('\n', " "))
}

/// A value as TOML.
pub(super) fn toml_text(value: &Converted) -> String {
    match value {
        Converted::String(_, text) => quoted(text),
        Converted::Bool(_, flag) => flag.to_string(),
        Converted::Num(_, number) => match (number.to_i128(), number.to_f64()) {
            (Some(whole), _) => whole.to_string(),
            (None, Some(number)) => format!("{number:?}"),
            (None, None) => String::new(),
        },
        Converted::Array(_, values) => format!("[{}]", values.iter().map(toml_text).collect::<Vec<_>>().join(", ")),
        Converted::Dict(_, values) => table(values),
        Converted::Char(_, letter) => quoted(&letter.to_string()),
        Converted::Empty(..) => String::new(),
    }
}

fn table(values: &Dict) -> String {
    let entries: Vec<_> = values.iter().map(|(key, value)| format!("{key} = {}", toml_text(value))).collect();
    format!("{{ {} }}", entries.join(", "))
}

/// A basic string: control characters, quote and backslash escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            _ if letter.is_control() => quoted += &format!("\\u{:04X}", letter as u32),
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_reads_as_toml() {
        for text in ["plain", "a \"b\" \\ c", "line\nline\ttab\u{7f}", "ä"] {
            let document = format!("value = {}", quoted(text));
            let document = Document::parse(document.as_str()).expect("TOML");
            assert_eq!(document.get("value").and_then(Item::as_str), Some(text));
        }
        assert_eq!(toml_text(&Converted::from(0.75)), "0.75");
        assert_eq!(toml_text(&Converted::from(vec![1, 2])), "[1, 2]");
    }
}
