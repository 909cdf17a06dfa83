//! Credentials that last a sync: resolved once, shared by all regions of a role, renewed well before they expire.
//!
//! The SDK's own identity cache cannot be told to resolve anew and evicts at random above 64 partitions
//! (`aws-smithy-runtime` `identity/cache/lazy.rs`), so it is switched off and this one stands in. The SDK only ever gets what
//! is held: keys are resolved before a request takes its place among the parallel ones, so that nobody holds one to wait for them.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials as Keys;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

use super::concurrency::ConcurrencyLimit;
use super::retry::{self, Fault};

/// The most that is left of a session's life when it is renewed: enough for every request under way. Of a short life it is a
/// third; STS's shortest is 900 s.
const RENEW_BEFORE: Duration = Duration::from_secs(300);

/// How long a failed resolution is not tried again: every request of the scope would ask for it.
const REST: Duration = Duration::from_secs(30);

/// Where keys come from.
pub(crate) trait Issuer: Debug + Send + Sync {
    /// Resolves keys; what it asks of STS goes through `concurrency`.
    fn issue<'a>(&'a self, concurrency: &'a ConcurrencyLimit) -> Issued<'a>;

    /// How it does so, for messages: `AssumeRole`, or `credentials`.
    fn action(&self) -> &'static str {
        "credentials"
    }

    /// Whose keys these are: the role's ARN, or nothing for the base credentials.
    fn role(&self) -> Option<&str> {
        None
    }
}

/// Keys to come.
pub(crate) type Issued<'a> = Pin<Box<dyn Future<Output = Result<Keys, Fault>> + Send + 'a>>;

/// A caching credentials provider that can be told to resolve anew.
#[derive(Debug, Clone)]
pub(crate) struct Credentials(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    issuer: Box<dyn Issuer>,
    cached: Mutex<CachedKeys>,
    /// One resolution at a time: whoever comes meanwhile shares its result.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct CachedKeys {
    keys: Option<Keys>,
    /// How often keys were resolved: tells which keys a request was sent with.
    generation: u64,
    /// When the keys are to be renewed; never, where they do not expire.
    renew_at: Option<SystemTime>,
    /// Why the last resolution failed that somebody had to wait for.
    failed: Option<(Instant, Fault)>,
    /// The keys that were resolved because a region did not know those before.
    doubted: Option<u64>,
}

/// What the keys that are held are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Fresh,
    /// Good for a while, and to be renewed.
    Aging,
    Useless,
}

impl Credentials {
    /// Caches what `issuer` gives.
    pub(crate) fn new(issuer: impl Issuer + 'static) -> Self {
        Self(Arc::new(Shared {
            issuer: Box::new(issuer),
            cached: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }))
    }

    /// Which keys a request that starts now is sent with.
    pub(crate) fn generation(&self) -> u64 {
        self.cached().generation
    }

    /// How keys are resolved, for messages.
    pub(crate) fn action(&self) -> &'static str {
        self.0.issuer.action()
    }

    /// A fault of these credentials, as one that a request met which needed them.
    pub(crate) fn blame(&self, fault: Fault) -> Fault {
        Fault { code: format!("{}: {}", self.action(), fault.code), ..fault }
    }

    /// Whether the keys that are held can be sent with a request.
    pub(crate) fn serve(&self) -> bool {
        self.cached().standing() != Standing::Useless
    }

    /// Makes sure that the keys held can be sent with a request, and renews them when it is time: one request at a time does
    /// that, while others go on with the old keys as long as these live.
    ///
    /// # Errors
    /// Why there are no keys.
    pub(crate) async fn ensure(&self, concurrency: &ConcurrencyLimit) -> Result<(), Fault> {
        let standing = self.cached().standing();
        let _turn = match standing {
            Standing::Fresh => return Ok(()),
            Standing::Aging => match self.0.turn.try_lock() {
                Ok(turn) => turn,
                Err(_) => return Ok(()),
            },
            Standing::Useless => self.0.turn.lock().await,
        };
        if self.cached().standing() == Standing::Fresh {
            return Ok(());
        }
        if standing == Standing::Useless {
            return self.resolve(concurrency).await;
        }
        match self.issue(concurrency).await {
            Ok(keys) => self.cached().take(keys),
            Err(fault) => {
                tracing::warn!(role = self.0.issuer.role(), %fault, "credentials could not be renewed yet");
                self.cached().rest();
            }
        }
        Ok(())
    }

    /// Resolves keys anew after a refusal of those of `generation`: of many requests that they fail, the first alone does.
    /// False where new keys would change nothing: those of `generation` were themselves resolved because they were `unknown`.
    ///
    /// # Errors
    /// Why there are no new keys.
    pub(crate) async fn resolve_anew(
        &self,
        concurrency: &ConcurrencyLimit,
        generation: u64,
        unknown: bool,
    ) -> Result<bool, Fault> {
        let _turn = self.0.turn.lock().await;
        if self.generation() != generation {
            return Ok(true);
        }
        if unknown && self.cached().doubted == Some(generation) {
            return Ok(false);
        }
        self.resolve(concurrency).await?;
        if unknown {
            self.cached().doubted = Some(self.generation());
        }
        Ok(true)
    }

    /// Resolves keys that somebody waits for; the caller has its turn.
    async fn resolve(&self, concurrency: &ConcurrencyLimit) -> Result<(), Fault> {
        if let Some(fault) = self.cached().recent_failure() {
            return Err(fault);
        }
        let issued = self.issue(concurrency).await;
        let mut cached = self.cached();
        issued.map(|keys| cached.take(keys)).inspect_err(|fault| cached.failed = Some((Instant::now(), fault.clone())))
    }

    async fn issue(&self, concurrency: &ConcurrencyLimit) -> Result<Keys, Fault> {
        self.0.issuer.issue(concurrency).await.and_then(fits_a_header)
    }

    fn cached(&self) -> MutexGuard<'_, CachedKeys> {
        self.0.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CachedKeys {
    fn standing(&self) -> Standing {
        let now = SystemTime::now();
        let Some(keys) = &self.keys else { return Standing::Useless };
        if self.renew_at.is_none_or(|renew_at| now < renew_at) {
            Standing::Fresh
        } else if keys.expiry().is_none_or(|expiry| now < expiry) {
            Standing::Aging
        } else {
            Standing::Useless
        }
    }

    fn take(&mut self, keys: Keys) {
        let now = SystemTime::now();
        self.renew_at = keys.expiry().map(|expiry| {
            let life = expiry.duration_since(now).unwrap_or_default();
            // Keys that come expired are sent all the same: the service judges, and a clock may be wrong.
            if life.is_zero() { now + REST } else { expiry - RENEW_BEFORE.min(life / 3) }
        });
        self.keys = Some(keys);
        self.generation += 1;
        self.failed = None;
    }

    /// Puts the renewal off, but not beyond half of what is left; at the end the keys are useless, and the renewal is waited for.
    fn rest(&mut self) {
        let now = SystemTime::now();
        let left = self.keys.as_ref().and_then(|keys| keys.expiry()?.duration_since(now).ok()).unwrap_or_default();
        self.renew_at = Some(now + REST.min(left / 2).max(Duration::from_secs(1)).min(left));
    }

    fn recent_failure(&self) -> Option<Fault> {
        self.failed.as_ref().filter(|(since, _)| since.elapsed() < REST).map(|(_, fault)| fault.clone())
    }
}

impl ProvideCredentials for Credentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(
            self.cached().keys.clone().ok_or_else(|| CredentialsError::not_loaded("no keys were resolved")),
        )
    }
}

/// AWS's own chain, or static keys.
#[derive(Debug)]
pub(crate) struct Chain {
    /// The SDK's provider.
    pub(crate) provider: SharedCredentialsProvider,
    /// How long it may take: a credential process has no time-out of its own.
    pub(crate) timeout: Duration,
}

impl Issuer for Chain {
    fn issue<'a>(&'a self, _: &'a ConcurrencyLimit) -> Issued<'a> {
        Box::pin(async {
            let reason = match tokio::time::timeout(self.timeout, self.provider.provide_credentials()).await {
                Ok(Ok(keys)) => return Ok(keys),
                Ok(Err(error)) => retry::chain(&error),
                Err(_) => format!("it took more than {:?}", self.timeout),
            };
            Err(none(&reason))
        })
    }
}

/// Where the SDK has no chain at all.
#[derive(Debug)]
pub(crate) struct NoChain;

impl Issuer for NoChain {
    fn issue<'a>(&'a self, _: &'a ConcurrencyLimit) -> Issued<'a> {
        Box::pin(std::future::ready(Err(none("it has no part that could"))))
    }
}

fn none(reason: &str) -> Fault {
    let way_out = "see access_key_id and AWS_PROFILE";
    Fault::own("Credentials", format!("AWS's credential chain gives none: {reason}; {way_out}")).denied()
}

/// The SDK panics on what no HTTP header takes.
fn fits_a_header(keys: Keys) -> Result<Keys, Fault> {
    let texts = [Some(keys.access_key_id()), keys.session_token()];
    if texts.into_iter().flatten().any(|text| text.contains(char::is_control)) {
        let reason =
            "the access key id or session token holds a line break or another control character; write it without";
        return Err(Fault::own("Credentials", reason).denied());
    }
    Ok(keys)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::{Notify, Semaphore};

    use super::*;
    use crate::aws::concurrency::RetryPolicy;

    /// Keys of a certain life, as often as asked for; or a failure.
    #[derive(Debug, Clone, Default)]
    struct Source(Arc<Script>);

    #[derive(Debug, Default)]
    struct Script {
        life: Mutex<Option<Duration>>,
        asked: AtomicU32,
        /// Held: an answer waits for it.
        slow: Mutex<Option<Arc<Notify>>>,
    }

    impl Source {
        fn of(life: Duration) -> (Self, Credentials) {
            let source = Self::default();
            source.gives(Some(life));
            (source.clone(), Credentials::new(source))
        }

        fn gives(&self, life: Option<Duration>) {
            *self.0.life.lock().unwrap() = life;
        }

        fn asked(&self) -> u32 {
            self.0.asked.load(Ordering::Relaxed)
        }
    }

    impl Issuer for Source {
        fn issue<'a>(&'a self, _: &'a ConcurrencyLimit) -> Issued<'a> {
            Box::pin(async {
                self.0.asked.fetch_add(1, Ordering::Relaxed);
                let slow = self.0.slow.lock().unwrap().clone();
                if let Some(slow) = slow {
                    slow.notified().await;
                }
                let life = *self.0.life.lock().unwrap();
                let life = life.ok_or_else(|| Fault::own("AccessDenied", "no").denied())?;
                Ok(Keys::new("id", "secret", None, Some(SystemTime::now() + life), "test"))
            })
        }
    }

    fn concurrency() -> ConcurrencyLimit {
        let (backoff_base, backoff_cap) = (Duration::from_millis(1), Duration::from_millis(1));
        ConcurrencyLimit::new(
            Arc::new(Semaphore::new(1)),
            RetryPolicy { maximum_retries: 0, backoff_base, backoff_cap },
        )
    }

    /// Moves the time of renewal into the past.
    fn age(credentials: &Credentials) {
        credentials.cached().renew_at = Some(SystemTime::now() - Duration::from_secs(1));
    }

    #[tokio::test]
    async fn keys_are_renewed_a_third_of_their_life_before_its_end_or_five_minutes() {
        for (life, before) in [(43_200, 300), (3_600, 300), (900, 300), (90, 30), (3, 1)] {
            let (_, credentials) = Source::of(Duration::from_secs(life));
            credentials.ensure(&concurrency()).await.unwrap();
            let cached = credentials.cached();
            let expiry = cached.keys.as_ref().unwrap().expiry().unwrap();
            let ahead = expiry.duration_since(cached.renew_at.unwrap()).unwrap();
            assert_eq!(ahead.as_secs_f64().round(), f64::from(before), "of {life} s");
        }
    }

    #[tokio::test]
    async fn one_renews_while_the_others_go_on_with_the_old_keys() {
        let (source, credentials) = Source::of(Duration::from_secs(900));
        credentials.ensure(&concurrency()).await.unwrap();
        age(&credentials);
        let slow = Arc::new(Notify::new());
        *source.0.slow.lock().unwrap() = Some(Arc::clone(&slow));
        let concurrency = concurrency();
        let renewing = credentials.ensure(&concurrency);
        let others = async {
            for _ in 0..5 {
                credentials.ensure(&concurrency).await.unwrap();
            }
            assert_eq!((source.asked(), credentials.generation()), (2, 1), "the old keys serve");
            slow.notify_one();
        };
        let (renewed, ()) = tokio::join!(renewing, others);
        renewed.unwrap();
        assert_eq!((source.asked(), credentials.generation()), (2, 2));
    }

    #[tokio::test]
    async fn a_renewal_that_fails_rests_and_living_keys_go_on() {
        let (source, credentials) = Source::of(Duration::from_secs(900));
        credentials.ensure(&concurrency()).await.unwrap();
        age(&credentials);
        source.gives(None);
        for _ in 0..5 {
            credentials.ensure(&concurrency()).await.unwrap();
        }
        assert_eq!(source.asked(), 2, "it is not tried again at once");
        // At their end the keys are asked for again, however short before that was in vain.
        credentials.cached().keys = Some(Keys::new("id", "secret", None, Some(SystemTime::now()), "test"));
        age(&credentials);
        source.gives(Some(Duration::from_secs(900)));
        credentials.ensure(&concurrency()).await.unwrap();
        assert_eq!(source.asked(), 3);
    }

    #[tokio::test]
    async fn a_chain_that_hangs_is_given_up() {
        #[derive(Debug)]
        struct Hanging;
        impl ProvideCredentials for Hanging {
            fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
            where
                Self: 'a,
            {
                future::ProvideCredentials::new(std::future::pending())
            }
        }
        let provider = SharedCredentialsProvider::new(Hanging);
        let credentials = Credentials::new(Chain { provider, timeout: Duration::from_millis(10) });
        let fault = credentials.ensure(&concurrency()).await.unwrap_err();
        assert!(fault.message.contains("it took more than 10ms"), "{fault}");
    }

    #[tokio::test]
    async fn without_keys_a_failure_is_told_to_all_and_not_asked_for_again_at_once() {
        let (source, credentials) = Source::of(Duration::ZERO);
        source.gives(None);
        for _ in 0..5 {
            assert_eq!(credentials.ensure(&concurrency()).await.unwrap_err().code, "AccessDenied");
        }
        assert_eq!(source.asked(), 1);
    }

    #[tokio::test]
    async fn refused_keys_are_resolved_anew_once_for_all_they_fail() {
        let (source, credentials) = Source::of(Duration::from_secs(900));
        let concurrency = concurrency();
        credentials.ensure(&concurrency).await.unwrap();
        let sent_with = credentials.generation();
        for _ in 0..5 {
            assert_eq!(credentials.resolve_anew(&concurrency, sent_with, false).await, Ok(true));
        }
        assert_eq!(source.asked(), 2);
        // A region that does not know even new keys: another such region asks for none of its own.
        let sent_with = credentials.generation();
        assert_eq!(credentials.resolve_anew(&concurrency, sent_with, true).await, Ok(true));
        let sent_with = credentials.generation();
        assert_eq!(credentials.resolve_anew(&concurrency, sent_with, true).await, Ok(false));
        assert_eq!(source.asked(), 3);
        // Of keys renewed since then nothing is known yet.
        age(&credentials);
        credentials.ensure(&concurrency).await.unwrap();
        assert_eq!(credentials.resolve_anew(&concurrency, credentials.generation(), true).await, Ok(true));
    }

    #[tokio::test]
    async fn keys_that_come_expired_are_sent_and_judged_by_the_service() {
        let (source, credentials) = Source::of(Duration::ZERO);
        for _ in 0..3 {
            credentials.ensure(&concurrency()).await.unwrap();
            assert!(credentials.serve());
        }
        assert_eq!(source.asked(), 1);
    }
}
