//! The rows of one scope: for every object type a lister, a describer and a mapper, wired on one screen, last stage first.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use aws_sdk_ecs::types::{Cluster, Service, Task, TaskDefinition};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::task::TaskTracker;

use super::context::SyncContext;
use crate::aws::scope::Scope;
use crate::config::Config;
use crate::object::{Object, Options, Parent};
use crate::record::RecordBatch;
use crate::report::ScopeStatistics;
use crate::sdm::Stamp;
use crate::stage::list::{Outlets, list};
use crate::stage::map::map;
use crate::stage::{HangUp, RowContext, describe::describe};
use crate::statistics::{Listing, TypeStatistics};

/// Cluster ARNs that wait for the rows below: small, and enough that a slow row does not hold up the other.
const PARENTS: usize = 1_024;

/// Pages that wait for a describer: enough to keep it busy; every admitted scope has four such channels.
const PAGES: usize = 4;

/// Describe answers that may exist at a time, in the whole process: twice the parallel requests, so that a request can be under
/// way while an earlier answer is still being encoded and handed over.
pub(super) fn buffer_permits(config: &Config) -> usize {
    2 * config.parallel_requests
}

/// The tasks of one scope. Readers own nothing that may not be lost; mappers have what was read.
#[derive(Debug)]
pub(super) struct Rows {
    readers: JoinSet<Result<(), HangUp>>,
    mappers: JoinSet<Result<(), HangUp>>,
    owners: HashMap<Id, Arc<TypeStatistics>>,
    types: Vec<(&'static str, Arc<TypeStatistics>)>,
    pending: TaskTracker,
}

/// A scope on its way: its tallies, and when they are final.
#[derive(Debug)]
pub(super) struct WiredScope {
    pub(super) rows: Rows,
    pub(super) scope_statistics: Arc<ScopeStatistics>,
    pub(super) pending: TaskTracker,
}

impl Rows {
    /// Wires a scope: ListClusters runs once and feeds the rows of services and tasks.
    pub(super) fn wire(context: &SyncContext, scope: &Arc<Scope>, records: &Sender<RecordBatch>) -> WiredScope {
        let pending = TaskTracker::new();
        let (readers, mappers, owners, types) = Default::default();
        let mut rows = Self { readers, mappers, owners, types, pending: pending.clone() };
        let clusters = Arc::new(Listing::default());
        let mut feeds = Vec::new();
        feeds.extend(rows.fed::<Service>(context, scope, &clusters, records));
        feeds.extend(rows.fed::<Task>(context, scope, &clusters, records));
        if context.wants(Cluster::NAME) {
            let statistics = Arc::new(TypeStatistics::listing_for(clusters));
            rows.row::<Cluster>(context, scope, &statistics, account(), feeds, records);
        } else if !feeds.is_empty() {
            let statistics = Arc::new(TypeStatistics::listing_for(clusters));
            let row_context = rows.row_context(context, scope, &statistics);
            let outlets = Outlets { pages: None, feeds };
            rows.read(&statistics, list::<Cluster>(row_context, account(), outlets));
        }
        if context.wants(TaskDefinition::NAME) {
            rows.row::<TaskDefinition>(context, scope, &Arc::default(), account(), Vec::new(), records);
        }
        let (account, region, role) = (scope.account.clone(), scope.region.clone(), scope.role.clone());
        let (types, published) = (std::mem::take(&mut rows.types), AtomicBool::new(false));
        let scope_statistics = context.enter(ScopeStatistics { account, region, role, types, published });
        WiredScope { rows, scope_statistics, pending }
    }

    /// A row whose parents are the scope's clusters, if it is wanted: what to feed it through.
    fn fed<O: Object>(
        &mut self,
        context: &SyncContext,
        scope: &Arc<Scope>,
        clusters: &Arc<Listing>,
        records: &Sender<RecordBatch>,
    ) -> Option<Sender<Parent>> {
        if !context.wants(O::NAME) {
            return None;
        }
        let (feed, parents) = mpsc::channel(PARENTS);
        let statistics = Arc::new(TypeStatistics::fed_by(Arc::clone(clusters)));
        self.row::<O>(context, scope, &statistics, parents, Vec::new(), records);
        Some(feed)
    }

    /// One row, last stage first: each stage is born holding the end it feeds.
    fn row<O: Object>(
        &mut self,
        context: &SyncContext,
        scope: &Arc<Scope>,
        statistics: &Arc<TypeStatistics>,
        parents: Receiver<Parent>,
        feeds: Vec<Sender<Parent>>,
        records: &Sender<RecordBatch>,
    ) {
        self.types.push((O::NAME, Arc::clone(statistics)));
        let encoder = match context.encoder::<O>() {
            Ok(encoder) => encoder,
            Err(error) => return statistics.issue(&None, error.to_string()),
        };
        let row_context = self.row_context(context, scope, statistics);
        let stamp = Stamp { region: scope.region.clone(), captured: context.captured() };
        // As many places as seats: an answer in hand never waits here, so aborting a reader loses none.
        let (objects, described) = mpsc::channel(buffer_permits(context.config()));
        let (pages, listed) = mpsc::channel(PAGES);
        let mapper = self.mappers.spawn(map::<O>(Arc::clone(&row_context), stamp, encoder, described, records.clone()));
        self.owners.insert(mapper.id(), Arc::clone(statistics));
        self.read(statistics, describe::<O>(Arc::clone(&row_context), listed, objects));
        self.read(statistics, list::<O>(row_context, parents, Outlets { pages: Some(pages), feeds }));
    }

    fn row_context(
        &self,
        context: &SyncContext,
        scope: &Arc<Scope>,
        statistics: &Arc<TypeStatistics>,
    ) -> Arc<RowContext> {
        let tasks = &context.config().operation_options.ecs_task;
        Arc::new(RowContext {
            scope: Arc::clone(scope),
            caller: Arc::clone(context.caller()),
            options: Options { fetch_stopped_tasks: tasks.fetch_stopped_tasks },
            parallel: context.config().parallel_requests,
            statistics: Arc::clone(statistics),
            token: self.pending.token(),
        })
    }

    fn read(
        &mut self,
        statistics: &Arc<TypeStatistics>,
        stage: impl Future<Output = Result<(), HangUp>> + Send + 'static,
    ) {
        let reader = self.readers.spawn(stage);
        self.owners.insert(reader.id(), Arc::clone(statistics));
    }

    /// Runs the rows to their end. Stopped, the readers are dropped at once; what was read is still mapped and delivered.
    pub(super) async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => {
                    self.readers.abort_all();
                    break;
                }
                ended = self.readers.join_next_with_id() => match ended {
                    Some(ended) => self.ended(ended),
                    None => break,
                },
            }
        }
        while let Some(ended) = self.readers.join_next_with_id().await {
            self.ended(ended);
        }
        while let Some(ended) = self.mappers.join_next_with_id().await {
            self.ended(ended);
        }
    }

    /// A stage that did not come to its own end makes its type partial.
    fn ended(&self, ended: Result<(Id, Result<(), HangUp>), JoinError>) {
        let (id, error) = match ended {
            Ok((_, Ok(()))) => return,
            Ok((id, Err(HangUp))) => (id, "its records could not be handed on"),
            Err(error) if error.is_panic() => (error.id(), "a stage panicked; this is a bug of ours"),
            Err(error) => (error.id(), "the sync was stopped before its lists ended"),
        };
        if let Some(statistics) = self.owners.get(&id) {
            statistics.issue(&None, error);
        }
    }
}

/// The one parent of what stands under the account.
fn account() -> Receiver<Parent> {
    let (parent, parents) = mpsc::channel(1);
    // A channel of one takes one.
    let _ = parent.try_send(None);
    parents
}
