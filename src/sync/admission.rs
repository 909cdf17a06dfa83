//! Which scopes are read when: a few at a time, roles assumed on admission, so that neither tasks nor memory grow with their
//! number.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::context::SyncContext;
use super::rows::{Rows, WiredScope};
use crate::aws::scope::{Base, Identity, ResolvedIdentity};
use crate::record::RecordBatch;

/// Scopes that wait for their turn, and those under way.
#[derive(Debug)]
pub(super) struct Scopes {
    base: Arc<Base>,
    context: Arc<SyncContext>,
    /// Identities whose credentials are still to be resolved.
    identities: VecDeque<Identity>,
    /// Regions of identities that are known: they go first, while the session is young.
    regions: VecDeque<(Arc<ResolvedIdentity>, String)>,
    /// How many regions of each identity are under way, by role.
    under_way: HashMap<Option<String>, usize>,
    running: JoinSet<Step>,
    /// How many may be under way: enough to keep the parallel requests busy.
    limit: usize,
    stopped: watch::Sender<bool>,
}

/// What a task of this module has done.
#[derive(Debug)]
enum Step {
    /// An identity is known: its regions can be read. A role that STS keeps waiting holds one place, not one a region.
    ResolvedIdentity(Arc<ResolvedIdentity>),
    /// A scope of this role was read.
    Read(Option<String>),
    /// An identity can read nothing.
    Ended,
}

/// A scope's task panicked.
#[derive(Debug, thiserror::Error)]
#[error("a scope panicked; this is a bug of ours")]
pub(super) struct Panicked;

impl Scopes {
    pub(super) fn new(base: Base, context: &Arc<SyncContext>) -> Self {
        let identities = base.identities(context.config()).into();
        let limit = 16.max(4 * context.config().parallel_requests);
        let (base, context, stopped) = (Arc::new(base), Arc::clone(context), watch::Sender::new(false));
        Self {
            base,
            context,
            identities,
            regions: VecDeque::new(),
            under_way: HashMap::new(),
            running: JoinSet::new(),
            limit,
            stopped,
        }
    }

    /// Admits what there is room for, and waits until one of those under way has ended. False when all have.
    pub(super) async fn advance(&mut self, records: &Sender<RecordBatch>) -> Result<bool, Panicked> {
        while self.running.len() < self.limit {
            if let Some((resolved, region)) = self.next_region() {
                self.read(&resolved, &region, records);
            } else if let Some(identity) = self.identities.pop_front() {
                self.resolve(identity);
            } else {
                break;
            }
        }
        match self.running.join_next().await {
            None => Ok(false),
            Some(Ok(Step::Read(role))) => {
                self.under_way.entry(role).and_modify(|count| *count -= 1);
                Ok(true)
            }
            Some(Ok(Step::Ended)) => Ok(true),
            Some(Ok(Step::ResolvedIdentity(resolved))) => {
                self.regions.extend(resolved.regions().iter().map(|region| (Arc::clone(&resolved), region.clone())));
                Ok(true)
            }
            Some(Err(_)) => Err(Panicked),
        }
    }

    /// The next region in line. While others wait an identity has half of the places at most: a huge account may have many regions,
    /// and each of them may take as long as all small accounts together.
    fn next_region(&mut self) -> Option<(Arc<ResolvedIdentity>, String)> {
        let share = self.limit / 2;
        let under_way =
            |resolved: &ResolvedIdentity| self.under_way.get(&resolved.identity().role).copied().unwrap_or_default();
        let next = match self.regions.iter().position(|(resolved, _)| under_way(resolved) < share) {
            Some(place) => self.regions.remove(place),
            None if self.identities.is_empty() => self.regions.pop_front(),
            None => None,
        }?;
        *self.under_way.entry(next.0.identity().role.clone()).or_default() += 1;
        Some(next)
    }

    fn resolve(&mut self, identity: Identity) {
        let (base, context, mut stopped) =
            (Arc::clone(&self.base), Arc::clone(&self.context), self.stopped.subscribe());
        self.running.spawn(async move {
            let resolved = tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => None,
                resolved = base.resolve(&identity, context.caller().concurrency()) => Some(resolved),
            };
            match resolved {
                Some(Ok(account)) => return Step::ResolvedIdentity(Arc::new(ResolvedIdentity::new(identity, account))),
                Some(Err(refused)) => {
                    for statistics in context.deny(&identity, &refused) {
                        if !context.publish_early(&statistics).await {
                            break;
                        }
                    }
                }
                None => context.leave_unread(&identity, &identity.account(), &identity.regions),
            }
            Step::Ended
        });
    }

    fn read(&mut self, resolved: &ResolvedIdentity, region: &str, records: &Sender<RecordBatch>) {
        let scope = self.base.scope(resolved, region, self.context.config(), self.context.caller().limiters());
        let WiredScope { rows, scope_statistics: statistics, pending } =
            Rows::wire(&self.context, &Arc::new(scope), records);
        let (context, stopped) = (Arc::clone(&self.context), self.stopped.subscribe());
        self.running.spawn(async move {
            rows.run(stopped).await;
            context.conclude(&statistics, pending).await;
            Step::Read(statistics.role.clone())
        });
    }

    /// Ends the reading; what was read goes on its way. What was never admitted is in the report all the same.
    pub(super) fn stop(&mut self) {
        self.stopped.send_replace(true);
        for identity in self.identities.drain(..) {
            self.context.leave_unread(&identity, &identity.account(), &identity.regions);
        }
        for (resolved, region) in self.regions.drain(..) {
            self.context.leave_unread(resolved.identity(), resolved.account(), &[region]);
        }
    }

    /// Waits for those under way, which [`Scopes::stop`] has told to end.
    pub(super) async fn end(&mut self) -> Result<(), Panicked> {
        let mut ended = Ok(());
        while let Some(step) = self.running.join_next().await {
            match step {
                Ok(Step::ResolvedIdentity(resolved)) => {
                    self.context.leave_unread(resolved.identity(), resolved.account(), resolved.regions());
                }
                Ok(Step::Read(_) | Step::Ended) => {}
                Err(_) => ended = Err(Panicked),
            }
        }
        ended
    }

    /// Drops those under way.
    pub(super) async fn shutdown(&mut self) {
        self.running.shutdown().await;
    }
}
