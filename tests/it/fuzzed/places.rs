//! Where secrets stand after a mutation: one that has become the value of a setting that is no secret may be shown as that.

use ecs_sdm_producer::config::reference;
use toml_edit::{Document, Item, Key, TableLike, Value};

use super::good::{CANARY, FINCH};
use super::spelling::Case;

/// librdkafka's properties among the good settings that are no secrets.
const OPEN: &[&str] =
    &["security.protocol", "sasl.mechanism", "sasl.username", "linger.ms", "debug", "enable.idempotence"];

/// Whether a setting that is no secret has a secret in its value, so that it may be shown. Without a key: any.
pub(super) fn is_open(case: &Case, shown: &str) -> bool {
    let shown = shown.split('[').next().unwrap_or_default().to_lowercase();
    let mut places = Vec::new();
    if let Ok(document) = Document::parse(String::from_utf8_lossy(&case.file).into_owned()) {
        table("", document.as_table(), &mut places);
    }
    for (name, value) in &case.env {
        let name = String::from_utf8_lossy(name).to_lowercase();
        let Some(rest) = name.strip_prefix("ecs_sdm_") else { continue };
        let key = rest.replace("__", ".");
        let key = match key.strip_prefix("kafka.properties.") {
            Some(property) => format!("kafka.properties.{}", property.replace('_', ".")),
            None => key,
        };
        untyped(&key, &String::from_utf8_lossy(value), &mut places);
    }
    for set in &case.sets {
        if let Some((key, value)) = String::from_utf8_lossy(set).split_once('=') {
            let names = Key::parse(key.trim()).ok();
            let names = names.map(|names| names.iter().map(Key::get).collect::<Vec<_>>().join("."));
            let key = names.as_deref().unwrap_or(key);
            // Without anything of its key, a secret that is so short is a word as others.
            let word = key.rsplit('.').next().unwrap_or_default();
            if has_secret(word) && word.chars().count() <= 16 && shown == key.trim().to_lowercase() {
                return true;
            }
            untyped(key.trim(), value, &mut places);
        }
    }
    let is_of = |key: &str| shown.is_empty() || key == shown || key.starts_with(&format!("{shown}."));
    places
        .iter()
        .map(|(key, value)| (key.to_lowercase(), value))
        .any(|(key, value)| is_of(&key) && is_free(&key, value))
}

/// Whether a value is no secret by its key, and no password before a host.
fn is_free(key: &str, value: &str) -> bool {
    let settings = reference();
    // A text that looks like a table has keys of its own.
    let is_in =
        |key: &str, table: &str| key.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let is_setting = |key: &str| {
        settings
            .iter()
            .any(|one| !one.is_secret && one.key != "kafka.properties" && is_in(key, &one.key.to_lowercase()))
    };
    let is_path = settings.iter().any(|one| one.has_file && format!("{}_file", one.key) == key);
    let is_extension = key.starts_with("kafka.security.oauth.extensions.");
    let is_property = OPEN.iter().any(|open| format!("kafka.properties.{open}") == key);
    let (is_known, is_role) = (is_setting(key), key.starts_with("roles."));
    let has_user = value.contains(FINCH) && value.contains('@');
    (is_known || is_path || is_extension || is_property || is_role) && !has_user && !value.contains("PRIVATE KEY")
}

fn untyped(key: &str, text: &str, places: &mut Vec<(String, String)>) {
    match Document::parse(format!("value = {text}")) {
        Ok(document) if document.len() == 1 && !document["value"].is_str() => item(key, &document["value"], places),
        _ => places.extend(has_secret(text).then(|| (key.to_owned(), text.to_owned()))),
    }
}

fn has_secret(text: &str) -> bool {
    text.contains(CANARY) || text.contains(FINCH)
}

fn table(key: &str, table: &dyn TableLike, places: &mut Vec<(String, String)>) {
    for (name, value) in table.iter() {
        let key = if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
        item(&key, value, places);
    }
}

fn item(key: &str, one: &Item, places: &mut Vec<(String, String)>) {
    if let Some(tables) = one.as_table_like() {
        table(key, tables, places);
    } else if let Some(tables) = one.as_array_of_tables() {
        tables.iter().for_each(|one| table(key, one, places));
    } else if let Some(values) = one.as_array() {
        values.iter().for_each(|one: &Value| item(key, &Item::Value(one.clone()), places));
    } else if let Some(text) = one.as_str().filter(|text| has_secret(text)) {
        places.push((key.to_owned(), text.to_owned()));
    }
}
