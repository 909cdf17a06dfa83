//! The rows of one scope: for every object type a lister, a describer and a mapper, wired on one screen, last stage first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ecs::types::{Cluster, Service, Task, TaskDefinition};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

use crate::aws::Caller;
use crate::aws::scope::{Account, Identity, Refused, Scope};
use crate::config::Config;
use crate::object::{Object, Options, Parent};
use crate::record::Encoded;
use crate::report::Entry;
use crate::sdm::Stamp;
use crate::stage::list::{Outlets, list};
use crate::stage::map::{Form, map};
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

/// What all scopes of a sync share.
#[derive(Debug)]
pub(super) struct Plan {
    config: Config,
    captured: i64,
    dry_run: bool,
    caller: Arc<Caller>,
    forms: Mutex<HashMap<&'static str, Arc<Form>>>,
    entries: Mutex<Vec<Entry>>,
    /// What was last said of an identity: hundreds of roles may fail for one reason.
    said: Mutex<String>,
}

impl Plan {
    pub(super) fn new(config: &Config, captured: i64, dry_run: bool, caller: Arc<Caller>) -> Self {
        let (forms, entries, said) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { config: config.clone(), captured, dry_run, caller, forms, entries, said }
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Every type of every scope, whether it was read or not.
    pub(super) fn entries(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// An identity that can read nothing: each of its types is denied, and the others go on.
    pub(super) fn deny(&self, identity: &Identity, refused: &Refused) {
        let text = refused.to_string();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if *said != text {
            tracing::warn!(role = identity.role, %refused, "an identity can read nothing");
            said.clone_from(&text);
        }
        drop(said);
        self.enter_all(identity, &identity.account(), &identity.regions, |tally| tally.deny(&text));
    }

    /// Regions whose turn never came.
    pub(super) fn leave_unread(&self, identity: &Identity, account: &Account, regions: &[String]) {
        self.enter_all(identity, account, regions, |tally| {
            tally.trouble(&None, "the sync ended before this was read");
        });
    }

    fn enter_all(&self, identity: &Identity, account: &Account, regions: &[String], say: impl Fn(&Tally)) {
        for region in regions {
            for object in crate::ecs::OBJECTS.into_iter().filter(|object| self.wants(object)) {
                let tally = Arc::new(Tally::default());
                say(&tally);
                let (account, region, role) = (account.clone(), region.clone(), identity.role.clone());
                self.enter(Entry { account, region, role, object, tally });
            }
        }
    }

    fn enter(&self, entry: Entry) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    fn wants(&self, object: &str) -> bool {
        self.config.objects.iter().any(|wanted| wanted == object)
    }

    /// The form of an object's records, made once for all scopes.
    fn form<O: Object>(&self) -> Result<Arc<Form>, apache_avro::Error> {
        let mut forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(form) = forms.get(O::NAME) {
            return Ok(Arc::clone(form));
        }
        let form = Arc::new(Form::of::<O>(&self.config, self.dry_run)?);
        Ok(Arc::clone(forms.entry(O::NAME).or_insert(form)))
    }
}

/// The tasks of one scope. Readers own nothing that may not be lost; mappers have what was read.
#[derive(Debug)]
pub(super) struct Rows {
    readers: JoinSet<Result<(), HangUp>>,
    mappers: JoinSet<Result<(), HangUp>>,
    owners: HashMap<Id, Arc<Tally>>,
}

impl Rows {
    /// Wires a scope: ListClusters runs once and feeds the rows of services and tasks.
    pub(super) fn wire(plan: &Plan, scope: &Arc<Scope>, records: &Sender<Encoded>) -> Self {
        let mut rows = Self { readers: JoinSet::new(), mappers: JoinSet::new(), owners: HashMap::new() };
        let clusters = Arc::new(Listing::default());
        let mut feeds = Vec::new();
        feeds.extend(rows.fed::<Service>(plan, scope, &clusters, records));
        feeds.extend(rows.fed::<Task>(plan, scope, &clusters, records));
        if plan.wants(Cluster::NAME) {
            let tally = Arc::new(Tally::listing_for(clusters));
            rows.row::<Cluster>(plan, scope, &tally, account(), feeds, records);
        } else if !feeds.is_empty() {
            let tally = Arc::new(Tally::listing_for(clusters));
            let lane = lane(plan, scope, &tally);
            let outlets = Outlets { pages: None, feeds };
            rows.read(&tally, list::<Cluster>(lane, account(), outlets));
        }
        if plan.wants(TaskDefinition::NAME) {
            rows.row::<TaskDefinition>(plan, scope, &Arc::default(), account(), Vec::new(), records);
        }
        rows
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
        plan.enter(Entry {
            account: scope.account.clone(),
            region: scope.region.clone(),
            role: scope.role.clone(),
            object: O::NAME,
            tally: Arc::clone(tally),
        });
        let form = match plan.form::<O>() {
            Ok(form) => form,
            Err(error) => return tally.trouble(&None, error.to_string()),
        };
        let lane = lane(plan, scope, tally);
        let stamp = Stamp { region: scope.region.clone(), captured: plan.captured };
        // As many places as seats: an answer in hand never waits here, so aborting a reader loses none.
        let (objects, described) = mpsc::channel(seats(&plan.config));
        let (pages, listed) = mpsc::channel(PAGES);
        let mapper = self.mappers.spawn(map::<O>(Arc::clone(&lane), stamp, form, described, records.clone()));
        self.owners.insert(mapper.id(), Arc::clone(tally));
        self.read(tally, describe::<O>(Arc::clone(&lane), listed, objects));
        self.read(tally, list::<O>(lane, parents, Outlets { pages: Some(pages), feeds }));
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

fn lane(plan: &Plan, scope: &Arc<Scope>, tally: &Arc<Tally>) -> Arc<Lane> {
    let tasks = &plan.config.operation_options.ecs_task;
    Arc::new(Lane {
        scope: Arc::clone(scope),
        caller: Arc::clone(&plan.caller),
        options: Options { fetch_stopped_tasks: tasks.fetch_stopped_tasks },
        parallel: plan.config.parallel_requests,
        tally: Arc::clone(tally),
    })
}

/// The one parent of what stands under the account.
fn account() -> Receiver<Parent> {
    let (parent, parents) = mpsc::channel(1);
    // A channel of one takes one.
    let _ = parent.try_send(None);
    parents
}
