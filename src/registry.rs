//! The schema registry: under which id a schema is known there. Confluent's REST API, which Apicurio, Karapace and Redpanda speak too.
//!
//! The client is our own: four endpoints. Of the crates, schema_registry_converter 6.0 neither normalizes nor tells an answer from a
//! failure (it goes to the next URL on 401, 404 and 409 too), and schema-registry-client 0.4 brings serializers, rules and encryption.

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

/// The registry that settings name, and the ids that it gave.
#[derive(Debug)]
pub struct Registry {
    config: Config,
    /// For the process's life: an id never changes its schema. What failed is asked again.
    ids: Mutex<HashMap<String, u32>>,
}

impl Registry {
    /// The registry of `schema_registry.url`; none where no URL is set. Nothing is contacted.
    pub fn of(config: &Config) -> Option<Self> {
        (!config.schema_registry.url.is_empty()).then(|| Self { config: config.clone(), ids: Mutex::default() })
    }

    /// The frames of all records that a sync may send. The registry is asked only for what it was not asked before.
    ///
    /// # Errors
    /// No registry that answers, or its refusal.
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
