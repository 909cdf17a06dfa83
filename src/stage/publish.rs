//! Events onto the sync topic: they are produced as records are, and take their places among them.

use std::fmt;
use std::sync::{Arc, LazyLock};

use apache_avro::Schema;
use apache_avro::writer::datum::GenericDatumWriter;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::produce::{drain, fatal_error, send};
use crate::config::{Config, Headers};
use crate::event::{self, SyncEvent};
use crate::kafka::Kafka;
use crate::kafka::framing::Frames;
use crate::record::{self, RecordBatch, RecordContext};
use crate::sdm::rfc3339;
use crate::statistics::TypeStatistics;

/// Parsed once: there may be thousands of scopes, and each has an event.
static SCHEMA: LazyLock<Result<Schema, String>> =
    LazyLock::new(|| Schema::parse(&event::schema()).map_err(|error| error.to_string()));

/// Announces what happens to one sync.
pub(crate) struct EventPublisher {
    kafka: Arc<Kafka>,
    name: String,
    topic: Arc<str>,
    headers: bool,
    captured: i64,
    frame: Vec<u8>,
    writer: GenericDatumWriter<'static>,
    /// The events of scopes, which nobody waits for one by one.
    scopes: Arc<TypeStatistics>,
}

impl fmt::Debug for EventPublisher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Announcer").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl EventPublisher {
    /// An announcer for the sync whose LAST_CAPTURED is `captured`.
    ///
    /// # Errors
    /// apache-avro's word for a schema that is none.
    pub(crate) fn new(kafka: Arc<Kafka>, config: &Config, frames: &Frames, captured: i64) -> Result<Self, String> {
        let message = |error: apache_avro::Error| error.to_string();
        let schema = SCHEMA.as_ref().map_err(Clone::clone)?;
        Ok(Self {
            kafka,
            name: config.name.clone(),
            topic: Arc::from(config.kafka.sync_topic()),
            headers: config.kafka.headers == Headers::CloudEvents,
            captured,
            frame: frames.of(event::NAME),
            writer: GenericDatumWriter::builder(schema).human_readable(false).build().map_err(message)?,
            scopes: Arc::default(),
        })
    }

    /// Sends an event of the whole sync, and waits until it is acknowledged.
    ///
    /// # Errors
    /// Why it is not.
    pub(crate) async fn publish(&self, event: &SyncEvent<'_>) -> Result<(), String> {
        let statistics = Arc::new(TypeStatistics::default());
        let pending = TaskTracker::new();
        self.send(&self.name, format!("/{}", self.name), event, Arc::clone(&statistics), pending.token()).await?;
        pending.close();
        pending.wait().await;
        if TypeStatistics::count(&statistics.acknowledged) == 1 {
            return Ok(());
        }
        Err(statistics.judge().error.unwrap_or_else(|| format!("not acknowledged by {}", self.topic)))
    }

    /// Sends an event of one scope, which `source` names.
    ///
    /// # Errors
    /// Why it could not be sent.
    pub(crate) async fn publish_unacknowledged(&self, source: &str, event: &SyncEvent<'_>) -> Result<(), String> {
        self.send(source, source.to_owned(), event, Arc::clone(&self.scopes), TaskTracker::new().token()).await
    }

    /// Waits until all that was sent is acknowledged or given up: an event that is sent again comes after those sent meanwhile.
    pub(crate) async fn drained(&self) {
        drain(&self.kafka).await;
    }

    /// Why events of scopes were lost, if any was. Their reader misses them: the outcome says how many there are.
    pub(crate) fn lost(&self) -> Option<String> {
        let lost = TypeStatistics::count(&self.scopes.emitted)
            .saturating_sub(TypeStatistics::count(&self.scopes.acknowledged));
        let reason = || self.scopes.judge().error.unwrap_or_default();
        (lost > 0).then(|| format!("{lost} events of scopes are not on {}: {}", self.topic, reason()))
    }

    /// Waits until there is nobody to tell any more.
    pub(crate) async fn fatal(&self) {
        fatal_error(&mut self.kafka.fatal()).await;
    }

    async fn send(
        &self,
        key: &str,
        source: String,
        event: &SyncEvent<'_>,
        statistics: Arc<TypeStatistics>,
        token: TaskTrackerToken,
    ) -> Result<(), String> {
        let context = Arc::new(RecordContext {
            statistics,
            object: event::NAME,
            topic: Arc::clone(&self.topic),
            captured: self.captured,
            at: format!("@{}", rfc3339(self.captured)),
            headers: if self.headers { record::headers(source, event::NAME, self.captured) } else { Vec::new() },
            frame: Vec::new(),
            offsets: Arc::default(),
            token,
        });
        let mut batch = RecordBatch::new(context, None, 1, [1_024, 128]);
        batch.values.extend_from_slice(&self.frame);
        // apache-avro's field error repeats the whole schema; its beginning names the field.
        let short = |error: apache_avro::Error| error.to_string().chars().take(200).collect::<String>();
        self.writer.write_ser(&mut batch.values, event).map_err(short)?;
        batch.push(key, &format!("{key},{}", event.event()));
        send(&self.kafka, batch).await.map_err(|fatal| fatal.to_string())
    }
}
