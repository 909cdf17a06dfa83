//! What is kept of records in flight: whose they are, their places, and how they were sent.

use std::sync::Arc;

use rdkafka::error::KafkaError;

use super::error_class::SendMode;
use super::in_flight::InFlightPermit;
use crate::record::RecordContext;
use crate::statistics::TypeStatistics;

/// How often a record is sent again because the producer failed: once for each that a sync may make anew.
const TRIES: u8 = 3;

/// A batch in flight: shared by its records, and dropped with the last that is settled.
#[derive(Debug)]
pub(crate) struct Opaque {
    pub(super) context: Arc<RecordContext>,
    pub(super) mode: SendMode,
    tries: u8,
    permit: Arc<InFlightPermit>,
}

impl Opaque {
    /// A ticket for the records of one batch.
    pub(super) fn new(context: Arc<RecordContext>, permit: InFlightPermit) -> Self {
        Self { context, mode: SendMode::Batched, tries: 0, permit: Arc::new(permit) }
    }

    /// A ticket for the same places, to be sent as it was; none where that was done often enough.
    pub(super) fn again(&self) -> Option<Arc<Self>> {
        (self.tries < TRIES).then(|| self.by(self.mode, self.tries + 1))
    }

    /// Whether it is not the first time.
    pub(super) fn was_sent_again(&self) -> bool {
        self.tries > 0
    }

    /// A ticket for the same places, to be sent in that way.
    pub(super) fn other(&self, mode: SendMode) -> Arc<Self> {
        self.by(mode, self.tries)
    }

    fn by(&self, mode: SendMode, tries: u8) -> Arc<Self> {
        Arc::new(Self { context: Arc::clone(&self.context), mode, tries, permit: Arc::clone(&self.permit) })
    }

    /// The broker has it.
    pub(super) fn acknowledge(&self, partition: i32, offset: i64) {
        // A refused record is never acknowledged, wherever else it lies.
        if self.mode != SendMode::DeadLetter {
            self.context.offsets.note(partition, offset);
            TypeStatistics::add(&self.context.statistics.acknowledged, 1);
        }
    }

    /// It is refused, and its type ends with it.
    pub(super) fn refuse(&self, key: &str, reason: &str) {
        let topic = &self.context.topic;
        if self.context.statistics.refuse() {
            tracing::error!(topic = &**topic, key, reason, "Kafka refuses a record; its type ends here");
        }
        self.context.statistics.issue(&None, format!("{topic} refuses {key}: {reason}"));
    }

    /// It is refused, and its type goes on without it.
    pub(super) fn dead_lettered(&self, key: &str, reason: &str, dead_letters: &str) {
        let topic = &self.context.topic;
        if self.context.statistics.set_aside() {
            tracing::warn!(
                topic = &**topic,
                key,
                reason,
                dead_letters,
                "Kafka refuses a record; it goes to the dead letters"
            );
        }
        self.context.statistics.issue(&None, format!("{topic} refuses {key}, which goes to {dead_letters}: {reason}"));
    }

    /// Its topic takes nothing more: its type ends.
    pub(super) fn close(&self, error: &KafkaError) {
        let topic = &self.context.topic;
        if self.context.statistics.refuse() {
            tracing::error!(topic = &**topic, %error, "the topic is gone, or closed to us; its type ends here");
        }
        self.context.statistics.issue(
            &None,
            format!(
                "{topic} is gone, or there is no right to write to it: {error}; create it, or allow WRITE and DESCRIBE"
            ),
        );
    }

    /// It is not acknowledged, and will not be.
    pub(super) fn lose(&self, error: &KafkaError) {
        let what = if self.mode == SendMode::DeadLetter {
            "a refused record is not among the dead letters either"
        } else {
            "not acknowledged"
        };
        let topic = &self.context.topic;
        self.context.statistics.issue(&None, format!("{what}: {topic}: {error}"));
    }
}
