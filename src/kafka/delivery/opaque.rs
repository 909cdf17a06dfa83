//! What librdkafka keeps beside each record in flight (its delivery opaque): whose it is, its in-flight permit, how it was sent.

use std::sync::Arc;

use rdkafka::error::KafkaError;

use super::super::in_flight::InFlightPermit;
use crate::record::RecordContext;
use crate::report::Counters;

/// How often a record is sent again because the producer failed: once for each producer that a sync may make.
const RETRIES: u8 = 3;

/// How a record is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kafka) enum SendMode {
    /// In a batch with others.
    Batched,
    /// In a batch of its own.
    Single,
    /// To the dead letter topic, in a batch of its own.
    DeadLetter,
}

/// Shared by the records of a batch, and dropped with the last of them that is acknowledged or given up.
#[derive(Debug)]
pub(in crate::kafka) struct Opaque {
    pub(in crate::kafka) context: Arc<RecordContext>,
    pub(in crate::kafka) mode: SendMode,
    retries: u8,
    permit: Arc<InFlightPermit>,
}

impl Opaque {
    pub(in crate::kafka) fn new(context: Arc<RecordContext>, permit: InFlightPermit) -> Self {
        Self { context, mode: SendMode::Batched, retries: 0, permit: Arc::new(permit) }
    }

    /// For a record that is sent again as it was. None where that was done often enough.
    pub(super) fn retry(&self) -> Option<Arc<Self>> {
        (self.retries < RETRIES).then(|| self.with(self.mode, self.retries + 1))
    }

    /// Whether the record was sent before.
    pub(super) fn is_retry(&self) -> bool {
        self.retries > 0
    }

    /// For a record that is sent again in another mode.
    pub(super) fn in_mode(&self, mode: SendMode) -> Arc<Self> {
        self.with(mode, self.retries)
    }

    fn with(&self, mode: SendMode, retries: u8) -> Arc<Self> {
        Arc::new(Self { context: Arc::clone(&self.context), mode, retries, permit: Arc::clone(&self.permit) })
    }

    /// The broker has the record.
    pub(super) fn acknowledge(&self, partition: i32, offset: i64) {
        // A refused record is never acknowledged, wherever else it lies.
        if self.mode != SendMode::DeadLetter {
            self.context.offsets.note(partition, offset);
            Counters::add(&self.context.statistics.counters.acknowledged, 1);
        }
    }

    /// The record is refused, and its type ends with it.
    pub(super) fn end_type(&self, key: &str, reason: &str) {
        let topic = &self.context.topic;
        if self.context.statistics.end_by_refusal() {
            tracing::error!(topic = &**topic, key, reason, "Kafka refuses a record; its type ends here");
        }
        self.context.statistics.issue(&None, format!("{topic} refuses {key}: {reason}"));
    }

    /// The record is refused, and its type goes on without it.
    pub(super) fn add_dead_letter(&self, key: &str, reason: &str, dead_letters: &str) {
        let topic = &self.context.topic;
        if self.context.statistics.add_dead_letter() {
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

    /// The topic takes nothing more, and the type ends.
    pub(super) fn close_topic(&self, error: &KafkaError) {
        let topic = &self.context.topic;
        if self.context.statistics.end_by_refusal() {
            tracing::error!(topic = &**topic, %error, "the topic is gone, or closed to us; its type ends here");
        }
        self.context.statistics.issue(
            &None,
            format!(
                "{topic} is gone, or there is no right to write to it: {error}; create it, or allow WRITE and DESCRIBE"
            ),
        );
    }

    /// The record is not acknowledged, and will not be.
    pub(in crate::kafka) fn lose(&self, error: &KafkaError) {
        let what = if self.mode == SendMode::DeadLetter {
            "a refused record is not among the dead letters either"
        } else {
            "not acknowledged"
        };
        let topic = &self.context.topic;
        self.context.statistics.issue(&None, format!("{what}: {topic}: {error}"));
    }
}
