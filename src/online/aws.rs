//! AWS: who the credentials are, which roles they may assume, and what these may read in each region.

mod actions;

use std::sync::Arc;

use tokio::task::JoinSet;

use self::actions::Actions;
use super::{Kind, Row, Section, Verdict};
use crate::aws::account::Account;
use crate::aws::base::Base;
use crate::aws::scope::{Identity, IdentityError, ResolvedIdentity};
use crate::aws::{Access, Caller, Fault, Verdict as Judged};
use crate::config::Config;

/// How many identities are checked at a time. Requests have their own limit, `parallel_requests`.
const IDENTITIES: usize = 32;

/// Requests per role and region, STS's included, that a check sends at most; retries come on top.
const REQUESTS: u32 = 11;

/// What all requests are signed with, or why there is nothing.
pub(super) async fn base(config: &Config, access: &mut Access) -> Result<Arc<Base>, String> {
    let keys = access.static_keys(config).map_err(|error| error.with_cause())?;
    Box::pin(access.base(config, keys)).await.map_err(|diagnostic| diagnostic.to_string())
}

pub(super) async fn check(config: &Config, base: Result<Arc<Base>, String>, caller: &Arc<Caller>) -> Section {
    let base = match base {
        Ok(base) => base,
        Err(reason) => {
            let rows = vec![Row::new(Kind::Identity, "").broken(reason)];
            return Section { rows, is_contacted: false };
        }
    };
    let who = base.identify(&caller.concurrency).await;
    let (row, lost) = identity(&who);
    let mut section = Section { rows: vec![row], is_contacted: who.as_ref().map_or_else(answered, |_| true) };
    let caller_arn = who.ok().map(Arc::<str>::from);
    let account = caller_arn.as_deref().map(Account::of_arn).unwrap_or_default();
    let config = Arc::new(config.clone());
    let (mut checks, mut done) = (JoinSet::new(), Vec::new());
    for (place, identity) in base.identities(&config).into_iter().enumerate() {
        while checks.len() >= IDENTITIES
            && let Some(checked) = checks.join_next().await
        {
            done.extend(checked.ok());
        }
        let (config, base, caller) = (Arc::clone(&config), Arc::clone(&base), Arc::clone(caller));
        let account = if identity.role.is_some() { identity.account() } else { account.clone() };
        let (lost, arn) = (lost.clone(), identity.role.as_deref().map(Arc::from).or_else(|| caller_arn.clone()));
        checks.spawn(async move {
            let identity = ResolvedIdentity { identity, account };
            (place, Reader { config, base, caller, arn }.check(&identity, lost).await)
        });
    }
    while let Some(checked) = checks.join_next().await {
        done.extend(checked.ok());
    }
    done.sort_by_key(|(place, _)| *place);
    for (_, of_identity) in done {
        section.rows.extend(of_identity.rows);
        section.is_contacted |= of_identity.is_contacted;
    }
    section
}

/// The row of the base credentials, and why nothing can be asked with them.
fn identity(who: &Result<String, IdentityError>) -> (Row, Option<String>) {
    let error = match who {
        Ok(arn) => return (Row { account: account_of(arn), ..Row::new(Kind::Identity, arn) }, None),
        Err(error) => error,
    };
    let row = Row::new(Kind::Identity, "");
    let is_usable = error.action == "GetCallerIdentity"
        && !matches!(error.fault.verdict, Judged::Unrecognized | Judged::Credentials | Judged::Setup);
    if is_usable {
        // A network may reach ECS and not STS.
        let words = format!("{error}; a sync reads the account from AWS_ACCOUNT_ID, or from the first ARN");
        return (row.with(Verdict::Warning, words), None);
    }
    let refused = error.action == "GetCallerIdentity" && error.fault.verdict != Judged::Setup;
    let way_out =
        if refused { "; see access_key_id and secret_access_key, or what AWS's credential chain finds" } else { "" };
    (row.broken(format!("{error}{way_out}")), Some("not asked: see the identity".to_owned()))
}

fn account_of(arn: &str) -> Option<String> {
    Account::of_arn(arn).get().map(str::to_owned)
}

/// Whether AWS has answered a request that failed.
fn answered(error: &IdentityError) -> bool {
    matches!(error.action, "GetCallerIdentity" | "AssumeRole") && is_answer(&error.fault)
}

fn is_answer(fault: &Fault) -> bool {
    !fault.is_unanswered() && fault.verdict != Judged::Setup
}

/// What reads with one identity.
struct Reader {
    config: Arc<Config>,
    base: Arc<Base>,
    caller: Arc<Caller>,
    /// Of the role, or of the base credentials if they are read with; None if that is not known.
    arn: Option<Arc<str>>,
}

impl Reader {
    /// The rows of an identity: its role, and each of its regions. With `lost` nothing is asked.
    async fn check(&self, resolved: &ResolvedIdentity, lost: Option<String>) -> Section {
        let Identity { role, regions, credentials } = &resolved.identity;
        let mut section = Section::default();
        let mut lost = lost;
        // STS counts for the first region.
        let mut sts = 1;
        if let Some(arn) = role {
            sts = 2;
            let row = Row { account: account_of(arn), role: role.clone(), ..Row::new(Kind::Role, "") };
            let row = match &lost {
                Some(reason) => row.unknown(reason),
                None => match credentials.ensure(&self.caller.concurrency).await {
                    Ok(()) => {
                        section.is_contacted = true;
                        Row { name: credentials.assumed_role(), ..row }
                    }
                    Err(fault) => {
                        lost = Some("not asked: see the role".to_owned());
                        section.is_contacted |= is_answer(&fault);
                        row.broken(IdentityError { action: credentials.action(), fault }.to_string())
                    }
                },
            };
            section.rows.push(row);
        }
        for region in regions {
            let scope = self.base.scope(resolved, region, &self.config, &self.caller.limiters);
            let (requests, arn) = (REQUESTS - sts, self.arn.as_deref());
            let mut actions = Actions::new(&self.config, &self.caller, scope, arn, requests, lost.clone());
            actions.check().await;
            section.is_contacted |= actions.is_contacted();
            section.rows.extend(actions.rows());
            sts = 0;
        }
        section
    }
}
