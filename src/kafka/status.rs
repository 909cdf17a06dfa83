//! What is known of Kafka at this moment: the last error, the last acknowledgement, and whether Kafka is gone for good.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rdkafka::error::RDKafkaErrorCode as Code;
use tokio::sync::{Notify, watch};

/// Why nothing more can be delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct FatalProducerError {
    pub(crate) reason: String,
    /// Whether nobody refused anything: Kafka was silent.
    pub(crate) is_silence: bool,
}

/// What is known of Kafka, from the callbacks of all clients.
#[derive(Debug)]
pub(super) struct Status {
    fatal: watch::Sender<Option<FatalProducerError>>,
    /// Whether anything was acknowledged since the sync began.
    acknowledged: AtomicBool,
    last_acknowledged: Mutex<Instant>,
    last_error: Mutex<Option<String>>,
    token_fault: Mutex<Option<String>>,
    /// The address that a broker advertises, and its last error.
    last_broker_error: Mutex<Option<(String, String)>>,
    /// The address, and an error of a kind that waiting does not cure, whose words do not tell one cause from another.
    ambiguous: Mutex<Option<(String, String)>>,
    /// Whether the clients of now have had an answer of a broker.
    contacted: AtomicBool,
    /// Since when a sign-in is refused while brokers are in use, and the first word of it.
    refused_while_used: Mutex<Option<(Instant, String)>>,
    /// Whether the last word of a connection was such a refusal.
    refused_last: AtomicBool,
    /// Whether a sync was ended by what was said of a connection. librdkafka does not repeat itself for half a minute.
    has_failed: AtomicBool,
    /// What the current token shows, and which settings to look at where a broker refuses it. None without tokens.
    clue: Mutex<Option<String>>,
    /// When a poll thread last showed itself.
    polled: Mutex<Option<Instant>>,
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
            token_fault: Mutex::default(),
            last_broker_error: Mutex::default(),
            ambiguous: Mutex::default(),
            contacted: AtomicBool::new(false),
            refused_while_used: Mutex::default(),
            refused_last: AtomicBool::new(false),
            has_failed: AtomicBool::new(false),
            clue: Mutex::default(),
            polled: Mutex::default(),
            recovery: Notify::new(),
        }
    }

    /// Forgets what happened to an earlier sync.
    pub(super) fn begin_sync(&self) {
        self.fatal.send_replace(None);
        self.acknowledged.store(false, Ordering::Relaxed);
        *self.last_error.lock() = None;
        *self.last_broker_error.lock() = None;
        *self.ambiguous.lock() = None;
        *self.refused_while_used.lock() = None;
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
        self.end(FatalProducerError { reason, is_silence: false });
    }

    /// Records that nothing more can be delivered, because Kafka is silent.
    pub(super) fn fail_silent(&self, reason: String) {
        self.end(FatalProducerError { reason, is_silence: true });
    }

    fn end(&self, error: FatalProducerError) {
        self.fatal.send_if_modified(|fatal| {
            let first = fatal.is_none();
            fatal.get_or_insert(error);
            first
        });
    }

    /// What was last heard of a connection. A token that could not be renewed is the cause of what brokers say.
    pub(super) fn last_error(&self) -> Option<String> {
        self.token_fault.lock().clone().or_else(|| self.last_error.lock().clone())
    }

    /// The last error of a broker at the address, `host:port`, that it advertises, and the address.
    pub(super) fn last_broker_error(&self) -> Option<(String, String)> {
        self.last_broker_error.lock().clone()
    }

    /// The address and the words of an error that ends the sync as soon as the port has said which cause it has.
    pub(super) fn ambiguous(&self) -> Option<(String, String)> {
        self.ambiguous.lock().clone().filter(|_| self.fatal().is_none())
    }

    /// Since when a sign-in is refused while brokers are in use, and the words.
    pub(super) fn refused_while_used(&self) -> Option<(Instant, String)> {
        self.refused_while_used.lock().clone().filter(|_| self.fatal().is_none())
    }

    /// The poll thread is alive.
    pub(super) fn note_poll(&self) {
        *self.polled.lock() = Some(Instant::now());
    }

    /// How long ago the poll thread last showed itself. None if it never did.
    pub(super) fn since_poll(&self) -> Option<Duration> {
        self.polled.lock().map(|polled| polled.elapsed())
    }

    /// A broker has answered.
    pub(super) fn note_contact(&self) {
        self.contacted.store(true, Ordering::Relaxed);
    }

    /// Other clients take the place of those of before.
    pub(super) fn forget_contact(&self) {
        self.contacted.store(false, Ordering::Relaxed);
    }

    /// Whether the last word of a connection was a refusal to sign in.
    pub(super) fn was_refused_last(&self) -> bool {
        self.refused_last.load(Ordering::Relaxed)
    }

    /// Whether a sync was ended by what was said of a connection since this was asked.
    pub(super) fn take_failed(&self) -> bool {
        self.has_failed.swap(false, Ordering::Relaxed)
    }

    /// Why the token could not be renewed. Recovery looks whether brokers have refused the old one.
    pub(super) fn note_token_fault(&self, reason: &str) {
        *self.token_fault.lock() = Some(reason.to_owned());
        self.recovery.notify_one();
    }

    /// Such a refusal has passed.
    pub(super) fn forget_refusal(&self) {
        *self.refused_while_used.lock() = None;
    }

    /// Such a refusal is judged again later.
    pub(super) fn doubt_again(&self) {
        if let Some((since, _)) = &mut *self.refused_while_used.lock() {
            *since = Instant::now();
        }
    }

    /// There is another token.
    pub(super) fn set_clue(&self, clue: &str) {
        *self.token_fault.lock() = None;
        *self.clue.lock() = Some(clue.to_owned());
    }

    /// Ends the sync because of a sign-in that is refused.
    pub(super) fn fail_sign_in(&self, words: &str) {
        self.has_failed.store(true, Ordering::Relaxed);
        self.fail(format!("{words}; {}", self.sign_in_way_out()));
    }

    /// What to look at where a broker refuses who signs in.
    pub(super) fn sign_in_way_out(&self) -> String {
        self.clue.lock().clone().unwrap_or_else(|| format!("see {USER}"))
    }

    pub(super) fn note_acknowledgement(&self) {
        self.note_contact();
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
        if let Some((address, error)) = of_broker(reason) {
            *self.last_broker_error.lock() = Some((address.to_owned(), error.to_owned()));
        }
        let mut last = self.last_error.lock();
        // "All brokers are down" says less than an earlier error of one broker.
        if last.is_none() || code != Some(Code::AllBrokersDown) {
            *last = Some(reason.to_owned());
        }
        drop(last);
        let is_acknowledged = self.acknowledged.load(Ordering::Relaxed);
        let is_refusal = matches!(code, Some(Code::Authentication | Code::SaslAuthenticationFailed));
        if code != Some(Code::AllBrokersDown) {
            self.refused_last.store(is_refusal, Ordering::Relaxed);
        }
        // A session that began in its last second is refused though nothing is wrong.
        let is_late = || self.contacted.load(Ordering::Relaxed) && is_wrong_state(reason);
        if is_refusal && (is_acknowledged || is_late()) {
            self.refused_while_used.lock().get_or_insert_with(|| (Instant::now(), reason.to_owned()));
        } else if !is_acknowledged && let Some(setting) = code.and_then(|code| setting_at_fault(code, reason)) {
            self.has_failed.store(true, Ordering::Relaxed);
            match address_of(reason) {
                // A certificate of another host, one that has expired, and an HTTP server read like an unknown authority.
                Some(address) if setting == AUTHORITY => {
                    self.ambiguous.lock().get_or_insert_with(|| (address.to_owned(), reason.to_owned()));
                }
                _ if setting == USER => self.fail_sign_in(reason),
                _ => self.fail(format!("{reason}; see {setting}")),
            }
        }
        // The callback also reports fatal errors. Recovery asks each producer for them, and a port what it is.
        self.recovery.notify_one();
    }
}

/// The address in a reason such as `ssl://kafka-1:9092/bootstrap: SSL handshake failed`.
fn address_of(reason: &str) -> Option<&str> {
    let (name, _) = reason.split_once(": ")?;
    let name = name.rsplit_once("://").map_or(name, |(_, name)| name);
    name.rsplit_once('/').map(|(address, _)| address)
}

/// The address and the error in a reason such as `sasl_ssl://kafka-1:9092/1: Connection refused`. The number is the broker's: its
/// address is the one that it advertises. A bootstrap address has `bootstrap` there.
fn of_broker(reason: &str) -> Option<(&str, &str)> {
    let (name, error) = reason.split_once(": ")?;
    let (_, number) = name.rsplit_once('/')?;
    number.parse::<u32>().ok()?;
    Some((address_of(reason)?, error))
}

/// Whether a broker was asked to sign in at a moment when it does not expect that.
pub(super) fn is_wrong_state(reason: &str) -> bool {
    reason.to_ascii_lowercase().contains(WRONG_STATE)
}

/// What a broker answers to a request to sign in at the wrong moment, and a port without SASL to any.
const WRONG_STATE: &str = "not valid in current sasl state";

pub(super) const AUTHORITY: &str = "kafka.security.ca (kafka.properties: ssl.ca.location)";
const CERTIFICATE: &str =
    "kafka.security.certificate and kafka.security.key (kafka.properties: ssl.certificate.location, ssl.key.location)";
const PROTOCOL: &str = "kafka.security.protocol (kafka.properties: security.protocol)";
const MECHANISM: &str = "kafka.security.mechanism (kafka.properties: sasl.mechanism)";
const USER: &str =
    "kafka.security.username and kafka.security.password (kafka.properties: sasl.username, sasl.password)";

/// The setting to look at, if the error is of a kind that waiting does not cure.
fn setting_at_fault(code: Code, reason: &str) -> Option<&'static str> {
    let says = |word: &str| reason.to_ascii_lowercase().contains(word);
    match code {
        // What a port without SASL answers to the first request of SASL.
        Code::Authentication if says(WRONG_STATE) => Some(PROTOCOL),
        Code::Authentication if says("unsupported sasl mechanism") => Some(MECHANISM),
        Code::Authentication | Code::SaslAuthenticationFailed => Some(USER),
        Code::SSL if says("client ssl authentication might be required") => Some(CERTIFICATE),
        Code::SSL => Some(AUTHORITY),
        Code::BrokerTransportFailure if says("plaintext broker listener") => Some(PROTOCOL),
        Code::BrokerTransportFailure if says("alert") => Some(CERTIFICATE),
        _ => None,
    }
}
