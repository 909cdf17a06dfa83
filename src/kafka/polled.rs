//! A producer of librdkafka with a thread that hears from it.
//!
//! rdkafka's `ThreadedProducer` polls for 100 ms at a time, and spins through the last millisecond of each: rounded down, what is left is
//! no time to wait (`Timeout::as_millis`). That is one percent of a core, also where nothing happens.

use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::BaseProducer;

use super::context::Context;

/// How long one poll takes. Whatever comes ends the wait at once. So long the thread may outlive its producer.
const POLL: Duration = Duration::from_secs(2);

/// A producer whose callbacks are called on a thread of its own.
pub(super) struct PolledProducer {
    producer: Arc<BaseProducer<Context>>,
    is_dropped: Arc<AtomicBool>,
}

impl PolledProducer {
    /// # Errors
    /// librdkafka refuses the properties, or the system has no thread.
    pub(super) fn create(properties: &ClientConfig, context: &Context) -> Result<Self, KafkaError> {
        let producer: Arc<BaseProducer<Context>> = Arc::new(properties.create_with_context(context.clone())?);
        let is_dropped = Arc::new(AtomicBool::new(false));
        let polled = Self { producer: Arc::clone(&producer), is_dropped: Arc::clone(&is_dropped) };
        let status = Arc::clone(&context.status);
        let poll = move || {
            while !is_dropped.load(Ordering::Relaxed) {
                producer.poll(POLL);
                status.note_poll();
            }
        };
        let started: io::Result<_> = thread::Builder::new().name("kafka-poll".to_owned()).spawn(poll);
        match started {
            Ok(_) => Ok(polled),
            Err(error) => Err(KafkaError::ClientCreation(format!(
                "{}: no thread to poll it: {error}",
                Code::CriticalSystemResource
            ))),
        }
    }
}

impl Deref for PolledProducer {
    type Target = BaseProducer<Context>;

    fn deref(&self) -> &Self::Target {
        &self.producer
    }
}

impl Drop for PolledProducer {
    fn drop(&mut self) {
        self.is_dropped.store(true, Ordering::Relaxed);
    }
}
