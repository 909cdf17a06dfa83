//! What all scopes of a sync share: settings, caller, encoders, statistics, and the publisher of events.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::channels::Channels;
use super::publisher::EventPublisher;
use super::statistics::{ScopeStatistics, ScopeType};
use super::stop::{Stop, TIMED_OUT};
use crate::aws::account::Account;
use crate::aws::scope::{Identity, IdentityError};
use crate::aws::{Caller, CategoryCalls};
use crate::config::Config;
use crate::contract::OBJECTS;
use crate::ecs::Object;
use crate::kafka::framing::Frames;
use crate::observe::{Traced, Tracing};
use crate::record::{Encoder, OffsetTracker, SchemaError, cloud_events};
use crate::report::{CallCounts, IssueLimit, SyncEvent, TypeStatistics, now};

/// What all scopes of a sync share.
pub(super) struct SyncContext {
    pub(super) config: Config,
    /// `LAST_CAPTURED` of every record.
    pub(super) captured: i64,
    pub(super) caller: Arc<Caller>,
    pub(super) stop: Arc<Stop>,
    pub(super) tracing: Tracing,
    /// The span of the sync.
    trace: Arc<Traced>,
    /// Whether what is listed is counted, and not described.
    pub(super) only_counts: bool,
    /// None in a dry run.
    pub(super) publisher: Option<EventPublisher>,
    /// By wanted object.
    encoders: HashMap<&'static str, Arc<Encoder>>,
    /// By topic, since objects may share one.
    pub(super) offsets: HashMap<String, Arc<OffsetTracker>>,
    scopes: Mutex<Vec<Arc<ScopeStatistics>>>,
    /// For whoever wants to see where it piles up.
    pub(super) channels: Channels,
    /// How many scopes there are to read.
    pub(super) expected: AtomicUsize,
    /// Of all types together.
    pub(super) issue_limit: IssueLimit,
    /// The error that was last logged of an identity. Hundreds of roles may fail for one reason, which is logged once.
    last_message: Mutex<Arc<str>>,
}

/// What whoever holds the run has of it, too.
pub(super) struct Shared {
    /// `LAST_CAPTURED` of every record.
    pub(super) captured: i64,
    pub(super) caller: Arc<Caller>,
    pub(super) stop: Arc<Stop>,
    pub(super) tracing: Tracing,
    /// The span of the sync.
    pub(super) trace: Arc<Traced>,
}

/// What a sync needs to send to Kafka.
pub(super) struct Output {
    pub(super) publisher: EventPublisher,
    /// The bytes before each datum.
    pub(super) frames: Frames,
}

impl SyncContext {
    /// Without an output, the sync is a dry run.
    pub(super) fn new(
        config: &Config,
        shared: Shared,
        only_counts: bool,
        output: Option<Output>,
    ) -> Result<Self, SchemaError> {
        let Shared { captured, caller, stop, tracing, trace } = shared;
        let mut encoders = HashMap::new();
        let mut offsets = HashMap::<String, Arc<OffsetTracker>>::new();
        for object in wanted(config) {
            let topic = config.kafka.topic(object);
            let frame = output.as_ref().map(|output| output.frames.of(object));
            let offsets = Arc::clone(offsets.entry(topic.clone()).or_default());
            let encoder = Encoder::new(config, object, &topic, captured, frame, offsets)?;
            encoders.insert(object, Arc::new(encoder));
        }
        Ok(Self {
            config: config.clone(),
            captured,
            caller,
            stop,
            tracing,
            trace,
            only_counts,
            publisher: output.map(|output| output.publisher),
            encoders,
            offsets,
            scopes: Mutex::default(),
            channels: Channels::default(),
            expected: AtomicUsize::new(0),
            issue_limit: IssueLimit::new(config.limits.issues),
            last_message: Mutex::new("".into()),
        })
    }

    /// None if the object is not wanted.
    pub(super) fn encoder<O: Object>(&self) -> Option<&Arc<Encoder>> {
        self.encoders.get(O::NAME)
    }

    /// There are so many scopes to read.
    pub(super) fn expect(&self, scopes: usize) {
        self.expected.store(scopes, Ordering::Relaxed);
    }

    /// Every scope, whether it was read or not.
    pub(super) fn scopes(&self) -> Vec<Arc<ScopeStatistics>> {
        self.scopes.lock().clone()
    }

    /// The span of a scope, which begins now.
    pub(super) fn trace_of(&self, account: &Account, region: &str, role: Option<&str>) -> Traced {
        self.tracing.scope(&self.trace, account.get(), region, role)
    }

    pub(super) fn enter(
        &self,
        account: &Account,
        region: &str,
        role: &Option<String>,
        types: Vec<ScopeType>,
        trace: Arc<Traced>,
    ) -> Arc<ScopeStatistics> {
        let scope = Arc::new(ScopeStatistics {
            trace,
            account: account.clone(),
            region: region.to_owned(),
            role: role.clone(),
            types,
            published: AtomicBool::new(false),
        });
        self.scopes.lock().push(Arc::clone(&scope));
        scope
    }

    /// Enters the scopes of an identity that cannot be resolved. Each of their types is denied.
    pub(super) fn deny(&self, identity: &Identity, error: &IdentityError) -> Vec<Arc<ScopeStatistics>> {
        let message: Arc<str> = error.to_string().into();
        let mut last_message = self.last_message.lock();
        if *last_message != message {
            tracing::warn!(role = identity.role, refused = %error, "an identity can read nothing");
            *last_message = Arc::clone(&message);
        }
        drop(last_message);
        self.enter_all(identity, &identity.account(), &identity.regions, |statistics| {
            statistics.deny(Arc::clone(&message));
        })
    }

    /// Enters scopes that the sync did not get to. Each of their types is partial.
    pub(super) fn leave_unread(&self, identity: &Identity, account: &Account, regions: &[String]) {
        let is_timed_out = self.stop.is_timed_out();
        self.enter_all(identity, account, regions, |statistics| {
            statistics.issue(&None, if is_timed_out { TIMED_OUT } else { "the sync ended before this was read" });
        });
    }

    fn enter_all(
        &self,
        identity: &Identity,
        account: &Account,
        regions: &[String],
        explain: impl Fn(&TypeStatistics),
    ) -> Vec<Arc<ScopeStatistics>> {
        let scope = |region: &String| {
            let statistics = |object| ScopeType::new(object, Arc::new(TypeStatistics::new(&self.issue_limit)));
            let types: Vec<_> = wanted(&self.config).map(statistics).collect();
            types.iter().for_each(|one| explain(&one.statistics));
            let trace = self.trace_of(account, region, identity.role.as_deref());
            trace.end(Vec::new(), Some("not read"));
            self.enter(account, region, &identity.role, types, Arc::new(trace))
        };
        regions.iter().map(scope).collect()
    }

    /// Waits until the last record of a scope is acknowledged or given up, and publishes its SCOPE event.
    pub(super) async fn conclude(&self, scope: &ScopeStatistics) {
        let Some(publisher) = self.publisher.as_ref() else {
            return scope.settled().await;
        };
        tokio::select! {
            biased;
            () = scope.settled() => {
                self.publish_early(scope).await;
            }
            // The event could not be delivered, and records in flight are about to be purged.
            _ = publisher.producer.failed() => {}
        }
    }

    /// Publishes the SCOPE event of a scope before the end of the sync. False if it cannot be delivered. If the account is not
    /// known for certain yet, the event waits for the end, because its key, `ce_source`, holds the account.
    pub(super) async fn publish_early(&self, scope: &ScopeStatistics) -> bool {
        !scope.account.is_certain() || self.publish(scope).await
    }

    /// Publishes the SCOPE event of a scope, once. False if it cannot be delivered.
    pub(super) async fn publish(&self, scope: &ScopeStatistics) -> bool {
        let Some(publisher) = self.publisher.as_ref().filter(|_| !scope.published.load(Ordering::Relaxed)) else {
            return true;
        };
        let ScopeStatistics { account, region, role, .. } = scope;
        let source = cloud_events::source(&self.config.name, account.get(), region, role.as_deref());
        let types = scope.judge();
        let event = SyncEvent::scope(&self.config.name, self.captured, now(), &types);
        let delivered = publisher.publish_scope(&source, &event).await.is_ok();
        // A scope whose task is aborted before this line is published at the end of the sync.
        scope.published.store(delivered, Ordering::Relaxed);
        delivered
    }
}

/// The objects that settings want, in the contract's order.
pub(super) fn wanted(config: &Config) -> impl Iterator<Item = &'static str> {
    OBJECTS.into_iter().filter(|object| config.objects.iter().any(|wanted| wanted == object))
}

/// The ECS requests of a caller so far.
pub(super) fn calls(caller: &Caller) -> CallCounts {
    let mut all = CategoryCalls::default();
    caller.calls.by_category().into_iter().for_each(|one| all += one);
    CallCounts { attempts: caller.calls.attempts(), throttled: all.throttled, retried: all.retried }
}
