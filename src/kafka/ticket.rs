//! What is kept of records in flight: whose they are, their places, and how they were sent.

use std::sync::Arc;

use rdkafka::error::KafkaError;

use super::fate::Way;
use super::flight::Places;
use crate::record::Line;
use crate::tally::Tally;

/// How often a record is sent again because the producer failed: once for each that a sync may make anew.
const TRIES: u8 = 3;

/// A batch in flight: shared by its records, and dropped with the last that is settled.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(super) line: Arc<Line>,
    pub(super) way: Way,
    tries: u8,
    places: Arc<Places>,
}

impl Ticket {
    /// A ticket for the records of one batch.
    pub(super) fn new(line: Arc<Line>, places: Places) -> Self {
        Self { line, way: Way::Together, tries: 0, places: Arc::new(places) }
    }

    /// A ticket for the same places, to be sent as it was; none where that was done often enough.
    pub(super) fn again(&self) -> Option<Arc<Self>> {
        (self.tries < TRIES).then(|| self.by(self.way, self.tries + 1))
    }

    /// Whether it is not the first time.
    pub(super) fn was_sent_again(&self) -> bool {
        self.tries > 0
    }

    /// A ticket for the same places, to be sent in that way.
    pub(super) fn other(&self, way: Way) -> Arc<Self> {
        self.by(way, self.tries)
    }

    fn by(&self, way: Way, tries: u8) -> Arc<Self> {
        Arc::new(Self { line: Arc::clone(&self.line), way, tries, places: Arc::clone(&self.places) })
    }

    /// The broker has it.
    pub(super) fn acknowledge(&self, partition: i32, offset: i64) {
        // A refused record is never acknowledged, wherever else it lies.
        if self.way != Way::Dead {
            self.line.reached.note(partition, offset);
            Tally::add(&self.line.tally.acknowledged, 1);
        }
    }

    /// It is refused, and its type ends with it.
    pub(super) fn refuse(&self, key: &str, reason: &str) {
        let topic = &self.line.topic;
        if self.line.tally.refuse() {
            tracing::error!(topic = &**topic, key, reason, "Kafka refuses a record; its type ends here");
        }
        self.line.tally.trouble(&None, format!("{topic} refuses {key}: {reason}"));
    }

    /// It is refused, and its type goes on without it.
    pub(super) fn set_aside(&self, key: &str, reason: &str, dead_letters: &str) {
        let topic = &self.line.topic;
        if self.line.tally.set_aside() {
            tracing::warn!(
                topic = &**topic,
                key,
                reason,
                dead_letters,
                "Kafka refuses a record; it goes to the dead letters"
            );
        }
        self.line.tally.trouble(&None, format!("{topic} refuses {key}, which goes to {dead_letters}: {reason}"));
    }

    /// Its topic takes nothing more: its type ends.
    pub(super) fn close(&self, error: &KafkaError) {
        let topic = &self.line.topic;
        if self.line.tally.refuse() {
            tracing::error!(topic = &**topic, %error, "the topic is gone, or closed to us; its type ends here");
        }
        self.line.tally.trouble(
            &None,
            format!(
                "{topic} is gone, or there is no right to write to it: {error}; create it, or allow WRITE and DESCRIBE"
            ),
        );
    }

    /// It is not acknowledged, and will not be.
    pub(super) fn lose(&self, error: &KafkaError) {
        let what = if self.way == Way::Dead {
            "a refused record is not among the dead letters either"
        } else {
            "not acknowledged"
        };
        let topic = &self.line.topic;
        self.line.tally.trouble(&None, format!("{what}: {topic}: {error}"));
    }
}
