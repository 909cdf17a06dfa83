//! The contract in three places, kept the same: `tests/kit/attributes.csv`, the tables in code, and `schemas/*.avsc`.

use std::{env, fs};

use apache_avro::Schema;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use ecs_sdm_producer::{ecs, record};
use kit::oracle;
use serde_json::{Value, json};

#[test]
fn the_tables_in_code_are_the_contract_row_by_row() {
    let code: Vec<_> = ecs::schemas()
        .into_iter()
        .flat_map(|(object, schema)| {
            let fields = schema["fields"].as_array().cloned().unwrap_or_default();
            fields.into_iter().map(move |field| (object, field))
        })
        .collect();
    assert_eq!(oracle::CONTRACT.len(), 82);
    assert_eq!(code.len(), 82);
    for (contract, (object, field)) in oracle::CONTRACT.iter().zip(code) {
        let row = json!({"name": contract.name, "doc": contract.source});
        assert_eq!((contract.object, with_type(row, contract.avro)), (object, field));
    }
}

/// The contract's types, as its legend gives them: `T?` is a union of null and T with default null, arrays and maps are empty
/// by default, the others have none.
fn with_type(mut field: Value, avro: &str) -> Value {
    let (name, nullable) = avro.strip_suffix('?').map_or((avro, false), |name| (name, true));
    let (avro, default) = match name {
        "string" | "long" | "boolean" => (json!(name), None),
        "timestamp-millis" => (json!({"type": "long", "logicalType": name}), None),
        "array<string>" => (json!({"type": "array", "items": "string"}), Some(json!([]))),
        "map<string>" => (json!({"type": "map", "values": "string"}), Some(json!({}))),
        _ => panic!("a type that the contract does not explain: {name}"),
    };
    field["type"] = if nullable { json!(["null", avro]) } else { avro };
    if let Some(default) = default.or(nullable.then_some(Value::Null)) {
        field["default"] = default;
    }
    field
}

#[test]
fn every_schema_says_its_object_and_data_model() {
    for (object, schema) in ecs::schemas() {
        let parts = ["type", "name", "namespace", "dataModel"].map(|part| &schema[part]);
        assert_eq!(parts, ["record", object, "sdm.ecs", "Cloud Resource"]);
        assert!(schema["doc"].is_string(), "{object} has no doc");
    }
}

fn schemas() -> Vec<(&'static str, Value)> {
    record::schemas().collect()
}

/// `UPDATE_SCHEMAS=1 cargo test` rewrites the files, where no reader of either is lost.
#[test]
fn the_checked_in_schemas_are_the_code() {
    let outdated: Vec<String> = schemas().iter().filter_map(|(object, schema)| keep(object, schema).err()).collect();
    assert!(outdated.is_empty(), "{}", outdated.join("\n"));
}

fn keep(object: &str, schema: &Value) -> Result<(), String> {
    let file = oracle::schema_file(object);
    let code = format!("{schema:#}\n");
    let checked_in = fs::read_to_string(&file).unwrap_or_default();
    if checked_in == code {
        return Ok(());
    }
    if env::var_os("UPDATE_SCHEMAS").is_none() {
        return Err(format!(
            "schemas/{object}.avsc is not what the code says: UPDATE_SCHEMAS=1 cargo test rewrites it"
        ));
    }
    if !checked_in.is_empty() {
        compatible(&checked_in, &code).map_err(|reason| format!("schemas/{object}.avsc stays as it is: {reason}"))?;
    }
    fs::write(&file, code).map_err(|error| format!("{}: {error}", file.display()))
}

/// Whether old and new schema read each other's records, all of them (FULL).
fn compatible(old: &str, new: &str) -> Result<(), String> {
    let schema = |text| Schema::parse_str(text).map_err(|error| error.to_string());
    let (old, new) = (schema(old)?, schema(new)?);
    for (writer, reader, whose) in [(&old, &new, "old records"), (&new, &old, "old readers")] {
        match SchemaCompatibility::can_read(writer, reader) {
            Ok(Compatibility::Full) => {}
            Ok(_) => return Err(format!("{whose} are lost for some values")),
            Err(error) => return Err(format!("{whose} are lost: {error}")),
        }
    }
    Ok(())
}

#[test]
fn a_change_must_stay_readable_both_ways() {
    let record = |fields: &str| format!(r#"{{"type": "record", "name": "R", "fields": [{fields}]}}"#);
    let (id, long) = (r#"{"name": "UID", "type": "string"}"#, r#"{"name": "UID", "type": "long"}"#);
    let maybe = r#"{"name": "UID", "type": ["null", "string"], "default": null}"#;
    let more = r#", {"name": "MORE", "type": ["null", "string"], "default": null}"#;
    let must = r#", {"name": "MUST", "type": "string"}"#;
    for (old, new, lost) in [
        (id, &format!("{id}{more}"), None),
        (id, &format!("{id}{must}"), Some("old records are lost")),
        (&format!("{id}{must}"), &id.to_owned(), Some("old readers are lost")),
        (id, &long.to_owned(), Some("old records are lost")),
        (id, &maybe.to_owned(), Some("old readers are lost for some values")),
    ] {
        let verdict = compatible(&record(old), &record(new)).err();
        match lost {
            None => assert_eq!(verdict, None),
            Some(lost) => {
                assert!(verdict.as_ref().is_some_and(|reason| reason.starts_with(lost)), "{new}: {verdict:?}");
            }
        }
    }
}

#[test]
fn the_documents_name_every_setting_and_every_attribute() {
    let settings = include_str!("../../docs/settings.md");
    for key in ecs_sdm_producer::config::keys() {
        assert!(settings.contains(&format!("`{key}`")), "{key} is not in docs/settings.md");
    }
    let objects = include_str!("../../docs/contract.md");
    for row in &*oracle::CONTRACT {
        let section = objects.split("\n## ").find(|section| section.starts_with(&format!("{}\n", row.object)));
        let line = format!("| `{}` | `{}` | `{}` |", row.name, row.avro, row.source);
        let found = section.is_some_and(|section| section.lines().any(|other| other == line));
        assert!(found, "docs/contract.md does not have under {}: {line}", row.object);
    }
    let events = include_str!("../../docs/consumers.md");
    for (object, schema) in schemas() {
        let document = if object == "SyncEvent" { events } else { objects };
        for field in schema["fields"].as_array().unwrap() {
            let name = field["name"].as_str().unwrap();
            assert!(document.contains(&format!("| `{name}` |")), "{name} of {object} is not in the documents");
        }
    }
}
