//! Cached credentials: resolved once, shared by all regions of a role, renewed before they expire.
//!
//! The SDK's own identity cache is switched off, because it cannot be asked to resolve again and evicts at random above 64 partitions
//! (`aws-smithy-runtime`, `identity/cache/lazy.rs`). The SDK only gets what is cached here: requests resolve credentials before they
//! take a permit, so that no permit is unused while a request waits for credentials.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials as AwsCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use parking_lot::{Mutex, RwLock};

use super::concurrency::ConcurrencyLimit;
use super::retry::Fault;

/// Credentials are renewed 5 minutes before they expire, which is enough for every request in flight. If they live for less than 15
/// minutes, they are renewed after two thirds of their life. STS's shortest session is 15 minutes.
const RENEW_BEFORE: Duration = Duration::from_secs(300);

/// How long after a failure credentials are not resolved again. Without this wait every request of a scope would try.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// A source of credentials.
pub(crate) trait Issuer: Debug + Send + Sync {
    /// Resolves credentials. Requests to STS take a permit of `concurrency` for each attempt.
    fn issue<'a>(&'a self, concurrency: &'a ConcurrencyLimit) -> Issued<'a>;

    /// Resolves credentials with a single try. The fault's verdict is the source's own.
    fn try_once<'a>(&'a self) -> Option<Issued<'a>> {
        None
    }

    /// The name of the action for messages: `AssumeRole` or `credentials`.
    fn action(&self) -> &'static str {
        "credentials"
    }

    /// The role's ARN; `None` for the base credentials.
    fn role(&self) -> Option<&str> {
        None
    }
}

pub(crate) type Issued<'a> = Pin<Box<dyn Future<Output = Result<AwsCredentials, Fault>> + Send + 'a>>;

/// `AssumedRoleUser.Arn` of AssumeRole's answer, a property of the credentials that came with it: who they are to AWS.
#[derive(Debug, Clone)]
pub(crate) struct AssumedRole(pub(super) String);

/// A credentials provider with a cache that can be asked to resolve again. Clones share the cache.
#[derive(Debug, Clone)]
pub(crate) struct Credentials(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    issuer: RwLock<Arc<dyn Issuer>>,
    cache: Mutex<Cache>,
    /// Locked during a resolution, so that there is one at a time and those who wait share its result.
    resolution: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Cache {
    current: Option<AwsCredentials>,
    /// Number of resolutions so far. It identifies the credentials that signed a request.
    generation: u64,
    /// `None` for credentials that do not expire.
    renew_at: Option<SystemTime>,
    /// The last failure of a resolution that requests waited for.
    failure: Option<(Instant, Fault)>,
    /// The generation that was resolved because a region did not recognize the one before.
    after_unrecognized: Option<u64>,
    /// AWS has refused something to the current credentials: they may have been revoked.
    refused: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Validity {
    Fresh,
    /// Still valid, but due for renewal.
    RenewalDue,
    /// Missing or expired.
    Unusable,
}

impl Credentials {
    pub(crate) fn new(issuer: impl Issuer + 'static) -> Self {
        let issuer: RwLock<Arc<dyn Issuer>> = RwLock::new(Arc::new(issuer));
        Self(Arc::new(Shared { issuer, cache: Mutex::default(), resolution: tokio::sync::Mutex::default() }))
    }

    /// A new sync begins. An earlier failure counts no more, and credentials that AWS refused something are resolved again.
    pub(crate) fn begin_sync(&self) {
        self.0.cache.lock().begin_sync();
    }

    /// AWS refused a request of the current credentials for good.
    pub(crate) fn note_refusal(&self) {
        self.0.cache.lock().refused = true;
    }

    /// Takes the place of the source. What does not expire is resolved again: it may have been replaced where it stands.
    pub(crate) fn replace_issuer(&self, issuer: impl Issuer + 'static) {
        *self.0.issuer.write() = Arc::new(issuer);
        let mut cache = self.0.cache.lock();
        cache.begin_sync();
        cache.current.take_if(|current| current.expiry().is_none());
    }

    fn issuer(&self) -> Arc<dyn Issuer> {
        Arc::clone(&self.0.issuer.read())
    }

    /// Identifies the credentials that would sign a request now.
    pub(crate) fn generation(&self) -> u64 {
        self.0.cache.lock().generation
    }

    /// The account that the credentials say they are of. Not all sources tell it.
    pub(crate) fn account(&self) -> Option<String> {
        let cache = self.0.cache.lock();
        cache.current.as_ref().and_then(AwsCredentials::account_id).map(|id| id.as_str().to_owned())
    }

    /// Who the credentials of a role are to AWS, as STS said: the ARN of the assumed role. None for base credentials.
    pub(crate) fn assumed_role(&self) -> Option<String> {
        let cache = self.0.cache.lock();
        cache.current.as_ref().and_then(|current| current.get_property::<AssumedRole>()).map(|role| role.0.clone())
    }

    pub(crate) fn action(&self) -> &'static str {
        self.issuer().action()
    }

    /// Marks a fault of a request as one of these credentials.
    pub(crate) fn attribute(&self, fault: Fault) -> Fault {
        Fault { code: format!("{}: {}", self.action(), fault.code), ..fault }
    }

    /// Whether the cached credentials can sign a request.
    pub(crate) fn usable(&self) -> bool {
        self.0.cache.lock().validity() != Validity::Unusable
    }

    /// Ensures that the cached credentials can sign a request, and renews them when that is due. One request renews them, while the
    /// others continue with the old ones until these expire.
    pub(crate) async fn ensure(&self, concurrency: &ConcurrencyLimit) -> Result<(), Fault> {
        let validity = self.0.cache.lock().validity();
        let _resolution = match validity {
            Validity::Fresh => return Ok(()),
            Validity::RenewalDue => match self.0.resolution.try_lock() {
                Ok(resolution) => resolution,
                Err(_) => return Ok(()),
            },
            Validity::Unusable => self.0.resolution.lock().await,
        };
        if self.0.cache.lock().validity() == Validity::Fresh {
            return Ok(());
        }
        if validity == Validity::Unusable {
            return self.resolve(concurrency).await;
        }
        match self.issue(concurrency).await {
            Ok(renewed) => self.0.cache.lock().store(renewed),
            Err(fault) => {
                tracing::warn!(role = self.issuer().role(), %fault, "credentials could not be renewed yet");
                self.0.cache.lock().postpone_renewal();
            }
        }
        Ok(())
    }

    /// Asks the source once, unless there are credentials that can sign a request. A failure is nobody else's.
    pub(crate) async fn try_once(&self) -> Result<(), Fault> {
        let _resolution = self.0.resolution.lock().await;
        if self.usable() {
            return Ok(());
        }
        let issuer = self.issuer();
        let Some(issued) = issuer.try_once() else { return Ok(()) };
        let issued = issued.await.and_then(reject_control_characters)?;
        self.0.cache.lock().store(issued);
        Ok(())
    }

    /// Resolves credentials again after AWS refused those of `generation`. If many requests were refused, only the first resolves.
    ///
    /// False means that new credentials would not help: AWS did not recognize them (`unrecognized`), and they were themselves
    /// resolved for that reason.
    pub(crate) async fn resolve_again(
        &self,
        concurrency: &ConcurrencyLimit,
        generation: u64,
        unrecognized: bool,
    ) -> Result<bool, Fault> {
        let _resolution = self.0.resolution.lock().await;
        if self.generation() != generation {
            return Ok(true);
        }
        if unrecognized && self.0.cache.lock().after_unrecognized == Some(generation) {
            return Ok(false);
        }
        self.resolve(concurrency).await?;
        if unrecognized {
            let generation = self.generation();
            self.0.cache.lock().after_unrecognized = Some(generation);
        }
        Ok(true)
    }

    /// Resolves credentials that requests wait for. The caller has locked [`Shared::resolution`].
    async fn resolve(&self, concurrency: &ConcurrencyLimit) -> Result<(), Fault> {
        if let Some(fault) = self.0.cache.lock().recent_failure() {
            return Err(fault);
        }
        let issued = self.issue(concurrency).await;
        let mut cache = self.0.cache.lock();
        issued
            .map(|issued| cache.store(issued))
            .inspect_err(|fault| cache.failure = Some((Instant::now(), fault.clone())))
    }

    async fn issue(&self, concurrency: &ConcurrencyLimit) -> Result<AwsCredentials, Fault> {
        self.issuer().issue(concurrency).await.and_then(reject_control_characters)
    }
}

impl Cache {
    fn begin_sync(&mut self) {
        (self.failure, self.after_unrecognized) = (None, None);
        if std::mem::take(&mut self.refused) {
            self.current = None;
        }
    }

    fn validity(&self) -> Validity {
        let now = SystemTime::now();
        let Some(current) = &self.current else { return Validity::Unusable };
        if self.renew_at.is_none_or(|renew_at| now < renew_at) {
            Validity::Fresh
        } else if current.expiry().is_none_or(|expiry| now < expiry) {
            Validity::RenewalDue
        } else {
            Validity::Unusable
        }
    }

    fn store(&mut self, issued: AwsCredentials) {
        let now = SystemTime::now();
        self.renew_at = issued.expiry().map(|expiry| {
            let life = expiry.duration_since(now).unwrap_or_default();
            // Credentials that are issued as expired are used all the same: the local clock may be wrong, so AWS decides.
            if life.is_zero() { now + RETRY_AFTER } else { expiry - RENEW_BEFORE.min(life / 3) }
        });
        self.current = Some(issued);
        self.generation += 1;
        self.failure = None;
    }

    /// Waits with the next renewal for [`RETRY_AFTER`] or half of the remaining life, whichever is shorter. Once the credentials have
    /// expired, they are unusable and requests wait for new ones.
    fn postpone_renewal(&mut self) {
        let now = SystemTime::now();
        let expiry = self.current.as_ref().and_then(AwsCredentials::expiry);
        let left = expiry.and_then(|expiry| expiry.duration_since(now).ok()).unwrap_or_default();
        self.renew_at = Some(now + RETRY_AFTER.min(left / 2).max(Duration::from_secs(1)).min(left));
    }

    fn recent_failure(&self) -> Option<Fault> {
        self.failure.as_ref().filter(|(since, _)| since.elapsed() < RETRY_AFTER).map(|(_, fault)| fault.clone())
    }
}

impl ProvideCredentials for Credentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let current = self.0.cache.lock().current.clone();
        future::ProvideCredentials::ready(current.ok_or_else(|| CredentialsError::not_loaded("none are cached")))
    }
}

/// The SDK panics on characters that an HTTP header must not contain (RFC 9110, section 5.5).
fn reject_control_characters(issued: AwsCredentials) -> Result<AwsCredentials, Fault> {
    let texts = [Some(issued.access_key_id()), issued.session_token()];
    if texts.into_iter().flatten().any(|text| text.contains(char::is_control)) {
        let reason = "the access key id or session token holds a control character, such as a line break; remove it";
        return Err(Fault::own("Credentials", reason).denied());
    }
    Ok(issued)
}

#[cfg(test)]
mod tests;
