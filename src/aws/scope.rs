//! Who is read, and where: the base credentials, the roles, and one scope per role and region.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_config::identity::IdentityCache;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials as Keys;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::app_name::AppName;
use aws_types::sdk_config::SharedCredentialsProvider;

use super::account::{Account, account_of};
use super::concurrency::ConcurrencyLimit;
use super::credentials::{Chain, Credentials, NoChain};
use super::rate_limiter::{RateLimiters, RegionLimiters};
use super::retry::{Fault, Verdict};
use super::role::Role;
use super::trust::{BundleError, Trust};
use super::{Ecs, http};
use crate::config::{Config, RoleConfig};

/// Retries of what tells the account of the base credentials: worth a moment, not a sync's whole patience.
const IDENTITY_RETRIES: u32 = 2;

/// What all scopes are made from: resolved once per process.
#[derive(Debug)]
pub(crate) struct Base {
    sdk: SdkConfig,
    region: String,
    credentials: Credentials,
}

/// One identity of the sync: a role, or the base credentials themselves.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The role's ARN; none for the base credentials.
    pub(crate) role: Option<String>,
    /// Where it is read.
    pub(crate) regions: Vec<String>,
    credentials: Credentials,
}

/// An identity whose credentials were resolved: what its regions share.
#[derive(Debug)]
pub(crate) struct ResolvedIdentity {
    identity: Identity,
    account: Account,
}

impl ResolvedIdentity {
    /// An identity and its account.
    pub(crate) fn new(identity: Identity, account: Account) -> Self {
        Self { identity, account }
    }

    /// The identity.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Its account, known by now or from the first ARN seen.
    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    /// Where it is read.
    pub(crate) fn regions(&self) -> &[String] {
        &self.identity.regions
    }
}

impl Identity {
    /// The account that the role's ARN tells.
    pub(crate) fn account(&self) -> Account {
        self.role.as_deref().map(Account::of_arn).unwrap_or_default()
    }
}

/// Why an identity can read nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{action}: {fault}")]
pub(crate) struct IdentityError {
    /// What was tried, such as `AssumeRole`.
    pub(crate) action: &'static str,
    /// What came of it.
    pub(crate) fault: Fault,
}

/// One identity in one region: what a row of the pipeline reads.
#[derive(Debug)]
pub(crate) struct Scope {
    /// The account's id, known at once or from the first ARN seen.
    pub(crate) account: Account,
    /// The client's region.
    pub(crate) region: String,
    /// The role's ARN; none for the base credentials.
    pub(crate) role: Option<String>,
    /// The client.
    pub(crate) ecs: Ecs,
    /// To be told when they have expired.
    pub(crate) credentials: Credentials,
    /// The token buckets of this account in this region.
    pub(crate) limiters: Arc<RegionLimiters>,
}

impl Base {
    /// Resolves the base configuration. No request is sent to ECS or STS.
    ///
    /// # Errors
    /// A CA bundle that cannot be used.
    pub(crate) async fn load(config: &Config, region: String, keys: Option<Keys>) -> Result<Self, BundleError> {
        // An endpoint of one's own is plain HTTP, or trusted by the system.
        let trust = if config.endpoint_url.is_none() { Trust::load().await? } else { Trust::default() };
        let mut loader = loader(config, &trust).region(Region::new(region.clone()));
        if let Some(keys) = keys {
            loader = loader.credentials_provider(keys);
        }
        let sdk = loader.load().await;
        let credentials = match sdk.credentials_provider() {
            Some(chain) => Credentials::new(Chain { provider: chain, timeout: config.limits.attempt_timeout }),
            None => Credentials::new(NoChain),
        };
        let provider = SharedCredentialsProvider::new(credentials.clone());
        let sdk = sdk.into_builder().credentials_provider(provider).build();
        Ok(Self { sdk, region, credentials })
    }

    /// The roles to assume, or the base credentials where there are none.
    pub(crate) fn identities(&self, config: &Config) -> Vec<Identity> {
        let regions = if config.regions.is_empty() { vec![self.region.clone()] } else { once_each(&config.regions) };
        let roles = config.roles();
        if roles.is_empty() {
            return vec![Identity { role: None, regions, credentials: self.credentials.clone() }];
        }
        warn_of_shared_accounts(&roles);
        let sts = self.sts();
        roles.into_iter().map(|role| self.role(config, role, &regions, sts.clone())).collect()
    }

    fn role(&self, config: &Config, role: RoleConfig, regions: &[String], sts: aws_sdk_sts::Client) -> Identity {
        let RoleConfig { arn, external_id, role_session_name, regions: own, .. } = role;
        let regions = if own.is_empty() { regions.to_vec() } else { once_each(&own) };
        let credentials = Credentials::new(Role {
            sts,
            base: self.credentials.clone(),
            arn: arn.clone(),
            session_name: role_session_name.unwrap_or_else(|| session_name(&config.name)),
            external_id,
            session_duration: config.session_duration,
        });
        Identity { role: Some(arn), regions, credentials }
    }

    /// Resolves an identity's credentials, and its account: from the role, or asked for.
    ///
    /// # Errors
    /// Why it can read nothing, with the STS error code where STS refused.
    pub(crate) async fn resolve(
        &self,
        identity: &Identity,
        concurrency: &ConcurrencyLimit,
    ) -> Result<Account, IdentityError> {
        let action = identity.credentials.action();
        identity.credentials.ensure(concurrency).await.map_err(|fault| IdentityError { action, fault })?;
        match &identity.role {
            Some(_) => Ok(identity.account()),
            None => self.caller_identity(concurrency).await,
        }
    }

    /// One region of an identity.
    pub(crate) fn scope(
        &self,
        resolved: &ResolvedIdentity,
        region: &str,
        config: &Config,
        limiters: &RateLimiters,
    ) -> Scope {
        let Identity { role, credentials, .. } = &resolved.identity;
        Scope {
            account: resolved.account.clone(),
            region: region.to_owned(),
            role: role.clone(),
            ecs: self.ecs(config, region, credentials),
            limiters: limiters.of(resolved.account.get(), region),
            credentials: credentials.clone(),
        }
    }

    /// `sts:GetCallerIdentity`, which needs no permission. Without an answer the first ARN seen tells the account.
    async fn caller_identity(&self, concurrency: &ConcurrencyLimit) -> Result<Account, IdentityError> {
        let sts = self.sts();
        let ask = || async { sts.get_caller_identity().send().await.map_err(|error| Fault::judge(&error)) };
        match concurrency.with_at_most(IDENTITY_RETRIES).with_retries(ask).await {
            Ok(identity) => Ok(identity.arn().map(Account::of_arn).unwrap_or_default()),
            Err(fault) if fault.verdict == Verdict::Setup => Err(IdentityError { action: "GetCallerIdentity", fault }),
            Err(fault) => {
                tracing::warn!(%fault, "GetCallerIdentity failed; the account is read from the first ARN");
                Ok(Account::default())
            }
        }
    }

    fn sts(&self) -> aws_sdk_sts::Client {
        let settings = aws_sdk_sts::config::Builder::from(&self.sdk).retry_config(RetryConfig::disabled()).build();
        aws_sdk_sts::Client::from_conf(settings)
    }

    fn ecs(&self, config: &Config, region: &str, credentials: &Credentials) -> Ecs {
        let settings = aws_sdk_ecs::config::Builder::from(&self.sdk)
            .region(Region::new(region.to_owned()))
            .credentials_provider(credentials.clone())
            // The SDK's shared retry quota would break maximum_retries under load: the loop is ours.
            .retry_config(RetryConfig::disabled())
            .timeout_config(attempt_timeout(config))
            .interceptor(http::NoEmptyAnswer)
            .build();
        Ecs {
            client: aws_sdk_ecs::Client::from_conf(settings),
            page_size: i32::try_from(config.page_size).unwrap_or(100),
        }
    }
}

/// A region given twice is read once.
fn once_each(regions: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    regions.iter().filter(|region| seen.insert(region.as_str())).cloned().collect()
}

/// Several roles into one account are all synced: each object of it comes as often, told apart by `ce_source`.
fn warn_of_shared_accounts(roles: &[RoleConfig]) {
    let mut accounts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for RoleConfig { arn, .. } in roles {
        accounts.entry(account_of(arn).unwrap_or_default()).or_default().push(arn);
    }
    for (account, roles) in accounts.iter().filter(|(account, roles)| !account.is_empty() && roles.len() > 1) {
        let (first, second, count) = (roles[0], roles[1], roles.len());
        tracing::warn!(account, first, second, count, "several roles read one account; each sends all its objects");
    }
}

fn loader(config: &Config, trust: &Trust) -> ConfigLoader {
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http::client(config.endpoint_url.is_none(), trust))
        .identity_cache(IdentityCache::no_cache())
        // For the credential chain; given here, AWS_RETRY_MODE and AWS_MAX_ATTEMPTS are not read, on whose odd values the SDK panics.
        .retry_config(RetryConfig::standard())
        // The SDK has none of its own, and STS may hang as well as ECS.
        .timeout_config(attempt_timeout(config));
    if let Some(url) = &config.endpoint_url {
        // An endpoint of one's own has no FIPS or dual-stack form.
        loader = loader.endpoint_url(url).use_fips(false).use_dual_stack(false);
    }
    // `name` is checked with the settings; a library user's odd name only goes without its mark in the user agent.
    match AppName::new(config.name.clone()) {
        Ok(name) => loader.app_name(name),
        Err(_) => loader,
    }
}

fn attempt_timeout(config: &Config) -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(config.limits.attempt_timeout).build()
}

/// `RoleSessionName` from our name: STS takes 2 to 64 of `[\w+=,.@-]`.
fn session_name(name: &str) -> String {
    let kept = |c: char| {
        if c.is_ascii_alphanumeric() || "_+=,.@-".contains(c) { c } else { '-' }
    };
    let text: String = name.chars().map(kept).take(64).collect();
    if text.len() < 2 { format!("{text}-sync") } else { text }
}
