//! Kafka: client settings, the start, topics, framing, and what becomes of every record sent.
//!
//! `owned` is a record outside librdkafka and `opaque` what is kept of one inside. `classify` says what becomes of it, `delivery` does
//! it, `mend` sends again; `flight` bounds all of them. `producers` are librdkafka's own.

pub mod client;
mod delivery;
mod error;
mod error_class;
pub mod framing;
mod in_flight;
mod opaque;
mod owned_record;
mod producers;
mod recovery;
pub mod topics;

use std::sync::Arc;
use std::time::Duration;

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use tokio::sync::{RwLock, watch};

use self::delivery::DeliveryHandler;
pub(crate) use self::delivery::FatalProducerError;
pub(crate) use self::error::Error;
pub(crate) use self::in_flight::{InFlightLimit, InFlightPermit};
use self::opaque::Opaque;
use self::owned_record::OwnedRecord;
use self::producers::{Producer, Producers};
use crate::config::Config;
use crate::record::{RecordBatch, RecordContext};

/// The producer, made first thing: its handshake with the cluster runs while AWS is still being asked who we are.
pub struct Kafka {
    /// Whoever sends reads it; whoever sends again holds it alone, so that nothing new comes before what came back.
    producers: RwLock<Producers>,
    deliveries: DeliveryHandler,
    /// Records and bytes that may be unacknowledged.
    pub(crate) in_flight: InFlightLimit,
    startup_timeout: Duration,
    stall: Duration,
    servers: String,
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
        let deliveries = DeliveryHandler::new(config);
        let producers = Producers::new(client::properties(config), deliveries.clone()).map_err(Error::Client)?;
        Ok(Self {
            producers: RwLock::new(producers),
            deliveries,
            in_flight: InFlightLimit::new(config.limits.in_flight_records, config.limits.in_flight_bytes),
            startup_timeout: config.kafka.startup_timeout,
            stall: config.limits.stall,
            servers: config.kafka.bootstrap_servers.join(","),
        })
    }

    /// A new sync: what was said of an earlier one counts no more.
    pub(crate) fn begin_sync(&self) {
        self.deliveries.begin_sync();
    }

    /// Hands a batch to librdkafka. What does not become acknowledged there is called back, and counted or sent again.
    pub(crate) async fn send(&self, batch: &RecordBatch, permit: InFlightPermit) {
        let context = &batch.context;
        let opaque = Arc::new(Opaque::new(Arc::clone(context), permit));
        let producers = self.producers.read().await;
        let mut event_id = String::new();
        for record in batch.records() {
            event_id.clear();
            event_id.extend([record.id, &context.at]);
            let mut message = BaseRecord::with_opaque_to(&context.topic, Arc::clone(&opaque))
                .key(record.key.as_bytes())
                .payload(record.value)
                .timestamp(context.captured);
            if let Some(headers) = headers(context, &event_id) {
                message = message.headers(headers);
            }
            producers.send(producers.main(), message).await;
        }
        for encode_errors in &batch.encode_errors {
            let headers = headers(context, &format!("{}{}", encode_errors.id, context.at));
            let owned = OwnedRecord::unencoded(context, &encode_errors.key, headers);
            self.deliveries.refuse(owned, &opaque, &format!("cannot be encoded: {}", encode_errors.reason), false);
        }
    }

    /// Sends what still lingers.
    pub(crate) async fn flush(&self) {
        self.producers.read().await.flush();
    }

    /// Throws away what is not acknowledged; each such record is still called back, and so accounted for.
    pub(crate) async fn purge(&self) {
        self.deliveries.give_up();
        self.producers.read().await.purge().await;
        self.in_flight.drained().await;
    }

    /// Tells when Kafka is gone for good.
    pub(crate) fn fatal(&self) -> watch::Receiver<Option<FatalProducerError>> {
        self.deliveries.fatal()
    }

    /// Runs a blocking librdkafka call beside the runtime.
    async fn blocking<T, F>(self: &Arc<Self>, call: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Self, &Producer) -> Result<T, Error> + Send + 'static,
    {
        let kafka = Arc::clone(self);
        let producer = Arc::clone(self.producers.read().await.main());
        tokio::task::spawn_blocking(move || call(&kafka, &producer)).await.map_err(|_| Error::Cancelled)?
    }
}

/// None where they are off.
fn headers(context: &RecordContext, event_id: &str) -> Option<OwnedHeaders> {
    if context.headers.is_empty() {
        return None;
    }
    let headers = OwnedHeaders::new_with_capacity(context.headers.len() + 1);
    let headers = headers.insert(Header { key: "ce_id", value: Some(event_id) });
    Some(
        context
            .headers
            .iter()
            .fold(headers, |headers, (key, value)| headers.insert(Header { key, value: Some(value) })),
    )
}
