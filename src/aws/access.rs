//! What outlives a sync on AWS's side: the HTTP client, credentials, the limits on requests.

use std::sync::Arc;

use aws_credential_types::Credentials as AwsCredentials;
use tokio::sync::Semaphore;

use super::base::Base;
use super::trust::Trust;
use super::{Caller, ConcurrencyLimit, RateLimiters, RetryPolicy};
use crate::config::{Config, Diagnostic, SecretError};
use crate::observe::{Blocked, Latencies, Observers};

/// What outlives a sync on AWS's side.
#[derive(Debug)]
pub(crate) struct Access {
    /// The region of the base credentials.
    region: String,
    /// Loaded by the first sync.
    base: Option<Arc<Base>>,
    parallel: Arc<Semaphore>,
    buffer_permits: Arc<Semaphore>,
    limiters: Arc<RateLimiters>,
    blocked: Arc<Blocked>,
    latencies: Latencies,
}

impl Access {
    pub(crate) fn new(config: &Config, region: String, buffer_permits: usize, observers: &Observers) -> Self {
        Self {
            blocked: Arc::clone(&observers.blocked),
            latencies: observers.latencies.clone(),
            region,
            base: None,
            parallel: Arc::new(Semaphore::new(config.parallel_requests)),
            buffer_permits: Arc::new(Semaphore::new(buffer_permits)),
            limiters: Arc::new(RateLimiters::new(config)),
        }
    }

    pub(crate) fn caller(&self, config: &Config) -> Caller {
        let policy = RetryPolicy {
            maximum_retries: config.maximum_retries,
            backoff_base: config.limits.backoff_base,
            backoff_cap: config.limits.backoff_cap,
        };
        let concurrency = ConcurrencyLimit::new(Arc::clone(&self.parallel), policy);
        let (buffer_permits, limiters) = (Arc::clone(&self.buffer_permits), Arc::clone(&self.limiters));
        Caller::new(concurrency, buffer_permits, limiters, Arc::clone(&self.blocked), self.latencies.clone())
    }

    /// The static keys of the settings. They are read again for each sync.
    pub(crate) fn static_keys(&self, config: &Config) -> Result<Option<AwsCredentials>, SecretError> {
        let (Some(id), Some(secret)) = (&config.access_key_id, &config.secret_access_key) else {
            return Ok(None);
        };
        let token = config.session_token.as_ref().map(|token| token.read()).transpose()?;
        Ok(Some(AwsCredentials::new(id.read()?, secret.read()?, token, None, "settings")))
    }

    /// What all scopes are made from. The base credentials may have changed since the last sync, and are looked for again; the HTTP
    /// client stays unless the certificates that it trusts have changed.
    pub(crate) async fn base(
        &mut self,
        config: &Config,
        keys: Option<AwsCredentials>,
    ) -> Result<Arc<Base>, Diagnostic> {
        // An endpoint of one's own is plain HTTP, or trusted by the system.
        let trust = if config.endpoint_url.is_none() { Trust::load().await? } else { Trust::default() };
        if let Some(base) = self.base.as_ref().filter(|base| base.trusts(&trust)) {
            base.refresh(config, keys).await;
            return Ok(Arc::clone(base));
        }
        let base = Arc::new(Base::load(config, self.region.clone(), keys, trust).await);
        self.base = Some(Arc::clone(&base));
        Ok(base)
    }
}
