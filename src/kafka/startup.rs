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

/// The pause before something that is not there is asked for again.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

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
    ) -> Result<Result<Vec<i32>, Absence>, Error> {
        let metadata = loop {
            match handle.client().fetch_metadata(Some(topic), wait.attempt(ATTEMPT)) {
                Ok(metadata) => break metadata,
                Err(error) => self.still_starting(&error.to_string(), wait)?,
            }
        };
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
            return Ok(Err(Absence::Other("it is not in the broker's answer".to_owned())));
        };
        if let Some(code) = found.error() {
            return Ok(Err(Absence::of(Code::from(code))));
        }
        let mut partitions: Vec<i32> = found.partitions().iter().map(|partition| partition.id()).collect();
        partitions.sort_unstable();
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
        wait.or(|| Error::NoBroker {
            servers: self.servers.clone(),
            waited: humantime::format_duration(self.startup_timeout).to_string(),
            reason: format!("{reason}; see kafka.bootstrap_servers, and whether the port wants TLS or SASL"),
        })
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
                Ok((_, end)) => return Ok(end),
                Err(source) => {
                    if let Some(fatal) = self.fatal() {
                        return Err(Error::Refused(fatal));
                    }
                    wait.or(|| match self.unreachable() {
                        Some(unreachable) => unreachable,
                        None => Error::Offsets { topic: topic.to_owned(), source },
                    })?;
                    std::thread::sleep(PAUSE); // why: librdkafka's call blocks, so it has a thread of its own
                }
            }
        }
    }

    /// A broker that could not be reached at the address that it advertises.
    pub(super) fn unreachable(&self) -> Option<Error> {
        self.context.status.last_broker_error().map(|(address, reason)| Error::Unreachable { address, reason })
    }
}

/// The wait for what may not be there yet when a sync starts. What does not pass soon is told.
pub(super) struct StartupWait {
    deadline: Instant,
    /// When the last attempt began.
    attempted: Mutex<Instant>,
    /// When the first attempt that failed began.
    failing: OnceLock<Instant>,
    is_told: AtomicBool,
}

impl StartupWait {
    pub(super) fn new(timeout: Duration) -> Self {
        let now = Instant::now();
        let (attempted, failing) = (Mutex::new(now), OnceLock::new());
        Self { deadline: now + timeout, attempted, failing, is_told: AtomicBool::new(false) }
    }

    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Begins an attempt, and returns how long it may take: `most`, and no longer than the wait.
    pub(super) fn attempt(&self, most: Duration) -> Duration {
        let now = Instant::now();
        *self.attempted.lock() = now;
        self.deadline.saturating_duration_since(now).clamp(LEAST, most)
    }

    /// The attempt failed: the error, once the wait is over. Before that it is a warning.
    pub(super) fn or(&self, error: impl FnOnce() -> Error) -> Result<(), Error> {
        if self.is_over() {
            return Err(error());
        }
        let lasts = self.failing.get_or_init(|| *self.attempted.lock()).elapsed() >= PASSING;
        if lasts && !self.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!("{}; it is tried again", error());
        }
        Ok(())
    }
}
