//! The rows of one scope: for each object type a lister, a describer and a mapper.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::timeout;
use tracing::field::display;
use tracing::{Instrument, Span};

use super::context::SyncContext;
use super::statistics::{ScopeStatistics, ScopeType};
use super::stop::{Stop, TIMED_OUT};
use crate::aws::Caller;
use crate::aws::scope::Scope;
use crate::config::Config;
use crate::contract::{Parent, Stamp, rfc3339};
use crate::ecs::{self, Object, Options, ParentKind, Visitor};
use crate::observe::{Said, Traced, counted};
use crate::record::RecordBatch;
use crate::report::{Listing, State, StopReason, TypeStatistics};
use crate::stage::count::count;
use crate::stage::describe::describe;
use crate::stage::list::{Outlets, list};
use crate::stage::map::map;
use crate::stage::{HangUp, RowContext};

/// How many cluster ARNs may wait for a row below. ARNs are small, and a slow row must not hold up the other.
const PARENTS: usize = 1_024;

/// How many pages may wait for a describer: enough to keep it busy. Every admitted scope has such a channel for each object.
const PAGES: usize = 4;

/// How long a sync that is stopped waits for what AWS still answers.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// How many Describe answers may exist at a time in the process: one for each parallel request, and one that is being encoded.
pub(crate) fn buffer_permits(config: &Config) -> usize {
    2 * config.parallel_requests
}

/// The tasks of one scope. Listers and describers (the readers) may be aborted. Mappers have what was read, and may not.
#[derive(Debug)]
pub(super) struct Rows {
    readers: JoinSet<Result<(), HangUp>>,
    mappers: JoinSet<Result<(), HangUp>>,
    /// The statistics of each task's type.
    owners: HashMap<Id, Arc<TypeStatistics>>,
    types: Vec<ScopeType>,
    /// What each line of a log says of the scope.
    span: Span,
}

/// A scope whose rows are about to run. Its statistics are final when nothing is pending.
#[derive(Debug)]
pub(super) struct WiredScope {
    pub(super) rows: Rows,
    pub(super) statistics: Arc<ScopeStatistics>,
}

/// Wires a scope. ListClusters runs once and feeds the rows of services and tasks.
pub(super) fn build_rows(context: &SyncContext, scope: &Arc<Scope>, records: &Sender<RecordBatch>) -> WiredScope {
    let trace = Arc::new(context.trace_of(&scope.account, &scope.region, scope.role.as_deref()));
    let mut wiring = Wiring {
        trace: Arc::clone(&trace),
        context,
        scope,
        records,
        rows: Rows::new(span(context, scope, &trace)),
        clusters: Arc::default(),
        feeds: Vec::new(),
        level: ParentKind::Cluster,
    };
    ecs::visit(&mut wiring);
    wiring.level = ParentKind::Account;
    ecs::visit(&mut wiring);
    let mut rows = wiring.rows;
    let types = std::mem::take(&mut rows.types);
    let statistics = context.enter(&scope.account, &scope.region, &scope.role, types, trace);
    WiredScope { rows, statistics }
}

/// A scope that is being wired: first the rows below the clusters, then those of the account, which need the channels of the first.
struct Wiring<'a> {
    /// The span of the scope.
    trace: Arc<Traced>,
    context: &'a SyncContext,
    scope: &'a Arc<Scope>,
    records: &'a Sender<RecordBatch>,
    rows: Rows,
    /// The one list of clusters.
    clusters: Arc<Listing>,
    /// The channels of the rows below the clusters.
    feeds: Vec<Sender<Parent>>,
    /// Which rows are being wired.
    level: ParentKind,
}

impl Visitor for Wiring<'_> {
    fn visit<O: Object>(&mut self) {
        if O::PARENT != self.level {
            return;
        }
        let is_wanted = self.context.encoder::<O>().is_some();
        match O::PARENT {
            ParentKind::Cluster if is_wanted => {
                let (feed, parents) = mpsc::channel(PARENTS);
                self.context.channels.watch("parents", &feed);
                let statistics = self.statistics().under(Arc::clone(&self.clusters));
                self.row::<O>(statistics, parents, Vec::new());
                self.feeds.push(feed);
            }
            ParentKind::Account if O::IS_PARENT => {
                let statistics = self.statistics().with_listing(Arc::clone(&self.clusters));
                let feeds = std::mem::take(&mut self.feeds);
                if is_wanted {
                    self.row::<O>(statistics, account(), feeds);
                } else if !feeds.is_empty() {
                    self.list_only::<O>(statistics, feeds);
                }
            }
            ParentKind::Account if is_wanted => self.row::<O>(self.statistics(), account(), Vec::new()),
            _ => {}
        }
    }
}

impl Wiring<'_> {
    /// Wires one row, last stage first.
    fn row<O: Object>(&mut self, statistics: TypeStatistics, parents: Receiver<Parent>, feeds: Vec<Sender<Parent>>) {
        let Some(encoder) = self.context.encoder::<O>() else { return };
        let statistics = Arc::new(statistics);
        let one = ScopeType::new(O::NAME, Arc::clone(&statistics));
        let row = self.row_context::<O>(&one);
        self.rows.types.push(one);
        let stamp = Stamp { region: self.scope.region.clone(), captured: self.context.captured };
        // With a place for each buffer permit, no answer waits here, and aborting a reader loses none.
        let (objects, described) = mpsc::channel(buffer_permits(&self.context.config));
        let (pages, listed) = mpsc::channel(PAGES);
        self.context.channels.watch("objects", &objects);
        self.context.channels.watch("pages", &pages);
        if self.context.only_counts {
            self.rows.read(&statistics, count::<O>(Arc::clone(&row), listed));
            self.rows.read(&statistics, list::<O>(row, parents, Outlets { pages: Some(pages), feeds }));
            return;
        }
        let mapping = map::<O>(Arc::clone(&row), stamp, Arc::clone(encoder), described, self.records.clone());
        let mapper = self.rows.mappers.spawn(mapping.instrument(self.rows.span.clone()));
        self.rows.owners.insert(mapper.id(), Arc::clone(&statistics));
        self.rows.read(&statistics, describe::<O>(Arc::clone(&row), listed, objects));
        self.rows.read(&statistics, list::<O>(row, parents, Outlets { pages: Some(pages), feeds }));
    }

    /// Wires a list whose own objects are not wanted, for the rows below.
    fn list_only<O: Object>(&mut self, statistics: TypeStatistics, feeds: Vec<Sender<Parent>>) {
        let statistics = Arc::new(statistics);
        let one = ScopeType::new(O::NAME, Arc::clone(&statistics));
        let row = self.row_context::<O>(&one);
        if self.context.only_counts {
            // Its calls count, whoever wants them.
            self.rows.types.push(one);
        }
        self.rows.read(&statistics, list::<O>(row, account(), Outlets { pages: None, feeds }));
    }

    fn statistics(&self) -> TypeStatistics {
        TypeStatistics::new(&self.context.issue_limit)
    }

    fn row_context<O: Object>(&self, one: &ScopeType) -> Arc<RowContext> {
        let config = &self.context.config;
        let statistics = Arc::clone(&one.statistics);
        let trace = self.context.tracing.of_type(&self.trace, O::NAME, move || said(&statistics));
        Arc::new(RowContext {
            name: config.name.clone(),
            scope: Arc::clone(self.scope),
            caller: Arc::clone(&self.context.caller),
            options: Options { fetch_stopped_tasks: config.operation_options.ecs_task.fetch_stopped_tasks },
            parallel: config.parallel_requests,
            statistics: Arc::clone(&one.statistics),
            trace,
            token: one.pending.token(),
        })
    }
}

impl Rows {
    fn new(span: Span) -> Self {
        let (readers, mappers) = (JoinSet::new(), JoinSet::new());
        Self { readers, mappers, owners: HashMap::new(), types: Vec::new(), span }
    }

    fn read(
        &mut self,
        statistics: &Arc<TypeStatistics>,
        stage: impl Future<Output = Result<(), HangUp>> + Send + 'static,
    ) {
        let reader = self.readers.spawn(stage.instrument(self.span.clone()));
        self.owners.insert(reader.id(), Arc::clone(statistics));
    }

    /// Runs the rows to their end. If the sync is to stop, the readers are aborted, and what was read is still mapped and sent.
    pub(super) async fn run(mut self, stop: &Stop, caller: &Caller) {
        let mut stopped = "the sync was stopped before its lists ended";
        loop {
            tokio::select! {
                biased;
                reason = stop.requested() => {
                    if reason == StopReason::Timeout {
                        stopped = TIMED_OUT;
                    }
                    if matches!(reason, StopReason::Signal | StopReason::Timeout) {
                        // What AWS answers soon is delivered. If Kafka is gone, nothing is.
                        let _ = timeout(LAST_ANSWERS, caller.close()).await;
                    }
                    self.readers.abort_all();
                    break;
                }
                ended = self.readers.join_next_with_id() => match ended {
                    Some(ended) => self.ended(ended, stopped),
                    None => break,
                },
            }
        }
        while let Some(ended) = self.readers.join_next_with_id().await {
            self.ended(ended, stopped);
        }
        while let Some(ended) = self.mappers.join_next_with_id().await {
            self.ended(ended, stopped);
        }
    }

    /// Makes the type partial if a stage ended early.
    fn ended(&self, ended: Result<(Id, Result<(), HangUp>), JoinError>, stopped: &'static str) {
        let (id, error) = match ended {
            Ok((_, Ok(()))) => return,
            Ok((id, Err(HangUp))) => (id, "its records could not be handed on"),
            Err(error) if error.is_panic() => (error.id(), "a stage panicked; this is a bug of ours"),
            Err(error) => (error.id(), stopped),
        };
        if let Some(statistics) = self.owners.get(&id) {
            statistics.issue(&None, error);
        }
    }
}

/// What the span of a type says at its end.
fn said(statistics: &TypeStatistics) -> Said {
    let counts = statistics.counters.raw();
    let state = statistics.judge().state;
    let attributes = vec![
        KeyValue::new("ecs_sdm.state", state.name()),
        counted("ecs_sdm.listed", statistics.planned.counts().objects),
        counted("ecs_sdm.asked", counts.asked),
        counted("ecs_sdm.described", counts.described),
        counted("ecs_sdm.gone", counts.gone),
        counted("ecs_sdm.unanswered", counts.failed),
        counted("ecs_sdm.acknowledged", counts.acknowledged),
    ];
    (attributes, (state != State::Complete).then(|| state.name()))
}

/// What lines of a log say of a scope. It names its sync itself, so that one span says all.
fn span(context: &SyncContext, scope: &Scope, trace: &Traced) -> Span {
    let Scope { account, region, role, .. } = scope;
    // At this level it holds for every line, whatever level is wanted.
    let (sync, account, role) = (rfc3339(context.captured), account.get().map(display), role.as_deref().map(display));
    let (trace_id, span_id) = trace.ids().unzip();
    let (trace_id, span_id) = (trace_id.map(display), span_id.map(display));
    tracing::error_span!(parent: None, "scope", %sync, account, %region, role, trace_id, span_id)
}

/// The only parent of rows that are listed for the account.
fn account() -> Receiver<Parent> {
    let (parent, parents) = mpsc::channel(1);
    // The channel has room for it.
    let _ = parent.try_send(None);
    parents
}
