//! What is known of Kafka at this moment: the last error, the last acknowledgement, and whether Kafka is gone for good.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rdkafka::error::RDKafkaErrorCode as Code;
use tokio::sync::{Notify, watch};

/// Why nothing more can be delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FatalProducerError(pub(crate) String);

/// What is known of Kafka, from the callbacks of all clients.
#[derive(Debug)]
pub(super) struct Status {
    fatal: watch::Sender<Option<FatalProducerError>>,
    /// Whether anything was acknowledged since the sync began.
    acknowledged: AtomicBool,
    last_acknowledged: Mutex<Instant>,
    last_error: Mutex<Option<String>>,
    /// The address that a broker advertises, and its last error.
    last_broker_error: Mutex<Option<(String, String)>>,
    /// Wakes recovery: a record has to be sent again, or librdkafka reported an error.
    pub(super) recovery: Notify,
}

impl Status {
    pub(super) fn new() -> Self {
        Self {
            fatal: watch::Sender::new(None),
            acknowledged: AtomicBool::new(false),
            last_acknowledged: Mutex::new(Instant::now()),
            last_error: Mutex::default(),
            last_broker_error: Mutex::default(),
            recovery: Notify::new(),
        }
    }

    /// Forgets what happened to an earlier sync.
    pub(super) fn begin_sync(&self) {
        self.fatal.send_replace(None);
        self.acknowledged.store(false, Ordering::Relaxed);
        *self.last_error.lock() = None;
        *self.last_broker_error.lock() = None;
    }

    /// Why nothing more can be delivered, if so.
    pub(super) fn fatal(&self) -> Option<FatalProducerError> {
        self.fatal.borrow().clone()
    }

    /// Waits until nothing more can be delivered.
    pub(super) async fn failed(&self) -> FatalProducerError {
        let mut fatal = self.fatal.subscribe();
        let error = fatal.wait_for(Option::is_some).await.ok().and_then(|error| error.clone());
        match error {
            Some(error) => error,
            // `self` holds the sender, so the channel is never closed.
            None => std::future::pending().await,
        }
    }

    /// Records that nothing more can be delivered. The first reason counts.
    pub(super) fn fail(&self, reason: String) {
        self.fatal.send_if_modified(|fatal| {
            let first = fatal.is_none();
            fatal.get_or_insert(FatalProducerError(reason));
            first
        });
    }

    pub(super) fn last_error(&self) -> Option<String> {
        self.last_error.lock().clone()
    }

    /// The last error of a broker at the address, `host:port`, that it advertises, and the address.
    pub(super) fn last_broker_error(&self) -> Option<(String, String)> {
        self.last_broker_error.lock().clone()
    }

    pub(super) fn note_acknowledgement(&self) {
        self.acknowledged.store(true, Ordering::Relaxed);
        *self.last_acknowledged.lock() = Instant::now();
    }

    /// The time since the last acknowledgement.
    pub(super) fn silence(&self) -> Duration {
        self.last_acknowledged.lock().elapsed()
    }

    /// Notes what librdkafka's error callback reports. Bad credentials, a bad certificate and a wrong protocol never fail a send,
    /// so before the first acknowledgement of a sync such an error ends it.
    pub(super) fn note_error(&self, code: Option<Code>, reason: &str) {
        // The callback also reports fatal errors. Recovery asks each producer for them.
        self.recovery.notify_one();
        if let Some((address, error)) = of_broker(reason) {
            *self.last_broker_error.lock() = Some((address.to_owned(), error.to_owned()));
        }
        let mut last = self.last_error.lock();
        // "All brokers are down" says less than an earlier error of one broker.
        if last.is_none() || code != Some(Code::AllBrokersDown) {
            *last = Some(reason.to_owned());
        }
        drop(last);
        if !self.acknowledged.load(Ordering::Relaxed)
            && let Some(setting) = code.and_then(|code| setting_at_fault(code, reason))
        {
            self.fail(format!("{reason}; see {setting}"));
        }
    }
}

/// The address and the error in a reason such as `sasl_ssl://kafka-1:9092/1: Connection refused`. The number is the broker's: its
/// address is the one that it advertises. A bootstrap address has `bootstrap` there.
fn of_broker(reason: &str) -> Option<(&str, &str)> {
    let (name, error) = reason.split_once(": ")?;
    let name = name.rsplit_once("://").map_or(name, |(_, name)| name);
    let (address, number) = name.rsplit_once('/')?;
    number.parse::<u32>().is_ok().then_some((address, error))
}

/// The setting to look at, if the error is of a kind that waiting does not cure.
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
