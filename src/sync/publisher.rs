//! Events for the sync topic. They are sent as records are, with in-flight permits.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::config::Config;
use crate::kafka::framing::Frames;
use crate::kafka::{FatalProducerError, Producer};
use crate::observe::TypeTrace;
use crate::record::{Encoder, RecordBatch, SchemaError};
use crate::report::{SYNC_EVENT, SyncEvent, TypeStatistics};

/// Publishes the events of one sync.
pub(super) struct EventPublisher {
    pub(super) producer: Arc<Producer>,
    name: String,
    encoder: Encoder,
    /// Where SCOPE events are counted, since nobody waits for a single one.
    scopes: Arc<TypeStatistics>,
}

/// Why an event is not on the sync topic.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    #[error("{0}")]
    Encode(String),
    #[error(transparent)]
    Producer(#[from] FatalProducerError),
    #[error("{0}")]
    NotAcknowledged(String),
    /// There is no right to write it, or the topic does not take it.
    #[error("{0}")]
    Refused(String),
}

impl EventPublisher {
    /// A publisher for the sync whose LAST_CAPTURED is `captured`.
    pub(super) fn new(
        producer: Arc<Producer>,
        config: &Config,
        frames: &Frames,
        captured: i64,
    ) -> Result<Self, SchemaError> {
        let frame = Some(frames.of(SYNC_EVENT));
        let encoder = Encoder::new(config, SYNC_EVENT, &config.kafka.sync_topic(), captured, frame, Arc::default())?;
        Ok(Self { producer, name: config.name.clone(), encoder, scopes: Arc::default() })
    }

    /// Publishes an event of the whole sync, and waits until it is acknowledged.
    pub(super) async fn publish(&self, event: &SyncEvent<'_>) -> Result<(), PublishError> {
        let statistics = Arc::new(TypeStatistics::default());
        let pending = TaskTracker::new();
        self.send(&self.name, format!("/{}", self.name), event, Arc::clone(&statistics), pending.token()).await?;
        pending.close();
        pending.wait().await;
        if statistics.counters.acknowledged.load(Ordering::Relaxed) == 1 {
            return Ok(());
        }
        let reason = statistics.judge().error.unwrap_or_else(|| format!("not acknowledged by {}", self.encoder.topic));
        Err(if statistics.has_ended_by_refusal() {
            PublishError::Refused(reason)
        } else {
            PublishError::NotAcknowledged(reason)
        })
    }

    /// Publishes the event of a scope, whose `ce_source` is `source`. It does not wait for the acknowledgement.
    pub(super) async fn publish_scope(&self, source: &str, event: &SyncEvent<'_>) -> Result<(), PublishError> {
        self.send(source, source.to_owned(), event, Arc::clone(&self.scopes), TaskTracker::new().token()).await
    }

    /// Why SCOPE events were lost, if any were. Readers notice it, because the outcome has their number.
    pub(super) fn lost(&self) -> Option<String> {
        let counts = self.scopes.counters.counts();
        let lost = counts.emitted.saturating_sub(counts.acknowledged);
        let reason = || self.scopes.judge().error.unwrap_or_default();
        (lost > 0).then(|| format!("{lost} events of scopes are not on {}: {}", self.encoder.topic, reason()))
    }

    async fn send(
        &self,
        key: &str,
        source: String,
        event: &SyncEvent<'_>,
        statistics: Arc<TypeStatistics>,
        token: TaskTrackerToken,
    ) -> Result<(), PublishError> {
        let context = Arc::new(self.encoder.context(source, statistics, token, TypeTrace::default()));
        let mut batch = RecordBatch::new(context, None, 1, [1_024, 128]);
        self.encoder.write(&mut batch, key, Cow::Owned(format!("{key},{}", event.event)), event);
        if let Some(error) = batch.encode_errors.pop() {
            return Err(PublishError::Encode(error.reason));
        }
        Ok(self.producer.send(batch).await?)
    }
}
