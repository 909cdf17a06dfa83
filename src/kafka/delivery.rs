//! What becomes of every record: librdkafka's callbacks count it, give back its place, and tell when Kafka is gone for good.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::record::Line;
use crate::tally::Tally;

/// Why nothing more can be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone(pub String);

impl fmt::Display for Gone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Records and bytes that may be unacknowledged at a time: librdkafka's memory, in numbers.
#[derive(Debug, Clone)]
pub struct InFlight {
    records: (Arc<Semaphore>, usize),
    bytes: (Arc<Semaphore>, usize),
}

/// The places of one batch; dropped, they are free again.
#[derive(Debug)]
pub struct Permits {
    _records: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

impl InFlight {
    /// At most `records` records and `bytes` bytes (key, value, headers, and 500 B of librdkafka's own for each).
    pub fn new(records: usize, bytes: usize) -> Self {
        Self { records: (Arc::new(Semaphore::new(records)), records), bytes: (Arc::new(Semaphore::new(bytes)), bytes) }
    }

    /// Waits for the places of one batch. A batch beyond all bounds takes all there are.
    pub async fn acquire(&self, records: usize, bytes: usize) -> Option<Permits> {
        let take = async |(semaphore, all): &(Arc<Semaphore>, usize), count: usize| {
            let count = u32::try_from(count.min(*all)).unwrap_or(u32::MAX);
            Arc::clone(semaphore).acquire_many_owned(count).await.ok()
        };
        Some(Permits { _records: take(&self.records, records).await?, _bytes: take(&self.bytes, bytes).await? })
    }

    /// Waits until nothing is in flight.
    pub async fn drained(&self) {
        drop(self.acquire(self.records.1, 0).await);
    }

    /// Records in flight now.
    pub fn count(&self) -> usize {
        self.records.1 - self.records.0.available_permits()
    }
}

/// A batch in flight: shared by its records, and dropped with the last acknowledgement.
#[derive(Debug)]
pub struct Ticket {
    line: Arc<Line>,
    _permits: Permits,
}

impl Ticket {
    /// A ticket for the records of one batch.
    pub fn new(line: Arc<Line>, permits: Permits) -> Self {
        Self { line, _permits: permits }
    }

    /// A record that librdkafka did not even take, or that came back.
    pub fn lose(&self, key: &str, error: &KafkaError) {
        let code = error.rdkafka_error_code();
        let topic = &self.line.topic;
        if code.is_some_and(is_refusal) {
            if self.line.tally.refuse() {
                tracing::error!(topic = &**topic, key, %error, "Kafka refuses a record; its type ends here");
            }
            self.line.tally.trouble(&None, format!("{topic} refuses {key}: {error}"));
        } else {
            self.line.tally.trouble(&None, format!("not acknowledged by {topic}: {error}"));
        }
    }
}

/// Refused for good, by the broker's word. A time-out is not: the record may be on the topic all the same.
fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::MessageSizeTooLarge
            | Code::InvalidMessage
            | Code::InvalidMessageSize
            | Code::InvalidRecord
            | Code::PolicyViolation
            | Code::TopicAuthorizationFailed
            | Code::UnknownTopic
            | Code::UnknownTopicOrPartition
            | Code::UnknownPartition
    )
}

/// librdkafka's ear: deliveries, errors and logs.
#[derive(Debug, Clone)]
pub struct Deliveries {
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    gone: watch::Sender<Option<Gone>>,
    acknowledged: AtomicBool,
    last_acknowledged: Mutex<Instant>,
    last_error: Mutex<Option<String>>,
    timeout: Duration,
}

impl Deliveries {
    /// `timeout` is `kafka.delivery_timeout`: that long without any acknowledgement means that Kafka is gone.
    pub fn new(timeout: Duration) -> Self {
        Self {
            state: Arc::new(State {
                gone: watch::Sender::new(None),
                acknowledged: AtomicBool::new(false),
                last_acknowledged: Mutex::new(Instant::now()),
                last_error: Mutex::new(None),
                timeout,
            }),
        }
    }

    /// Tells when Kafka is gone for good.
    pub fn gone(&self) -> watch::Receiver<Option<Gone>> {
        self.state.gone.subscribe()
    }

    /// librdkafka's last word about the brokers.
    pub fn last_error(&self) -> Option<String> {
        self.state.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn end(&self, reason: String) {
        self.state.gone.send_if_modified(|gone| {
            let first = gone.is_none();
            gone.get_or_insert(Gone(reason));
            first
        });
    }

    fn acknowledge(&self) {
        self.state.acknowledged.store(true, Ordering::Relaxed);
        *self.state.last_acknowledged.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn silence(&self) -> Duration {
        self.state.last_acknowledged.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Arc<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Arc<Ticket>) {
        match result {
            Ok(message) => {
                self.acknowledge();
                ticket.line.reached.note(message.partition(), message.offset());
                Tally::add(&ticket.line.tally.acknowledged, 1);
            }
            Err((error, message)) => {
                let key = message.key().map(String::from_utf8_lossy).unwrap_or_default();
                ticket.lose(&key, error);
                match error.rdkafka_error_code() {
                    Some(Code::MessageTimedOut) if self.silence() >= self.state.timeout => {
                        self.end(format!(
                            "Kafka acknowledged nothing for {} (kafka.delivery_timeout)",
                            humantime::format_duration(self.state.timeout)
                        ));
                    }
                    Some(Code::Fatal) => self.end(format!("the Kafka producer failed: {error}")),
                    _ => {}
                }
            }
        }
    }
}

impl ClientContext for Deliveries {
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
        let mut last = self.state.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        // "All brokers are down" says less than what was said of one of them.
        if last.is_none() || code != Some(Code::AllBrokersDown) {
            *last = Some(reason.to_owned());
        }
        drop(last);
        if code == Some(Code::Fatal) {
            self.end(format!("the Kafka producer failed: {reason}"));
        } else if !self.state.acknowledged.load(Ordering::Relaxed)
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
