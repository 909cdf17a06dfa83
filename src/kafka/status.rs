//! What is known of Kafka at this moment: librdkafka's last word, the last acknowledgement, and whether it is gone for good.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rdkafka::error::RDKafkaErrorCode as Code;
use tokio::sync::{Notify, watch};

/// Why nothing more can be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FatalProducerError(pub(crate) String);

impl fmt::Display for FatalProducerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for FatalProducerError {}

/// What is known of Kafka. Every callback adds to it.
#[derive(Debug)]
pub(super) struct Status {
    fatal: watch::Sender<Option<FatalProducerError>>,
    /// Something was acknowledged since the sync began.
    acknowledged: AtomicBool,
    last_acknowledged: Mutex<Instant>,
    last_error: Mutex<Option<String>>,
    /// A record came back, or something went wrong.
    notify: Notify,
}

impl Status {
    pub(super) fn new() -> Self {
        Self {
            fatal: watch::Sender::new(None),
            acknowledged: AtomicBool::new(false),
            last_acknowledged: Mutex::new(Instant::now()),
            last_error: Mutex::default(),
            notify: Notify::new(),
        }
    }

    /// Forgets what was said of an earlier sync.
    pub(super) fn begin_sync(&self) {
        self.fatal.send_replace(None);
        self.acknowledged.store(false, Ordering::Relaxed);
        *self.last_error.lock() = None;
    }

    /// Why nothing more can be delivered, where that is so.
    pub(super) fn fatal(&self) -> Option<FatalProducerError> {
        self.fatal.borrow().clone()
    }

    /// Waits until nothing more can be delivered.
    pub(super) async fn failed(&self) -> FatalProducerError {
        let mut fatal = self.fatal.subscribe();
        let error = fatal.wait_for(Option::is_some).await.ok().and_then(|error| error.clone());
        match error {
            Some(error) => error,
            // `self` holds the other end.
            None => std::future::pending().await,
        }
    }

    /// Nothing more can be delivered. The first reason counts.
    pub(super) fn fail(&self, reason: String) {
        self.fatal.send_if_modified(|fatal| {
            let first = fatal.is_none();
            fatal.get_or_insert(FatalProducerError(reason));
            first
        });
    }

    /// librdkafka's last word about the brokers.
    pub(super) fn last_error(&self) -> Option<String> {
        self.last_error.lock().clone()
    }

    /// Waits until a record came back, or something went wrong.
    pub(super) async fn notified(&self) {
        self.notify.notified().await;
    }

    /// Wakes whoever waits for that.
    pub(super) fn notify(&self) {
        self.notify.notify_one();
    }

    pub(super) fn note_acknowledgement(&self) {
        self.acknowledged.store(true, Ordering::Relaxed);
        *self.last_acknowledged.lock() = Instant::now();
    }

    /// How long nothing has been acknowledged.
    pub(super) fn silence(&self) -> Duration {
        self.last_acknowledged.lock().elapsed()
    }

    /// What librdkafka's error callback says. Bad credentials, a bad certificate and a wrong protocol never fail a send: before the
    /// first acknowledgement of a sync such a word is the end of it.
    pub(super) fn note_error(&self, code: Option<Code>, reason: &str) {
        // Recovery looks for a fatal error, which librdkafka says here too, under its own code.
        self.notify();
        let mut last = self.last_error.lock();
        // "All brokers are down" says less than what was said of one of them.
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

/// The setting to look at where waiting does not help.
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
