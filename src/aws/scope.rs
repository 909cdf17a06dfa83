//! Who is read, and where: the base credentials, the roles, and one scope per role and region.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use aws_config::identity::IdentityCache;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials as Keys;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::app_name::AppName;
use aws_types::sdk_config::SharedCredentialsProvider;
use tokio::sync::OnceCell;

use super::credentials::{Credentials, Role};
use super::retry::Fault;
use super::{Caller, Ecs, http};
use crate::config::{Config, RoleConfig};

/// What all scopes are made from: resolved once per process.
#[derive(Debug)]
pub struct Base {
    sdk: SdkConfig,
    region: String,
    credentials: Option<Credentials>,
}

/// One identity of the sync: a role, or the base credentials themselves.
#[derive(Debug)]
pub struct Identity {
    /// The role's ARN; none for the base credentials.
    pub role: Option<String>,
    /// Where it is read.
    pub regions: Vec<String>,
    credentials: Option<Credentials>,
    /// An ARN that tells the account, or why the credentials fail: found out once for all regions.
    arn: OnceCell<Result<Option<String>, Fault>>,
}

/// One identity in one region: what a row of the pipeline reads.
#[derive(Debug)]
pub struct Scope {
    /// The account's id, known at once or from the first ARN seen.
    pub account: Account,
    /// The client's region.
    pub region: String,
    /// The role's ARN; none for the base credentials.
    pub role: Option<String>,
    /// The client.
    pub ecs: Ecs,
    /// To be told when they have expired.
    pub credentials: Credentials,
}

/// The 12 digits of an account, once known.
#[derive(Debug, Clone, Default)]
pub struct Account(Arc<OnceLock<String>>);

impl Account {
    /// The account that `arn` belongs to: its fifth field.
    pub fn of_arn(arn: &str) -> Self {
        let account = Self::default();
        account.learn(arn);
        account
    }

    /// Takes the account from an ARN where it is not known yet.
    pub fn learn(&self, arn: &str) {
        if let Some(id) = arn.split(':').nth(4).filter(|id| !id.is_empty()) {
            self.0.get_or_init(|| id.to_owned());
        }
    }

    /// The account, if known.
    pub fn get(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

/// The region where none is set: `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile, and at last the instance's metadata.
pub async fn default_region(ask_instance: bool) -> Option<String> {
    use aws_config::environment::EnvironmentVariableRegionProvider;
    use aws_config::imds::region::ImdsRegionProvider;
    use aws_config::meta::region::RegionProviderChain;
    use aws_config::profile::ProfileFileRegionProvider;
    use aws_config::provider_config::ProviderConfig;
    // The parts of DefaultRegionChain, with our HTTP client: its own builder takes none.
    let provider = ProviderConfig::default().with_http_client(http::client(true));
    let chain = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::builder().configure(&provider).build());
    let region = if ask_instance {
        chain.or_else(ImdsRegionProvider::builder().configure(&provider).build()).region().await
    } else {
        chain.region().await
    };
    // As in the AWS CLI an empty variable is none.
    region.map(|region| region.to_string()).filter(|region| !region.is_empty())
}

impl Base {
    /// Resolves the base configuration. No request is sent to ECS or STS.
    pub async fn load(config: &Config, region: String, keys: Option<Keys>) -> Self {
        let mut loader = loader(config).region(Region::new(region.clone()));
        if let Some(keys) = keys {
            loader = loader.credentials_provider(keys);
        }
        let sdk = loader.load().await;
        let credentials = sdk.credentials_provider().map(Credentials::new);
        let sdk = match &credentials {
            Some(cached) => {
                sdk.into_builder().credentials_provider(SharedCredentialsProvider::new(cached.clone())).build()
            }
            None => sdk,
        };
        Self { sdk, region, credentials }
    }

    /// The roles to assume, or the base credentials where there are none.
    pub fn identities(&self, config: &Config) -> Vec<Identity> {
        let regions = if config.regions.is_empty() { vec![self.region.clone()] } else { config.regions.clone() };
        let roles = config.roles();
        if roles.is_empty() {
            return vec![Identity { role: None, regions, credentials: self.credentials.clone(), arn: OnceCell::new() }];
        }
        warn_of_shared_accounts(&roles);
        roles.into_iter().map(|role| self.role(config, role, &regions)).collect()
    }

    fn role(&self, config: &Config, role: RoleConfig, regions: &[String]) -> Identity {
        let RoleConfig { arn, external_id, role_session_name, regions: own, .. } = role;
        let session_name = role_session_name.unwrap_or_else(|| session_name(&config.name));
        let provider = Role {
            sts: aws_sdk_sts::Client::new(&self.sdk),
            arn: arn.clone(),
            session_name,
            external_id,
            session_duration: config.session_duration,
        };
        let regions = if own.is_empty() { regions.to_vec() } else { own };
        Identity { role: Some(arn), regions, credentials: Some(Credentials::new(provider)), arn: OnceCell::new() }
    }

    /// Admits one region of an identity: its credentials are resolved, and its account is asked for where no role tells it.
    ///
    /// # Errors
    /// The credentials' fault, with the STS error code where STS refused.
    pub async fn admit(
        &self,
        identity: &Identity,
        region: &str,
        config: &Config,
        caller: &Caller,
    ) -> Result<Scope, Fault> {
        let credentials = identity.credentials.as_ref().ok_or_else(|| {
            Fault::own(
                "Credentials",
                "the AWS default credential chain provides none; see access_key_id and AWS_PROFILE",
            )
        })?;
        let arn = identity.arn.get_or_init(|| async {
            let _permit = caller.permit().await;
            credentials.resolve().await?;
            Ok(match &identity.role {
                Some(arn) => Some(arn.clone()),
                None => self.caller_identity(config).await,
            })
        });
        let account = arn.await.clone()?.map(|arn| Account::of_arn(&arn)).unwrap_or_default();
        Ok(Scope {
            account,
            region: region.to_owned(),
            role: identity.role.clone(),
            ecs: self.ecs(config, region, credentials),
            credentials: credentials.clone(),
        })
    }

    /// `sts:GetCallerIdentity`, which needs no permission. Without an answer the first ARN seen tells the account.
    async fn caller_identity(&self, config: &Config) -> Option<String> {
        let sts = aws_sdk_sts::Client::new(&self.sdk);
        match tokio::time::timeout(config.limits.attempt_timeout, sts.get_caller_identity().send()).await {
            Ok(Ok(identity)) => identity.arn().map(str::to_owned),
            Ok(Err(error)) => {
                let fault = Fault::judge(&error);
                tracing::warn!(%fault, "GetCallerIdentity failed; the account is read from the first ARN");
                None
            }
            Err(_) => None,
        }
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

/// Two roles into one account are both synced: each object of it comes twice, told apart by `ce_source`.
fn warn_of_shared_accounts(roles: &[RoleConfig]) {
    let mut known: BTreeMap<String, &str> = BTreeMap::new();
    for RoleConfig { arn, .. } in roles {
        let Some(account) = Account::of_arn(arn).get().map(str::to_owned) else { continue };
        if let Some(first) = known.insert(account.clone(), arn) {
            tracing::warn!(
                account,
                first,
                second = arn,
                "two roles read one account; each of its objects is sent twice"
            );
        }
    }
}

fn loader(config: &Config) -> ConfigLoader {
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http::client(config.endpoint_url.is_none()))
        .identity_cache(IdentityCache::no_cache())
        // STS's retries; given here, AWS_RETRY_MODE and AWS_MAX_ATTEMPTS are not read, on whose odd values the SDK panics.
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
