//! What becomes of every record: the delivery callback counts it, sends it back where it has to be sent again, frees its in-flight
//! permit, and tells when Kafka acknowledges nothing any more.

mod error_class;
mod opaque;
mod owned_record;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{DeliveryResult, Message};

use self::error_class::{ErrorClass, classify};
pub(super) use self::opaque::{Opaque, SendMode};
pub(super) use self::owned_record::OwnedRecord;
use super::status::Status;
use crate::config::{Config, Tolerance};

/// What becomes of records, by every producer's delivery callback.
#[derive(Debug)]
pub(super) struct Deliveries {
    status: Arc<Status>,
    /// They keep their in-flight permits, which bounds them.
    returned: Mutex<Returned>,
    /// A producer's epoch is refused again and again.
    stale_epoch: AtomicBool,
    delivery_timeout: Duration,
    /// Where refused records go. None where they end their type.
    dead_letter_topic: Option<String>,
}

/// Records that came back from librdkafka and have to be sent again.
#[derive(Debug, Default)]
struct Returned {
    records: Vec<(OwnedRecord, Arc<Opaque>)>,
    /// What is not acknowledged is being thrown away: nothing is sent again.
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

    /// What an earlier sync gave up concerns this one no more.
    pub(super) fn begin_sync(&self) {
        self.returned.lock().given_up = false;
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

    /// Takes what came back.
    pub(super) fn take_returned(&self) -> Vec<(OwnedRecord, Arc<Opaque>)> {
        std::mem::take(&mut self.returned.lock().records)
    }

    /// From now on nothing is sent again. What waits for that is lost.
    pub(super) fn give_up(&self) {
        let records = {
            let mut returned = self.returned.lock();
            returned.given_up = true;
            std::mem::take(&mut returned.records)
        };
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
                    // librdkafka counts epochs by itself, up to the end of 15 bits. Then no broker takes the next.
                    if code == Some(Code::InvalidProducerEpoch) && opaque.is_retry() {
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
                let reason = code.map_or_else(|| error.to_string(), |code| code.to_string());
                self.refuse(record(), opaque, &reason, too_large);
            }
            (ErrorClass::TopicClosed, _) => opaque.close_topic(error),
        }
        if code == Some(Code::MessageTimedOut) && self.status.silence() >= self.delivery_timeout {
            let timeout = humantime::format_duration(self.delivery_timeout);
            self.status.fail(format!("Kafka acknowledged nothing for {timeout} (kafka.delivery_timeout)"));
        }
    }

    /// A record that its topic will never take ends its type, or goes to the dead letter topic.
    pub(super) fn refuse(&self, record: OwnedRecord, opaque: &Opaque, reason: &str, too_large: bool) {
        let Some(topic) = &self.dead_letter_topic else {
            return opaque.end_type(&record.key(), reason);
        };
        opaque.add_dead_letter(&record.key(), reason, topic);
        let dead_letter = record.into_dead_letter(topic, &opaque.context, reason, too_large);
        self.put_back(dead_letter, opaque.in_mode(SendMode::DeadLetter));
    }

    /// Whether a producer's epoch has gone stale since this was last asked.
    pub(super) fn take_stale_epoch(&self) -> bool {
        self.stale_epoch.swap(false, Ordering::Relaxed)
    }

    fn put_back(&self, record: OwnedRecord, opaque: Arc<Opaque>) {
        let mut returned = self.returned.lock();
        if returned.given_up {
            drop(returned);
            return opaque.lose(&KafkaError::MessageProduction(Code::PurgeQueue));
        }
        returned.records.push((record, opaque));
        drop(returned);
        self.status.notify();
    }
}
