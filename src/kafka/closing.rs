//! Clients of librdkafka whose end keeps nobody waiting.

use std::ops::Deref;
use std::thread;

/// A client of librdkafka that is closed on a thread of its own. Closing one waits for the threads of librdkafka, and a thread that
/// resolves a name waits for the resolver, which may never answer.
pub(super) struct ClosedInBackground<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> ClosedInBackground<T> {
    pub(super) fn new(client: T) -> Self {
        Self(Some(client))
    }
}

impl<T: Send + 'static> Deref for ClosedInBackground<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("only drop takes it")
    }
}

impl<T: Send + 'static> Drop for ClosedInBackground<T> {
    fn drop(&mut self) {
        let client = self.0.take();
        // Without a thread, this one closes it.
        let _ = thread::Builder::new().name("kafka-close".to_owned()).spawn(move || drop(client));
    }
}
