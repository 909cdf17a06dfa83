//! What outlives a sync, on AWS's side and on Kafka's.

use std::sync::Arc;

use crate::aws::Access;
use crate::config::Config;
use crate::kafka::{self, Producer};
use crate::registry::Registry;
use crate::sync::{Run, RunHandle, Sink, buffer_permits};

/// What lives as long as the process: clients, credentials, rate limiters, the producer, the ids of schemas. Secrets are read again
/// for each sync.
pub struct Engine {
    config: Config,
    access: Access,
    /// None in an engine for dry runs.
    producer: Option<Arc<Producer>>,
    /// None where records carry their schema's fingerprint.
    registry: Option<Registry>,
}

impl Engine {
    /// An engine for records on their topics. `region` is that of the base credentials. The producer is made first thing: its
    /// handshake takes up to a second.
    ///
    /// # Errors
    /// librdkafka's refusal of its configuration.
    pub fn new(config: Config, region: String) -> Result<Self, kafka::Error> {
        let producer = Producer::connect(&config)?;
        Ok(Self { producer: Some(Arc::new(producer)), ..Self::dry(config, region) })
    }

    /// An engine for dry runs: it knows no Kafka.
    pub fn dry(config: Config, region: String) -> Self {
        let access = Access::new(&config, region, buffer_permits(&config));
        Self { access, producer: None, registry: Registry::of(&config), config }
    }

    /// Starts a sync. It begins when [`Run::finish`] is awaited, and borrows the engine until its end.
    pub fn start(&mut self, sink: Sink) -> Run<'_> {
        let handle = RunHandle::new(self.access.caller(&self.config));
        // What goes on at Kafka is nothing to a dry run.
        let producer = self.producer.as_ref().filter(|_| matches!(sink, Sink::Kafka));
        let registry = self.registry.as_ref();
        Run { config: &self.config, access: &mut self.access, producer, registry, sink, handle }
    }
}
