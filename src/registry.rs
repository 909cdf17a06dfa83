//! The schema registry, which gives each schema an id. The REST API is Confluent's; Apicurio, Karapace and Redpanda offer it too.
//!
//! The client is our own, for four endpoints. schema_registry_converter 6.0 does not normalize schemas and goes to the next URL even
//! after 401, 404 and 409; schema-registry-client 0.4 brings serializers, rules and encryption that are not needed here.

mod client;
mod error;
mod subject;

use std::collections::HashMap;

use tokio::sync::Mutex;

pub use self::client::{Client, Compatibility};
pub use self::error::Error;
pub use self::subject::{Subject, subjects};
use crate::config::{Config, RegistryMode};
use crate::kafka::framing::Frames;

/// The registry of `schema_registry.url`, and the ids that it has given.
#[derive(Debug)]
pub struct Registry {
    config: Config,
    /// By subject, kept as long as the process runs: the schema of an id never changes. Failures are not kept.
    ids: Mutex<HashMap<String, u32>>,
}

impl Registry {
    /// `None` if `schema_registry.url` is empty. Nothing is contacted.
    pub fn of(config: &Config) -> Option<Self> {
        (!config.schema_registry.url.is_empty()).then(|| Self { config: config.clone(), ids: Mutex::default() })
    }

    /// The frames of all records that a sync may send. The registry is asked only for ids that are not known yet.
    ///
    /// # Errors
    /// The registry cannot be reached, or refuses.
    pub async fn frames(&self) -> Result<Frames, Error> {
        let mut ids = self.ids.lock().await;
        let mut client = None;
        let mut frames = Vec::new();
        for subject in subjects(&self.config) {
            let id = match ids.get(&subject.name) {
                Some(id) => *id,
                None => {
                    let client = match &client {
                        Some(client) => client,
                        None => client.insert(Client::new(&self.config).await?),
                    };
                    let id = match self.config.schema_registry.mode {
                        RegistryMode::Lookup => client.look_up(&subject).await?,
                        RegistryMode::Auto => client.register(&subject).await?,
                    };
                    tracing::info!(subject = subject.name, id, "the registry has the schema");
                    ids.insert(subject.name, id);
                    id
                }
            };
            frames.push((subject.record, id));
        }
        Ok(Frames::confluent(frames))
    }
}
