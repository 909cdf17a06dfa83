#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{Notify, Semaphore};

use aws_credential_types::provider::SharedCredentialsProvider;

use super::*;
use crate::aws::chain::Chain;
use crate::aws::concurrency::RetryPolicy;

/// Issues credentials with a certain life, or fails.
#[derive(Debug, Clone, Default)]
struct Source(Arc<Script>);

#[derive(Debug, Default)]
struct Script {
    life: Mutex<Option<Duration>>,
    asked: AtomicU32,
    /// If set, an answer waits for it.
    slow: Mutex<Option<Arc<Notify>>>,
}

impl Source {
    fn of(life: Duration) -> (Self, Credentials) {
        let source = Self::default();
        source.gives(Some(life));
        (source.clone(), Credentials::new(source))
    }

    fn gives(&self, life: Option<Duration>) {
        *self.0.life.lock() = life;
    }

    fn asked(&self) -> u32 {
        self.0.asked.load(Ordering::Relaxed)
    }
}

impl Issuer for Source {
    fn issue<'a>(&'a self, _: &'a ConcurrencyLimit) -> Issued<'a> {
        Box::pin(async {
            self.0.asked.fetch_add(1, Ordering::Relaxed);
            let slow = self.0.slow.lock().clone();
            if let Some(slow) = slow {
                slow.notified().await;
            }
            let life = *self.0.life.lock();
            let life = life.ok_or_else(|| Fault::own("AccessDenied", "no").denied())?;
            Ok(AwsCredentials::new("id", "secret", None, Some(SystemTime::now() + life), "test"))
        })
    }
}

fn concurrency() -> ConcurrencyLimit {
    let (backoff_base, backoff_cap) = (Duration::from_millis(1), Duration::from_millis(1));
    ConcurrencyLimit::new(Arc::new(Semaphore::new(1)), RetryPolicy { maximum_retries: 0, backoff_base, backoff_cap })
}

/// Moves the time of renewal into the past.
fn age(credentials: &Credentials) {
    credentials.0.cache.lock().renew_at = Some(SystemTime::now() - Duration::from_secs(1));
}

#[tokio::test]
async fn credentials_are_renewed_five_minutes_before_they_expire_or_after_two_thirds_of_a_short_life() {
    for (life, before) in [(43_200, 300), (3_600, 300), (900, 300), (600, 200), (300, 100)] {
        let (_, credentials) = Source::of(Duration::from_secs(life));
        credentials.ensure(&concurrency()).await.unwrap();
        let cache = credentials.0.cache.lock();
        let expiry = cache.current.as_ref().unwrap().expiry().unwrap();
        let ahead = expiry.duration_since(cache.renew_at.unwrap()).unwrap();
        // Some of its life has passed until it is looked at.
        assert!((f64::from(before) - ahead.as_secs_f64()).abs() < 20.0, "of {life} s: {ahead:?}");
    }
}

#[tokio::test]
async fn one_request_renews_while_the_others_use_the_old_credentials() {
    let (source, credentials) = Source::of(Duration::from_secs(900));
    credentials.ensure(&concurrency()).await.unwrap();
    age(&credentials);
    let slow = Arc::new(Notify::new());
    *source.0.slow.lock() = Some(Arc::clone(&slow));
    let concurrency = concurrency();
    let renewing = credentials.ensure(&concurrency);
    let others = async {
        for _ in 0..5 {
            credentials.ensure(&concurrency).await.unwrap();
        }
        assert_eq!((source.asked(), credentials.generation()), (2, 1), "the old credentials are used");
        slow.notify_one();
    };
    let (renewed, ()) = tokio::join!(renewing, others);
    renewed.unwrap();
    assert_eq!((source.asked(), credentials.generation()), (2, 2));
}

#[tokio::test]
async fn a_failed_renewal_is_postponed_and_valid_credentials_are_used() {
    let (source, credentials) = Source::of(Duration::from_secs(900));
    credentials.ensure(&concurrency()).await.unwrap();
    age(&credentials);
    source.gives(None);
    for _ in 0..5 {
        credentials.ensure(&concurrency()).await.unwrap();
    }
    assert_eq!(source.asked(), 2, "it is not tried again at once");
    // Expired credentials are resolved again at once, however recent the failed renewal is.
    credentials.0.cache.lock().current =
        Some(AwsCredentials::new("id", "secret", None, Some(SystemTime::now()), "test"));
    age(&credentials);
    source.gives(Some(Duration::from_secs(900)));
    credentials.ensure(&concurrency()).await.unwrap();
    assert_eq!(source.asked(), 3);
}

#[tokio::test]
async fn a_chain_that_hangs_times_out() {
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
    let credentials = Credentials::new(Chain {
        provider,
        source: crate::aws::source::Source::Keys,
        timeout: Duration::from_millis(10),
    });
    let fault = credentials.ensure(&concurrency()).await.unwrap_err();
    assert!(fault.message.contains("it took more than 10ms"), "{fault}");
}

#[tokio::test]
async fn without_credentials_all_requests_share_a_failure_for_a_while() {
    let (source, credentials) = Source::of(Duration::ZERO);
    source.gives(None);
    for _ in 0..5 {
        assert_eq!(credentials.ensure(&concurrency()).await.unwrap_err().code, "AccessDenied");
    }
    assert_eq!(source.asked(), 1);
}

#[tokio::test]
async fn refused_credentials_are_resolved_again_once_for_all_requests() {
    let (source, credentials) = Source::of(Duration::from_secs(900));
    let concurrency = concurrency();
    credentials.ensure(&concurrency).await.unwrap();
    let sent_with = credentials.generation();
    for _ in 0..5 {
        assert_eq!(credentials.resolve_again(&concurrency, sent_with, false).await, Ok(true));
    }
    assert_eq!(source.asked(), 2);
    // A region does not recognize even new credentials. Another such region does not resolve again.
    let sent_with = credentials.generation();
    assert_eq!(credentials.resolve_again(&concurrency, sent_with, true).await, Ok(true));
    let sent_with = credentials.generation();
    assert_eq!(credentials.resolve_again(&concurrency, sent_with, true).await, Ok(false));
    assert_eq!(source.asked(), 3);
    // Whether a region recognizes credentials renewed since then is not known yet.
    age(&credentials);
    credentials.ensure(&concurrency).await.unwrap();
    assert_eq!(credentials.resolve_again(&concurrency, credentials.generation(), true).await, Ok(true));
}

#[tokio::test]
async fn credentials_issued_as_expired_are_used() {
    let (source, credentials) = Source::of(Duration::ZERO);
    for _ in 0..3 {
        credentials.ensure(&concurrency()).await.unwrap();
        assert!(credentials.usable());
    }
    assert_eq!(source.asked(), 1);
}
