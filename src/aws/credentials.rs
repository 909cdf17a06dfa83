//! Credentials that last a sync: resolved once, shared by all regions of a role, renewed well before they expire.
//!
//! The SDK's own identity cache cannot be told to resolve anew and evicts at random above 64 partitions
//! (`aws-smithy-runtime` `identity/cache/lazy.rs`), so it is switched off and this one stands in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as Keys;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result as Provided, SharedCredentialsProvider, future};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::http::Response;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::sync::Mutex;

use super::retry::{Fault, Verdict, credentials};

/// What is left of a session's life when it is renewed: enough for every call under way, and a third of the shortest session.
const RENEW_BEFORE: Duration = Duration::from_secs(300);

/// A caching credentials provider that can be told to resolve anew.
#[derive(Debug, Clone)]
pub struct Credentials {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    source: SharedCredentialsProvider,
    keys: Mutex<Option<Keys>>,
    /// How often keys were resolved: tells which keys a request was sent with.
    generation: AtomicU64,
}

impl Credentials {
    /// Caches what `source` provides.
    pub fn new(source: impl ProvideCredentials + 'static) -> Self {
        let source = SharedCredentialsProvider::new(source);
        Self { shared: Arc::new(Shared { source, keys: Mutex::new(None), generation: AtomicU64::new(0) }) }
    }

    /// Which keys a request that starts now is sent with.
    pub fn generation(&self) -> u64 {
        self.shared.generation.load(Ordering::Acquire)
    }

    /// Forgets the keys of that generation: of many requests that they fail, the first alone resolves new ones.
    pub async fn resolve_anew(&self, generation: u64) {
        let mut keys = self.shared.keys.lock().await;
        if self.generation() == generation {
            *keys = None;
        }
    }

    /// Resolves the keys now, to know before the first request whether they can be had.
    ///
    /// # Errors
    /// The provider's or STS's refusal.
    pub async fn resolve(&self) -> Result<(), Fault> {
        self.keys().await.map(drop).map_err(|error| {
            credentials(&error).unwrap_or_else(|| Fault::own("Credentials", super::retry::chain(&error)))
        })
    }

    /// One resolution at a time: whoever comes meanwhile waits for it and shares its result.
    async fn keys(&self) -> Provided {
        let mut cached = self.shared.keys.lock().await;
        if let Some(keys) = cached.as_ref().filter(|keys| life(keys) > RENEW_BEFORE) {
            return Ok(keys.clone());
        }
        match self.shared.source.provide_credentials().await {
            Ok(keys) if !fits_a_header(&keys) => Err(CredentialsError::invalid_configuration(Fault::own(
                "Credentials",
                "the access key id or session token holds a line break or another control character; write it without",
            ))),
            Ok(keys) => {
                self.shared.generation.fetch_add(1, Ordering::Release);
                Ok(cached.insert(keys).clone())
            }
            Err(error) => match cached.as_ref().filter(|keys| life(keys) > Duration::ZERO) {
                Some(keys) => {
                    tracing::warn!(error = super::retry::chain(&error), "credentials could not be renewed yet");
                    Ok(keys.clone())
                }
                None => Err(error),
            },
        }
    }
}

impl ProvideCredentials for Credentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.keys())
    }
}

/// The SDK panics on what no HTTP header takes.
fn fits_a_header(keys: &Keys) -> bool {
    [Some(keys.access_key_id()), keys.session_token()]
        .into_iter()
        .flatten()
        .all(|text| !text.contains(char::is_control))
}

fn life(keys: &Keys) -> Duration {
    match keys.expiry() {
        Some(expiry) => expiry.duration_since(SystemTime::now()).unwrap_or_default(),
        None => Duration::MAX,
    }
}

/// A role, assumed with the base credentials.
#[derive(Debug)]
pub struct Role {
    /// STS, with the base credentials and in the base region.
    pub sts: aws_sdk_sts::Client,
    /// `RoleArn`.
    pub arn: String,
    /// `RoleSessionName`.
    pub session_name: String,
    /// `ExternalId`.
    pub external_id: Option<String>,
    /// `DurationSeconds`, 900 to 43,200.
    pub session_duration: u32,
}

impl Role {
    async fn assume(&self) -> Provided {
        let answer = self
            .sts
            .assume_role()
            .role_arn(&self.arn)
            .role_session_name(&self.session_name)
            .set_external_id(self.external_id.clone())
            .duration_seconds(i32::try_from(self.session_duration).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| CredentialsError::provider_error(self.explain(&error)))?;
        let keys = answer.credentials().ok_or_else(|| {
            CredentialsError::provider_error(Fault::own("AssumeRole", "the answer holds no credentials"))
        })?;
        let expiry = SystemTime::try_from(*keys.expiration()).ok();
        let token = Some(keys.session_token().to_owned());
        Ok(Keys::new(keys.access_key_id(), keys.secret_access_key(), token, expiry, "AssumeRole"))
    }

    /// Adds the way out to a refused duration, which STS words for those who know its rules.
    fn explain<E>(&self, error: &SdkError<E, Response>) -> Fault
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mut fault = Fault::judge(error);
        if fault.message.contains("DurationSeconds") || fault.message.contains("role chaining") {
            let hint = format!(
                "; session_duration is {} s: lower it to the role's MaxSessionDuration, and to 3600 where the base \
                 credentials are a role's themselves",
                self.session_duration
            );
            fault.message.push_str(&hint);
        }
        Fault { verdict: Verdict::Denied, ..fault }
    }
}

impl ProvideCredentials for Role {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.assume())
    }
}
