//! What ends a sync early. Every phase of a sync looks here.

use std::future::Future;

use tokio::sync::watch;

use crate::report::StopReason;

/// What a type says that `timeout` has ended.
pub(super) const TIMED_OUT: &str = "stopped by timeout";

/// Why a sync has to end early, if it has to.
#[derive(Debug)]
pub(super) struct Stop(watch::Sender<Option<StopReason>>);

impl Stop {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Asks the sync to end. The first reason counts, but any other reason replaces a time-out, which only ends the reading.
    pub(super) fn request(&self, reason: StopReason) {
        self.0.send_if_modified(|current| {
            let timeout = StopReason::Timeout;
            let replaces = current.as_ref().is_none_or(|current| *current == timeout && reason != timeout);
            if replaces {
                *current = Some(reason);
            }
            replaces
        });
    }

    /// Whether `timeout` has ended the reading.
    pub(super) fn is_timed_out(&self) -> bool {
        *self.0.borrow() == Some(StopReason::Timeout)
    }

    /// Waits until the reading has to end.
    pub(super) async fn requested(&self) -> StopReason {
        self.wait_for(|_| true).await
    }

    /// Waits until the wait for Kafka has to end too, for any reason but a time-out.
    pub(super) async fn cut_short(&self) -> StopReason {
        self.wait_for(|reason| *reason != StopReason::Timeout).await
    }

    /// The result of a step, or the stop reason if the sync has to end before.
    pub(super) async fn unless_requested<T, E>(&self, step: impl Future<Output = Result<T, E>>) -> Result<T, StopReason>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        tokio::select! {
            biased;
            reason = self.requested() => Err(reason),
            done = step => done.map_err(StopReason::failure),
        }
    }

    async fn wait_for(&self, counts: impl Fn(&StopReason) -> bool) -> StopReason {
        let mut current = self.0.subscribe();
        let reason = current.wait_for(|reason| reason.as_ref().is_some_and(&counts)).await;
        match reason.ok().and_then(|reason| reason.clone()) {
            Some(reason) => reason,
            // `self` holds the sender, so the channel is never closed.
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reason_counts_and_any_replaces_a_time_out() {
        let stop = Stop::new();
        for (asked, counts) in [
            (StopReason::Timeout, StopReason::Timeout),
            (StopReason::Signal, StopReason::Signal),
            (StopReason::Closed, StopReason::Signal),
            (StopReason::Timeout, StopReason::Signal),
        ] {
            stop.request(asked);
            assert_eq!(stop.requested().await, counts);
        }
        assert_eq!(stop.cut_short().await, StopReason::Signal);
    }
}
