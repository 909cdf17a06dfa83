//! Kafka: client settings, the start, topics, framing, and what becomes of every record sent.

pub mod client;
pub mod delivery;
pub mod framing;
pub mod topics;

use std::sync::Arc;
use std::time::Duration;

use rdkafka::client::Client;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::KafkaError;
use rdkafka::producer::{Producer as _, ThreadedProducer};
use tokio::sync::watch;

use self::delivery::Deliveries;
pub use self::delivery::{Gone, InFlight, Ticket};
use crate::config::Config;

/// The producer, made first thing: its handshake with the cluster runs while AWS is still being asked who we are.
pub struct Kafka {
    producer: ThreadedProducer<Deliveries>,
    deliveries: Deliveries,
    /// Records and bytes that may be unacknowledged.
    pub in_flight: InFlight,
    startup_timeout: Duration,
    servers: String,
}

/// Why a sync cannot use Kafka.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// librdkafka refuses its configuration.
    #[error("librdkafka refuses its configuration: {0}; see kafka.properties")]
    Client(#[source] KafkaError),
    /// No broker was up within `kafka.startup_timeout`.
    #[error("no Kafka broker of {servers} answered within {waited} (kafka.startup_timeout): {reason}")]
    NoBroker {
        /// The bootstrap servers.
        servers: String,
        /// The time-out, in words.
        waited: String,
        /// librdkafka's last word.
        reason: String,
    },
    /// The first contact ended in a way that waiting does not mend.
    #[error("{0}")]
    Refused(Gone),
    /// Topics that are absent or may not be seen.
    #[error("{}", topics::missing(.0))]
    Topics(Vec<(String, String)>),
    /// `kafka.topics_create` did not succeed.
    #[error("topic {topic} cannot be created: {reason}; create it, or allow CREATE on it")]
    Create {
        /// The topic.
        topic: String,
        /// The broker's word.
        reason: String,
    },
    /// Offsets of a partition could not be read.
    #[error("the offsets of {topic} cannot be read: {source}")]
    Offsets {
        /// The topic.
        topic: String,
        /// librdkafka's word.
        source: KafkaError,
    },
    /// A blocking call was dropped with its runtime.
    #[error("the call to Kafka was cancelled")]
    Cancelled,
}

impl std::fmt::Debug for Kafka {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Kafka").field("servers", &self.servers).finish_non_exhaustive()
    }
}

impl Kafka {
    /// Makes the producer. It connects by itself, in the background.
    ///
    /// # Errors
    /// [`Error::Client`] where librdkafka refuses a property or a combination of them.
    pub fn connect(config: &Config) -> Result<Self, Error> {
        let client = client::properties(config);
        let deliveries = Deliveries::new(config.kafka.delivery_timeout);
        let producer = ThreadedProducer::from_config_and_context(&client, deliveries.clone()).map_err(Error::Client)?;
        Ok(Self {
            producer,
            deliveries,
            in_flight: InFlight::new(config.limits.in_flight_records, config.limits.in_flight_bytes),
            startup_timeout: config.kafka.startup_timeout,
            servers: config.kafka.bootstrap_servers.join(","),
        })
    }

    /// The producer itself, for `stage/produce`.
    pub fn producer(&self) -> &ThreadedProducer<Deliveries> {
        &self.producer
    }

    /// Tells when Kafka is gone for good.
    pub fn gone(&self) -> watch::Receiver<Option<Gone>> {
        self.deliveries.gone()
    }

    fn client(&self) -> &Client<Deliveries> {
        self.producer.client()
    }

    /// Runs a blocking librdkafka call beside the runtime.
    async fn blocking<T, F>(self: &Arc<Self>, call: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    {
        let kafka = Arc::clone(self);
        tokio::task::spawn_blocking(move || call(&kafka)).await.map_err(|_| Error::Cancelled)?
    }
}
