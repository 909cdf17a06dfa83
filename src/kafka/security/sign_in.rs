//! Signing in with tokens: the first one is got before brokers are asked for anything, and each is renewed before its end.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rdkafka::producer::Producer as _;

use super::token::{Token, TokenFault, Tokens};
use crate::aws::Signer;
use crate::kafka::startup::{ATTEMPT, StartupWait};
use crate::kafka::{Error, Producer};

/// The longest attempt at a token. An endpoint has less.
const LONGEST: Duration = Duration::from_secs(15);

/// The shortest attempt after another. It would say less than that one has said.
const SHORTEST: Duration = Duration::from_secs(1);

/// The pause before a first token is asked for again.
const PAUSE: Duration = Duration::from_millis(200);

/// The first and the longest pause before a token that could not be renewed is asked for again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The longest once the token has ended, and brokers may refuse it at any moment.
const PAUSE_WITHOUT: Duration = Duration::from_secs(2);

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
        let mut last: Option<TokenFault> = None;
        while tokens.current().is_none_or(|token| token.left().is_zero()) {
            let timeout = wait.attempt(LONGEST);
            if let Some(fault) = last.take_if(|_| timeout < SHORTEST) {
                return Err(Error::Token(fault.reason));
            }
            match tokens.issue(timeout).await {
                Ok(token) => self.take_up(&token).await.map_err(|fault| Error::Token(fault.reason))?,
                Err(fault) if fault.is_final => return Err(Error::Token(fault.reason)),
                Err(fault) => {
                    wait.or(|| Error::Token(fault.reason.clone()))?;
                    last = Some(fault);
                    tokio::time::sleep(PAUSE).await;
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
            // It may be renewed yet.
            Some(TokenFault { is_final: false, .. }) => status.doubt_again(),
            Some(fault) => status.fail(format!("the token to sign in with could not be renewed: {}", fault.reason)),
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

/// Renews tokens after 80 % of their lives. What fails is tried again, beyond their ends too.
async fn renew_for_ever(producer: Weak<Producer>, tokens: Arc<Tokens>) {
    let mut failures: u32 = 0;
    loop {
        let Some(current) = tokens.current() else { return };
        let pause = pause(failures, current.left());
        let due = if failures == 0 { current.due } else { Instant::now() + pause };
        tokio::time::sleep_until(due.into()).await;
        let issued = tokens.issue(LONGEST).await;
        let Some(producer) = producer.upgrade() else { return };
        let taken = match issued {
            Ok(token) => producer.take_up(&token).await,
            Err(fault) => Err(fault),
        };
        match taken {
            Ok(()) => failures = 0,
            Err(fault) => {
                let left = humantime::format_duration(Duration::from_secs(current.left().as_secs())).to_string();
                if failures == 0 {
                    tracing::warn!(
                        left,
                        "the Kafka token could not be renewed and is asked for again: {}",
                        fault.reason
                    );
                } else {
                    tracing::debug!(left, "the Kafka token could not be renewed: {}", fault.reason);
                }
                failures += 1;
                // Brokers may have said their word before the fault was known.
                producer.context.status.recovery.notify_one();
            }
        }
    }
}

/// The pause after so many failures in a row, with so much left of the token's life.
fn pause(failures: u32, left: Duration) -> Duration {
    let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(LONGEST_PAUSE);
    if left.is_zero() { pause.min(PAUSE_WITHOUT) } else { pause.min(left.max(FIRST_PAUSE)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_end_with_the_token() {
        let seconds = |failures, left| pause(failures, Duration::from_secs(left)).as_secs();
        assert_eq!([1, 2, 3, 4, 5, 6, 99].map(|failures| seconds(failures, 3_600)), [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!([1, 2, 3, 4].map(|failures| seconds(failures, 3)), [1, 2, 3, 3]);
        assert_eq!([1, 2, 3, 99].map(|failures| seconds(failures, 0)), [1, 2, 2, 2]);
    }
}
