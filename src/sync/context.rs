//! What all scopes of a sync share: the settings, the caller, the encoders, the statistics, and the publisher of events.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use super::publisher::EventPublisher;
use super::statistics::ScopeStatistics;
use super::stop::Stop;
use crate::aws::Caller;
use crate::aws::account::Account;
use crate::aws::scope::{Identity, IdentityError};
use crate::config::Config;
use crate::contract::OBJECTS;
use crate::ecs::Object;
use crate::kafka::framing::Frames;
use crate::record::{Encoder, OffsetTracker, SchemaError, cloud_events};
use crate::report::{CallCounts, SyncEvent, TypeStatistics};

/// What all scopes of a sync share.
pub(super) struct SyncContext {
    pub(super) config: Config,
    /// `LAST_CAPTURED` of every record.
    pub(super) captured: i64,
    pub(super) caller: Arc<Caller>,
    pub(super) stop: Arc<Stop>,
    /// None in a dry run.
    pub(super) publisher: Option<EventPublisher>,
    /// Of each wanted object.
    encoders: HashMap<String, Arc<Encoder>>,
    /// Where the acknowledged records of each topic lie: objects may share one.
    pub(super) offsets: HashMap<String, Arc<OffsetTracker>>,
    scopes: Mutex<Vec<Arc<ScopeStatistics>>>,
    /// What was last logged of an identity: hundreds of roles may fail for one reason.
    last_message: Mutex<String>,
}

/// What a sync needs to put something on topics.
pub(super) struct Output {
    pub(super) publisher: EventPublisher,
    /// The bytes before each datum.
    pub(super) frames: Frames,
}

impl SyncContext {
    /// Without an output it is a dry run.
    pub(super) fn new(
        config: &Config,
        captured: i64,
        caller: Arc<Caller>,
        stop: Arc<Stop>,
        output: Option<Output>,
    ) -> Result<Self, SchemaError> {
        let (mut encoders, mut offsets) = (HashMap::new(), HashMap::<String, Arc<OffsetTracker>>::new());
        for object in wanted(config) {
            let topic = config.kafka.topic(object);
            let frame = output.as_ref().map(|output| output.frames.of(object));
            let offsets = Arc::clone(offsets.entry(topic.clone()).or_default());
            let encoder = Encoder::new(config, object, &topic, captured, frame, offsets)?;
            encoders.insert(object.to_owned(), Arc::new(encoder));
        }
        let publisher = output.map(|output| output.publisher);
        let (config, scopes, last_message) = (config.clone(), Mutex::default(), Mutex::default());
        Ok(Self { config, captured, caller, stop, publisher, encoders, offsets, scopes, last_message })
    }

    /// None of an object that is not wanted.
    pub(super) fn encoder<O: Object>(&self) -> Option<&Arc<Encoder>> {
        self.encoders.get(O::NAME)
    }

    /// Every scope, whether it was read or not.
    pub(super) fn scopes(&self) -> Vec<Arc<ScopeStatistics>> {
        self.scopes.lock().clone()
    }

    pub(super) fn enter(&self, scope: ScopeStatistics) -> Arc<ScopeStatistics> {
        let scope = Arc::new(scope);
        self.scopes.lock().push(Arc::clone(&scope));
        scope
    }

    /// An identity that can read nothing: each of its types is denied, and the others go on.
    pub(super) fn deny(&self, identity: &Identity, error: &IdentityError) -> Vec<Arc<ScopeStatistics>> {
        let message = error.to_string();
        let mut last_message = self.last_message.lock();
        if *last_message != message {
            tracing::warn!(role = identity.role, refused = %error, "an identity can read nothing");
            last_message.clone_from(&message);
        }
        drop(last_message);
        self.enter_all(identity, &identity.account(), &identity.regions, |statistics| statistics.deny(&message))
    }

    /// Regions whose turn never came.
    pub(super) fn leave_unread(&self, identity: &Identity, account: &Account, regions: &[String]) {
        self.enter_all(identity, account, regions, |statistics| {
            statistics.issue(&None, "the sync ended before this was read");
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
            let types: Vec<(_, Arc<TypeStatistics>)> =
                wanted(&self.config).map(|object| (object, Arc::default())).collect();
            types.iter().for_each(|(_, statistics)| explain(statistics));
            let (account, region, role) = (account.clone(), region.clone(), identity.role.clone());
            self.enter(ScopeStatistics { account, region, role, types, published: AtomicBool::new(false) })
        };
        regions.iter().map(scope).collect()
    }

    /// Waits until the last record of a scope is acknowledged or given up, and publishes its SCOPE event.
    pub(super) async fn conclude(&self, scope: &ScopeStatistics, pending: TaskTracker) {
        let Some(publisher) = self.publisher.as_ref() else { return };
        pending.close();
        tokio::select! {
            biased;
            () = pending.wait() => {
                self.publish_early(scope).await;
            }
            // Nobody would hear of it, and what is in flight is about to be thrown away.
            _ = publisher.failed() => {}
        }
    }

    /// Publishes the SCOPE event of a scope before the sync's end. A scope whose account is not known yet has to wait for the end:
    /// its `ce_source`, the event's key, holds the account.
    pub(super) async fn publish_early(&self, scope: &ScopeStatistics) -> bool {
        scope.account.get().is_none() || self.publish(scope).await
    }

    /// Publishes the SCOPE event of a scope, once. False where it cannot be delivered.
    pub(super) async fn publish(&self, scope: &ScopeStatistics) -> bool {
        let Some(publisher) = self.publisher.as_ref().filter(|_| !scope.published.load(Ordering::Relaxed)) else {
            return true;
        };
        let (account, role) = (scope.account.get(), scope.role.as_deref());
        let source = cloud_events::source(&self.config.name, account, &scope.region, role);
        let types = scope.judge();
        let event = SyncEvent::scope(&self.config.name, self.captured, super::now(), &types);
        let delivered = publisher.publish_scope(&source, &event).await.is_ok();
        // A scope that is aborted before this is published at the end of the sync.
        scope.published.store(delivered, Ordering::Relaxed);
        delivered
    }
}

/// The objects that settings want, in the contract's order.
fn wanted(config: &Config) -> impl Iterator<Item = &'static str> {
    OBJECTS.into_iter().filter(|object| config.objects.iter().any(|wanted| wanted == object))
}

/// The ECS requests of a caller so far.
pub(super) fn calls(caller: &Caller) -> CallCounts {
    let calls = &caller.calls;
    let [attempts, throttled, retried] =
        [&calls.attempts, &calls.throttled, &calls.retried].map(|count| count.load(Ordering::Relaxed));
    CallCounts { attempts, throttled, retried }
}
