//! What all scopes of a sync share: the settings, the caller, the forms of records, the ledgers, and the sync topic's voice.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::task::TaskTracker;

use crate::aws::Caller;
use crate::aws::account::Account;
use crate::aws::scope::{Identity, IdentityError};
use crate::config::Config;
use crate::event::SyncEvent;
use crate::kafka::framing::Frames;
use crate::object::Object;
use crate::record::{EventSource, OffsetTracker};
use crate::report::ScopeStatistics;
use crate::stage::map::Encoder;
use crate::stage::publish::EventPublisher;
use crate::statistics::TypeStatistics;

/// What all scopes of a sync share.
#[derive(Debug)]
pub(super) struct SyncContext {
    config: Config,
    captured: i64,
    caller: Arc<Caller>,
    /// None in a dry run.
    output: Option<Output>,
    encoders: Mutex<HashMap<&'static str, Arc<Encoder>>>,
    /// How far each topic reaches: objects may share one.
    offsets: Mutex<HashMap<String, Arc<OffsetTracker>>>,
    scopes: Mutex<Vec<Arc<ScopeStatistics>>>,
    /// What was last said of an identity: hundreds of roles may fail for one reason.
    last_message: Mutex<String>,
}

/// What a sync needs to put something on topics.
#[derive(Debug)]
pub(super) struct Output {
    /// The sync topic's voice.
    pub(super) publisher: EventPublisher,
    /// What stands before each datum.
    pub(super) frames: Frames,
}

impl SyncContext {
    /// Without an output it is a dry run.
    pub(super) fn new(config: &Config, captured: i64, caller: Arc<Caller>, output: Option<Output>) -> Self {
        let (encoders, offsets, scopes, last_message) = Default::default();
        Self { config: config.clone(), captured, caller, output, encoders, offsets, scopes, last_message }
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// `LAST_CAPTURED` of every record.
    pub(super) fn captured(&self) -> i64 {
        self.captured
    }

    /// Every scope, whether it was read or not.
    pub(super) fn scopes(&self) -> Vec<Arc<ScopeStatistics>> {
        self.scopes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An identity that can read nothing: each of its types is denied, and the others go on.
    pub(super) fn deny(&self, identity: &Identity, refused: &IdentityError) -> Vec<Arc<ScopeStatistics>> {
        let text = refused.to_string();
        let mut last_message = self.last_message.lock().unwrap_or_else(PoisonError::into_inner);
        if *last_message != text {
            tracing::warn!(role = identity.role, %refused, "an identity can read nothing");
            last_message.clone_from(&text);
        }
        drop(last_message);
        self.enter_all(identity, &identity.account(), &identity.regions, |statistics| statistics.deny(&text))
    }

    /// Regions whose turn never came.
    pub(super) fn leave_unread(&self, identity: &Identity, account: &Account, regions: &[String]) {
        self.enter_all(identity, account, regions, |statistics| {
            statistics.issue(&None, "the sync ended before this was read");
        });
    }

    /// The sync topic's voice.
    pub(super) fn publisher(&self) -> Option<&EventPublisher> {
        self.output.as_ref().map(|output| &output.publisher)
    }

    /// Where the acknowledged records of each topic lie.
    pub(super) fn offsets(&self) -> HashMap<String, Arc<OffsetTracker>> {
        self.offsets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the last record of a scope is acknowledged or given up, and says so on the sync topic.
    pub(super) async fn conclude(&self, scope: &ScopeStatistics, pending: TaskTracker) {
        let Some(publisher) = self.publisher() else { return };
        pending.close();
        tokio::select! {
            biased;
            () = pending.wait() => {
                self.publish_early(scope).await;
            }
            // Nobody would hear of it, and what is in flight is about to be thrown away.
            () = publisher.fatal() => {}
        }
    }

    /// Announces a scope before the sync's end. Until its account is known it goes by another name: the end tells it then.
    pub(super) async fn publish_early(&self, scope: &ScopeStatistics) -> bool {
        scope.account.get().is_none() || self.publish(scope).await
    }

    /// Says on the sync topic what became of a scope, once. False where nobody hears it any more.
    pub(super) async fn publish(&self, scope: &ScopeStatistics) -> bool {
        let Some(publisher) = self.publisher().filter(|_| !scope.published.load(Ordering::Relaxed)) else {
            return true;
        };
        let (account, region, role) = (scope.account.get(), scope.region.as_str(), scope.role.as_deref());
        let source = EventSource { name: &self.config.name, account, region, role }.source();
        let types = scope.judge();
        let event = SyncEvent::scope(&self.config.name, self.captured, super::now(), &types);
        let delivered = publisher.publish_unacknowledged(&source, &event).await.is_ok();
        // A scope that is aborted before this is announced at the end of the sync.
        scope.published.store(delivered, Ordering::Relaxed);
        delivered
    }

    fn enter_all(
        &self,
        identity: &Identity,
        account: &Account,
        regions: &[String],
        say: impl Fn(&TypeStatistics),
    ) -> Vec<Arc<ScopeStatistics>> {
        let scope = |region: &String| {
            let wanted = crate::ecs::OBJECTS.into_iter().filter(|object| self.wants(object));
            let types = wanted.map(|object| (object, Arc::default())).collect::<Vec<(_, Arc<TypeStatistics>)>>();
            types.iter().for_each(|(_, statistics)| say(statistics));
            let (account, region, role) = (account.clone(), region.clone(), identity.role.clone());
            self.enter(ScopeStatistics { account, region, role, types, published: AtomicBool::new(false) })
        };
        regions.iter().map(scope).collect()
    }

    pub(super) fn enter(&self, scope: ScopeStatistics) -> Arc<ScopeStatistics> {
        let scope = Arc::new(scope);
        self.scopes.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&scope));
        scope
    }

    pub(super) fn wants(&self, object: &str) -> bool {
        self.config.objects.iter().any(|wanted| wanted == object)
    }

    /// The form of an object's records, made once for all scopes.
    pub(super) fn encoder<O: Object>(&self) -> Result<Arc<Encoder>, apache_avro::Error> {
        let mut encoders = self.encoders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(encoder) = encoders.get(O::NAME) {
            return Ok(Arc::clone(encoder));
        }
        let frames = self.output.as_ref().map(|output| &output.frames);
        let mut offsets = self.offsets.lock().unwrap_or_else(PoisonError::into_inner);
        let offsets = offsets.entry(self.config.kafka.topic(O::NAME)).or_default();
        let encoder = Arc::new(Encoder::of::<O>(&self.config, frames, Arc::clone(offsets))?);
        Ok(Arc::clone(encoders.entry(O::NAME).or_insert(encoder)))
    }
}
