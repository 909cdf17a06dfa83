//! What all scopes of a sync share: the settings, the caller, the forms of records, the ledgers, and the sync topic's voice.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::aws::Caller;
use crate::aws::account::Account;
use crate::aws::scope::{Identity, Refused};
use crate::config::Config;
use crate::event::SyncEvent;
use crate::kafka::framing::Frames;
use crate::object::Object;
use crate::record::{Origin, Reached, Settled};
use crate::report::Ledger;
use crate::stage::announce::Announcer;
use crate::stage::map::Form;
use crate::tally::Tally;

/// What all scopes of a sync share.
#[derive(Debug)]
pub(super) struct Plan {
    config: Config,
    captured: i64,
    caller: Arc<Caller>,
    /// None in a dry run.
    output: Option<Output>,
    forms: Mutex<HashMap<&'static str, Arc<Form>>>,
    /// How far each topic reaches: objects may share one.
    reached: Mutex<HashMap<String, Arc<Reached>>>,
    ledgers: Mutex<Vec<Arc<Ledger>>>,
    /// What was last said of an identity: hundreds of roles may fail for one reason.
    said: Mutex<String>,
}

/// What a sync needs to put something on topics.
#[derive(Debug)]
pub(super) struct Output {
    /// The sync topic's voice.
    pub(super) announcer: Announcer,
    /// What stands before each datum.
    pub(super) frames: Frames,
}

impl Plan {
    /// Without an output it is a dry run.
    pub(super) fn new(config: &Config, captured: i64, caller: Arc<Caller>, output: Option<Output>) -> Self {
        let (forms, reached, ledgers, said) = Default::default();
        Self { config: config.clone(), captured, caller, output, forms, reached, ledgers, said }
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
    pub(super) fn ledgers(&self) -> Vec<Arc<Ledger>> {
        self.ledgers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An identity that can read nothing: each of its types is denied, and the others go on.
    pub(super) fn deny(&self, identity: &Identity, refused: &Refused) -> Vec<Arc<Ledger>> {
        let text = refused.to_string();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if *said != text {
            tracing::warn!(role = identity.role, %refused, "an identity can read nothing");
            said.clone_from(&text);
        }
        drop(said);
        self.enter_all(identity, &identity.account(), &identity.regions, |tally| tally.deny(&text))
    }

    /// Regions whose turn never came.
    pub(super) fn leave_unread(&self, identity: &Identity, account: &Account, regions: &[String]) {
        self.enter_all(identity, account, regions, |tally| {
            tally.trouble(&None, "the sync ended before this was read");
        });
    }

    /// The sync topic's voice.
    pub(super) fn announcer(&self) -> Option<&Announcer> {
        self.output.as_ref().map(|output| &output.announcer)
    }

    /// Where the acknowledged records of each topic lie.
    pub(super) fn reached(&self) -> HashMap<String, Arc<Reached>> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the last record of a scope is acknowledged or given up, and says so on the sync topic.
    pub(super) async fn conclude(&self, ledger: &Ledger, settled: Settled) {
        let Some(announcer) = self.announcer() else { return };
        tokio::select! {
            biased;
            () = settled.wait() => {
                self.announce_early(ledger).await;
            }
            // Nobody would hear of it, and what is in flight is about to be thrown away.
            () = announcer.gone() => {}
        }
    }

    /// Announces a scope before the sync's end. Until its account is known it goes by another name: the end tells it then.
    pub(super) async fn announce_early(&self, ledger: &Ledger) -> bool {
        ledger.account.get().is_none() || self.announce(ledger).await
    }

    /// Says on the sync topic what became of a scope, once. False where nobody hears it any more.
    pub(super) async fn announce(&self, ledger: &Ledger) -> bool {
        let Some(announcer) = self.announcer().filter(|_| !ledger.announced.load(Ordering::Relaxed)) else {
            return true;
        };
        let (account, region, role) = (ledger.account.get(), ledger.region.as_str(), ledger.role.as_deref());
        let source = Origin { name: &self.config.name, account, region, role }.source();
        let types = ledger.judge();
        let event = SyncEvent::scope(&self.config.name, self.captured, super::now(), &types);
        let heard = announcer.pass_on(&source, &event).await.is_ok();
        // A scope that is aborted before this is announced at the end of the sync.
        ledger.announced.store(heard, Ordering::Relaxed);
        heard
    }

    fn enter_all(
        &self,
        identity: &Identity,
        account: &Account,
        regions: &[String],
        say: impl Fn(&Tally),
    ) -> Vec<Arc<Ledger>> {
        let ledger = |region: &String| {
            let wanted = crate::ecs::OBJECTS.into_iter().filter(|object| self.wants(object));
            let tallies = wanted.map(|object| (object, Arc::default())).collect::<Vec<(_, Arc<Tally>)>>();
            tallies.iter().for_each(|(_, tally)| say(tally));
            let (account, region, role) = (account.clone(), region.clone(), identity.role.clone());
            self.enter(Ledger { account, region, role, tallies, announced: AtomicBool::new(false) })
        };
        regions.iter().map(ledger).collect()
    }

    pub(super) fn enter(&self, ledger: Ledger) -> Arc<Ledger> {
        let ledger = Arc::new(ledger);
        self.ledgers.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&ledger));
        ledger
    }

    pub(super) fn wants(&self, object: &str) -> bool {
        self.config.objects.iter().any(|wanted| wanted == object)
    }

    /// The form of an object's records, made once for all scopes.
    pub(super) fn form<O: Object>(&self) -> Result<Arc<Form>, apache_avro::Error> {
        let mut forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(form) = forms.get(O::NAME) {
            return Ok(Arc::clone(form));
        }
        let frames = self.output.as_ref().map(|output| &output.frames);
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let reached = reached.entry(self.config.kafka.topic(O::NAME)).or_default();
        let form = Arc::new(Form::of::<O>(&self.config, frames, Arc::clone(reached))?);
        Ok(Arc::clone(forms.entry(O::NAME).or_insert(form)))
    }
}
