//! librdkafka's producers: the one for all records, and the one that sends each alone.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseRecord, Producer as _, PurgeConfig, ThreadedProducer};

use super::delivery::DeliveryHandler;
use super::opaque::Opaque;
use super::owned_record::OwnedRecord;

/// A producer with our ear.
pub(super) type Producer = ThreadedProducer<DeliveryHandler>;

/// A full queue is a bug of ours; it is waited out all the same, so that nothing is lost by it.
const QUEUE_FULL: Duration = Duration::from_millis(10);

/// How long answers to what a failed producer has in flight are waited for: they spare readers a record that comes twice.
const ANSWERS: Duration = Duration::from_secs(1);

/// How long what is thrown away may take to be called back.
const CALLBACKS: Duration = Duration::from_secs(5);

/// The producers of the moment.
pub(super) struct Producers {
    properties: ClientConfig,
    deliveries: DeliveryHandler,
    main: Arc<Producer>,
    /// Made when it is needed: most syncs see no refusal.
    alone: Option<Arc<Producer>>,
}

impl Producers {
    pub(super) fn new(properties: ClientConfig, deliveries: DeliveryHandler) -> Result<Self, KafkaError> {
        let main = Arc::new(make(&properties, &deliveries)?);
        Ok(Self { properties, deliveries, main, alone: None })
    }

    /// The one for all records.
    pub(super) fn main(&self) -> &Arc<Producer> {
        &self.main
    }

    /// The one whose batches hold one record each.
    pub(super) fn alone(&mut self) -> Result<Arc<Producer>, KafkaError> {
        if let Some(alone) = &self.alone {
            return Ok(Arc::clone(alone));
        }
        let mut properties = self.properties.clone();
        properties.set("batch.num.messages", "1").set("linger.ms", "0");
        let alone = Arc::new(make(&properties, &self.deliveries)?);
        self.alone = Some(Arc::clone(&alone));
        Ok(alone)
    }

    /// Whether one of them has failed for good, and why.
    pub(super) fn fatal(&self) -> Option<(Code, String)> {
        let error = self.all().find_map(|producer| producer.client().fatal_error());
        error.map(|(code, reason)| (code, format!("{code}: {reason}")))
    }

    /// Ends the one that few syncs need.
    pub(super) fn end_alone(&mut self) -> Option<Arc<Producer>> {
        self.alone.take()
    }

    /// Makes them anew. When it returns, all that the old ones had is called back.
    pub(super) async fn renew(&mut self) -> Result<(), KafkaError> {
        let main = Arc::new(make(&self.properties, &self.deliveries)?);
        let old: Vec<_> =
            [Some(std::mem::replace(&mut self.main, main)), self.alone.take()].into_iter().flatten().collect();
        // Both block: a flush while it waits, a producer while it ends.
        let ended = tokio::task::spawn_blocking(move || {
            for producer in &old {
                if let Err(error) = producer.flush(ANSWERS) {
                    tracing::debug!(%error, "a failed producer had records in flight");
                }
                producer.purge(PurgeConfig::default().queue().inflight());
                if let Err(error) = producer.flush(CALLBACKS) {
                    tracing::error!(%error, "what a failed producer had is not called back: a bug of ours");
                }
            }
            drop(old);
        });
        // It fails only with the runtime.
        let _ = ended.await;
        Ok(())
    }

    /// Throws away what is not acknowledged. It blocks while one of librdkafka's threads resolves a name.
    pub(super) async fn purge(&self) {
        let all: Vec<_> = [Some(Arc::clone(&self.main)), self.alone.clone()].into_iter().flatten().collect();
        let purge = move || all.iter().for_each(|producer| producer.purge(PurgeConfig::default().queue().inflight()));
        // It fails only with the runtime.
        let _ = tokio::task::spawn_blocking(purge).await;
    }

    /// Sends what still lingers.
    pub(super) fn flush(&self) {
        if let Err(error) = self.main.flush(Duration::ZERO) {
            tracing::trace!(%error, "the flush has begun");
        }
    }

    /// Hands one record to librdkafka; what it does not take is settled at once.
    pub(super) async fn send(&self, producer: &Producer, mut record: BaseRecord<'_, [u8], [u8], Arc<Opaque>>) {
        loop {
            match producer.send(record) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(Code::QueueFull), refused)) => {
                    tracing::error!("librdkafka's queue is full although places were free: a bug of ours");
                    record = refused;
                    tokio::time::sleep(QUEUE_FULL).await;
                }
                Err((error, refused)) => {
                    let (owned, opaque) = OwnedRecord::untaken(refused);
                    return self.deliveries.fail(&error, &opaque, || owned);
                }
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &Producer> {
        std::iter::once(&*self.main).chain(self.alone.as_deref())
    }
}

fn make(properties: &ClientConfig, deliveries: &DeliveryHandler) -> Result<Producer, KafkaError> {
    ThreadedProducer::from_config_and_context(properties, deliveries.clone())
}
