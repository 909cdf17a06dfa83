//! What librdkafka keeps beside each record in flight (its delivery opaque): context, in-flight permit, and how it was sent.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::KafkaError;

use super::super::in_flight::InFlightPermit;
use crate::observe::{Notable, ago};
use crate::record::RecordContext;
use crate::report::Counters;

/// How often a record is sent again because the producer failed: once for each producer that a sync may make anew.
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

/// Shared by the records of a batch, and dropped when the last of them is acknowledged or given up.
#[derive(Debug, Clone)]
pub(in crate::kafka) struct Opaque {
    pub(in crate::kafka) context: Arc<RecordContext>,
    pub(in crate::kafka) mode: SendMode,
    /// How often the record was sent before because a producer failed.
    pub(super) retries: u8,
    _permit: Arc<InFlightPermit>,
}

impl Opaque {
    pub(in crate::kafka) fn new(context: Arc<RecordContext>, permit: InFlightPermit) -> Self {
        Self { context, mode: SendMode::Batched, retries: 0, _permit: Arc::new(permit) }
    }

    /// For a record that is sent again as it was. None once that was done often enough.
    pub(super) fn retry(&self) -> Option<Arc<Self>> {
        (self.retries < RETRIES).then(|| Arc::new(Self { retries: self.retries + 1, ..self.clone() }))
    }

    /// For a record that is sent again in another mode.
    pub(super) fn in_mode(&self, mode: SendMode) -> Arc<Self> {
        Arc::new(Self { mode, ..self.clone() })
    }

    pub(super) fn acknowledge(&self, partition: i32, offset: i64) {
        // A refused record does not count as acknowledged, although the dead letter topic has it.
        if self.mode == SendMode::DeadLetter {
            self.context.statistics.deliveries.add_dead_letter();
        } else {
            self.context.offsets.add(partition, offset);
            Counters::add(&self.context.statistics.counters.acknowledged, 1);
        }
    }

    /// The record is refused, and its type ends with it.
    pub(super) fn end_type(&self, key: &str, reason: &str) {
        self.context.statistics.deliveries.add_refused();
        self.note("refused");
        let _scope = self.context.span.enter();
        let topic: &str = &self.context.topic;
        if self.context.statistics.end_by_refusal() {
            tracing::error!(topic, key, reason, "Kafka refuses a record; its type ends here");
        }
        self.context.statistics.issue(&None, format!("{topic} refuses {key}: {reason}"));
    }

    /// The record is refused, and its type goes on without it.
    pub(super) fn add_dead_letter(&self, key: &str, reason: &str, dead_letters: &str) {
        self.note("dead_letter");
        let _scope = self.context.span.enter();
        let topic: &str = &self.context.topic;
        if self.context.statistics.add_dead_letter() {
            tracing::warn!(
                topic,
                key,
                reason,
                dead_letters,
                "Kafka refuses a record; it goes to the dead letter topic"
            );
        }
        self.context.statistics.issue(&None, format!("{topic} refuses {key}, which goes to {dead_letters}: {reason}"));
    }

    /// The topic takes no record, and the type ends.
    pub(super) fn close_topic(&self, error: &str) {
        self.context.statistics.deliveries.add_lost();
        self.note("lost");
        let _scope = self.context.span.enter();
        let topic: &str = &self.context.topic;
        if self.context.statistics.end_by_refusal() {
            tracing::error!(topic, error, "the topic takes no records; its type ends here");
        }
        self.context.statistics.issue(&None, format!("{topic} takes no records: {error}"));
    }

    /// The record is not acknowledged, and will not be.
    pub(in crate::kafka) fn lose(&self, error: &KafkaError) {
        self.context.statistics.deliveries.add_lost();
        self.note("lost");
        let what = if self.mode == SendMode::DeadLetter {
            "refused, and not on the dead letter topic either"
        } else {
            "not acknowledged"
        };
        let topic = &self.context.topic;
        self.context.statistics.issue(&None, format!("{what}: {topic}: {error}"));
    }

    /// A record is not on its topic.
    fn note(&self, error: &str) {
        let (name, error) = (|| self.context.topic.to_string(), Some(error.to_owned()));
        let took = Duration::ZERO;
        self.context.trace.note(|| Notable { name: name(), is_call: false, began: ago(took), took, error });
    }
}
