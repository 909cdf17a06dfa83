//! Tokens with which clients sign in (OAUTHBEARER, RFC 7628), and where they come from.

mod claims;
mod echo;
mod endpoint;
mod msk;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use tokio::sync::Notify;

use self::endpoint::Endpoint;
use self::msk::Msk;
use crate::aws::Signer;
use crate::config::{Config, Mechanism};

/// The shortest life of a token. Some are handed out at the end of theirs, and brokers decide.
const LEAST_LIFE: Duration = Duration::from_secs(1);

/// A life beyond this is no different: 31 years, which every clock can add.
const MOST_LIFE: Duration = Duration::from_secs(1_000_000_000);

/// A token, with what librdkafka wants to know of it.
pub(in crate::kafka) struct Token {
    pub(in crate::kafka) value: String,
    /// Who signs in, for librdkafka's own use: brokers read the token.
    pub(in crate::kafka) principal: String,
    /// SASL extensions, which brokers get with it (RFC 7628, section 3.1).
    pub(in crate::kafka) extensions: Vec<(String, String)>,
    /// When it ends, by the clock that librdkafka reads.
    pub(in crate::kafka) expires: SystemTime,
    /// The same by a clock that nobody sets, and that stands still while a machine is suspended.
    ends: Instant,
    /// How long before its end another one has to be got: a fifth of its life.
    margin: Duration,
    /// What it shows, and which settings to look at where a broker refuses it.
    pub(super) clue: String,
}

impl Token {
    /// A token that lives so long from the time at which it was asked for.
    fn new(value: String, principal: String, asked: Asked, life: Duration, clue: String) -> Self {
        let life = life.clamp(LEAST_LIFE, MOST_LIFE);
        let (expires, ends, margin) = (asked.time + life, asked.at + life, life / 5);
        Self { value, principal, extensions: Vec::new(), expires, ends, margin, clue }
    }

    /// How much of its life is left. The clock that says less counts: one may have been set, or have stood still.
    pub(super) fn left(&self) -> Duration {
        let by_time = self.expires.duration_since(SystemTime::now()).unwrap_or_default();
        by_time.min(self.ends.saturating_duration_since(Instant::now()))
    }

    /// How long it is until another one has to be got.
    pub(super) fn until_due(&self) -> Duration {
        self.left().saturating_sub(self.margin)
    }
}

/// When a token was asked for, by both clocks.
#[derive(Debug, Clone, Copy)]
struct Asked {
    at: Instant,
    time: SystemTime,
}

impl Asked {
    fn now() -> Self {
        Self { at: Instant::now(), time: SystemTime::now() }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("principal", &self.principal)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TokenFault {
    /// The cause, and the way out.
    pub(super) reason: String,
    /// Whether asking again does not help, until somebody changes something.
    pub(super) is_final: bool,
}

impl TokenFault {
    pub(super) fn lasting(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_final: true }
    }

    pub(super) fn passing(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_final: false }
    }
}

/// Where tokens come from.
#[derive(Debug)]
enum Issuer {
    Endpoint(Endpoint),
    Msk(Msk),
}

/// The token that all clients of a process sign in with.
#[derive(Debug)]
pub(in crate::kafka) struct Tokens {
    issuer: Issuer,
    current: Mutex<Option<Arc<Token>>>,
    /// Why the last attempt to get one failed.
    fault: Mutex<Option<TokenFault>>,
    /// Tells the renewal that another one is current.
    changed: Notify,
}

impl Tokens {
    /// None where settings name no mechanism with tokens, or leave them to librdkafka.
    pub(in crate::kafka) fn of(config: &Config) -> Option<Self> {
        let issuer = match config.kafka.mechanism()? {
            Mechanism::OauthBearer => Issuer::Endpoint(Endpoint::of(&config.kafka.security.oauth)?),
            Mechanism::AwsMskIam => Issuer::Msk(Msk::of(&config.kafka)),
            _ => return None,
        };
        Some(Self { issuer, current: Mutex::default(), fault: Mutex::default(), changed: Notify::new() })
    }

    /// With whose credentials tokens of MSK are signed from now on.
    pub(super) fn sign_with(&self, signer: Signer) {
        if let Issuer::Msk(msk) = &self.issuer {
            msk.sign_with(signer);
        }
    }

    /// Forgets the current token, which a broker has refused, or which other credentials would sign otherwise now.
    pub(in crate::kafka) fn forget(&self) {
        *self.current.lock() = None;
    }

    /// Whether a token costs no request, so that each sync has one of its own.
    pub(super) fn is_signed_here(&self) -> bool {
        matches!(self.issuer, Issuer::Msk(_))
    }

    pub(in crate::kafka) fn current(&self) -> Option<Arc<Token>> {
        self.current.lock().clone()
    }

    /// Waits until another token is current.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Why the last attempt to get a token failed, if it did.
    pub(super) fn fault(&self) -> Option<TokenFault> {
        self.fault.lock().clone()
    }

    /// Gets a token, which is the current one then. An attempt that takes too long is given up.
    pub(super) async fn issue(&self, timeout: Duration) -> Result<Arc<Token>, TokenFault> {
        let issued = async {
            match &self.issuer {
                Issuer::Endpoint(endpoint) => endpoint.issue().await,
                Issuer::Msk(msk) => msk.issue().await,
            }
        };
        let late = |_| Err(TokenFault::passing(self.late(timeout)));
        let issued = tokio::time::timeout(timeout, issued).await.unwrap_or_else(late).map(Arc::new);
        match &issued {
            Ok(token) => {
                *self.current.lock() = Some(Arc::clone(token));
                *self.fault.lock() = None;
                self.changed.notify_one();
            }
            Err(fault) => *self.fault.lock() = Some(fault.clone()),
        }
        issued
    }

    fn late(&self, timeout: Duration) -> String {
        // Tenths of seconds.
        let tenths = u64::try_from(timeout.as_millis().div_ceil(100)).unwrap_or(0);
        let within = humantime::format_duration(Duration::from_millis(tenths * 100));
        match &self.issuer {
            Issuer::Endpoint(endpoint) => endpoint.late(&within),
            Issuer::Msk(_) => format!("there are no AWS credentials within {within}; see their source"),
        }
    }
}
