//! What is measured where it arises: durations, and the times in which something waits. Without telemetry the handles are empty and
//! cost nothing. Whoever holds one knows no exporter.

mod librdkafka;
mod notable;
mod trace;
mod wait_clock;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;

pub use self::librdkafka::Librdkafka;
pub(crate) use self::librdkafka::LibrdkafkaSeen;
pub(crate) use self::notable::Notable;
pub use self::trace::Tracing;
pub use self::trace::TypeTrace;
pub(crate) use self::trace::{Said, Traced, ago, counted};
pub(crate) use self::wait_clock::WaitClock;

/// Where durations are recorded, in seconds. Clones share it, and the default records nothing.
#[derive(Debug, Clone, Default)]
pub struct Latencies {
    /// One attempt of an ECS request. One for each that reads.
    pub call: Vec<Histogram<f64>>,
    /// One batch, from its hand-over to librdkafka to its last acknowledgement.
    pub send: Vec<Histogram<f64>>,
}

impl Latencies {
    /// AWS has taken so long for one attempt.
    pub(crate) fn call(&self, category: &'static str, took: Duration) {
        for call in &self.call {
            call.record(took.as_secs_f64(), &[KeyValue::new("category", category)]);
        }
    }

    /// Kafka has taken so long for a batch.
    pub(crate) fn send(&self, topic: &Arc<str>, took: Duration) {
        for send in &self.send {
            send.record(took.as_secs_f64(), &messaging(Arc::clone(topic)));
        }
    }
}

/// What OpenTelemetry's conventions for messaging say of what goes to a topic.
pub(crate) fn messaging(topic: Arc<str>) -> [KeyValue; 3] {
    [
        KeyValue::new("messaging.destination.name", topic),
        KeyValue::new("messaging.operation.name", "send"),
        KeyValue::new("messaging.system", "kafka"),
    ]
}

/// What an engine measures with. The default is for programs without telemetry.
#[derive(Debug, Clone, Default)]
pub struct Observers {
    /// Where durations are recorded.
    pub latencies: Latencies,
    /// For how long stages have waited.
    pub blocked: Arc<Blocked>,
    /// Where spans begin.
    pub tracing: Tracing,
    /// What librdkafka tells of itself.
    pub librdkafka: Arc<Librdkafka>,
}

/// For how long the stages have waited for those behind them, in the life of the process.
#[derive(Debug, Default)]
pub struct Blocked {
    /// Lists, for room among the pages.
    pub(crate) list: WaitClock,
    /// Describe requests, for a buffer permit.
    pub(crate) describe: WaitClock,
    /// The producer, for an in-flight permit.
    pub(crate) produce: WaitClock,
}

impl Blocked {
    /// Each stage by its name, and for how long it has waited.
    pub(crate) fn times(&self) -> [(&'static str, Duration); 3] {
        [("list", self.list.total()), ("describe", self.describe.total()), ("produce", self.produce.total())]
    }
}
