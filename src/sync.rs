//! One sync: Kafka first, then scope after scope is admitted and read, then the wait for the last acknowledgement.

mod admission;
mod rows;

use std::fmt;
use std::io::{ErrorKind, Write};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials as Keys;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use self::admission::Scopes;
use self::rows::{Plan, seats};
use crate::aws::scope::Base;
use crate::aws::{Buckets, Caller, Gate, Patience};
use crate::config::{Config, SecretError};
use crate::kafka::topics::Range;
use crate::kafka::{self, Kafka};
use crate::record::Encoded;
use crate::report::{self, CallCounts, Cut, Outcome, Report};
use crate::stage::{print, produce};

/// How long the last offsets may take once a sync has ended.
const LAST_OFFSETS: Duration = Duration::from_secs(5);

/// What lives longer than a sync.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    region: String,
    kafka: Option<Arc<Kafka>>,
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
            config,
            region,
        }
    }

    /// Reads everything once. `stop` ends the reading; what was read is still delivered.
    pub async fn sync(&self, sink: Sink, stop: impl Future<Output = ()>) -> Report {
        let started = now();
        let caller = Arc::new(Caller::new(self.gate(), Arc::clone(&self.seats), Arc::clone(&self.buckets)));
        let mut cut = pin!(self.cut(stop));
        let mut timeout = pin!(self.timeout());
        let ready = tokio::select! {
            biased;
            cut = &mut cut => Err(cut),
            () = &mut timeout => Err(Cut::Timeout),
            ready = self.prepare(&sink) => ready.map_err(Cut::Failure),
        };
        let (types, partitions, cut) = match ready {
            Err(cut) => (Vec::new(), Vec::new(), Some(cut)),
            Ok((base, ranges)) => {
                let plan =
                    Arc::new(Plan::new(&self.config, started, matches!(sink, Sink::Print(_)), Arc::clone(&caller)));
                let cut = self.read(base, &plan, sink, cut, timeout).await;
                let partitions = match &cut {
                    Some(Cut::Failure(_)) => Vec::new(),
                    _ => self.last_offsets(ranges).await,
                };
                (report::judge(plan.entries()), partitions, cut)
            }
        };
        Report {
            sync: started,
            name: self.config.name.clone(),
            outcome: Outcome::of(&types, cut.as_ref()),
            started,
            ended: now(),
            types,
            calls: CallCounts::of(caller.calls()),
            partitions,
            cut,
        }
    }

    /// What a sync needs before its first List: topics that are there, and credentials to start from.
    async fn prepare(&self, sink: &Sink) -> Result<(Base, Vec<Range>), String> {
        let keys = keys(&self.config).map_err(|error| error.to_string())?;
        let ranges = match (&self.kafka, sink) {
            (Some(kafka), Sink::Kafka) => {
                let topics: Vec<String> =
                    self.config.objects.iter().map(|object| self.config.kafka.topic(object)).collect();
                kafka.ready(&topics, &self.config).await.map_err(|error| error.to_string())?
            }
            _ => Vec::new(),
        };
        let base = Box::pin(Base::load(&self.config, self.region.clone(), keys)).await;
        Ok((base.map_err(|error| format!("{}: {error}", error.key))?, ranges))
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

    /// The ranges of the report; none where they cannot be known, rather than wrong ones.
    async fn last_offsets(&self, ranges: Vec<Range>) -> Vec<Range> {
        let Some(kafka) = &self.kafka else { return Vec::new() };
        match tokio::time::timeout(LAST_OFFSETS, kafka.close(ranges)).await {
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

    fn gate(&self) -> Gate {
        let patience = Patience {
            maximum_retries: self.config.maximum_retries,
            backoff_base: self.config.limits.backoff_base,
            backoff_cap: self.config.limits.backoff_cap,
        };
        Gate::new(Arc::clone(&self.parallel), patience)
    }
}

fn sink_ended(ended: Result<Option<Cut>, tokio::task::JoinError>) -> Option<Cut> {
    ended.unwrap_or_else(|_| Some(Cut::Failure("the sink panicked; this is a bug of ours".to_owned())))
}

/// The static keys, read anew for each sync.
fn keys(config: &Config) -> Result<Option<Keys>, SecretError> {
    let (Some(id), Some(secret)) = (&config.access_key_id, &config.secret_access_key) else {
        return Ok(None);
    };
    let token = config.session_token.as_ref().map(|token| token.read()).transpose()?;
    Ok(Some(Keys::new(id.read()?, secret.read()?, token, None, "settings")))
}

fn now() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}
