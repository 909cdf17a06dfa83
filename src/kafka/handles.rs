//! librdkafka's producers: the one that batches records, and the one whose batches hold a single record each.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseRecord, Producer as _, PurgeConfig, ThreadedProducer};

use super::context::Context;
use super::delivery::{Opaque, OwnedRecord};

/// A producer of librdkafka's with its poll thread.
pub(super) type Handle = ThreadedProducer<Context>;

/// A full queue is a bug of ours. It is waited out all the same, so that nothing is lost by it.
const QUEUE_FULL: Duration = Duration::from_millis(10);

/// How long answers to what a failed producer has in flight are waited for: they spare readers a record that comes twice.
const ANSWERS: Duration = Duration::from_secs(1);

/// How long what is thrown away may take to be called back.
const CALLBACKS: Duration = Duration::from_secs(5);

pub(super) struct Handles {
    properties: ClientConfig,
    context: Context,
    batching: Arc<Handle>,
    /// Made when it is needed: most syncs see no refusal.
    single: Option<Arc<Handle>>,
}

impl Handles {
    pub(super) fn new(properties: ClientConfig, context: Context) -> Result<Self, KafkaError> {
        let batching = Arc::new(connect(&properties, &context)?);
        Ok(Self { properties, context, batching, single: None })
    }

    pub(super) fn batching(&self) -> &Arc<Handle> {
        &self.batching
    }

    /// The one whose batches hold one record each.
    pub(super) fn single(&mut self) -> Result<Arc<Handle>, KafkaError> {
        if let Some(single) = &self.single {
            return Ok(Arc::clone(single));
        }
        let mut properties = self.properties.clone();
        properties.set("batch.num.messages", "1").set("linger.ms", "0");
        let single = Arc::new(connect(&properties, &self.context)?);
        self.single = Some(Arc::clone(&single));
        Ok(single)
    }

    /// Takes the one that few syncs need. To drop it blocks.
    pub(super) fn take_single(&mut self) -> Option<Arc<Handle>> {
        self.single.take()
    }

    pub(super) fn fatal_error(&self) -> Option<(Code, String)> {
        let mut all = std::iter::once(&self.batching).chain(&self.single);
        let (code, reason) = all.find_map(|handle| handle.client().fatal_error())?;
        Some((code, format!("{code}: {reason}")))
    }

    /// Makes them anew. When it returns, all that the old ones had is called back.
    pub(super) async fn renew(&mut self) -> Result<(), KafkaError> {
        let batching = Arc::new(connect(&self.properties, &self.context)?);
        let old = [Some(std::mem::replace(&mut self.batching, batching)), self.single.take()];
        // A flush blocks while it waits, a producer while it ends.
        let ended = tokio::task::spawn_blocking(move || {
            for handle in old.into_iter().flatten() {
                if let Err(error) = handle.flush(ANSWERS) {
                    tracing::debug!(%error, "a failed producer had records in flight");
                }
                handle.purge(PurgeConfig::default().queue().inflight());
                if let Err(error) = handle.flush(CALLBACKS) {
                    tracing::error!(%error, "what a failed producer had is not called back: a bug of ours");
                }
            }
        });
        // It fails only with the runtime.
        let _ = ended.await;
        Ok(())
    }

    /// Throws away what is not acknowledged. It blocks while one of librdkafka's threads resolves a name.
    pub(super) async fn purge(&self) {
        let all = [Some(Arc::clone(&self.batching)), self.single.clone()];
        let purge = move || {
            all.iter().flatten().for_each(|handle| handle.purge(PurgeConfig::default().queue().inflight()));
        };
        // It fails only with the runtime.
        let _ = tokio::task::spawn_blocking(purge).await;
    }

    /// Sends what still lingers.
    pub(super) fn flush(&self) {
        if let Err(error) = self.batching.flush(Duration::ZERO) {
            tracing::trace!(%error, "the flush has begun");
        }
    }

    /// Hands one record to librdkafka. What becomes of a record that it does not take is decided at once.
    pub(super) async fn send(&self, handle: &Handle, mut record: BaseRecord<'_, [u8], [u8], Arc<Opaque>>) {
        loop {
            match handle.send(record) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(Code::QueueFull), untaken)) => {
                    tracing::error!("librdkafka's queue is full in spite of in-flight permits: a bug of ours");
                    record = untaken;
                    tokio::time::sleep(QUEUE_FULL).await;
                }
                Err((error, untaken)) => {
                    let (record, opaque) = OwnedRecord::untaken(untaken);
                    return self.context.deliveries.not_acknowledged(&error, &opaque, || record);
                }
            }
        }
    }
}

fn connect(properties: &ClientConfig, context: &Context) -> Result<Handle, KafkaError> {
    ThreadedProducer::from_config_and_context(properties, context.clone())
}
