//! Kafka: client settings, the start, topics, framing, and what becomes of every record sent.
//!
//! `letter` is a record outside librdkafka and `ticket` what is kept of one inside. `fate` says what becomes of it, `delivery` does
//! it, `mend` sends again; `flight` bounds all of them. `producers` are librdkafka's own.

pub mod client;
mod delivery;
mod error;
mod fate;
mod flight;
pub mod framing;
mod letter;
mod mend;
mod producers;
mod ticket;
pub mod topics;

use std::sync::Arc;
use std::time::Duration;

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use tokio::sync::{RwLock, watch};

use self::delivery::Deliveries;
pub use self::delivery::Gone;
pub use self::error::Error;
pub use self::flight::{InFlight, Places};
use self::letter::Letter;
use self::producers::{Producer, Producers};
use self::ticket::Ticket;
use crate::config::Config;
use crate::record::{Encoded, Line};

/// The producer, made first thing: its handshake with the cluster runs while AWS is still being asked who we are.
pub struct Kafka {
    /// Whoever sends reads it; whoever sends again holds it alone, so that nothing new comes before what came back.
    producers: RwLock<Producers>,
    deliveries: Deliveries,
    /// Records and bytes that may be unacknowledged.
    pub in_flight: InFlight,
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
        let deliveries = Deliveries::new(config);
        let producers = Producers::new(client::properties(config), deliveries.clone()).map_err(Error::Client)?;
        Ok(Self {
            producers: RwLock::new(producers),
            deliveries,
            in_flight: InFlight::new(config.limits.in_flight_records, config.limits.in_flight_bytes),
            startup_timeout: config.kafka.startup_timeout,
            stall: config.limits.stall,
            servers: config.kafka.bootstrap_servers.join(","),
        })
    }

    /// A new sync: what was said of an earlier one counts no more.
    pub fn begin(&self) {
        self.deliveries.begin();
    }

    /// Hands a batch to librdkafka. What does not become acknowledged there is called back, and counted or sent again.
    pub async fn send(&self, encoded: &Encoded, places: Places) {
        let line = &encoded.line;
        let ticket = Arc::new(Ticket::new(Arc::clone(line), places));
        let producers = self.producers.read().await;
        let mut event_id = String::new();
        for record in encoded.records() {
            event_id.clear();
            event_id.extend([record.id, &line.at]);
            let mut message = BaseRecord::with_opaque_to(&line.topic, Arc::clone(&ticket))
                .key(record.key.as_bytes())
                .payload(record.value)
                .timestamp(line.captured);
            if let Some(headers) = headers(line, &event_id) {
                message = message.headers(headers);
            }
            producers.send(producers.main(), message).await;
        }
        for spoilt in &encoded.spoilt {
            let headers = headers(line, &format!("{}{}", spoilt.id, line.at));
            let letter = Letter::unencoded(line, &spoilt.key, headers);
            self.deliveries.refuse(letter, &ticket, &format!("cannot be encoded: {}", spoilt.reason), false);
        }
    }

    /// Sends what still lingers.
    pub async fn flush(&self) {
        self.producers.read().await.flush();
    }

    /// Throws away what is not acknowledged; each such record is still called back, and so accounted for.
    pub async fn purge(&self) {
        self.deliveries.give_up();
        self.producers.read().await.purge().await;
        self.in_flight.drained().await;
    }

    /// Tells when Kafka is gone for good.
    pub fn gone(&self) -> watch::Receiver<Option<Gone>> {
        self.deliveries.gone()
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
fn headers(line: &Line, event_id: &str) -> Option<OwnedHeaders> {
    if line.headers.is_empty() {
        return None;
    }
    let headers = OwnedHeaders::new_with_capacity(line.headers.len() + 1);
    let headers = headers.insert(Header { key: "ce_id", value: Some(event_id) });
    Some(line.headers.iter().fold(headers, |headers, (key, value)| headers.insert(Header { key, value: Some(value) })))
}
