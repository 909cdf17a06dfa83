//! What the consumer of `examples/snapshot` says of a producer's newest sync.

#[path = "../../../examples/snapshot/reader.rs"]
mod reader;

use ecs_sdm_producer::config::Config;
use serde_json::Value;

/// The newest sync, as the example finds it.
#[derive(Debug)]
pub struct Snapshot {
    /// Its LAST_CAPTURED.
    pub sync: i64,
    /// Whether the example takes it for the whole account.
    pub whole: bool,
    /// The verdict in the example's words.
    pub words: String,
    /// The rebuilt records, each as `source`, `object` and `record`.
    pub records: Vec<Value>,
}

/// Reads what a config writes, with the registry that the config has. It blocks.
///
/// # Errors
/// The example's own reason.
pub fn snapshot(config: &Config) -> Result<Snapshot, String> {
    snapshot_with(config, config.schema_registry.url.first().map(String::as_str))
}

/// The same, with another registry or none.
///
/// # Errors
/// The example's own reason.
pub fn snapshot_with(config: &Config, registry: Option<&str>) -> Result<Snapshot, String> {
    let topics = reader::Topics {
        brokers: config.kafka.bootstrap_servers.join(","),
        prefix: config.kafka.topic_prefix.clone(),
        name: config.name.clone(),
        property: Vec::new(),
        registry: registry.map(str::to_owned),
    };
    let found = reader::snapshot(&topics).map_err(|error| error.to_string())?;
    let (mut records, mut words) = (Vec::new(), Vec::new());
    let whole = found.tell(Some(&mut records), &mut words).map_err(|error| error.to_string())?;
    let records = serde_json::Deserializer::from_slice(&records).into_iter().collect::<Result<_, _>>().unwrap();
    Ok(Snapshot { sync: found.sync, whole, words: String::from_utf8(words).unwrap(), records })
}
