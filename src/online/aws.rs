//! AWS: who the credentials are, which roles they may assume, and what these may read in each region.

mod actions;
mod answer;
mod clusters;
mod findings;
mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::JoinSet;

use self::actions::Actions;
use self::answer::NETWORK;
use super::{Check, CheckResult, Kind, Section};
use crate::aws::base::Base;
use crate::aws::scope::{Identity, IdentityError, ResolvedIdentity};
use crate::aws::{Access, Caller, Verdict};
use crate::config::Config;

/// How many identities are checked at a time, and how many regions of each. Requests have their own limit, `parallel_requests`.
const SIDE_BY_SIDE: usize = 32;

/// Requests per role and region, STS's included, that a check sends at most; retries come on top.
const REQUESTS: u32 = 11;

/// What is said of what hangs on the base credentials.
const SEE_IDENTITY: &str = "not known: see the identity";

/// By which name those of STS's requests are known that nobody answers.
const STS: &str = "STS";

/// What all requests are signed with, or why there is nothing.
pub(super) async fn base(config: &Config, access: &mut Access) -> Result<Arc<Base>, String> {
    let keys = access.static_keys(config).map_err(|error| error.with_cause())?;
    Box::pin(access.base(config, keys)).await.map_err(|diagnostic| diagnostic.to_string())
}

pub(super) async fn check(config: &Config, base: Result<Arc<Base>, String>, caller: &Arc<Caller>) -> Section {
    let base = match base {
        Ok(base) => base,
        Err(reason) => {
            let checks = vec![Check::new(Kind::Identity, "").broken(reason)];
            return Section { checks, is_contacted: false };
        }
    };
    let who = base.identify(&caller.concurrency).await;
    let account = base.account(who.as_deref().map_err(|error| &error.fault)).await;
    let mut identity = identity(&who);
    let is_lost = who.as_ref().is_err_and(is_useless);
    let lost = is_lost.then(|| SEE_IDENTITY.to_owned());
    let reader = Reader {
        config: Arc::new(config.clone()),
        base: Arc::clone(&base),
        caller: Arc::clone(caller),
        silent: Arc::default(),
        lost,
    };
    let identities = base.identities(config);
    let reads_itself = identities.iter().any(|identity| identity.role.is_none());
    let is_refusal =
        |error: &IdentityError| matches!(error.fault.verdict, Verdict::Unrecognized | Verdict::Credentials);
    let refusal = who.as_ref().err().filter(|error| !is_lost && is_refusal(error)).map(ToString::to_string);
    let arn = who.ok();
    let each = identities.into_iter().enumerate().map(|(place, identity)| {
        let is_base = identity.role.is_none();
        let arn = if is_base { arn.clone() } else { identity.role.clone() };
        let account = if is_base { account.clone() } else { identity.account() };
        // GetCallerIdentity counts for the first.
        let sts = u32::from(place == 0) + u32::from(!is_base);
        let (reader, resolved) = (reader.clone(), ResolvedIdentity { identity, account });
        async move { reader.check(Arc::new(resolved), arn, sts).await }
    });
    let mut checks: Vec<Check> = in_order(each).await.into_iter().flatten().collect();
    identity.account = account.get().map(str::to_owned);
    let is_known = checks.iter().any(|check| check.kind == Kind::Region && check.result == CheckResult::Ok);
    if let Some(fault) = refusal.filter(|_| !is_known) {
        // What AWS does not know anywhere is wrong, and not the regions.
        let way_out = "see access_key_id and secret_access_key, or what AWS's credential chain finds";
        identity = identity.broken(format!("{fault}; {way_out}"));
        for check in &mut checks {
            (check.result, check.error) = (CheckResult::Unknown, Some(SEE_IDENTITY.to_owned()));
        }
    } else if let Some(reason) = account.unknown().filter(|_| reads_itself && is_known) {
        // No type of an account that nobody knows is complete.
        identity = identity.broken(reason);
    }
    let checks = std::iter::once(identity).chain(checks).collect();
    Section { checks, is_contacted: caller.concurrency.has_answered() }
}

/// Does so much side by side, and gives what came of it in the order of the beginning.
async fn in_order<T: Send + 'static>(each: impl Iterator<Item = impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    let (mut running, mut done) = (JoinSet::new(), BTreeMap::new());
    for (place, one) in each.enumerate() {
        while running.len() >= SIDE_BY_SIDE
            && let Some(ended) = running.join_next().await
        {
            done.extend(ended);
        }
        running.spawn(async move { (place, one.await) });
    }
    while let Some(ended) = running.join_next().await {
        done.extend(ended);
    }
    done.into_values().collect()
}

/// The check of the base credentials. A network may reach ECS and not STS, and STS of `default_region` may not be enabled: a sync goes on.
fn identity(who: &Result<String, IdentityError>) -> Check {
    let error = match who {
        Ok(arn) => return Check::new(Kind::Identity, arn),
        Err(error) => error,
    };
    let check = Check::new(Kind::Identity, "");
    if is_useless(error) {
        return check.broken(error.to_string());
    }
    let way_out = if error.fault.is_answer() { "see default_region, whose STS was asked" } else { NETWORK };
    check.with(CheckResult::Warning, format!("{error}; {way_out}"))
}

/// Whether nothing can be signed with the base credentials, or nothing sent.
fn is_useless(error: &IdentityError) -> bool {
    error.action != "GetCallerIdentity" || error.fault.verdict == Verdict::Setup
}

/// What reads with identities. Clones share all of it.
#[derive(Clone)]
struct Reader {
    config: Arc<Config>,
    base: Arc<Base>,
    caller: Arc<Caller>,
    /// Where nobody answers, and what was said of it: regions, or [`STS`]. It is asked by one, and not by hundreds.
    silent: Arc<Mutex<BTreeMap<String, String>>>,
    /// Why the base credentials are of no use.
    lost: Option<String>,
}

impl Reader {
    /// The checks of an identity: its role, and each of its regions. `sts` are the requests to STS that count for it.
    async fn check(&self, resolved: Arc<ResolvedIdentity>, arn: Option<String>, sts: u32) -> Vec<Check> {
        let mut checks = Vec::new();
        let mut lost = self.lost.clone();
        if let Some(role) = &resolved.identity.role {
            let check = self.assume(&resolved, role).await;
            if check.result != CheckResult::Ok {
                lost.get_or_insert_with(|| "not known: see the role".to_owned());
            }
            checks.push(check);
        }
        let regions = resolved.identity.regions.clone();
        let each = regions.into_iter().enumerate().map(|(place, region)| {
            // STS counts for the first region.
            let requests = if place == 0 { REQUESTS - sts } else { REQUESTS };
            let (reader, resolved, arn, lost) = (self.clone(), Arc::clone(&resolved), arn.clone(), lost.clone());
            async move { reader.region(&resolved, &region, arn.as_deref(), requests, lost).await }
        });
        checks.extend(in_order(each).await.into_iter().flatten());
        checks
    }

    async fn assume(&self, resolved: &ResolvedIdentity, role: &str) -> Check {
        let Identity { credentials, .. } = &resolved.identity;
        let account = resolved.account.get().map(str::to_owned);
        let check = Check { account, role: Some(role.to_owned()), ..Check::new(Kind::Role, role) };
        if let Some(reason) = self.lost.clone() {
            return check.unknown(reason);
        }
        if let Some(words) = self.silence(STS) {
            return check.unknown(format!("not asked, since nobody answered for another role: {words}"));
        }
        match credentials.ensure(&self.caller.concurrency).await {
            Ok(()) => Check { name: credentials.assumed_role().or(check.name), ..check },
            Err(fault) => {
                let is_answer = fault.is_answer();
                let words = IdentityError { action: credentials.action(), fault }.to_string();
                if is_answer {
                    return check.broken(words);
                }
                self.silent.lock().insert(STS.to_owned(), words.clone());
                check.broken(format!("{words}; {NETWORK}"))
            }
        }
    }

    async fn region(
        &self,
        resolved: &ResolvedIdentity,
        region: &str,
        arn: Option<&str>,
        requests: u32,
        lost: Option<String>,
    ) -> Vec<Check> {
        let silence = || self.silence(region);
        let lost = lost.or_else(|| Some(format!("not asked, since nobody answered another role: {}", silence()?)));
        let scope = self.base.scope(resolved, region, &self.config, &self.caller.limiters);
        let mut actions = Actions::new(&self.config, &self.caller, scope, arn, requests, lost);
        steps::ask(&mut actions, &self.config.objects).await;
        if let Some(words) = actions.silence() {
            self.silent.lock().insert(region.to_owned(), words.to_owned());
        }
        actions.checks()
    }

    fn silence(&self, place: &str) -> Option<String> {
        self.silent.lock().get(place).cloned()
    }
}
