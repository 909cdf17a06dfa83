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
    /// How long the last offsets may take, and after a stop the outcome with them.
    pub(super) patience: Duration,
}

impl LastWords<'_> {
    /// Says them. An outcome that readers of Kafka do not learn makes the sync FAILED. `cut` is what ends a sync early, and must not
    /// have ended this one unless the report says so.
    pub(super) async fn say(&self, report: &mut Report, ranges: Vec<Range>, cut: Pin<&mut impl Future<Output = Cut>>) {
        if self.kafka.gone().borrow().is_some() {
            return;
        }
        let deadline = Instant::now() + self.patience;
        report.partitions = self.last_offsets(ranges, deadline).await;
        let Err(lost) = self.announce(report, deadline, cut).await else { return };
        let failure = format!("the outcome {} is not on the sync topic: {lost}", report.outcome);
        if report.cut == Some(Cut::Signal) {
            tracing::error!("{failure}");
        } else {
            (report.outcome, report.cut) = (Outcome::Failed, Some(Cut::Failure(failure)));
        }
    }

    /// Announces the scopes that never came to an end of their own, and then the outcome. Unless something has cut the sync short,
    /// a broker that stands still is waited for.
    async fn announce(
        &self,
        report: &Report,
        mut deadline: Instant,
        cut: Pin<&mut impl Future<Output = Cut>>,
    ) -> Result<(), String> {
        let event = SyncEvent::outcome(report);
        let mut announced = pin!(async {
            for ledger in self.plan.ledgers() {
                self.plan.announce(&ledger).await;
            }
            self.announcer.announce(&event).await
        });
        if matches!(report.cut, None | Some(Cut::Timeout)) {
            tokio::select! {
                biased;
                announced = &mut announced => return announced,
                _ = cut => deadline = Instant::now() + self.patience,
            }
        }
        let late = |_| Err("the broker did not acknowledge it in time".to_owned());
        tokio::time::timeout_at(deadline, announced).await.unwrap_or_else(late)
    }

    /// The ranges of the report; none where they cannot be known, rather than wrong ones.
    async fn last_offsets(&self, ranges: Vec<Range>, deadline: Instant) -> Vec<Range> {
        match tokio::time::timeout_at(deadline, self.kafka.close(ranges)).await {
            Ok(Ok(ranges)) => ranges,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the report has no partitions");
                Vec::new()
            }
            Err(_) => {
                tracing::warn!("the broker did not tell its offsets in time; the report has no partitions");
                Vec::new()
            }
        }
    }
}
