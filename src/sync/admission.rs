//! Admission of scopes. A few are read at a time, and a role is assumed only then, so that tasks and memory do not grow with their
//! number.

use std::collections::{HashMap, VecDeque};
use std::iter::Peekable;
use std::sync::Arc;

use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tracing::Instrument;

use super::context::SyncContext;
use super::rows::{WiredScope, build_rows};
use crate::aws::base::Base;
use crate::aws::scope::{Identity, ResolvedIdentity};
use crate::record::RecordBatch;

/// Scopes that wait for admission, and those under way.
pub(super) struct Scopes {
    base: Arc<Base>,
    context: Arc<SyncContext>,
    /// Identities whose credentials are still to be resolved.
    identities: Peekable<Identities>,
    /// Regions of resolved identities. They go before other identities, because sessions expire.
    regions: VecDeque<(Arc<ResolvedIdentity>, String)>,
    /// How many regions of each identity are under way, by role.
    under_way: HashMap<Option<String>, usize>,
    running: JoinSet<Step>,
    /// How many scopes may be under way: enough to keep the parallel requests busy.
    limit: usize,
}

/// Identities, which are made one by one.
pub(super) type Identities = Box<dyn Iterator<Item = Identity> + Send>;

/// What a task has done.
#[derive(Debug)]
enum Step {
    /// An identity is resolved, and its regions can be read. A role that waits for STS is one task for all its regions.
    Resolved(Arc<ResolvedIdentity>),
    /// A scope of this role was read.
    Read(Option<String>),
    /// An identity cannot be resolved.
    Ended,
}

/// A scope's task panicked.
#[derive(Debug, thiserror::Error)]
#[error("a scope panicked; this is a bug of ours")]
pub(super) struct Panicked;

impl Scopes {
    pub(super) fn new(base: Arc<Base>, identities: Identities, context: &Arc<SyncContext>) -> Self {
        Self {
            base,
            context: Arc::clone(context),
            identities: identities.peekable(),
            regions: VecDeque::new(),
            under_way: HashMap::new(),
            running: JoinSet::new(),
            limit: 16.max(4 * context.config.parallel_requests),
        }
    }

    /// Admits scopes up to the limit, and waits until a task has ended. False when all have ended.
    pub(super) async fn advance(&mut self, records: &Sender<RecordBatch>) -> Result<bool, Panicked> {
        while self.running.len() < self.limit {
            if let Some((resolved, region)) = self.next_region() {
                self.read(&resolved, &region, records);
            } else if let Some(identity) = self.identities.next() {
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
            Some(Ok(Step::Resolved(resolved))) => {
                let regions = resolved.identity.regions.iter();
                self.regions.extend(regions.map(|region| (Arc::clone(&resolved), region.clone())));
                Ok(true)
            }
            Some(Err(_)) => Err(Panicked),
        }
    }

    /// The next region to read. While other identities wait, one identity may have half of the limit at most, because each region
    /// of a huge account may take as long as all small accounts together.
    fn next_region(&mut self) -> Option<(Arc<ResolvedIdentity>, String)> {
        let share = self.limit / 2;
        let under_way =
            |resolved: &ResolvedIdentity| self.under_way.get(&resolved.identity.role).copied().unwrap_or_default();
        let next = match self.regions.iter().position(|(resolved, _)| under_way(resolved) < share) {
            Some(index) => self.regions.remove(index),
            None if self.identities.peek().is_none() => self.regions.pop_front(),
            None => None,
        }?;
        *self.under_way.entry(next.0.identity.role.clone()).or_default() += 1;
        Some(next)
    }

    fn resolve(&mut self, identity: Identity) {
        let base = Arc::clone(&self.base);
        let context = Arc::clone(&self.context);
        let resolving = async move {
            let resolved = tokio::select! {
                biased;
                _ = context.stop.requested() => None,
                resolved = base.resolve(&identity, &context.caller.concurrency) => Some(resolved),
            };
            match resolved {
                Some(Ok(account)) => return Step::Resolved(Arc::new(ResolvedIdentity { identity, account })),
                Some(Err(error)) => {
                    for statistics in context.deny(&identity, &error) {
                        if !context.publish_early(&statistics).await {
                            break;
                        }
                    }
                }
                None => context.leave_unread(&identity, &identity.account(), &identity.regions),
            }
            Step::Ended
        };
        self.running.spawn(resolving.in_current_span());
    }

    fn read(&mut self, resolved: &ResolvedIdentity, region: &str, records: &Sender<RecordBatch>) {
        let scope = self.base.scope(resolved, region, &self.context.config, &self.context.caller.limiters);
        let WiredScope { rows, statistics } = build_rows(&self.context, &Arc::new(scope), records);
        let context = Arc::clone(&self.context);
        let reading = async move {
            rows.run(&context.stop, &context.caller).await;
            context.conclude(&statistics).await;
            statistics.end_trace();
            Step::Read(statistics.role.clone())
        };
        self.running.spawn(reading.in_current_span());
    }

    /// Enters scopes that were never admitted into the report. Those under way notice the stop themselves.
    pub(super) fn leave_rest_unread(&mut self) {
        for identity in self.identities.by_ref() {
            self.context.leave_unread(&identity, &identity.account(), &identity.regions);
        }
        for (resolved, region) in self.regions.drain(..) {
            self.context.leave_unread(&resolved.identity, &resolved.account, &[region]);
        }
    }

    pub(super) async fn end(&mut self) -> Result<(), Panicked> {
        let mut ended = Ok(());
        while let Some(step) = self.running.join_next().await {
            match step {
                Ok(Step::Resolved(resolved)) => {
                    self.context.leave_unread(&resolved.identity, &resolved.account, &resolved.identity.regions);
                }
                Ok(Step::Read(_) | Step::Ended) => {}
                Err(_) => ended = Err(Panicked),
            }
        }
        ended
    }

    pub(super) async fn shutdown(&mut self) {
        self.running.shutdown().await;
    }
}
