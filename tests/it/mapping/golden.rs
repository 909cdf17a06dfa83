//! The bytes are those of another Avro implementation: fastavro made `tests/golden/golden.json` of `records.json`.

use ecs_sdm_producer::ecs;
use ecs_sdm_producer::kafka::framing;
use kit::oracle::{bytes, decode, expected, frame, schema};
use serde_json::Value;

use super::written;

#[test]
fn our_bytes_are_those_of_another_implementation() {
    let records: Value = serde_json::from_str(include_str!("../../golden/records.json")).unwrap();
    let golden: Value = serde_json::from_str(include_str!("../../golden/golden.json")).unwrap();
    let (region, captured) = (records["region"].as_str().unwrap(), records["captured"].as_i64().unwrap());
    for (object, code) in ecs::schemas() {
        let header = framing::single_object(&code).unwrap();
        assert_eq!(header, frame(object), "fingerprint of {object}");

        let entries = records["objects"][object].as_array().unwrap();
        let theirs = golden[object]["records"].as_array().unwrap();
        assert_eq!(entries.len(), theirs.len());
        for (entry, theirs) in entries.iter().zip(theirs) {
            let (name, api, record) = (&entry["name"], &entry["api"], &entry["record"]);
            let ours = written(object, api, region, captured).unwrap().avro;
            let datum = bytes(theirs["datum"].as_str().unwrap());
            assert_eq!(name, &theirs["name"]);
            assert_eq!(ours, datum, "{object}: {name}");
            assert_eq!([header.clone(), ours].concat(), bytes(theirs["message"].as_str().unwrap()));
            assert_eq!(&decode(&schema(object), &datum), record, "{object}: {name}");
            assert_eq!(&expected(object, api, region, captured), record, "{object}: {name}");
        }
    }
}
