//! librdkafka's producers: the one that batches records, and the one whose batches hold a single record each.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseRecord, Producer as _, PurgeConfig};
use tracing::Span;

use super::closing::ClosedInBackground;
use super::context::Context;
use super::delivery::{Opaque, OwnedRecord};
use super::polled::PolledProducer;
use super::raw;
use super::security::{Token, Tokens};

/// A producer of librdkafka with its poll thread.
pub(super) type Handle = ClosedInBackground<PolledProducer>;

/// How long to wait when librdkafka's queue is full. In-flight permits should prevent that; if they do not, nothing is lost.
const QUEUE_FULL: Duration = Duration::from_millis(10);

/// How long to wait for acknowledgements of what a failed producer has in flight. Each of them spares readers a duplicate.
const ANSWERS: Duration = Duration::from_secs(1);

/// How long the delivery callbacks of purged records may take.
const CALLBACKS: Duration = Duration::from_secs(5);

pub(super) struct Handles {
    properties: ClientConfig,
    context: Context,
    /// What each of them signs in with.
    tokens: Option<Arc<Tokens>>,
    pub(super) batching: Arc<Handle>,
    /// Made when a record is refused, which is rare.
    pub(super) single: Option<Arc<Handle>>,
}

impl Handles {
    pub(super) fn new(
        properties: ClientConfig,
        context: Context,
        tokens: Option<Arc<Tokens>>,
    ) -> Result<Self, KafkaError> {
        let batching = create(&properties, &context, tokens.as_deref())?;
        Ok(Self { properties, context, tokens, batching, single: None })
    }

    /// Whether they were made with these properties.
    pub(super) fn have(&self, properties: &ClientConfig) -> bool {
        // The map has a placeholder for every secret.
        let (ours, theirs) = (self.properties.config_map(), properties.config_map());
        ours.keys().eq(theirs.keys()) && ours.keys().all(|name| self.properties.get(name) == properties.get(name))
    }

    /// Producers with other properties, which take the place of these.
    pub(super) fn successors(&self, properties: ClientConfig) -> impl FnOnce() -> Result<Self, KafkaError> + use<> {
        let (context, tokens) = (self.context.successor(), self.tokens.clone());
        move || Self::new(properties, context, tokens)
    }

    /// Has these take the place of the old ones. Nothing may be in flight.
    pub(super) fn replace(&mut self, successors: Self) {
        std::mem::replace(self, successors).context.retire();
    }

    /// Has all of them sign in with this token from now on.
    pub(super) fn take_up(&self, token: &Token) -> Result<(), String> {
        std::iter::once(&self.batching)
            .chain(&self.single)
            .try_for_each(|handle| raw::set_token(handle.client(), token))
    }

    /// The producer whose batches hold one record each.
    pub(super) fn single(&mut self) -> Result<Arc<Handle>, KafkaError> {
        if let Some(single) = &self.single {
            return Ok(Arc::clone(single));
        }
        let mut properties = self.properties.clone();
        properties.set("batch.num.messages", "1").set("linger.ms", "0");
        let single = create(&properties, &self.context, self.tokens.as_deref())?;
        Ok(Arc::clone(self.single.insert(single)))
    }

    pub(super) fn fatal_error(&self) -> Option<(Code, String)> {
        let mut all = std::iter::once(&self.batching).chain(&self.single);
        let (code, reason) = all.find_map(|handle| handle.client().fatal_error())?;
        Some((code, format!("{code}: {reason}")))
    }

    /// Makes the producers anew. When it returns, the old ones have called back all their records, unless one of librdkafka's threads
    /// does not answer: then these come back later, and are sent again all the same.
    pub(super) async fn renew(&mut self) -> Result<(), KafkaError> {
        let batching = create(&self.properties, &self.context, self.tokens.as_deref())?;
        let old = [Some(std::mem::replace(&mut self.batching, batching)), self.single.take()];
        let sync = Span::current();
        // A flush blocks.
        let ended = tokio::task::spawn_blocking(move || {
            let _sync = sync.enter();
            for handle in old.into_iter().flatten() {
                if let Err(error) = handle.flush(ANSWERS) {
                    tracing::debug!(%error, "a failed producer had records in flight");
                }
                // It is not used any more, so that the purge can take nothing that comes later.
                handle.purge(PurgeConfig::default().queue().inflight().non_blocking());
                if let Err(error) = handle.flush(CALLBACKS) {
                    tracing::warn!(%error, "a failed producer has not given back its records yet");
                }
            }
        });
        // Only the end of the runtime makes it fail.
        let _ = ended.await;
        Ok(())
    }

    /// Purges what is not acknowledged. The call blocks while one of librdkafka's threads resolves a name. Without that wait, a purge
    /// could take events that are sent after it.
    pub(super) async fn purge(&self) {
        let all = [Some(Arc::clone(&self.batching)), self.single.clone()];
        let purge = move || {
            all.iter().flatten().for_each(|handle| handle.purge(PurgeConfig::default().queue().inflight()));
        };
        // Only the end of the runtime makes it fail.
        let _ = tokio::task::spawn_blocking(purge).await;
    }

    /// Starts to send what waits for `linger.ms`.
    pub(super) fn flush(&self) {
        if let Err(error) = self.batching.flush(Duration::ZERO) {
            tracing::trace!(%error, "the flush has begun");
        }
    }

    /// Hands one record to librdkafka. A record that librdkafka does not take is handled like one that is not acknowledged.
    pub(super) async fn send(&self, handle: &Handle, mut record: BaseRecord<'_, [u8], [u8], Arc<Opaque>>) {
        loop {
            match handle.send(record) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(Code::QueueFull), untaken)) => {
                    tracing::error!("librdkafka's queue is full in spite of in-flight permits; this is a bug of ours");
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

fn create(properties: &ClientConfig, context: &Context, tokens: Option<&Tokens>) -> Result<Arc<Handle>, KafkaError> {
    let handle: Handle = ClosedInBackground::new(PolledProducer::create(properties, context)?);
    if let Some(token) = tokens.and_then(Tokens::current)
        && let Err(reason) = raw::set_token(handle.client(), &token)
    {
        // It has ended. The renewal gets the next one.
        tracing::debug!(reason, "librdkafka does not take the token");
    }
    Ok(Arc::new(handle))
}
