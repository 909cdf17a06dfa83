//! Events onto the sync topic: they are produced as records are, and take their places among them.

use std::sync::Arc;

use apache_avro::Schema;
use apache_avro::writer::datum::GenericDatumWriter;

use super::produce::{end, hand_over};
use crate::config::{Config, Headers};
use crate::event::{self, SyncEvent};
use crate::kafka::{Kafka, framing};
use crate::record::{self, Encoded, Line, Unsettled, settling};
use crate::sdm::rfc3339;
use crate::tally::Tally;

/// Announces what happens to one sync.
#[derive(Debug)]
pub struct Announcer {
    kafka: Arc<Kafka>,
    name: String,
    topic: Arc<str>,
    headers: bool,
    captured: i64,
    frame: Vec<u8>,
    schema: Schema,
}

impl Announcer {
    /// An announcer for the sync whose LAST_CAPTURED is `captured`.
    ///
    /// # Errors
    /// apache-avro's word for a schema that is none.
    pub fn new(kafka: Arc<Kafka>, config: &Config, captured: i64) -> Result<Self, String> {
        let schema = event::schema();
        let said = |error: apache_avro::Error| error.to_string();
        Ok(Self {
            kafka,
            name: config.name.clone(),
            topic: Arc::from(config.kafka.sync_topic()),
            headers: config.kafka.headers == Headers::CloudEvents,
            captured,
            frame: framing::single_object(&schema).map_err(said)?,
            schema: Schema::parse(&schema).map_err(said)?,
        })
    }

    /// Sends an event of the whole sync, and waits until it is acknowledged.
    ///
    /// # Errors
    /// Why it is not.
    pub async fn announce(&self, event: &SyncEvent<'_>) -> Result<(), String> {
        let tally = Arc::new(Tally::default());
        let (unsettled, settled) = settling();
        let source = format!("/{}", self.name);
        self.send(&self.name, source, event, Arc::clone(&tally), unsettled).await?;
        settled.wait().await;
        if Tally::count(&tally.acknowledged) == 1 {
            return Ok(());
        }
        Err(tally.judge().error.unwrap_or_else(|| format!("not acknowledged by {}", self.topic)))
    }

    /// Sends an event of one scope, which `source` names. Should it be lost, its reader misses it, and takes the scope as not read.
    ///
    /// # Errors
    /// Why it could not be sent.
    pub async fn pass_on(&self, source: &str, event: &SyncEvent<'_>) -> Result<(), String> {
        let (unsettled, _) = settling();
        self.send(source, source.to_owned(), event, Arc::default(), unsettled).await
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
            topic: Arc::clone(&self.topic),
            captured: self.captured,
            at: format!("@{}", rfc3339(self.captured)),
            headers: if self.headers { record::headers(source, event::NAME, self.captured) } else { Vec::new() },
            frame: Vec::new(),
            unsettled,
        });
        let mut encoded = Encoded::new(line, None, 1, [1_024, 128]);
        encoded.values.extend_from_slice(&self.frame);
        GenericDatumWriter::builder(&self.schema)
            .human_readable(false)
            .build()
            .and_then(|writer| writer.write_ser(&mut encoded.values, event))
            // apache-avro's field error repeats the whole schema; its beginning names the field.
            .map_err(|error| error.to_string().chars().take(200).collect::<String>())?;
        encoded.push(key, &format!("{key},{}", event.event()));
        hand_over(&self.kafka, encoded).await.map_err(|gone| gone.to_string())
    }
}
