//! What becomes of every record. The delivery callback counts it, or returns it to be sent again, and frees its in-flight permit.
//! It also notices when Kafka acknowledges nothing any more.

mod error_class;
mod opaque;
mod owned_record;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{DeliveryResult, Message};

use self::error_class::{ErrorClass, classify, explain};
pub(super) use self::opaque::{Opaque, SendMode};
pub(super) use self::owned_record::OwnedRecord;
use super::status::Status;
use crate::config::{Config, Tolerance};

/// The state behind the delivery callbacks of all producers.
#[derive(Debug)]
pub(super) struct Deliveries {
    status: Arc<Status>,
    /// Each keeps its in-flight permit, so their number is bounded.
    returned: Mutex<Returned>,
    /// Set when a broker refuses a producer's epoch even for a record that is sent again. Recovery takes it.
    pub(super) stale_epoch: AtomicBool,
    delivery_timeout: Duration,
    /// Where refused records go. If None, a refused record ends its type.
    dead_letter_topic: Option<String>,
}

/// Records that came back from librdkafka and have to be sent again.
#[derive(Debug, Default)]
struct Returned {
    records: Vec<(OwnedRecord, Arc<Opaque>)>,
    /// `LAST_CAPTURED` of the sync that runs. Records of an earlier one may come back late, and are not sent again.
    captured: i64,
    /// What is not acknowledged is being purged: nothing is sent again.
    given_up: bool,
}

impl Deliveries {
    pub(super) fn new(config: &Config, status: Arc<Status>) -> Self {
        let dead_letter_topic = match config.errors.tolerance {
            Tolerance::None => None,
            Tolerance::Dlq => Some(config.kafka.dead_letter_topic()),
        };
        Self {
            status,
            returned: Mutex::default(),
            stale_epoch: AtomicBool::new(false),
            delivery_timeout: config.kafka.delivery_timeout,
            dead_letter_topic,
        }
    }

    /// Accepts returned records again after an earlier sync has given up.
    pub(super) fn begin_sync(&self, captured: i64) {
        let mut returned = self.returned.lock();
        returned.captured = captured;
        returned.given_up = false;
    }

    pub(super) fn delivered(&self, result: &DeliveryResult<'_>, opaque: &Arc<Opaque>) {
        match result {
            Ok(message) => {
                self.status.note_acknowledgement();
                opaque.acknowledge(message.partition(), message.offset());
            }
            Err((error, message)) => self.not_acknowledged(error, opaque, || OwnedRecord::of(message)),
        }
    }

    pub(super) fn take_returned(&self) -> Vec<(OwnedRecord, Arc<Opaque>)> {
        std::mem::take(&mut self.returned.lock().records)
    }

    /// From now on nothing is sent again. Records that wait for it are lost.
    pub(super) fn give_up(&self) {
        let mut returned = self.returned.lock();
        returned.given_up = true;
        let records = std::mem::take(&mut returned.records);
        drop(returned);
        for (_, opaque) in records {
            opaque.lose(&KafkaError::MessageProduction(Code::PurgeQueue));
        }
    }

    /// Decides what becomes of a record that is not acknowledged.
    pub(super) fn not_acknowledged(
        &self,
        error: &KafkaError,
        opaque: &Arc<Opaque>,
        record: impl FnOnce() -> OwnedRecord,
    ) {
        let code = error.rdkafka_error_code();
        match (classify(code, opaque.mode), opaque.mode) {
            (ErrorClass::Retry, _) => match opaque.retry() {
                Some(retry) => {
                    // librdkafka raises the epoch, a 15-bit number, by itself. At its maximum only a new producer helps.
                    if code == Some(Code::InvalidProducerEpoch) && opaque.retries > 0 {
                        self.stale_epoch.store(true, Ordering::Relaxed);
                    }
                    self.put_back(record(), retry);
                }
                None => opaque.lose(error),
            },
            (ErrorClass::RetrySingly, _) => self.put_back(record(), opaque.in_mode(SendMode::Single)),
            (_, SendMode::DeadLetter) | (ErrorClass::Lost, _) => opaque.lose(error),
            (ErrorClass::Refused, _) => {
                let too_large = matches!(code, Some(Code::MessageSizeTooLarge | Code::MessageBatchTooLarge));
                self.refuse(record(), opaque, &in_words(error), too_large);
            }
            (ErrorClass::TopicClosed, _) => opaque.close_topic(&in_words(error)),
        }
        if code == Some(Code::MessageTimedOut) && self.status.silence() >= self.delivery_timeout {
            let timeout = humantime::format_duration(self.delivery_timeout);
            let last =
                self.status.last_error().map(|error| format!("; the last error was: {error}")).unwrap_or_default();
            self.status.fail_silent(format!("Kafka acknowledged nothing for {timeout} (kafka.delivery_timeout){last}"));
        }
    }

    /// Ends the type of a record that its topic will never take, or sends the record to the dead letter topic.
    pub(super) fn refuse(&self, record: OwnedRecord, opaque: &Opaque, reason: &str, too_large: bool) {
        let Some(topic) = &self.dead_letter_topic else {
            return opaque.end_type(&record.key(), reason);
        };
        opaque.add_dead_letter(&record.key(), reason, topic);
        let dead_letter = record.into_dead_letter(topic, &opaque.context, reason, too_large);
        self.put_back(dead_letter, opaque.in_mode(SendMode::DeadLetter));
    }

    fn put_back(&self, record: OwnedRecord, opaque: Arc<Opaque>) {
        let mut returned = self.returned.lock();
        if returned.given_up || opaque.context.captured < returned.captured {
            drop(returned);
            return opaque.lose(&KafkaError::MessageProduction(Code::PurgeQueue));
        }
        returned.records.push((record, opaque));
        drop(returned);
        self.status.recovery.notify_one();
    }
}

/// An error with what it means.
fn in_words(error: &KafkaError) -> String {
    let Some(code) = error.rdkafka_error_code() else { return error.to_string() };
    match explain(code) {
        Some(meaning) => format!("{code}: {meaning}"),
        None => code.to_string(),
    }
}
