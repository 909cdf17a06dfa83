//! Signing in with tokens: the first one is got before brokers are asked for anything, and each is renewed before its end.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rdkafka::producer::Producer as _;

use super::token::{Token, TokenFault, Tokens};
use crate::aws::Signer;
use crate::kafka::startup::{ATTEMPT, StartupWait};
use crate::kafka::status::is_wrong_state;
use crate::kafka::{Error, Producer};

/// The longest attempt at a token. An endpoint has less, and one attempt of AWS's credential chain 20 s.
const LONGEST: Duration = Duration::from_secs(25);

/// The shortest attempt after another. It would say less than that one has said.
const SHORTEST: Duration = Duration::from_secs(1);

/// The pause before a first token is asked for again, which doubles each time, and the longest.
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_FIRST_PAUSE: Duration = Duration::from_secs(5);

/// The first and the longest pause before a token that could not be renewed is asked for again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The longest once the token has ended, and brokers may refuse it at any moment.
const PAUSE_WITHOUT: Duration = Duration::from_secs(2);
/// The longest after a refusal. Servers lock a client that is refused too often.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(300);

/// The longest sleep before clocks are looked at again: one of them stands still while a machine is suspended.
const LOOK: Duration = Duration::from_secs(30);

/// A sign-in that is refused while brokers are in use may have begun in the last second of its session, which they take for a mistake.
/// It counts if no broker answers after this time.
const DOUBT: Duration = Duration::from_secs(2);

impl Producer {
    /// With whose credentials tokens of MSK are signed from now on.
    pub(crate) fn sign_with(&self, signer: Signer) {
        if let Some(tokens) = &self.tokens {
            tokens.sign_with(signer);
        }
    }

    /// Waits for a token to sign in with, if one is needed, and has it renewed from now on.
    pub(in crate::kafka) async fn first_token(self: &Arc<Self>, wait: &StartupWait) -> Result<(), Error> {
        let Some(tokens) = &self.tokens else { return Ok(()) };
        if tokens.is_signed_here() {
            // The credentials may have changed since the last one.
            tokens.forget();
        }
        let (mut last, mut pause) = (None::<TokenFault>, PAUSE);
        while tokens.current().is_none_or(|token| token.left().is_zero()) {
            let timeout = wait.attempt(LONGEST);
            if let Some(fault) = last.take_if(|_| timeout < SHORTEST) {
                return Err(fault.into());
            }
            match tokens.issue(timeout).await {
                Ok(token) => self.take_up(&token).await?,
                Err(fault) if fault.is_final => return Err(fault.into()),
                Err(fault) => {
                    wait.or(|| fault.clone().into())?;
                    last = Some(fault);
                    // The wait ends with an attempt that has some time.
                    tokio::time::sleep(pause.min(wait.left().saturating_sub(SHORTEST))).await;
                    pause = (2 * pause).min(LONGEST_FIRST_PAUSE);
                }
            }
        }
        self.renew_tokens(tokens);
        Ok(())
    }

    /// Starts the task that renews tokens, which lasts as long as the producer and its runtime.
    fn renew_tokens(self: &Arc<Self>, tokens: &Arc<Tokens>) {
        let mut renewal = self.renewal.lock();
        while renewal.try_join_next().is_some() {}
        if renewal.is_empty() {
            renewal.spawn(renew_for_ever(Arc::downgrade(self), Arc::clone(tokens)));
        }
    }

    /// Has all clients sign in with a token from now on.
    async fn take_up(&self, token: &Token) -> Result<(), TokenFault> {
        self.context.status.set_clue(&token.clue);
        let refused =
            |reason| TokenFault::lasting(format!("librdkafka does not take the token: {reason}; {}", token.clue));
        self.handles.read().await.take_up(token).map_err(refused)
    }

    /// Ends the sync if brokers have refused a sign-in while they were in use, and none answers any more.
    pub(in crate::kafka) async fn judge_renewed_sign_in(&self) {
        let status = &self.context.status;
        let Some((since, words)) = status.refused_while_used() else { return };
        if since.elapsed() < DOUBT {
            return;
        }
        if status.silence() < since.elapsed() || self.answers().await {
            return status.forget_refusal();
        }
        match self.tokens.as_ref().and_then(|tokens| tokens.fault()) {
            // Something else keeps brokers away, or the token may be renewed yet.
            _ if !status.was_refused_last() => status.doubt_again(),
            Some(TokenFault { is_final: false, .. }) => status.doubt_again(),
            Some(fault) => status.fail(format!("the token to sign in with could not be renewed: {}", fault.reason)),
            // A session that ends while it begins anew says nothing of the token, and the next one begins.
            None if is_wrong_state(&words) => status.forget_refusal(),
            None => status.fail_sign_in(&words),
        }
    }

    /// Whether a broker answers now.
    async fn answers(&self) -> bool {
        let handle = Arc::clone(&self.handles.read().await.batching);
        let topic = self.topic_names.split(", ").next().unwrap_or_default().to_owned();
        let asked = move || handle.client().fetch_metadata(Some(&topic), ATTEMPT).is_ok();
        tokio::task::spawn_blocking(asked).await.unwrap_or(false)
    }
}

impl From<TokenFault> for Error {
    fn from(fault: TokenFault) -> Self {
        let TokenFault { reason, is_final } = fault;
        Self::Token { reason, is_final }
    }
}

/// Renews tokens after 80 % of their lives. What fails is tried again, beyond their ends too.
async fn renew_for_ever(producer: Weak<Producer>, tokens: Arc<Tokens>) {
    let mut failures = Failures::default();
    loop {
        let (until_due, left) = tokens.current().map_or((LOOK, LOOK), |token| (token.until_due(), token.left()));
        let wait = failures.again_at.map_or(until_due, |at| at.saturating_duration_since(Instant::now()));
        if !wait.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(wait.min(LOOK)) => {}
                // A sync that begins may have got another one.
                () = tokens.changed() => failures = Failures::default(),
            }
            continue;
        }
        if producer.strong_count() == 0 {
            return;
        }
        let issued = tokens.issue(LONGEST).await;
        let Some(producer) = producer.upgrade() else { return };
        let taken = match issued {
            Ok(token) => producer.take_up(&token).await,
            Err(fault) => Err(fault),
        };
        match taken {
            Ok(()) => failures.end(),
            Err(fault) => {
                failures.add(&fault, left);
                // Brokers may have said their word before.
                producer.context.status.note_token_fault(&fault.reason);
            }
        }
    }
}

/// Failures to renew a token, one after the other.
#[derive(Debug, Default)]
struct Failures {
    count: u32,
    again_at: Option<Instant>,
    /// Whether the end of the token was told.
    end_told: bool,
}

impl Failures {
    /// One more, with so much left of the token's life. The first is told, and the first after the end of the token.
    fn add(&mut self, fault: &TokenFault, left: Duration) {
        let (reason, again) = (&fault.reason, "it is asked for again");
        if left.is_zero() && !self.end_told {
            self.end_told = true;
            tracing::warn!("the Kafka token has ended and could not be renewed; {again}: {reason}");
        } else if self.count == 0 {
            let left = humantime::format_duration(Duration::from_secs(left.as_secs())).to_string();
            tracing::warn!(left, "the Kafka token could not be renewed yet; {again}: {reason}");
        } else {
            tracing::debug!("the Kafka token could not be renewed; {again}: {reason}");
        }
        self.count += 1;
        self.again_at = Some(Instant::now() + pause(self.count, left, fault.is_final));
    }

    fn end(&mut self) {
        if self.count > 0 {
            tracing::info!("the Kafka token is renewed");
        }
        *self = Self::default();
    }
}

/// The pause after so many failures in a row, with so much left of the token's life.
fn pause(failures: u32, left: Duration, is_refused: bool) -> Duration {
    let most = match (is_refused, left.is_zero()) {
        (true, true) => PAUSE_AFTER_REFUSAL,
        (false, true) => PAUSE_WITHOUT,
        (_, false) => LONGEST_PAUSE.min(left.max(FIRST_PAUSE)),
    };
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_end_with_the_token() {
        let seconds = |failures, left, is_refused| pause(failures, Duration::from_secs(left), is_refused).as_secs();
        let passing = |failures, left| seconds(failures, left, false);
        assert_eq!([1, 2, 3, 4, 5, 6, 99].map(|failures| passing(failures, 3_600)), [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!([1, 2, 3, 4].map(|failures| passing(failures, 3)), [1, 2, 3, 3]);
        assert_eq!([1, 2, 3, 99].map(|failures| passing(failures, 0)), [1, 2, 2, 2]);
        assert_eq!([1, 2, 3, 99].map(|failures| seconds(failures, 0, true)), [1, 2, 4, 300], "a refusal");
    }
}
