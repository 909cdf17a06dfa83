//! One sync: Kafka first, then scope after scope is admitted and read, then the wait for the last acknowledgement.

mod admission;
mod context;
mod finish;
mod rows;
mod start;

use std::fmt;
use std::io::{ErrorKind, Write};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use self::admission::Scopes;
use self::context::SyncContext;
use self::finish::Finish;
use self::rows::buffer_permits;
use self::start::{Ready, Start};
use crate::aws::scope::Base;
use crate::aws::{Caller, ConcurrencyLimit, RateLimiters, RetryPolicy};
use crate::config::Config;
use crate::event::SyncEvent;
use crate::kafka::topics::PartitionRange;
use crate::kafka::{self, Kafka};
use crate::record::RecordBatch;
use crate::registry::Registry;
use crate::report::{self, CallCounts, Outcome, Report, ScopeStatistics, StopReason};
use crate::stage::{print, produce};

/// What lives longer than a sync. Clones share all of it.
#[derive(Debug, Clone)]
pub struct Engine {
    config: Config,
    region: String,
    kafka: Option<Arc<Kafka>>,
    registry: Option<Arc<Registry>>,
    parallel: Arc<Semaphore>,
    buffer_permits: Arc<Semaphore>,
    limiters: Arc<RateLimiters>,
}

/// Where records go.
pub enum Sink {
    /// Onto their topics.
    Kafka,
    /// As JSON lines to this writer: a dry run.
    Print(Box<dyn Write + Send>),
}

impl fmt::Debug for Sink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Kafka => "Kafka",
            Self::Print(_) => "Print",
        })
    }
}

impl Engine {
    /// An engine for records on their topics. The producer is made first thing: its handshake takes up to a second.
    ///
    /// # Errors
    /// librdkafka's refusal of its configuration.
    pub fn new(config: Config, region: String) -> Result<Self, kafka::Error> {
        let kafka = Kafka::connect(&config)?;
        Ok(Self { kafka: Some(Arc::new(kafka)), ..Self::dry(config, region) })
    }

    /// An engine for dry runs: it knows no Kafka.
    pub fn dry(config: Config, region: String) -> Self {
        let parallel = config.parallel_requests;
        Self {
            parallel: Arc::new(Semaphore::new(parallel)),
            buffer_permits: Arc::new(Semaphore::new(buffer_permits(&config))),
            limiters: Arc::new(RateLimiters::new(&config)),
            kafka: None,
            registry: Registry::of(&config).map(Arc::new),
            config,
            region,
        }
    }

    /// Reads everything once. `stop` ends the reading; what was read is still delivered.
    pub async fn sync(&self, sink: Sink, stop: impl Future<Output = ()>) -> Report {
        let Some(kafka) = self.kafka.as_ref().filter(|_| matches!(sink, Sink::Kafka)) else {
            // What goes on at Kafka is nothing to a dry run.
            let dry = Self { kafka: None, ..self.clone() };
            return Box::pin(dry.attend(sink, stop)).await;
        };
        kafka.begin_sync();
        tokio::select! {
            biased;
            report = Box::pin(self.attend(sink, stop)) => report,
            never = kafka.recover() => match never {},
        }
    }

    /// A sync from its start to its report, while somebody mends what Kafka breaks.
    async fn attend(&self, sink: Sink, stop: impl Future<Output = ()>) -> Report {
        let started = now();
        let caller =
            Arc::new(Caller::new(self.concurrency(), Arc::clone(&self.buffer_permits), Arc::clone(&self.limiters)));
        let mut stop_reason = pin!(self.stop_reason(stop));
        let mut timeout = pin!(self.timeout());
        let ready = unless_stopped(stop_reason.as_mut(), timeout.as_mut(), self.ready(started)).await;
        let Ready { base, ranges, output } = match ready {
            Ok(ready) => ready,
            Err(stop_reason) => return self.report(started, &caller, Vec::new(), Some(stop_reason)),
        };
        let context = Arc::new(SyncContext::new(&self.config, started, Arc::clone(&caller), output));
        let begun =
            unless_stopped(stop_reason.as_mut(), timeout.as_mut(), self.publish_started(&context, &ranges)).await;
        let reason = match begun {
            Ok(()) => self.read(base, &context, sink, stop_reason.as_mut(), timeout).await,
            // It has not begun for anyone.
            Err(stop_reason @ StopReason::Failure(_)) => {
                return self.report(started, &caller, Vec::new(), Some(stop_reason));
            }
            Err(stop_reason) => Some(stop_reason),
        };
        let mut report = self.report(started, &caller, context.scopes(), reason);
        if let (Some(kafka), Some(publisher)) = (&self.kafka, context.publisher()) {
            let finish = Finish { kafka, publisher, context: &context, time_limit: self.config.limits.outcome_timeout };
            finish.run(&mut report, ranges, stop_reason).await;
        }
        report
    }

    async fn ready(&self, started: i64) -> Result<Ready, String> {
        let (kafka, registry) = (self.kafka.as_ref(), self.registry.as_deref());
        Start { config: &self.config, region: &self.region, kafka, registry }.ready(started).await
    }

    fn report(
        &self,
        started: i64,
        caller: &Caller,
        scopes: Vec<Arc<ScopeStatistics>>,
        stop_reason: Option<StopReason>,
    ) -> Report {
        let types = report::judge(scopes);
        Report {
            sync: started,
            name: self.config.name.clone(),
            outcome: Outcome::of(&types, stop_reason.as_ref()),
            started,
            ended: now(),
            types,
            calls: CallCounts::of(caller.calls()),
            partitions: Vec::new(),
            stop_reason,
        }
    }

    /// Whoever reads Kafka knows that the sync has begun before the first List is asked.
    async fn publish_started(&self, context: &SyncContext, ranges: &[PartitionRange]) -> Result<(), String> {
        let Some(publisher) = context.publisher() else { return Ok(()) };
        let event = SyncEvent::started(&self.config.name, context.captured(), ranges);
        publisher.publish(&event).await.map_err(|error| format!("the sync cannot be announced: {error}"))
    }

    /// Reads scope after scope, until all are read or something cuts it short.
    async fn read(
        &self,
        base: Base,
        context: &Arc<SyncContext>,
        sink: Sink,
        mut stop_reason: Pin<&mut impl Future<Output = StopReason>>,
        mut timeout: Pin<&mut impl Future<Output = ()>>,
    ) -> Option<StopReason> {
        let (records, batches) = mpsc::channel(buffer_permits(&self.config));
        let mut sinks = self.start(sink, batches);
        let mut scopes = Scopes::new(base, context);
        let reason = loop {
            tokio::select! {
                biased;
                reason = &mut stop_reason => break Some(reason),
                () = &mut timeout => break Some(StopReason::Timeout),
                Some(ended) = sinks.join_next() => break sink_ended(ended),
                more = scopes.advance(&records) => match more {
                    Ok(true) => {}
                    Ok(false) => break None,
                    // Nobody else would say that a scope is missing from the report.
                    Err(panicked) => break Some(StopReason::Failure(panicked.to_string())),
                },
            }
        };
        drop(records);
        if reason.is_some() {
            scopes.stop();
        }
        self.deliver(reason, scopes, sinks, stop_reason).await
    }

    /// Sees what was read to its end: without a deadline, unless a signal or the end of Kafka has cut the sync short.
    async fn deliver(
        &self,
        mut reason: Option<StopReason>,
        mut scopes: Scopes,
        mut sinks: JoinSet<Option<StopReason>>,
        mut stop_reason: Pin<&mut impl Future<Output = StopReason>>,
    ) -> Option<StopReason> {
        if matches!(reason, None | Some(StopReason::Timeout)) {
            // Every message has its own deadline (kafka.delivery_timeout): without a signal this wait needs none.
            tokio::select! {
                biased;
                last = self.finish(&mut scopes, &mut sinks) => return last.or(reason),
                stop_reason = &mut stop_reason => reason = Some(stop_reason),
            }
        }
        let finish = self.finish(&mut scopes, &mut sinks);
        if tokio::time::timeout(self.config.limits.drain_timeout, finish).await.is_err() {
            // In this order: nothing may be sent into what is being thrown away.
            scopes.shutdown().await;
            sinks.shutdown().await;
            if let Some(kafka) = &self.kafka {
                produce::purge(kafka).await;
            }
        }
        reason
    }

    /// Waits until what was read is delivered.
    async fn finish(&self, scopes: &mut Scopes, sinks: &mut JoinSet<Option<StopReason>>) -> Option<StopReason> {
        let lost = scopes.end().await.err().map(|panicked| StopReason::Failure(panicked.to_string()));
        let last = sinks.join_next().await.and_then(sink_ended).or(lost);
        if let Some(kafka) = &self.kafka {
            produce::drain(kafka).await;
        }
        last
    }

    fn start(&self, sink: Sink, batches: mpsc::Receiver<RecordBatch>) -> JoinSet<Option<StopReason>> {
        let mut sinks = JoinSet::new();
        match (sink, &self.kafka) {
            (Sink::Print(output), _) => {
                sinks.spawn(async move {
                    print::print(batches, output).await.err().map(|error| match error.kind() {
                        ErrorKind::BrokenPipe => StopReason::Closed,
                        _ => StopReason::Failure(format!("standard output: {error}")),
                    })
                });
            }
            (Sink::Kafka, Some(kafka)) => {
                let kafka = Arc::clone(kafka);
                sinks.spawn(async move {
                    produce::produce(kafka, batches).await.err().map(|fatal| StopReason::Failure(fatal.to_string()))
                });
            }
            (Sink::Kafka, None) => {
                sinks.spawn(async { Some(StopReason::Failure("an engine for dry runs has no Kafka".to_owned())) });
            }
        }
        sinks
    }

    /// `timeout` ends the reading alone.
    async fn timeout(&self) {
        match self.config.timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    }

    /// What ends a sync: a signal, or Kafka.
    async fn stop_reason(&self, stop: impl Future<Output = ()>) -> StopReason {
        let fatal = async {
            match &self.kafka {
                Some(kafka) => produce::fatal_error(&mut kafka.fatal()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop => StopReason::Signal,
            fatal = fatal => StopReason::Failure(fatal.to_string()),
        }
    }

    fn concurrency(&self) -> ConcurrencyLimit {
        let outcome_timeout = RetryPolicy {
            maximum_retries: self.config.maximum_retries,
            backoff_base: self.config.limits.backoff_base,
            backoff_cap: self.config.limits.backoff_cap,
        };
        ConcurrencyLimit::new(Arc::clone(&self.parallel), outcome_timeout)
    }
}

/// What comes of a step, unless something cuts the sync short before.
async fn unless_stopped<T>(
    stop_reason: Pin<&mut impl Future<Output = StopReason>>,
    timeout: Pin<&mut impl Future<Output = ()>>,
    step: impl Future<Output = Result<T, String>>,
) -> Result<T, StopReason> {
    tokio::select! {
        biased;
        stop_reason = stop_reason => Err(stop_reason),
        () = timeout => Err(StopReason::Timeout),
        done = step => done.map_err(StopReason::Failure),
    }
}

fn sink_ended(ended: Result<Option<StopReason>, tokio::task::JoinError>) -> Option<StopReason> {
    ended.unwrap_or_else(|_| Some(StopReason::Failure("the sink panicked; this is a bug of ours".to_owned())))
}

fn now() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}
