//! A sync that one can hold: asked at any moment how far it is, asked to stop, and waited for.

use std::sync::{Arc, OnceLock};

use super::context::{self, SyncContext};
use super::stop::Stop;
use super::{Sink, Sync, now, statistics};
use crate::aws::{Access, Caller};
use crate::config::Config;
use crate::kafka::Producer;
use crate::registry::Registry;
use crate::report::{CallCounts, Report, StopReason, TypeReport};

/// One sync under way. It borrows the engine, so that no engine has two.
#[must_use = "a sync runs while `finish` is awaited"]
pub struct Run<'a> {
    pub(crate) config: &'a Config,
    pub(crate) access: &'a mut Access,
    /// None in a dry run.
    pub(crate) producer: Option<&'a Arc<Producer>>,
    pub(crate) registry: Option<&'a Registry>,
    pub(crate) sink: Sink,
    pub(crate) handle: RunHandle,
}

/// What others hold of a run. Clones share it, and it may outlive the run.
#[derive(Clone)]
pub struct RunHandle(Arc<Shared>);

struct Shared {
    captured: i64,
    caller: Arc<Caller>,
    stop: Arc<Stop>,
    /// Set when the sync has begun: its STARTED is acknowledged.
    context: OnceLock<Arc<SyncContext>>,
}

/// What can be said of a run at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// `LAST_CAPTURED` of every record of this sync, milliseconds since the epoch.
    pub sync: i64,
    /// The types of all scopes that were admitted. What is under way is partial.
    pub types: Vec<TypeReport>,
    /// ECS requests.
    pub calls: CallCounts,
}

impl Run<'_> {
    /// What may be kept to ask the run how far it is, and to stop it.
    pub fn handle(&self) -> RunHandle {
        self.handle.clone()
    }

    /// Reads everything once, and waits until all is delivered. The report says how that ended.
    pub async fn finish(self) -> Report {
        let Self { config, access, producer, registry, sink, handle } = self;
        if let Some(producer) = producer {
            producer.begin_sync();
        }
        let sync = Sync { config, access, producer, registry, handle: &handle };
        let stop = handle.stop_requests();
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
    pub(crate) fn new(caller: Caller) -> Self {
        let (caller, stop) = (Arc::new(caller), Arc::new(Stop::new()));
        Self(Arc::new(Shared { captured: now(), caller, stop, context: OnceLock::new() }))
    }

    /// `LAST_CAPTURED` of every record.
    pub(super) fn captured(&self) -> i64 {
        self.0.captured
    }

    pub(super) fn caller(&self) -> &Arc<Caller> {
        &self.0.caller
    }

    pub(super) fn stop_requests(&self) -> &Arc<Stop> {
        &self.0.stop
    }

    /// The sync has begun: from now on its types can be judged.
    pub(super) fn begin(&self, context: &Arc<SyncContext>) {
        // It begins once.
        let _ = self.0.context.set(Arc::clone(context));
    }

    /// Ends the reading. What was read is still delivered, for a while.
    pub fn stop(&self, reason: StopReason) {
        self.0.stop.request(reason);
    }

    /// Judges the counters as they are now.
    pub fn status(&self) -> Progress {
        let types = self.0.context.get().map(|context| statistics::judge(context.scopes())).unwrap_or_default();
        Progress { sync: self.0.captured, types, calls: context::calls(&self.0.caller) }
    }
}
