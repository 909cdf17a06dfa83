//! The rows of one scope: for every object type a lister, a describer and a mapper, wired on one screen, last stage first.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use aws_sdk_ecs::types::{Cluster, Service, Task, TaskDefinition};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

use super::plan::Plan;
use crate::aws::scope::Scope;
use crate::config::Config;
use crate::object::{Object, Options, Parent};
use crate::record::{Encoded, Settled, Unsettled, settling};
use crate::report::Ledger;
use crate::sdm::Stamp;
use crate::stage::list::{Outlets, list};
use crate::stage::map::map;
use crate::stage::{HangUp, Lane, describe::describe};
use crate::tally::{Listing, Tally};

/// Cluster ARNs that wait for the rows below: small, and enough that a slow row does not hold up the other.
const PARENTS: usize = 1_024;

/// Pages that wait for a describer: enough to keep it busy; every admitted scope has four such channels.
const PAGES: usize = 4;

/// Describe answers that may exist at a time, in the whole process: twice the parallel requests, so that a request can be under
/// way while an earlier answer is still being encoded and handed over.
pub(super) fn seats(config: &Config) -> usize {
    2 * config.parallel_requests
}

/// The tasks of one scope. Readers own nothing that may not be lost; mappers have what was read.
#[derive(Debug)]
pub(super) struct Rows {
    readers: JoinSet<Result<(), HangUp>>,
    mappers: JoinSet<Result<(), HangUp>>,
    owners: HashMap<Id, Arc<Tally>>,
    tallies: Vec<(&'static str, Arc<Tally>)>,
    unsettled: Unsettled,
}

/// A scope on its way: its tallies, and when they are final.
#[derive(Debug)]
pub(super) struct Wired {
    pub(super) rows: Rows,
    pub(super) ledger: Arc<Ledger>,
    pub(super) settled: Settled,
}

impl Rows {
    /// Wires a scope: ListClusters runs once and feeds the rows of services and tasks.
    pub(super) fn wire(plan: &Plan, scope: &Arc<Scope>, records: &Sender<Encoded>) -> Wired {
        let (unsettled, settled) = settling();
        let (readers, mappers, owners, tallies) = Default::default();
        let mut rows = Self { readers, mappers, owners, tallies, unsettled };
        let clusters = Arc::new(Listing::default());
        let mut feeds = Vec::new();
        feeds.extend(rows.fed::<Service>(plan, scope, &clusters, records));
        feeds.extend(rows.fed::<Task>(plan, scope, &clusters, records));
        if plan.wants(Cluster::NAME) {
            let tally = Arc::new(Tally::listing_for(clusters));
            rows.row::<Cluster>(plan, scope, &tally, account(), feeds, records);
        } else if !feeds.is_empty() {
            let tally = Arc::new(Tally::listing_for(clusters));
            let lane = rows.lane(plan, scope, &tally);
            let outlets = Outlets { pages: None, feeds };
            rows.read(&tally, list::<Cluster>(lane, account(), outlets));
        }
        if plan.wants(TaskDefinition::NAME) {
            rows.row::<TaskDefinition>(plan, scope, &Arc::default(), account(), Vec::new(), records);
        }
        let (account, region, role) = (scope.account.clone(), scope.region.clone(), scope.role.clone());
        let (tallies, announced) = (std::mem::take(&mut rows.tallies), AtomicBool::new(false));
        let ledger = plan.enter(Ledger { account, region, role, tallies, announced });
        Wired { rows, ledger, settled }
    }

    /// A row whose parents are the scope's clusters, if it is wanted: what to feed it through.
    fn fed<O: Object>(
        &mut self,
        plan: &Plan,
        scope: &Arc<Scope>,
        clusters: &Arc<Listing>,
        records: &Sender<Encoded>,
    ) -> Option<Sender<Parent>> {
        if !plan.wants(O::NAME) {
            return None;
        }
        let (feed, parents) = mpsc::channel(PARENTS);
        let tally = Arc::new(Tally::fed_by(Arc::clone(clusters)));
        self.row::<O>(plan, scope, &tally, parents, Vec::new(), records);
        Some(feed)
    }

    /// One row, last stage first: each stage is born holding the end it feeds.
    fn row<O: Object>(
        &mut self,
        plan: &Plan,
        scope: &Arc<Scope>,
        tally: &Arc<Tally>,
        parents: Receiver<Parent>,
        feeds: Vec<Sender<Parent>>,
        records: &Sender<Encoded>,
    ) {
        self.tallies.push((O::NAME, Arc::clone(tally)));
        let form = match plan.form::<O>() {
            Ok(form) => form,
            Err(error) => return tally.trouble(&None, error.to_string()),
        };
        let lane = self.lane(plan, scope, tally);
        let stamp = Stamp { region: scope.region.clone(), captured: plan.captured() };
        // As many places as seats: an answer in hand never waits here, so aborting a reader loses none.
        let (objects, described) = mpsc::channel(seats(plan.config()));
        let (pages, listed) = mpsc::channel(PAGES);
        let mapper = self.mappers.spawn(map::<O>(Arc::clone(&lane), stamp, form, described, records.clone()));
        self.owners.insert(mapper.id(), Arc::clone(tally));
        self.read(tally, describe::<O>(Arc::clone(&lane), listed, objects));
        self.read(tally, list::<O>(lane, parents, Outlets { pages: Some(pages), feeds }));
    }

    fn lane(&self, plan: &Plan, scope: &Arc<Scope>, tally: &Arc<Tally>) -> Arc<Lane> {
        let tasks = &plan.config().operation_options.ecs_task;
        Arc::new(Lane {
            scope: Arc::clone(scope),
            caller: Arc::clone(plan.caller()),
            options: Options { fetch_stopped_tasks: tasks.fetch_stopped_tasks },
            parallel: plan.config().parallel_requests,
            tally: Arc::clone(tally),
            unsettled: self.unsettled.clone(),
        })
    }

    fn read(&mut self, tally: &Arc<Tally>, stage: impl Future<Output = Result<(), HangUp>> + Send + 'static) {
        let reader = self.readers.spawn(stage);
        self.owners.insert(reader.id(), Arc::clone(tally));
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
        if let Some(tally) = self.owners.get(&id) {
            tally.trouble(&None, error);
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
