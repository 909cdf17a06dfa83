//! The engine: what outlives a sync.

use std::sync::Arc;

use crate::aws::Access;
use crate::config::Config;
use crate::kafka::{self, Producer};
use crate::observe::{Observers, Tracing};
use crate::registry::Registry;
use crate::report::now;
use crate::sync::{Needs, Run, RunHandle, Sink, buffer_permits};

/// What lives as long as the process: AWS clients, credentials, rate limiters, the producer, and the ids of schemas. Secrets are
/// read again for each sync.
pub struct Engine {
    config: Config,
    access: Access,
    /// None in an engine for dry runs.
    producer: Option<Arc<Producer>>,
    /// None if records carry the fingerprint of their schema.
    registry: Option<Registry>,
    /// `LAST_CAPTURED` of the last sync.
    captured: i64,
    tracing: Tracing,
}

impl Engine {
    /// An engine that sends to Kafka. `region` is that of the base credentials. The producer is created now, because its handshake
    /// takes up to a second.
    ///
    /// # Errors
    /// A secret or a certificate of Kafka's cannot be read, or librdkafka refuses its configuration.
    pub fn new(config: Config, region: String) -> Result<Self, kafka::Error> {
        Self::observed(config, region, &Observers::default())
    }

    /// The same, with something to measure with.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn observed(config: Config, region: String, observers: &Observers) -> Result<Self, kafka::Error> {
        let producer = Producer::connect(&config, observers)?;
        Ok(Self { producer: Some(Arc::new(producer)), ..Self::dry_observed(config, region, observers) })
    }

    /// An engine for dry runs, without Kafka.
    pub fn dry(config: Config, region: String) -> Self {
        Self::dry_observed(config, region, &Observers::default())
    }

    /// The same, with something to measure with.
    pub fn dry_observed(config: Config, region: String, observers: &Observers) -> Self {
        let access = Access::new(&config, region, buffer_permits(&config), observers);
        Self {
            access,
            producer: None,
            registry: Registry::of(&config),
            config,
            captured: 0,
            tracing: observers.tracing.clone(),
        }
    }

    /// The producer, which outlives its syncs.
    pub(crate) fn producer(&self) -> Option<Arc<Producer>> {
        self.producer.clone()
    }

    /// Prepares a sync, which begins when [`Run::finish`] is awaited. It borrows the engine, so that there is one at a time:
    ///
    /// ```compile_fail,E0499
    /// use ecs_sdm_producer::{engine::Engine, sync::Sink};
    ///
    /// async fn overlap(mut engine: Engine) {
    ///     let first = engine.start(Sink::Kafka);
    ///     let second = engine.start(Sink::Kafka);
    ///     first.finish().await;
    ///     second.finish().await;
    /// }
    /// ```
    pub fn start(&mut self, sink: Sink) -> Run<'_> {
        // No two syncs have the same, wherever the clock is set to meanwhile.
        self.captured = now().max(self.captured + 1);
        // A dry run must not end because Kafka is gone.
        let producer = self.producer.as_ref().filter(|_| matches!(sink, Sink::Kafka));
        let caller = self.access.caller(&self.config);
        let handle = RunHandle::new(&self.config, caller, self.captured, producer.cloned(), self.tracing.clone());
        let registry = self.registry.as_ref();
        let needs = Needs::Nothing;
        Run { config: &self.config, access: &mut self.access, producer, registry, sink, handle, needs }
    }
}
