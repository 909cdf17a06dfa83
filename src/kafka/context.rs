//! librdkafka's callbacks. Producers and admin clients have the same context.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;

use super::delivery::{Deliveries, Opaque};
use super::status::Status;
use crate::observe::Librdkafka;

/// Where the callbacks go. Clones share all of it.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) status: Arc<Status>,
    pub(super) deliveries: Arc<Deliveries>,
    librdkafka: Arc<Librdkafka>,
    /// Whether other clients have taken the place of those with this context. What goes wrong with their connections counts no more.
    retired: Arc<AtomicBool>,
}

impl Context {
    pub(super) fn new(status: Arc<Status>, deliveries: Arc<Deliveries>, librdkafka: Arc<Librdkafka>) -> Self {
        Self { status, deliveries, librdkafka, retired: Arc::default() }
    }

    /// The context of the clients that take the place of these.
    pub(super) fn successor(&self) -> Self {
        Self { retired: Arc::default(), ..self.clone() }
    }

    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            // It says that a producer ignores this property, which is not so where offsets are asked.
            RDKafkaLogLevel::Warning if facility == "CONFWARN" && message.contains("isolation.level") => {
                tracing::debug!(target: "librdkafka", facility, "{message}");
            }
            // A broker that has just started refuses producer ids (facility GETPID) for a while. librdkafka tries again.
            RDKafkaLogLevel::Warning if facility != "GETPID" => {
                tracing::warn!(target: "librdkafka", facility, "{message}");
            }
            // What librdkafka logs as an error also comes to the error callback, with a code.
            _ => tracing::debug!(target: "librdkafka", facility, "{message}"),
        }
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.librdkafka.take(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        tracing::debug!(target: "librdkafka", ?code, "{reason}");
        if !self.retired.load(Ordering::Relaxed) {
            self.status.note_error(code, reason);
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Arc<Opaque>;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: Arc<Opaque>) {
        self.deliveries.delivered(result, &opaque);
    }
}
