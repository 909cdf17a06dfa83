//! Events onto the sync topic: they are produced as records are, and take their places among them.

use std::fmt;
use std::sync::{Arc, LazyLock};

use apache_avro::Schema;
use apache_avro::writer::datum::GenericDatumWriter;

use super::produce::{drain, end, hand_over};
use crate::config::{Config, Headers};
use crate::event::{self, SyncEvent};
use crate::kafka::Kafka;
use crate::kafka::framing::Frames;
use crate::record::{self, Encoded, Line, Unsettled, settling};
use crate::sdm::rfc3339;
use crate::tally::Tally;

/// Parsed once: there may be thousands of scopes, and each has an event.
static SCHEMA: LazyLock<Result<Schema, String>> =
    LazyLock::new(|| Schema::parse(&event::schema()).map_err(|error| error.to_string()));

/// Announces what happens to one sync.
pub struct Announcer {
    kafka: Arc<Kafka>,
    name: String,
    topic: Arc<str>,
    headers: bool,
    captured: i64,
    frame: Vec<u8>,
    writer: GenericDatumWriter<'static>,
    /// The events of scopes, which nobody waits for one by one.
    scopes: Arc<Tally>,
}

impl fmt::Debug for Announcer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Announcer").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl Announcer {
    /// An announcer for the sync whose LAST_CAPTURED is `captured`.
    ///
    /// # Errors
    /// apache-avro's word for a schema that is none.
    pub fn new(kafka: Arc<Kafka>, config: &Config, frames: &Frames, captured: i64) -> Result<Self, String> {
        let said = |error: apache_avro::Error| error.to_string();
        let schema = SCHEMA.as_ref().map_err(Clone::clone)?;
        Ok(Self {
            kafka,
            name: config.name.clone(),
            topic: Arc::from(config.kafka.sync_topic()),
            headers: config.kafka.headers == Headers::CloudEvents,
            captured,
            frame: frames.of(event::NAME),
            writer: GenericDatumWriter::builder(schema).human_readable(false).build().map_err(said)?,
            scopes: Arc::default(),
        })
    }

    /// Sends an event of the whole sync, and waits until it is acknowledged.
    ///
    /// # Errors
    /// Why it is not.
    pub async fn announce(&self, event: &SyncEvent<'_>) -> Result<(), String> {
        let tally = Arc::new(Tally::default());
        let (unsettled, settled) = settling();
        self.send(&self.name, format!("/{}", self.name), event, Arc::clone(&tally), unsettled).await?;
        settled.wait().await;
        if Tally::count(&tally.acknowledged) == 1 {
            return Ok(());
        }
        Err(tally.judge().error.unwrap_or_else(|| format!("not acknowledged by {}", self.topic)))
    }

    /// Sends an event of one scope, which `source` names.
    ///
    /// # Errors
    /// Why it could not be sent.
    pub async fn pass_on(&self, source: &str, event: &SyncEvent<'_>) -> Result<(), String> {
        let (unsettled, _) = settling();
        self.send(source, source.to_owned(), event, Arc::clone(&self.scopes), unsettled).await
    }

    /// Waits until all that was sent is acknowledged or given up: an event that is sent again comes after those sent meanwhile.
    pub async fn settle(&self) {
        drain(&self.kafka).await;
    }

    /// Why events of scopes were lost, if any was. Their reader misses them: the outcome says how many there are.
    pub fn lost(&self) -> Option<String> {
        let lost = Tally::count(&self.scopes.emitted).saturating_sub(Tally::count(&self.scopes.acknowledged));
        let reason = || self.scopes.judge().error.unwrap_or_default();
        (lost > 0).then(|| format!("{lost} events of scopes are not on {}: {}", self.topic, reason()))
    }

    /// Waits until there is nobody to tell any more.
    pub async fn gone(&self) {
        end(&mut self.kafka.gone()).await;
    }

    async fn send(
        &self,
        key: &str,
        source: String,
        event: &SyncEvent<'_>,
        tally: Arc<Tally>,
        unsettled: Unsettled,
    ) -> Result<(), String> {
        let line = Arc::new(Line {
            tally,
            object: event::NAME,
            topic: Arc::clone(&self.topic),
            captured: self.captured,
            at: format!("@{}", rfc3339(self.captured)),
            headers: if self.headers { record::headers(source, event::NAME, self.captured) } else { Vec::new() },
            frame: Vec::new(),
            reached: Arc::default(),
            unsettled,
        });
        let mut encoded = Encoded::new(line, None, 1, [1_024, 128]);
        encoded.values.extend_from_slice(&self.frame);
        // apache-avro's field error repeats the whole schema; its beginning names the field.
        let short = |error: apache_avro::Error| error.to_string().chars().take(200).collect::<String>();
        self.writer.write_ser(&mut encoded.values, event).map_err(short)?;
        encoded.push(key, &format!("{key},{}", event.event()));
        hand_over(&self.kafka, encoded).await.map_err(|gone| gone.to_string())
    }
}
