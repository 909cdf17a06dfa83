//! The end of a sync, once its last record is acknowledged or given up: where its records lie, and its outcome on the sync topic.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::context::SyncContext;
use crate::event::SyncEvent;
use crate::kafka::Kafka;
use crate::kafka::topics::PartitionRange;
use crate::report::{Outcome, Report, StopReason};
use crate::stage::publish::EventPublisher;

/// What the end of a sync needs.
pub(super) struct Finish<'a> {
    pub(super) kafka: &'a Arc<Kafka>,
    pub(super) publisher: &'a EventPublisher,
    pub(super) context: &'a SyncContext,
    /// How long they may take once something has cut the sync short; before that a broker that stands still is waited for.
    pub(super) time_limit: Duration,
}

impl Finish<'_> {
    /// Says them. An outcome that readers of Kafka do not learn makes the sync FAILED, or ABORTED if it was a signal that cut the wait
    /// for it short. `stop_reason` is what ends a sync early; it may have ended only if the report says so.
    pub(super) async fn run(
        &self,
        report: &mut Report,
        ranges: Vec<PartitionRange>,
        stop_reason: Pin<&mut impl Future<Output = StopReason>>,
    ) {
        if let Some(fatal) = self.kafka.fatal().borrow().clone() {
            // It may have gone while the last record was waited for, when nothing was left to be cut short.
            if !matches!(report.stop_reason, Some(StopReason::Signal | StopReason::Failure(_))) {
                (report.outcome, report.stop_reason) = (Outcome::Failed, Some(StopReason::Failure(fatal.to_string())));
            }
            return;
        }
        let mut wait = Wait::new(report.stop_reason.clone(), stop_reason, self.time_limit);
        match wait.for_end(self.ranges(ranges)).await {
            Some(Ok(ranges)) => report.partitions = ranges,
            Some(Err(anew)) => {
                (report.outcome, report.stop_reason) = (Outcome::Failed, Some(StopReason::Failure(anew)));
            }
            None => {}
        }
        let event = SyncEvent::outcome(report);
        let published = wait.for_end(self.publish(&event)).await;
        let Err(lost) = published.unwrap_or_else(|| Err("the broker did not acknowledge it in time".to_owned())) else {
            return;
        };
        let failure = format!("the outcome {} may not be on the sync topic: {lost}", report.outcome);
        tracing::error!("{failure}");
        let (outcome, stop_reason) = match wait.reason {
            Some(StopReason::Signal) => (Outcome::Aborted, StopReason::Signal),
            Some(reason @ StopReason::Failure(_)) => (Outcome::Failed, reason),
            _ => (Outcome::Failed, StopReason::Failure(failure)),
        };
        (report.outcome, report.stop_reason) = (outcome, Some(stop_reason));
    }

    /// Announces the scopes that never came to an end of their own, and then the outcome.
    async fn publish(&self, outcome: &SyncEvent<'_>) -> Result<(), String> {
        for scope in self.context.scopes() {
            if !self.context.publish(&scope).await {
                break;
            }
        }
        self.publisher.drained().await;
        self.publisher.publish(outcome).await?;
        if let Some(lost) = self.publisher.lost() {
            tracing::error!("{lost}");
        }
        Ok(())
    }

    /// Where the records lie, by what was acknowledged; none where that cannot be known, rather than wrong ones. The error is a topic
    /// that was deleted and made anew meanwhile: what it had acknowledged before is gone.
    async fn ranges(&self, mut ranges: Vec<PartitionRange>) -> Result<Vec<PartitionRange>, String> {
        for (topic, offsets) in self.context.offsets() {
            for (partition, acked) in offsets.ranges() {
                let high = match acked.incomplete {
                    false => Some(acked.last + 1),
                    true => self.end(&topic, partition).await,
                };
                let Some(high) = high else { return Ok(Vec::new()) };
                match ranges.iter_mut().find(|range| range.topic == topic && range.partition == partition) {
                    Some(range) if acked.is_of_another_topic(range.low) => {
                        return Err(format!(
                            "{topic} was deleted and made anew in mid-sync: what was sent before is gone"
                        ));
                    }
                    Some(range) => range.high = high,
                    // A partition that the topic was given meanwhile.
                    None => ranges.push(PartitionRange { topic: topic.clone(), partition, low: acked.first, high }),
                }
            }
        }
        Ok(ranges)
    }

    async fn end(&self, topic: &str, partition: i32) -> Option<i64> {
        match self.kafka.end(topic, partition).await {
            Ok(end) => Some(end),
            Err(error) => {
                tracing::warn!(%error, "the report has no partitions");
                None
            }
        }
    }
}

/// A wait without end until something cuts it short, and then with one.
struct Wait<'a, F> {
    stop_reason: Pin<&'a mut F>,
    reason: Option<StopReason>,
    deadline: Option<Instant>,
    time_limit: Duration,
}

impl<'a, F: Future<Output = StopReason>> Wait<'a, F> {
    fn new(reason: Option<StopReason>, stop_reason: Pin<&'a mut F>, time_limit: Duration) -> Self {
        // A sync that ran out of time has all the time to say so.
        let deadline =
            reason.as_ref().filter(|reason| **reason != StopReason::Timeout).map(|_| Instant::now() + time_limit);
        Self { stop_reason, reason, deadline, time_limit }
    }

    async fn for_end<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        if self.deadline.is_none() {
            tokio::select! {
                biased;
                ended = &mut future => return Some(ended),
                reason = &mut self.stop_reason => self.reason = Some(reason),
            }
        }
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + self.time_limit);
        tokio::time::timeout_at(deadline, future).await.ok()
    }
}
