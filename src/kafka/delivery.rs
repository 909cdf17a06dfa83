//! What becomes of every record: librdkafka's callbacks count it, send it back where it has to be sent again, give back its place,
//! and tell when Kafka is gone for good.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;
use tokio::sync::{Notify, watch};

use super::error_class::{ErrorClass, SendMode, classify};
use super::opaque::Opaque;
use super::owned_record::OwnedRecord;
use crate::config::{Config, Tolerance};

/// Why nothing more can be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FatalProducerError(pub String);

impl fmt::Display for FatalProducerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// librdkafka's ear: deliveries, errors and logs. Every producer of ours has the same.
#[derive(Debug, Clone)]
pub(crate) struct DeliveryHandler {
    state: Arc<DeliveryState>,
}

#[derive(Debug)]
struct DeliveryState {
    fatal: watch::Sender<Option<FatalProducerError>>,
    acknowledged: AtomicBool,
    last_acknowledged: Mutex<Instant>,
    last_error: Mutex<Option<String>>,
    /// Records that have to be sent again. As many as places in flight at most: they keep theirs.
    returned: Mutex<Returned>,
    /// Something came back, or went wrong.
    notified: Notify,
    /// A producer's epoch is refused again and again.
    stale: AtomicBool,
    timeout: Duration,
    /// Where refused records go; none where they end their type.
    dead_letters: Option<String>,
}

#[derive(Debug, Default)]
struct Returned {
    owned_records: Vec<(OwnedRecord, Arc<Opaque>)>,
    /// What is not acknowledged is being thrown away: nothing is sent again.
    given_up: bool,
}

impl DeliveryHandler {
    /// `kafka.delivery_timeout` without any acknowledgement means that Kafka is gone.
    pub(super) fn new(config: &Config) -> Self {
        let dead_letters = match config.errors.tolerance {
            Tolerance::None => None,
            Tolerance::Dlq => Some(config.kafka.dead_letter_topic()),
        };
        Self {
            state: Arc::new(DeliveryState {
                fatal: watch::Sender::new(None),
                acknowledged: AtomicBool::new(false),
                last_acknowledged: Mutex::new(Instant::now()),
                last_error: Mutex::default(),
                returned: Mutex::default(),
                notified: Notify::new(),
                stale: AtomicBool::new(false),
                timeout: config.kafka.delivery_timeout,
                dead_letters,
            }),
        }
    }

    /// What was said of an earlier sync counts no more.
    pub(super) fn begin_sync(&self) {
        self.state.fatal.send_replace(None);
        self.state.acknowledged.store(false, Ordering::Relaxed);
        lock(&self.state.returned).given_up = false;
        *lock(&self.state.last_error) = None;
    }

    /// Tells when Kafka is gone for good.
    pub(super) fn fatal(&self) -> watch::Receiver<Option<FatalProducerError>> {
        self.state.fatal.subscribe()
    }

    /// librdkafka's last word about the brokers.
    pub(super) fn last_error(&self) -> Option<String> {
        lock(&self.state.last_error).clone()
    }

    /// Waits until something came back, or went wrong.
    pub(super) async fn notified(&self) {
        self.state.notified.notified().await;
    }

    /// Wakes whoever waits for that.
    pub(super) fn notify(&self) {
        self.state.notified.notify_one();
    }

    /// What came back.
    pub(super) fn returned(&self) -> Vec<(OwnedRecord, Arc<Opaque>)> {
        std::mem::take(&mut lock(&self.state.returned).owned_records)
    }

    /// From now on nothing is sent again; what waits for that is lost.
    pub(super) fn give_up(&self) {
        let owned_records = {
            let mut returned = lock(&self.state.returned);
            returned.given_up = true;
            std::mem::take(&mut returned.owned_records)
        };
        for (_, opaque) in owned_records {
            opaque.lose(&KafkaError::MessageProduction(Code::PurgeQueue));
        }
    }

    /// Nothing more can be delivered. The first reason counts.
    pub(super) fn end(&self, reason: String) {
        self.state.fatal.send_if_modified(|fatal| {
            let first = fatal.is_none();
            fatal.get_or_insert(FatalProducerError(reason));
            first
        });
    }

    /// Decides what becomes of a record that is not acknowledged.
    pub(super) fn fail(&self, error: &KafkaError, opaque: &Arc<Opaque>, owned: impl FnOnce() -> OwnedRecord) {
        let code = error.rdkafka_error_code();
        match (classify(code, opaque.mode), opaque.mode) {
            (ErrorClass::Retry, _) => match opaque.again() {
                Some(again) => {
                    // librdkafka counts epochs by itself, up to the end of 15 bits, and then no broker takes the next.
                    if code == Some(Code::InvalidProducerEpoch) && opaque.was_sent_again() {
                        self.state.stale.store(true, Ordering::Relaxed);
                    }
                    self.put_back(owned(), again);
                }
                None => opaque.lose(error),
            },
            (ErrorClass::Alone, _) => self.put_back(owned(), opaque.other(SendMode::Alone)),
            (ErrorClass::Refused | ErrorClass::TopicClosed | ErrorClass::Lost, SendMode::DeadLetter) => {
                opaque.lose(error);
            }
            (ErrorClass::Refused, _) => {
                let too_large = matches!(code, Some(Code::MessageSizeTooLarge | Code::MessageBatchTooLarge));
                self.refuse(owned(), opaque, &words(error), too_large);
            }
            (ErrorClass::TopicClosed, _) => opaque.close(error),
            (ErrorClass::Lost, _) => opaque.lose(error),
        }
        if code == Some(Code::MessageTimedOut) && self.silence() >= self.state.timeout {
            let timeout = humantime::format_duration(self.state.timeout);
            self.end(format!("Kafka acknowledged nothing for {timeout} (kafka.delivery_timeout)"));
        }
    }

    /// A record that no topic of its own will take.
    pub(super) fn refuse(&self, owned: OwnedRecord, opaque: &Opaque, reason: &str, too_large: bool) {
        let Some(topic) = &self.state.dead_letters else {
            return opaque.refuse(&owned.key(), reason);
        };
        opaque.dead_lettered(&owned.key(), reason, topic);
        self.put_back(owned.dead(topic, &opaque.context, reason, too_large), opaque.other(SendMode::DeadLetter));
    }

    /// Whether a producer's epoch has gone stale since this was last asked.
    pub(super) fn take_stale(&self) -> bool {
        self.state.stale.swap(false, Ordering::Relaxed)
    }

    fn put_back(&self, owned: OwnedRecord, opaque: Arc<Opaque>) {
        let mut returned = lock(&self.state.returned);
        if returned.given_up {
            drop(returned);
            return opaque.lose(&KafkaError::MessageProduction(Code::PurgeQueue));
        }
        returned.owned_records.push((owned, opaque));
        drop(returned);
        self.notify();
    }

    fn acknowledge(&self) {
        self.state.acknowledged.store(true, Ordering::Relaxed);
        *lock(&self.state.last_acknowledged) = Instant::now();
    }

    fn silence(&self) -> Duration {
        lock(&self.state.last_acknowledged).elapsed()
    }
}

impl ProducerContext for DeliveryHandler {
    type DeliveryOpaque = Arc<Opaque>;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: Arc<Opaque>) {
        match result {
            Ok(message) => {
                self.acknowledge();
                opaque.acknowledge(message.partition(), message.offset());
            }
            Err((error, message)) => self.fail(error, &opaque, || OwnedRecord::of(message)),
        }
    }
}

/// librdkafka's code in its words, without rdkafka's.
fn words(error: &KafkaError) -> String {
    error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ClientContext for DeliveryHandler {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                // The error callback says the same, with a code.
                tracing::debug!(target: "librdkafka", facility, "{message}");
            }
            // A broker that has just started says so of every try; librdkafka goes on trying.
            RDKafkaLogLevel::Warning if facility == "GETPID" => {
                tracing::debug!(target: "librdkafka", facility, "{message}");
            }
            RDKafkaLogLevel::Warning => tracing::warn!(target: "librdkafka", facility, "{message}"),
            _ => tracing::debug!(target: "librdkafka", facility, "{message}"),
        }
    }

    /// Bad credentials, a bad certificate and a wrong protocol never fail a send: they are said here, and only here.
    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        tracing::debug!(target: "librdkafka", ?code, "{reason}");
        // A fatal error is said here too, under its own code.
        self.notify();
        let mut last = lock(&self.state.last_error);
        // "All brokers are down" says less than what was said of one of them.
        if last.is_none() || code != Some(Code::AllBrokersDown) {
            *last = Some(reason.to_owned());
        }
        drop(last);
        if !self.state.acknowledged.load(Ordering::Relaxed)
            && let Some(setting) = code.and_then(|code| setting_at_fault(code, reason))
        {
            self.end(format!("{reason}; see {setting}"));
        }
    }
}

/// The setting to look at where waiting mends nothing.
fn setting_at_fault(code: Code, reason: &str) -> Option<&'static str> {
    let says = |word: &str| reason.to_ascii_lowercase().contains(word);
    match code {
        Code::Authentication | Code::SaslAuthenticationFailed => {
            Some("kafka.security.mechanism, username and password (kafka.properties: sasl.*)")
        }
        Code::SSL => Some("kafka.security.ca (kafka.properties: ssl.*)"),
        Code::BrokerTransportFailure if says("plaintext broker listener") => {
            Some("kafka.security.protocol (kafka.properties: security.protocol)")
        }
        Code::BrokerTransportFailure if says("alert") => {
            Some("kafka.security.certificate and key (kafka.properties: ssl.*)")
        }
        _ => None,
    }
}
