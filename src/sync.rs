//! One sync: Kafka first, then scope after scope is admitted and read, then the wait for the last acknowledgement.

mod admission;
mod last_words;
mod plan;
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
use self::last_words::LastWords;
use self::plan::Plan;
use self::rows::seats;
use self::start::{Ready, Start};
use crate::aws::scope::Base;
use crate::aws::{Buckets, Caller, Gate, Patience};
use crate::config::Config;
use crate::event::SyncEvent;
use crate::kafka::topics::Range;
use crate::kafka::{self, Kafka};
use crate::record::Encoded;
use crate::registry::Registry;
use crate::report::{self, CallCounts, Cut, Ledger, Outcome, Report};
use crate::stage::{print, produce};

/// What lives longer than a sync. Clones share all of it.
#[derive(Debug, Clone)]
pub struct Engine {
    config: Config,
    region: String,
    kafka: Option<Arc<Kafka>>,
    registry: Option<Arc<Registry>>,
    parallel: Arc<Semaphore>,
    seats: Arc<Semaphore>,
    buckets: Arc<Buckets>,
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
            seats: Arc::new(Semaphore::new(seats(&config))),
            buckets: Arc::new(Buckets::new(&config)),
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
        kafka.begin();
        tokio::select! {
            biased;
            report = Box::pin(self.attend(sink, stop)) => report,
            never = kafka.mend() => match never {},
        }
    }

    /// A sync from its start to its report, while somebody mends what Kafka breaks.
    async fn attend(&self, sink: Sink, stop: impl Future<Output = ()>) -> Report {
        let started = now();
        let caller = Arc::new(Caller::new(self.gate(), Arc::clone(&self.seats), Arc::clone(&self.buckets)));
        let mut cut = pin!(self.cut(stop));
        let mut timeout = pin!(self.timeout());
        let ready = unless_cut(cut.as_mut(), timeout.as_mut(), self.ready(started)).await;
        let Ready { base, ranges, output } = match ready {
            Ok(ready) => ready,
            Err(cut) => return self.report(started, &caller, Vec::new(), Some(cut)),
        };
        let plan = Arc::new(Plan::new(&self.config, started, Arc::clone(&caller), output));
        let begun = unless_cut(cut.as_mut(), timeout.as_mut(), self.begin(&plan, &ranges)).await;
        let reason = match begun {
            Ok(()) => self.read(base, &plan, sink, cut.as_mut(), timeout).await,
            // It has not begun for anyone.
            Err(cut @ Cut::Failure(_)) => return self.report(started, &caller, Vec::new(), Some(cut)),
            Err(cut) => Some(cut),
        };
        let mut report = self.report(started, &caller, plan.ledgers(), reason);
        if let (Some(kafka), Some(announcer)) = (&self.kafka, plan.announcer()) {
            let last_words = LastWords { kafka, announcer, plan: &plan, patience: self.config.limits.last_words };
            last_words.say(&mut report, ranges, cut).await;
        }
        report
    }

    async fn ready(&self, started: i64) -> Result<Ready, String> {
        let (kafka, registry) = (self.kafka.as_ref(), self.registry.as_deref());
        Start { config: &self.config, region: &self.region, kafka, registry }.ready(started).await
    }

    fn report(&self, started: i64, caller: &Caller, ledgers: Vec<Arc<Ledger>>, cut: Option<Cut>) -> Report {
        let types = report::judge(ledgers);
        Report {
            sync: started,
            name: self.config.name.clone(),
            outcome: Outcome::of(&types, cut.as_ref()),
            started,
            ended: now(),
            types,
            calls: CallCounts::of(caller.calls()),
            partitions: Vec::new(),
            cut,
        }
    }

    /// Whoever reads Kafka knows that the sync has begun before the first List is asked.
    async fn begin(&self, plan: &Plan, ranges: &[Range]) -> Result<(), String> {
        let Some(announcer) = plan.announcer() else { return Ok(()) };
        let event = SyncEvent::started(&self.config.name, plan.captured(), ranges);
        announcer.announce(&event).await.map_err(|error| format!("the sync cannot be announced: {error}"))
    }

    /// Reads scope after scope, until all are read or something cuts it short.
    async fn read(
        &self,
        base: Base,
        plan: &Arc<Plan>,
        sink: Sink,
        mut cut: Pin<&mut impl Future<Output = Cut>>,
        mut timeout: Pin<&mut impl Future<Output = ()>>,
    ) -> Option<Cut> {
        let (records, batches) = mpsc::channel(seats(&self.config));
        let mut sinks = self.start(sink, batches);
        let mut scopes = Scopes::new(base, plan);
        let reason = loop {
            tokio::select! {
                biased;
                reason = &mut cut => break Some(reason),
                () = &mut timeout => break Some(Cut::Timeout),
                Some(ended) = sinks.join_next() => break sink_ended(ended),
                more = scopes.advance(&records) => match more {
                    Ok(true) => {}
                    Ok(false) => break None,
                    // Nobody else would say that a scope is missing from the report.
                    Err(panicked) => break Some(Cut::Failure(panicked.to_string())),
                },
            }
        };
        drop(records);
        if reason.is_some() {
            scopes.stop();
        }
        self.deliver(reason, scopes, sinks, cut).await
    }

    /// Sees what was read to its end: without a deadline, unless a signal or the end of Kafka has cut the sync short.
    async fn deliver(
        &self,
        mut reason: Option<Cut>,
        mut scopes: Scopes,
        mut sinks: JoinSet<Option<Cut>>,
        mut cut: Pin<&mut impl Future<Output = Cut>>,
    ) -> Option<Cut> {
        if matches!(reason, None | Some(Cut::Timeout)) {
            // Every message has its own deadline (kafka.delivery_timeout): without a signal this wait needs none.
            tokio::select! {
                biased;
                last = self.finish(&mut scopes, &mut sinks) => return last.or(reason),
                cut = &mut cut => reason = Some(cut),
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
    async fn finish(&self, scopes: &mut Scopes, sinks: &mut JoinSet<Option<Cut>>) -> Option<Cut> {
        let lost = scopes.end().await.err().map(|panicked| Cut::Failure(panicked.to_string()));
        let last = sinks.join_next().await.and_then(sink_ended).or(lost);
        if let Some(kafka) = &self.kafka {
            produce::drain(kafka).await;
        }
        last
    }

    fn start(&self, sink: Sink, batches: mpsc::Receiver<Encoded>) -> JoinSet<Option<Cut>> {
        let mut sinks = JoinSet::new();
        match (sink, &self.kafka) {
            (Sink::Print(output), _) => {
                sinks.spawn(async move {
                    print::print(batches, output).await.err().map(|error| match error.kind() {
                        ErrorKind::BrokenPipe => Cut::Closed,
                        _ => Cut::Failure(format!("standard output: {error}")),
                    })
                });
            }
            (Sink::Kafka, Some(kafka)) => {
                let kafka = Arc::clone(kafka);
                sinks.spawn(async move {
                    produce::produce(kafka, batches).await.err().map(|gone| Cut::Failure(gone.to_string()))
                });
            }
            (Sink::Kafka, None) => {
                sinks.spawn(async { Some(Cut::Failure("an engine for dry runs has no Kafka".to_owned())) });
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
    async fn cut(&self, stop: impl Future<Output = ()>) -> Cut {
        let gone = async {
            match &self.kafka {
                Some(kafka) => produce::end(&mut kafka.gone()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop => Cut::Signal,
            gone = gone => Cut::Failure(gone.to_string()),
        }
    }

    fn gate(&self) -> Gate {
        let patience = Patience {
            maximum_retries: self.config.maximum_retries,
            backoff_base: self.config.limits.backoff_base,
            backoff_cap: self.config.limits.backoff_cap,
        };
        Gate::new(Arc::clone(&self.parallel), patience)
    }
}

/// What comes of a step, unless something cuts the sync short before.
async fn unless_cut<T>(
    cut: Pin<&mut impl Future<Output = Cut>>,
    timeout: Pin<&mut impl Future<Output = ()>>,
    step: impl Future<Output = Result<T, String>>,
) -> Result<T, Cut> {
    tokio::select! {
        biased;
        cut = cut => Err(cut),
        () = timeout => Err(Cut::Timeout),
        done = step => done.map_err(Cut::Failure),
    }
}

fn sink_ended(ended: Result<Option<Cut>, tokio::task::JoinError>) -> Option<Cut> {
    ended.unwrap_or_else(|_| Some(Cut::Failure("the sink panicked; this is a bug of ours".to_owned())))
}

fn now() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}
