//! What all scopes are made from: the HTTP client, the base credentials, the credentials of each role.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use aws_config::identity::IdentityCache;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials as AwsCredentials;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::app_name::AppName;
use aws_types::sdk_config::SharedCredentialsProvider;

use super::account::{Account, account_of};
use super::chain::{Chain, NoChain};
use super::concurrency::ConcurrencyLimit;
use super::credentials::Credentials;
use super::rate_limiter::RateLimiters;
use super::retry::{Fault, Verdict};
use super::role::Role;
use super::scope::{Identity, IdentityError, ResolvedIdentity, Scope};
use super::signer::Signer;
use super::source::Source;
use super::trust::Trust;
use super::{Ecs, environment, http};
use crate::config::{Config, RoleConfig};

/// Retries of what tells the account of the base credentials. It is worth a moment, but not `maximum_retries`.
const IDENTITY_RETRIES: u32 = 2;

/// What all scopes are made from. It outlives a sync.
#[derive(Debug)]
pub(crate) struct Base {
    trust: Trust,
    http_client: SharedHttpClient,
    sdk: SdkConfig,
    region: String,
    pub(super) credentials: Credentials,
    /// What to do where STS refuses a role to them, if their profile asks for a code.
    code_way_out: Option<String>,
    /// With their credentials, whose sessions outlive a sync.
    identities: OnceLock<Vec<Identity>>,
}

impl Base {
    /// Resolves the base configuration. No request is sent to ECS or STS.
    pub(crate) async fn load(config: &Config, region: String, keys: Option<AwsCredentials>, trust: Trust) -> Self {
        let http_client = http::client(config.endpoint_url.is_none(), &trust);
        let source = source(keys.as_ref()).await;
        let code_way_out = source.code_way_out();
        let sdk = loader(config, &http_client, &region, keys).load().await;
        let credentials = match sdk.credentials_provider() {
            Some(provider) => Credentials::new(chain(config, provider, source)),
            None => Credentials::new(NoChain),
        };
        let provider = SharedCredentialsProvider::new(credentials.clone());
        let sdk = sdk.into_builder().credentials_provider(provider).build();
        Self { trust, http_client, sdk, region, credentials, code_way_out, identities: OnceLock::new() }
    }

    /// Looks for the base credentials again, for another sync: keys in a file may have been replaced. Sessions of roles that are
    /// still good stay.
    pub(crate) async fn refresh(&self, config: &Config, keys: Option<AwsCredentials>) {
        let source = source(keys.as_ref()).await;
        match loader(config, &self.http_client, &self.region, keys).load().await.credentials_provider() {
            Some(provider) => self.credentials.replace_issuer(chain(config, provider, source)),
            None => self.credentials.replace_issuer(NoChain),
        }
        self.identities.get().into_iter().flatten().for_each(|identity| identity.credentials.begin_sync());
    }

    /// The base credentials, for what else is signed with them.
    pub(crate) fn signer(&self, concurrency: &ConcurrencyLimit) -> Signer {
        Signer { credentials: self.credentials.clone(), concurrency: concurrency.clone(), region: self.region.clone() }
    }

    /// Whether the HTTP client trusts the same authorities.
    pub(crate) fn trusts(&self, trust: &Trust) -> bool {
        self.trust == *trust
    }

    /// The roles to assume, or the base credentials where there are none.
    pub(crate) fn identities(&self, config: &Config) -> Vec<Identity> {
        self.identities.get_or_init(|| self.make_identities(config)).clone()
    }

    fn make_identities(&self, config: &Config) -> Vec<Identity> {
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
            way_out: self.code_way_out.clone(),
        });
        Identity { role: Some(arn), regions, credentials }
    }

    /// Resolves an identity's credentials, and its account: from the role, or asked for.
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

    /// `sts:GetCallerIdentity`, which needs no permission. Without an answer others may say the account, and the first ARN seen rules.
    async fn caller_identity(&self, concurrency: &ConcurrencyLimit) -> Result<Account, IdentityError> {
        match self.ask_identity(concurrency).await {
            Err(fault) if fault.verdict == Verdict::Setup => Err(IdentityError { action: "GetCallerIdentity", fault }),
            Err(fault) => {
                tracing::warn!(%fault, "GetCallerIdentity failed; the account is read from the first ARN");
                Ok(self.account(Err(&fault)).await)
            }
            Ok(arn) => Ok(self.account(Ok(&arn)).await),
        }
    }

    /// The account by the answer of GetCallerIdentity: its ARN, or without an answer what the credentials, AWS_ACCOUNT_ID or the
    /// profile say.
    pub(crate) async fn account(&self, answer: Result<&str, &Fault>) -> Account {
        match answer {
            Ok(arn) => {
                let account = Account::told(self.credentials.account(), "GetCallerIdentity names no ARN".to_owned());
                account.learn(arn);
                account
            }
            Err(fault) => {
                let told = match self.credentials.account() {
                    Some(id) => Some(id),
                    None => environment::account_id().await,
                };
                Account::told(told, format!("GetCallerIdentity failed with {fault}"))
            }
        }
    }

    pub(super) async fn ask_identity(&self, concurrency: &ConcurrencyLimit) -> Result<String, Fault> {
        let sts = self.sts();
        let ask = || async { sts.get_caller_identity().send().await.map_err(|error| Fault::judge(&error)) };
        let identity = concurrency.with_at_most(IDENTITY_RETRIES).with_retries(ask).await?;
        Ok(identity.arn().unwrap_or_default().to_owned())
    }

    /// Who the base credentials are: the ARN of `sts:GetCallerIdentity`, which is empty if AWS names none.
    pub(crate) async fn identify(&self, concurrency: &ConcurrencyLimit) -> Result<String, IdentityError> {
        let failed = |action| move |fault| IdentityError { action, fault };
        self.credentials.ensure(concurrency).await.map_err(failed(self.credentials.action()))?;
        self.ask_identity(concurrency).await.map_err(failed("GetCallerIdentity"))
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

/// AWS's own chain, or the static keys of the settings.
fn chain(config: &Config, provider: SharedCredentialsProvider, source: Source) -> Chain {
    Chain { provider, source, timeout: config.limits.attempt_timeout }
}

async fn source(keys: Option<&AwsCredentials>) -> Source {
    if keys.is_some() { Source::Keys } else { Source::of_chain().await }
}

fn loader(config: &Config, http_client: &SharedHttpClient, region: &str, keys: Option<AwsCredentials>) -> ConfigLoader {
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http_client.clone())
        .region(Region::new(region.to_owned()))
        .identity_cache(IdentityCache::no_cache())
        // For the credential chain. Because it is given here, the SDK does not read AWS_RETRY_MODE and AWS_MAX_ATTEMPTS: it panics on
        // values that it does not know.
        .retry_config(RetryConfig::standard())
        // The SDK has none of its own, and STS may hang as well as ECS.
        .timeout_config(attempt_timeout(config));
    if let Some(url) = &config.endpoint_url {
        // An endpoint of one's own has no FIPS or dual-stack form.
        loader = loader.endpoint_url(url).use_fips(false).use_dual_stack(false);
    }
    if let Some(keys) = keys {
        loader = loader.credentials_provider(keys);
    }
    // `name` is checked with the settings. A name of a library user that the SDK does not take is missing in the user agent.
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
