//! What the product says in its log, counted on the threads of one runtime: other tests run beside.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::{Field, Visit};
use tracing::{Dispatch, Event, Subscriber, dispatcher};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// How often a stall was told, a producer made anew, and one given up with records in flight.
#[derive(Clone, Default)]
pub(super) struct Heard {
    renewed: Arc<AtomicU64>,
    stalled: Arc<AtomicU64>,
    unanswered: Arc<AtomicU64>,
}

impl Heard {
    pub(super) fn renewed(&self) -> u64 {
        self.renewed.load(Ordering::Relaxed)
    }

    pub(super) fn stalled(&self) -> u64 {
        self.stalled.load(Ordering::Relaxed)
    }

    pub(super) fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
    }

    /// What every thread of a runtime does when it starts: from then on it is heard.
    pub(super) fn listener(&self) -> impl Fn() + Send + Sync + 'static {
        let dispatch = Dispatch::new(Registry::default().with(self.clone()));
        move || std::mem::forget(dispatcher::set_default(&dispatch))
    }
}

impl<S: Subscriber> Layer<S> for Heard {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message::default();
        event.record(&mut message);
        if message.0.starts_with("the Kafka producer failed; a new one") {
            self.renewed.fetch_add(1, Ordering::Relaxed);
        } else if message.0.starts_with("Kafka does not acknowledge") {
            self.stalled.fetch_add(1, Ordering::Relaxed);
        } else if message.0.starts_with("a failed producer had records in flight") {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
