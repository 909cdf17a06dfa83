//! The end of a sync, once its last record is acknowledged or given up: where its records lie, and its outcome on the sync topic.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::plan::Plan;
use crate::event::SyncEvent;
use crate::kafka::Kafka;
use crate::kafka::topics::Range;
use crate::report::{Cut, Outcome, Report};
use crate::stage::announce::Announcer;

/// What the end of a sync needs.
pub(super) struct LastWords<'a> {
    pub(super) kafka: &'a Arc<Kafka>,
    pub(super) announcer: &'a Announcer,
    pub(super) plan: &'a Plan,
    /// How long they may take once something has cut the sync short; before that a broker that stands still is waited for.
    pub(super) patience: Duration,
}

impl LastWords<'_> {
    /// Says them. An outcome that readers of Kafka do not learn makes the sync FAILED, or ABORTED if it was a signal that cut the wait
    /// for it short. `cut` is what ends a sync early; it may have ended only if the report says so.
    pub(super) async fn say(&self, report: &mut Report, ranges: Vec<Range>, cut: Pin<&mut impl Future<Output = Cut>>) {
        if let Some(gone) = self.kafka.gone().borrow().clone() {
            // It may have gone while the last record was waited for, when nothing was left to be cut short.
            if !matches!(report.cut, Some(Cut::Signal | Cut::Failure(_))) {
                (report.outcome, report.cut) = (Outcome::Failed, Some(Cut::Failure(gone.to_string())));
            }
            return;
        }
        let mut wait = Wait::new(report.cut.clone(), cut, self.patience);
        match wait.for_end(self.ranges(ranges)).await {
            Some(Ok(ranges)) => report.partitions = ranges,
            Some(Err(anew)) => (report.outcome, report.cut) = (Outcome::Failed, Some(Cut::Failure(anew))),
            None => {}
        }
        let event = SyncEvent::outcome(report);
        let said = wait.for_end(self.announce(&event)).await;
        let Err(lost) = said.unwrap_or_else(|| Err("the broker did not acknowledge it in time".to_owned())) else {
            return;
        };
        let failure = format!("the outcome {} may not be on the sync topic: {lost}", report.outcome);
        tracing::error!("{failure}");
        let (outcome, cut) = match wait.reason {
            Some(Cut::Signal) => (Outcome::Aborted, Cut::Signal),
            Some(reason @ Cut::Failure(_)) => (Outcome::Failed, reason),
            _ => (Outcome::Failed, Cut::Failure(failure)),
        };
        (report.outcome, report.cut) = (outcome, Some(cut));
    }

    /// Announces the scopes that never came to an end of their own, and then the outcome.
    async fn announce(&self, outcome: &SyncEvent<'_>) -> Result<(), String> {
        for ledger in self.plan.ledgers() {
            if !self.plan.announce(&ledger).await {
                break;
            }
        }
        self.announcer.settle().await;
        self.announcer.announce(outcome).await?;
        if let Some(lost) = self.announcer.lost() {
            tracing::error!("{lost}");
        }
        Ok(())
    }

    /// Where the records lie, by what was acknowledged; none where that cannot be known, rather than wrong ones. The error is a topic
    /// that was deleted and made anew meanwhile: what it had acknowledged before is gone.
    async fn ranges(&self, mut ranges: Vec<Range>) -> Result<Vec<Range>, String> {
        for (topic, reached) in self.plan.reached() {
            for (partition, span) in reached.spans() {
                let high = match span.vague {
                    false => Some(span.last + 1),
                    true => self.end(&topic, partition).await,
                };
                let Some(high) = high else { return Ok(Vec::new()) };
                match ranges.iter_mut().find(|range| range.topic == topic && range.partition == partition) {
                    Some(range) if span.is_of_another(range.low) => {
                        return Err(format!(
                            "{topic} was deleted and made anew in mid-sync: what was sent before is gone"
                        ));
                    }
                    Some(range) => range.high = high,
                    // A partition that the topic was given meanwhile.
                    None => ranges.push(Range { topic: topic.clone(), partition, low: span.first, high }),
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
    cut: Pin<&'a mut F>,
    reason: Option<Cut>,
    deadline: Option<Instant>,
    patience: Duration,
}

impl<'a, F: Future<Output = Cut>> Wait<'a, F> {
    fn new(reason: Option<Cut>, cut: Pin<&'a mut F>, patience: Duration) -> Self {
        // A sync that ran out of time has all the time to say so.
        let deadline = reason.as_ref().filter(|reason| **reason != Cut::Timeout).map(|_| Instant::now() + patience);
        Self { cut, reason, deadline, patience }
    }

    async fn for_end<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        if self.deadline.is_none() {
            tokio::select! {
                biased;
                ended = &mut future => return Some(ended),
                reason = &mut self.cut => self.reason = Some(reason),
            }
        }
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + self.patience);
        tokio::time::timeout_at(deadline, future).await.ok()
    }
}
