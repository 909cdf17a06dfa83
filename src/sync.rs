//! One sync: Kafka is prepared, scopes are admitted and read one after the other, and the last acknowledgement is waited for.

mod admission;
mod channels;
mod context;
mod finish;
mod follower;
mod live;
mod publisher;
mod rows;
mod run;
mod sink;
mod start;
mod statistics;
mod stop;
mod totals;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use self::admission::{Identities, Scopes};
pub use self::channels::ChannelDepth;
use self::context::SyncContext;
use self::finish::Finish;
pub use self::follower::Follower;
pub use self::live::{Live, LiveType, Phase, ScopeCounts};
pub(crate) use self::publisher::PublishError;
pub(crate) use self::rows::buffer_permits;
pub use self::run::{Progress, Run, RunHandle};
pub use self::sink::Sink;
use self::sink::SinkTask;
pub(crate) use self::start::{Needs, StartError};
use self::stop::Stop;
pub use self::totals::{ScopeCost, Totals, TypeTotal};
use crate::aws::Access;
use crate::aws::base::Base;
use crate::config::Config;
use crate::kafka::Producer;
use crate::registry::Registry;
use crate::report::{PartitionRange, Report, StopReason, SyncEvent};

/// How long it may take to give up what is not acknowledged. A thread of librdkafka's that resolves a name cannot answer.
const GIVE_UP: Duration = Duration::from_secs(2);

/// One sync from its start to its report.
struct Sync<'a> {
    config: &'a Config,
    access: &'a mut Access,
    /// None in a dry run.
    producer: Option<&'a Arc<Producer>>,
    /// None if records carry the fingerprint of their schema.
    registry: Option<&'a Registry>,
    handle: &'a RunHandle,
    needs: Needs,
}

impl Sync<'_> {
    async fn run(mut self, sink: Sink) -> Report {
        let stop = Arc::clone(&self.handle.stop);
        let only_counts = matches!(sink, Sink::Count);
        let (base, context, ranges) = match stop.unless_requested(self.start(only_counts)).await {
            Ok(started) => started,
            Err(reason) => return self.handle.report(Some(reason)),
        };
        let reason = match stop.unless_requested(self.publish_started(&context, &ranges)).await {
            Ok(()) => {
                self.handle.begin(&context);
                self.read(base, &context, sink).await
            }
            // Readers do not wait for the outcome of a sync whose STARTED is not acknowledged.
            Err(reason) => return self.handle.report(Some(reason)),
        };
        let mut report = self.handle.report(reason);
        if let Some(publisher) = &context.publisher {
            Finish { publisher, context: &context }.run(&mut report, ranges).await;
        }
        report
    }

    /// Gets everything that is needed before the first List.
    async fn start(
        &mut self,
        only_counts: bool,
    ) -> Result<(Arc<Base>, Arc<SyncContext>, Vec<PartitionRange>), StartError> {
        let keys = self.access.static_keys(self.config)?;
        let base = Box::pin(self.access.base(self.config, keys)).await?;
        start::aws(self.config, &base, &self.handle.caller, self.needs).await?;
        let (ranges, output) = match self.producer {
            Some(producer) => {
                producer.sign_with(base.signer(&self.handle.caller.concurrency));
                let (ranges, output) =
                    start::output(self.config, producer, self.registry, self.handle.captured).await?;
                (ranges, Some(output))
            }
            None => (Vec::new(), None),
        };
        let context = SyncContext::new(self.config, self.handle.shared(), only_counts, output)?;
        Ok((base, Arc::new(context), ranges))
    }

    /// Publishes STARTED, and waits until it is acknowledged.
    async fn publish_started(&self, context: &SyncContext, ranges: &[PartitionRange]) -> Result<(), StartError> {
        let Some(publisher) = &context.publisher else { return Ok(()) };
        Ok(publisher.publish(&SyncEvent::started(&self.config.name, context.captured, ranges)).await?)
    }

    /// Reads scope after scope, until all are read or the sync ends early.
    async fn read(&self, base: Arc<Base>, context: &Arc<SyncContext>, sink: Sink) -> Option<StopReason> {
        let (records, batches) = mpsc::channel(buffer_permits(self.config));
        context.channels.watch("records", &records);
        let mut sink = SinkTask::spawn(sink, self.producer, batches);
        let identities = base.identities(self.config);
        context.expect(identities.iter().map(|identity| identity.regions.len()).sum());
        let identities: Identities = Box::new(identities.into_iter());
        let mut scopes = Scopes::new(base, identities, context);
        let stop = &*context.stop;
        let reason = loop {
            tokio::select! {
                biased;
                reason = stop.requested() => break Some(reason),
                ended = sink.ended() => break ended,
                more = scopes.advance(&records) => match more {
                    Ok(true) => {}
                    Ok(false) => break None,
                    // The report lacks the scope, so the sync must not look complete.
                    Err(panicked) => break Some(StopReason::failure(panicked)),
                },
            }
        };
        drop(records);
        self.handle.deliver();
        if let Some(reason) = &reason {
            stop.request(reason.clone());
            scopes.leave_rest_unread();
        }
        self.deliver(reason, scopes, sink, stop).await
    }

    /// Waits until what was read is delivered. There is a deadline only if something has cut the sync short.
    async fn deliver(
        &self,
        mut reason: Option<StopReason>,
        mut scopes: Scopes,
        mut sink: SinkTask,
        stop: &Stop,
    ) -> Option<StopReason> {
        if matches!(reason, None | Some(StopReason::Timeout)) {
            // Every record has its own deadline (kafka.delivery_timeout), so this wait needs none.
            tokio::select! {
                biased;
                last = self.delivered(&mut scopes, &mut sink) => return last.or(reason),
                cut_short = stop.cut_short() => reason = Some(cut_short),
            }
        }
        let delivered = self.delivered(&mut scopes, &mut sink);
        if timeout(self.config.limits.drain_timeout, delivered).await.is_ok() {
            return reason;
        }
        let given_up = async {
            // The purge comes last, so that nothing is sent after it.
            scopes.shutdown().await;
            sink.shutdown().await;
            if let Some(producer) = self.producer {
                producer.purge().await;
            }
        };
        if timeout(GIVE_UP, given_up).await.is_err() {
            tracing::warn!("librdkafka does not give back what was purged; it counts as not acknowledged");
        }
        reason
    }

    async fn delivered(&self, scopes: &mut Scopes, sink: &mut SinkTask) -> Option<StopReason> {
        let lost = scopes.end().await.err().map(StopReason::failure);
        let last = sink.ended().await.or(lost);
        if let Some(producer) = self.producer {
            producer.drain().await;
        }
        last
    }
}
