//! The end of a sync, once its last record is acknowledged or given up: the ranges, and the outcome on the sync topic.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::Instant;

use super::context::SyncContext;
use super::publisher::EventPublisher;
use super::stop::Stop;
use crate::report::{Outcome, PartitionRange, Report, StopReason, SyncEvent};

/// What the end of a sync needs.
pub(super) struct Finish<'a> {
    pub(super) publisher: &'a EventPublisher,
    pub(super) context: &'a SyncContext,
}

/// What makes a sync FAILED at its end.
#[derive(Debug, thiserror::Error)]
enum FinishError {
    #[error("{0} was deleted and made anew in mid-sync: what was sent before is gone")]
    TopicReplaced(String),
    #[error("the outcome {outcome} may not be on the sync topic: {reason}")]
    OutcomeLost { outcome: Outcome, reason: String },
}

impl Finish<'_> {
    /// Completes the report and publishes the outcome. If the outcome is not acknowledged, the sync is FAILED, or ABORTED if a
    /// signal cut the wait short.
    pub(super) async fn run(&self, report: &mut Report, ranges: Vec<PartitionRange>) {
        if let Some(fatal) = self.publisher.producer.fatal() {
            // Kafka may have failed during the wait for the last record, when there was nothing left to stop.
            if !matches!(report.stop_reason, Some(StopReason::Signal | StopReason::Failure(_))) {
                fail(report, StopReason::failure(fatal));
            }
            return;
        }
        let mut wait =
            Wait::new(report.stop_reason.clone(), &self.context.stop, self.context.config.limits.outcome_timeout);
        match wait.for_end(self.ranges(ranges)).await {
            Some(Ok(ranges)) => report.partitions = ranges,
            Some(Err(error)) => fail(report, StopReason::failure(error)),
            None => {}
        }
        let published = match wait.for_end(self.publish_scopes()).await {
            Some(all) => {
                // Without an event of each scope readers cannot prove that the snapshot is whole.
                if !all && report.outcome == Outcome::Completed {
                    report.outcome = Outcome::Partial;
                }
                wait.for_end(self.publisher.publish(&SyncEvent::outcome(report))).await
            }
            None => None,
        };
        let reason = match published {
            Some(Ok(())) => return,
            Some(Err(error)) => error.to_string(),
            None => "the broker did not acknowledge it in time".to_owned(),
        };
        let error = FinishError::OutcomeLost { outcome: report.outcome, reason };
        tracing::error!("{error}");
        match wait.reason {
            Some(StopReason::Signal) => {
                report.outcome = Outcome::Aborted;
                report.stop_reason = Some(StopReason::Signal);
            }
            Some(reason @ StopReason::Failure(_)) => fail(report, reason),
            _ => fail(report, StopReason::failure(error)),
        }
    }

    /// Publishes the SCOPE events that are still missing. False if any SCOPE event of the sync is not on the topic.
    async fn publish_scopes(&self) -> bool {
        let mut all = true;
        for scope in self.context.scopes() {
            all = self.context.publish(&scope).await;
            if !all {
                break;
            }
        }
        // A SCOPE event that is sent again must not come after the outcome.
        self.publisher.producer.drain().await;
        if let Some(lost) = self.publisher.lost() {
            tracing::error!("{lost}");
            return false;
        }
        all
    }

    /// The ranges in which the acknowledged records lie, or none at all if one of them cannot be known. The error is a topic that
    /// was deleted and made anew meanwhile.
    async fn ranges(&self, mut ranges: Vec<PartitionRange>) -> Result<Vec<PartitionRange>, FinishError> {
        for (topic, offsets) in &self.context.offsets {
            for (partition, acked) in offsets.ranges() {
                let mut high = acked.last + 1;
                if acked.incomplete {
                    match self.publisher.producer.end_offset(topic, partition).await {
                        Ok(end) => high = end,
                        Err(error) => {
                            tracing::warn!(%error, "the report has no partitions");
                            return Ok(Vec::new());
                        }
                    }
                }
                match ranges.iter_mut().find(|range| range.topic == *topic && range.partition == partition) {
                    Some(range) if acked.is_of_another_topic(range.low) => {
                        return Err(FinishError::TopicReplaced(topic.clone()));
                    }
                    Some(range) => range.high = high,
                    // The partition was added during the sync.
                    None => ranges.push(PartitionRange { topic: topic.clone(), partition, low: acked.first, high }),
                }
            }
        }
        Ok(ranges)
    }
}

fn fail(report: &mut Report, reason: StopReason) {
    report.outcome = Outcome::Failed;
    report.stop_reason = Some(reason);
}

/// A wait that has no deadline until something cuts the sync short.
struct Wait<'a> {
    stop: &'a Stop,
    reason: Option<StopReason>,
    deadline: Option<Instant>,
    /// How long the end may take once something has cut the sync short. Until then it waits even for a broker that is stalled.
    time_limit: Duration,
}

impl<'a> Wait<'a> {
    fn new(reason: Option<StopReason>, stop: &'a Stop, time_limit: Duration) -> Self {
        // `timeout` ends the reading alone, and does not cut short.
        let is_cut_short = reason.as_ref().is_some_and(|reason| *reason != StopReason::Timeout);
        Self { stop, reason, deadline: is_cut_short.then(|| Instant::now() + time_limit), time_limit }
    }

    async fn for_end<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        if self.deadline.is_none() {
            tokio::select! {
                biased;
                ended = &mut future => return Some(ended),
                reason = self.stop.cut_short() => self.reason = Some(reason),
            }
        }
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + self.time_limit);
        tokio::time::timeout_at(deadline, future).await.ok()
    }
}
