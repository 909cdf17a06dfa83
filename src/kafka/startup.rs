//! The first contact with brokers: the partitions of topics, their end offsets, and the wait for what is not there yet.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::producer::Producer as _;

use super::handles::Handle;
use super::{Absence, Error, Producer};

/// How long a broker may take for one answer.
pub(super) const ANSWER: Duration = Duration::from_secs(5);

/// How long one attempt to reach a first broker takes. It is short, so that a refusal ends the wait soon.
pub(super) const ATTEMPT: Duration = Duration::from_secs(1);

/// The shortest attempt, at the end of a wait.
const LEAST: Duration = Duration::from_millis(10);

/// A failure that passes within this time is not told: a topic that was just made has no leader for a moment.
const PASSING: Duration = Duration::from_secs(1);

/// What librdkafka says where a connection ends while it signs in.
const CLOSED_AT_SIGN_IN: &str = "SaslAuthenticateRequest failed";

/// The pause before something that is not there is asked for again.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// A partition, as a broker's metadata shows it.
pub(super) struct Partition {
    pub(super) id: i32,
    pub(super) has_leader: bool,
}

impl Producer {
    pub(crate) async fn end_offset(self: &Arc<Self>, topic: &str, partition: i32) -> Result<i64, Error> {
        let topic = topic.to_owned();
        let wait = StartupWait::new(ANSWER);
        self.blocking(move |producer, handle| producer.end_offset_of(handle, &topic, partition, &wait)).await
    }

    /// Asks for one topic by name. A listing of all topics would leave out those that may not be described.
    pub(super) fn partitions(
        &self,
        handle: &Handle,
        topic: &str,
        wait: &StartupWait,
    ) -> Result<Result<Vec<Partition>, Absence>, Error> {
        let metadata = loop {
            match handle.client().fetch_metadata(Some(topic), wait.attempt(ATTEMPT)) {
                Ok(metadata) => {
                    wait.answered();
                    self.context.status.note_contact();
                    break metadata;
                }
                Err(error) => self.still_starting(&error.to_string(), wait)?,
            }
        };
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
            return Ok(Err(Absence::Other("it is not in the broker's answer".to_owned())));
        };
        if let Some(code) = found.error() {
            return Ok(Err(Absence::of(Code::from(code))));
        }
        let found = found.partitions().iter();
        let mut partitions: Vec<Partition> =
            found.map(|one| Partition { id: one.id(), has_leader: one.leader() >= 0 }).collect();
        partitions.sort_unstable_by_key(|partition| partition.id);
        if partitions.is_empty() {
            return Ok(Err(Absence::Other("it has no partition yet".to_owned())));
        }
        Ok(Ok(partitions))
    }

    /// An error ends the wait for a first broker: a refusal, or the time-out.
    fn still_starting(&self, error: &str, wait: &StartupWait) -> Result<(), Error> {
        if let Some(fatal) = self.fatal() {
            return Err(Error::Refused(fatal));
        }
        let reason = self.context.status.last_error().unwrap_or_else(|| error.to_owned());
        let way_out = if reason.contains(CLOSED_AT_SIGN_IN) {
            format!(
                "the broker closed the connection when it was told who signs in; {}",
                self.context.status.sign_in_way_out()
            )
        } else {
            "see kafka.bootstrap_servers, and whether the port wants TLS or SASL (kafka.security.protocol)".to_owned()
        };
        let no_broker = || Error::NoBroker {
            servers: self.servers.clone(),
            waited: humantime::format_duration(self.startup_timeout).to_string(),
            reason: format!("{reason}; {way_out}"),
        };
        // Who advertises an address has answered before.
        wait.or(|| self.unreachable().unwrap_or_else(no_broker))
    }

    /// The end offset of a partition. Its leader may be away for a moment, and a partition that was just created has none yet.
    pub(super) fn end_offset_of(
        &self,
        handle: &Handle,
        topic: &str,
        partition: i32,
        wait: &StartupWait,
    ) -> Result<i64, Error> {
        loop {
            match handle.client().fetch_watermarks(topic, partition, wait.attempt(ANSWER)) {
                Ok((_, end)) => {
                    wait.answered();
                    return Ok(end);
                }
                Err(source) => {
                    if let Some(fatal) = self.fatal() {
                        return Err(Error::Refused(fatal));
                    }
                    // What a broker says itself counts more than what was last heard of a connection.
                    let code = source.rdkafka_error_code();
                    let unreachable = || self.unreachable().filter(|_| code.is_some_and(is_unanswered));
                    wait.or(|| unreachable().unwrap_or(Error::Offsets { topic: topic.to_owned(), source }))?;
                    std::thread::sleep(PAUSE); // why: librdkafka's call blocks, so it has a thread of its own
                }
            }
        }
    }

    /// An error of the first contact. Where no broker answered, the first port says itself what it is.
    pub(super) async fn explained(&self, error: Error) -> Error {
        let Error::NoBroker { servers, waited, reason } = error else { return error };
        let first = servers.split(',').next().unwrap_or_default();
        let probe = self.probe.lock().clone();
        let reason = probe.ask(first).await.unwrap_or(reason);
        Error::NoBroker { servers, waited, reason }
    }

    /// A broker that could not be reached at the address that it advertises.
    pub(super) fn unreachable(&self) -> Option<Error> {
        self.context.status.last_broker_error().map(|(address, reason)| Error::Unreachable { address, reason })
    }
}

/// The wait for what may not be there yet when a sync starts. What does not pass soon is told.
pub(super) struct StartupWait {
    deadline: Mutex<Instant>,
    /// Whether anything was answered. From then on each attempt has its whole time.
    is_answered: AtomicBool,
    /// When the last attempt began.
    attempted: Mutex<Instant>,
    /// When the first attempt that failed began.
    failing: OnceLock<Instant>,
    is_told: AtomicBool,
}

impl StartupWait {
    pub(super) fn new(timeout: Duration) -> Self {
        let now = Instant::now();
        Self {
            deadline: Mutex::new(now + timeout),
            is_answered: AtomicBool::new(false),
            attempted: Mutex::new(now),
            failing: OnceLock::new(),
            is_told: AtomicBool::new(false),
        }
    }

    /// The end of the wait, and not before `least` has passed. Unlike the wait itself it stays where it is when brokers answer.
    pub(super) fn end(&self, least: Duration) -> Instant {
        (*self.deadline.lock()).max(Instant::now() + least)
    }

    /// Begins an attempt, and returns how long it may take: `most`, and before the first answer no longer than the wait.
    pub(super) fn attempt(&self, most: Duration) -> Duration {
        let now = Instant::now();
        *self.attempted.lock() = now;
        let left = self.deadline.lock().saturating_duration_since(now);
        if self.is_answered.load(Ordering::Relaxed) { most } else { left.clamp(LEAST, most) }
    }

    /// How much of the wait is left.
    pub(super) fn left(&self) -> Duration {
        self.deadline.lock().saturating_duration_since(Instant::now())
    }

    /// A broker has answered. What comes next has the time of an answer at least: a slow or far cluster takes long for all of it.
    pub(super) fn answered(&self) {
        self.is_answered.store(true, Ordering::Relaxed);
        let mut deadline = self.deadline.lock();
        *deadline = (*deadline).max(Instant::now() + ANSWER);
    }

    /// The attempt failed: the error, once the wait is over. Before that it is a warning.
    pub(super) fn or(&self, error: impl FnOnce() -> Error) -> Result<(), Error> {
        if Instant::now() >= *self.deadline.lock() {
            return Err(error());
        }
        let lasts = self.failing.get_or_init(|| *self.attempted.lock()).elapsed() >= PASSING;
        if lasts && !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!("{}; it is tried again", error());
        }
        Ok(())
    }
}

/// Whether a code means that a broker was not reached, or did not answer in time.
pub(super) fn is_unanswered(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::RequestTimedOut
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_move_the_wait_and_not_an_end_that_was_taken_from_it() {
        let wait = StartupWait::new(Duration::ZERO);
        let no_broker = || Error::Cancelled;
        assert!(wait.or(no_broker).is_err(), "it is over");
        let end = wait.end(Duration::ZERO);
        wait.answered();
        assert!(wait.or(no_broker).is_ok(), "what comes next has the time of an answer");
        assert!(end <= Instant::now(), "whoever asks again and again comes to an end");
    }
}
