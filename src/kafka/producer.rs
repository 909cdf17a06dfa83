//! The producer: it connects, sends, waits for acknowledgements, and purges what a stop leaves.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use tokio::sync::RwLock;
use tokio::task::JoinSet;
use tracing::Span;

use super::client;
use super::context::Context;
use super::delivery::{Deliveries, Opaque, OwnedRecord};
use super::handles::{Handle, Handles};
use super::in_flight::{InFlightLimit, InFlightPermit, OVERHEAD};
use super::security::{Probe, Tokens};
use super::status::{FatalProducerError, Status};
use super::{Error, topics};
use crate::config::Config;
use crate::observe::Observers;
use crate::record::{RecordBatch, RecordContext};
use crate::report::Counters;

/// The producer of a process. It outlives its syncs, of which there is one at a time.
pub struct Producer {
    /// Senders of new records hold the read lock. Recovery holds the write lock, so that returned records go before new ones.
    pub(super) handles: RwLock<Handles>,
    pub(super) context: Context,
    pub(super) in_flight: InFlightLimit,
    pub(super) startup_timeout: Duration,
    pub(super) stall: Duration,
    pub(super) servers: String,
    /// The topics of a sync, for messages.
    pub(super) topic_names: String,
    pub(super) probe: Mutex<Probe>,
    /// None where no tokens of ours are signed in with.
    pub(super) tokens: Option<Arc<Tokens>>,
    /// The task that renews tokens, from the first sync on.
    pub(super) renewal: Mutex<JoinSet<()>>,
}

impl Producer {
    /// Creates the producer, which connects in the background.
    ///
    /// # Errors
    /// [`Error::Client`] if a secret or a certificate cannot be read, or librdkafka refuses a property or a combination of properties.
    pub fn connect(config: &Config, observers: &Observers) -> Result<Self, Error> {
        Self::with(config, client::properties(config).map_err(Error::Client)?, observers)
    }

    /// The same to ask and not to send: no producer id is asked for, which brokers give only to who may write.
    pub(crate) fn to_ask(config: &Config) -> Result<Self, Error> {
        let mut properties = client::properties(config).map_err(Error::Client)?;
        properties.set("enable.idempotence", "false").remove("enable.gapless.guarantee");
        Self::with(config, properties, &Observers::default())
    }

    fn with(config: &Config, properties: ClientConfig, observers: &Observers) -> Result<Self, Error> {
        let status = Arc::new(Status::new());
        let deliveries = Arc::new(Deliveries::new(config, Arc::clone(&status)));
        let context = Context::new(status, deliveries, Arc::clone(&observers.librdkafka));
        let probe = Mutex::new(Probe::new(&properties));
        let tokens = Tokens::of(config).map(Arc::new);
        let refused = |error| Error::Client(client::refused(config, error));
        let handles = Handles::new(properties, context.clone(), tokens.clone()).map_err(refused)?;
        Ok(Self {
            handles: RwLock::new(handles),
            context,
            in_flight: InFlightLimit::new(config.limits.in_flight_records, config.limits.in_flight_bytes, observers),
            startup_timeout: config.kafka.startup_timeout,
            stall: config.limits.stall,
            servers: config.kafka.bootstrap_servers.join(","),
            topic_names: topics::topic_names(config).join(", "),
            probe,
            tokens,
            renewal: Mutex::default(),
        })
    }

    /// Takes up secrets and certificates that were changed, and forgets what happened to an earlier sync.
    pub(crate) async fn begin_sync(&self, config: &Config, captured: i64) {
        self.rotate(config).await;
        self.context.status.begin_sync();
        self.context.deliveries.begin_sync(captured);
    }

    /// Hands a batch to librdkafka as soon as there is an in-flight permit for it. It does not wait for the delivery, which the
    /// delivery callback reports.
    ///
    /// # Errors
    /// Why Kafka is gone.
    pub async fn send(&self, batch: RecordBatch) -> Result<(), FatalProducerError> {
        let records = batch.len() + batch.encode_errors.len();
        let permit = tokio::select! {
            biased;
            error = self.failed() => {
                batch.context.statistics.issue(&None, format!("not sent: {error}"));
                return Err(error);
            }
            permit = self.in_flight.acquire_for(&batch.context, records, memory(&batch)) => permit,
        };
        self.enqueue(&batch, permit).await;
        Counters::add(&batch.context.statistics.counters.emitted, batch.len());
        Ok(())
    }

    async fn enqueue(&self, batch: &RecordBatch, permit: InFlightPermit) {
        let context = &batch.context;
        let opaque = Arc::new(Opaque::new(Arc::clone(context), permit));
        let handles = self.handles.read().await;
        let mut event_id = String::new();
        for record in batch.records() {
            event_id.clear();
            event_id.extend([record.id, &context.id_suffix]);
            let mut message = BaseRecord::with_opaque_to(&context.topic, Arc::clone(&opaque))
                .key(record.key.as_bytes())
                .payload(record.value)
                .timestamp(context.captured);
            if let Some(headers) = headers(context, &event_id) {
                message = message.headers(headers);
            }
            handles.send(&handles.batching, message).await;
        }
        for error in &batch.encode_errors {
            let headers = headers(context, &format!("{}{}", error.id, context.id_suffix));
            let record = OwnedRecord::unencoded(context, &error.key, headers);
            let reason = format!("cannot be encoded: {}", error.reason);
            self.context.deliveries.refuse(record, &opaque, &reason, false);
        }
    }

    /// Waits until everything sent is acknowledged or has failed. If Kafka is gone, the rest is purged.
    pub(crate) async fn drain(&self) {
        self.handles.read().await.flush();
        tokio::select! {
            biased;
            () = self.in_flight.drained() => {}
            _ = self.failed() => self.purge().await,
        }
    }

    /// Purges what is not acknowledged. Each purged record still gets its delivery callback, and so is counted.
    pub(crate) async fn purge(&self) {
        tracing::warn!(records = self.in_flight.count(), "what is not acknowledged is given up");
        self.context.deliveries.give_up();
        self.handles.read().await.purge().await;
        self.in_flight.drained().await;
    }

    /// How many records wait for their acknowledgement, and for how long the oldest has.
    pub(crate) fn backlog(&self) -> (usize, Option<Duration>) {
        (self.in_flight.count(), self.in_flight.oldest())
    }

    /// Whether the thread that calls back has shown itself within this time.
    pub(crate) fn is_polled_within(&self, limit: Duration) -> bool {
        self.context.status.since_poll().is_none_or(|since| since < limit)
    }

    /// Waits until Kafka is gone for good.
    pub(crate) async fn failed(&self) -> FatalProducerError {
        self.context.status.failed().await
    }

    /// Why Kafka is gone for good, if it is.
    pub(crate) fn fatal(&self) -> Option<FatalProducerError> {
        self.context.status.fatal()
    }

    /// Runs a blocking call of librdkafka on a thread of its own.
    pub(super) async fn blocking<T, F>(self: &Arc<Self>, call: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Self, &Handle) -> Result<T, Error> + Send + 'static,
    {
        let producer = Arc::clone(self);
        let handle = Arc::clone(&self.handles.read().await.batching);
        let sync = Span::current();
        let called = tokio::task::spawn_blocking(move || sync.in_scope(|| call(&producer, &handle)));
        called.await.map_err(|_| Error::Cancelled)?
    }
}

/// The headers of a record. None if headers are off.
fn headers(context: &RecordContext, event_id: &str) -> Option<OwnedHeaders> {
    if context.headers.is_empty() {
        return None;
    }
    let headers = OwnedHeaders::new_with_capacity(context.headers.len() + 1);
    let headers = match context.has_event_id {
        true => headers.insert(Header { key: "ce_id", value: Some(event_id) }),
        false => headers,
    };
    let shared = context.headers.iter();
    Some(shared.fold(headers, |headers, (key, value)| headers.insert(Header { key, value: Some(value) })))
}

/// The bytes of a batch in librdkafka's memory: keys, values, headers and overhead.
fn memory(batch: &RecordBatch) -> usize {
    let headers: usize = batch.context.headers.iter().map(|(key, value)| key.len() + value.len()).sum();
    let [values, names] = batch.size();
    // Names count twice: in the key and in the header `ce_id`.
    values + 2 * names + (batch.len() + batch.encode_errors.len()) * (headers + OVERHEAD)
}
