//! A sync that one can hold: wait for it, stop it, and ask at any moment how far it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use tokio::sync::SetOnce;
use tracing::Instrument;
use tracing::field::display;

use super::context::{self, Shared, SyncContext};
use super::live::{self, Live, Phase};
use super::stop::Stop;
use super::totals::{self, ScopeCost, Totals};
use super::{GIVE_UP, Needs, Sink, Sync, statistics};
use crate::aws::{Access, Caller};
use crate::config::{Config, Limits};
use crate::contract::rfc3339;
use crate::kafka::Producer;
use crate::observe::{Traced, Tracing, counted};
use crate::registry::Registry;
use crate::report::{CallCounts, Outcome, PlanCounts, Report, State, StopReason, TypeReport};

/// What a busy machine may need beside the time limits of a stop.
const SLACK: Duration = Duration::from_secs(2);

/// One sync. It borrows the engine, so that no engine has two syncs at a time.
#[must_use = "a sync runs while `finish` is awaited"]
pub struct Run<'a> {
    pub(crate) config: &'a Config,
    pub(crate) access: &'a mut Access,
    /// None in a dry run.
    pub(crate) producer: Option<&'a Arc<Producer>>,
    pub(crate) registry: Option<&'a Registry>,
    pub(crate) sink: Sink,
    pub(crate) handle: RunHandle,
    pub(crate) needs: Needs,
}

/// What others hold of a run. Clones share it, and it may outlive the run.
#[derive(Clone)]
pub struct RunHandle {
    pub(super) tracing: Tracing,
    /// The span of this sync.
    pub(super) trace: Arc<Traced>,
    name: Arc<str>,
    limits: Limits,
    /// `LAST_CAPTURED` of every record.
    pub(super) captured: i64,
    pub(super) caller: Arc<Caller>,
    pub(super) stop: Arc<Stop>,
    /// Set when STARTED is acknowledged.
    context: Arc<SetOnce<Arc<SyncContext>>>,
    /// Set when nothing is read any more.
    delivers: Arc<AtomicBool>,
    /// None in a dry run.
    producer: Option<Arc<Producer>>,
    /// By object, for how long requests had waited for tokens before this run.
    waited_before: Arc<[Duration]>,
}

/// How far a run is at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// `LAST_CAPTURED` of every record of this sync, milliseconds since the epoch.
    pub sync: i64,
    /// The types of all scopes that were admitted, judged by what has been counted so far: a type under way may look complete.
    pub types: Vec<TypeReport>,
    /// ECS requests.
    pub calls: CallCounts,
}

impl Run<'_> {
    /// A handle by which others stop the run and ask how far it is.
    pub fn handle(&self) -> RunHandle {
        self.handle.clone()
    }

    /// The same run, which does not begin without this.
    pub(crate) fn with(self, needs: Needs) -> Self {
        Self { needs, ..self }
    }

    /// Reads everything once, and waits until it is delivered. Whatever is logged meanwhile names the sync.
    pub async fn finish(self) -> Report {
        // At this level it holds for every line, whatever level is wanted.
        let (trace_id, span_id) = self.handle.trace.ids().unzip();
        let (trace_id, span_id) = (trace_id.map(display), span_id.map(display));
        let span = tracing::error_span!("sync", sync = %rfc3339(self.handle.captured), trace_id, span_id);
        let handle = self.handle.clone();
        let report = self.read_and_deliver().instrument(span).await;
        // Those that a stop has cut off.
        let scopes = handle.context.get().map(|context| context.scopes()).unwrap_or_default();
        scopes.iter().for_each(|scope| scope.end_trace());
        let objects = report.types.iter().map(|one| one.counts.acknowledged).sum::<u64>();
        let attributes = vec![
            KeyValue::new("ecs_sdm.outcome", report.outcome.to_string()),
            counted("ecs_sdm.acknowledged", objects),
        ];
        handle.trace.end(attributes, (report.outcome == Outcome::Failed).then_some("FAILED"));
        report
    }

    async fn read_and_deliver(self) -> Report {
        let Self { config, access, producer, registry, sink, handle, needs } = self;
        if let Some(producer) = producer {
            tokio::select! {
                biased;
                reason = handle.stop.requested() => return handle.report(Some(reason)),
                () = producer.begin_sync(config, handle.captured) => {}
            }
        }
        let sync = Sync { config, access, producer, registry, handle: &handle, needs };
        let stop = &handle.stop;
        let time_out = async {
            if let Some(timeout) = config.timeout {
                tokio::time::sleep(timeout).await;
                stop.request(StopReason::Timeout);
            }
        };
        let watch_producer = async {
            if let Some(producer) = producer {
                stop.request(StopReason::failure(producer.failed().await));
            }
        };
        let recover = async {
            if let Some(producer) = producer {
                match producer.recover().await {}
            }
        };
        let beside = async {
            tokio::join!(time_out, watch_producer, recover);
            std::future::pending::<std::convert::Infallible>().await
        };
        tokio::select! {
            biased;
            report = Box::pin(sync.run(sink)) => report,
            never = beside => match never {},
        }
    }
}

impl RunHandle {
    /// `captured` is the sync's `LAST_CAPTURED`.
    pub(crate) fn new(
        config: &Config,
        caller: Caller,
        captured: i64,
        producer: Option<Arc<Producer>>,
        tracing: Tracing,
    ) -> Self {
        Self {
            trace: Arc::new(tracing.sync(&rfc3339(captured))),
            tracing,
            producer,
            waited_before: totals::waited(&caller).into(),
            name: config.name.as_str().into(),
            limits: config.limits.clone(),
            captured,
            caller: Arc::new(caller),
            stop: Arc::new(Stop::new()),
            context: Arc::default(),
            delivers: Arc::default(),
        }
    }

    /// What the context of the sync has of it.
    pub(super) fn shared(&self) -> Shared {
        Shared {
            captured: self.captured,
            caller: Arc::clone(&self.caller),
            stop: Arc::clone(&self.stop),
            tracing: self.tracing.clone(),
            trace: Arc::clone(&self.trace),
        }
    }

    /// From now on [`Self::status`] can judge the types.
    pub(super) fn begin(&self, context: &Arc<SyncContext>) {
        // A run calls it once.
        let _ = self.context.set(Arc::clone(context));
    }

    /// From now on nothing is read any more.
    pub(super) fn deliver(&self) {
        self.delivers.store(true, Ordering::Relaxed);
    }

    /// Waits until the sync has begun to read: its STARTED is acknowledged.
    pub async fn begun(&self) {
        self.context.wait().await;
    }

    /// Whether the sync has begun to read.
    pub fn has_begun(&self) -> bool {
        self.context.get().is_some()
    }

    /// `LAST_CAPTURED` of every record, milliseconds since the epoch.
    pub fn sync(&self) -> i64 {
        self.captured
    }

    /// The run as it is now, type by type.
    pub fn live(&self) -> Live {
        let (scopes, types) = self.context.get().map(|context| live::judge(context)).unwrap_or_default();
        Live { sync: self.captured, phase: self.phase(), scopes, types, calls: context::calls(&self.caller) }
    }

    /// The run as it is now, summed by object type. It may be asked often, however many scopes there are.
    pub fn totals(&self) -> Totals {
        let (scopes, types) = self.context.get().map(|context| totals::sum(context)).unwrap_or_default();
        let waited = totals::waited(&self.caller).into_iter().zip(self.waited_before.iter());
        let waited = waited.map(|(now, before)| now.saturating_sub(*before)).collect();
        let (unacknowledged, oldest) = self.producer.as_ref().map(|producer| producer.backlog()).unwrap_or_default();
        let calls = context::calls(&self.caller);
        let (categories, free) = (self.caller.calls.by_category(), self.caller.free());
        let channels = self.context.get().map(|context| context.channels.depths()).unwrap_or_default();
        let phase = self.phase();
        Totals { phase, scopes, types, waited, calls, categories, free, channels, unacknowledged, oldest }
    }

    /// What AWS's limits have cost in each account and region, in the life of the process. None if these are too many to be told apart.
    pub fn costs(&self) -> Option<Vec<ScopeCost>> {
        totals::costs(&self.caller)
    }

    fn phase(&self) -> Phase {
        match self.context.get() {
            None => Phase::Starting,
            Some(_) if self.delivers.load(Ordering::Relaxed) => Phase::Delivering,
            Some(_) => Phase::Reading,
        }
    }

    /// Ends the reading. There is some time left to deliver what was read.
    pub fn stop(&self, reason: StopReason) {
        self.stop.request(reason);
    }

    /// How long the run may take to end after a stop: it delivers what was read, gives up the rest, and publishes its outcome.
    pub fn stop_timeout(&self) -> Duration {
        Self::stop_timeout_of(&self.limits)
    }

    /// The same of any run with these limits.
    pub(crate) fn stop_timeout_of(limits: &Limits) -> Duration {
        limits.drain_timeout + GIVE_UP + limits.outcome_timeout + SLACK
    }

    /// The report of a run that was stopped and does not end. What is under way may look complete, so that no type is.
    pub fn abandon(&self) -> Report {
        let mut report = self.report(Some(StopReason::Signal));
        report.outcome = Outcome::Aborted;
        for one in report.types.iter_mut().filter(|one| one.state == State::Complete) {
            one.state = State::Partial;
            one.error = Some("the sync was left unfinished".to_owned());
        }
        report
    }

    /// The report of the run if it ends now, for this reason. It has no ranges of records.
    pub(super) fn report(&self, reason: Option<StopReason>) -> Report {
        let Progress { sync, types, calls } = self.status();
        Report::new(sync, self.name.to_string(), types, calls, reason)
    }

    /// How long AWS takes for one request on average, waits of ours not counted. None before the first answer.
    pub fn latency(&self) -> Option<Duration> {
        self.caller.calls.latency()
    }

    /// Whether AWS has answered any request, be it with a refusal.
    pub fn has_reached_aws(&self) -> bool {
        self.caller.concurrency.has_answered()
    }

    /// What was listed of each type so far, in the order of the report.
    pub fn planned(&self) -> Vec<PlanCounts> {
        self.context.get().map(|context| statistics::planned(context.scopes())).unwrap_or_default()
    }

    /// Judges the counters as they are now.
    pub fn status(&self) -> Progress {
        let types = self.context.get().map(|context| statistics::judge(context.scopes())).unwrap_or_default();
        Progress { sync: self.captured, types, calls: context::calls(&self.caller) }
    }
}
