//! What keeps records coming through: it sends again what came back, makes failed producers anew, and tells of a stall.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;
use tokio::time::{MissedTickBehavior, interval};

use super::Kafka;
use super::error_class::SendMode;
use super::in_flight::{StallDetector, StallEvent};
use super::producers::Producers;

/// Producers made anew in one sync. One that fails more often will not be mended by another.
const RENEWALS: u32 = 3;

impl Kafka {
    /// Does all that for as long as it is polled: for one sync.
    pub async fn recover(&self) -> Infallible {
        // That of an earlier sync has done its work. Its end blocks.
        let alone = self.producers.write().await.end_alone();
        let _ = tokio::task::spawn_blocking(move || drop(alone)).await;
        let (mut renewed, mut stall) = (0, StallDetector::new(self.stall));
        let mut observe = interval((self.stall / 4).clamp(Duration::from_millis(10), Duration::from_secs(1)));
        observe.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.deliveries.notified() => {}
                _ = observe.tick() => self.tell(&mut stall),
            }
            let mut producers = self.producers.write().await;
            let stale = self.deliveries.take_stale().then(|| "its epoch is stale".to_owned());
            let fatal = producers.fatal();
            if let Some((code, reason)) = &fatal
                && let Some(way_out) = way_out(*code)
            {
                self.deliveries.end(format!("the Kafka producer failed: {reason}; {way_out}"));
            }
            let failed = fatal.map(|(_, reason)| reason).or(stale);
            if let Some(reason) = failed.filter(|_| self.fatal().borrow().is_none()) {
                if renewed == RENEWALS {
                    let reason =
                        format!("the Kafka producer failed: {reason}; it was made anew {RENEWALS} times before");
                    self.deliveries.end(reason);
                    continue;
                }
                renewed += 1;
                tracing::warn!(
                    reason,
                    renewed,
                    "the Kafka producer failed; a new one sends again what is not acknowledged"
                );
                if let Err(error) = producers.renew().await {
                    self.deliveries.end(format!("no new Kafka producer can be made: {error}"));
                    continue;
                }
            }
            self.send_again(&mut producers).await;
        }
    }

    /// Sends again what came back, before anything new: nobody else sends while we hold the producers.
    async fn send_again(&self, producers: &mut Producers) {
        for (owned, opaque) in self.deliveries.returned() {
            let producer = match opaque.mode {
                SendMode::Alone | SendMode::DeadLetter => producers.alone(),
                SendMode::Batched => Ok(Arc::clone(producers.main())),
            };
            match producer {
                Ok(producer) => producers.send(&producer, owned.record(opaque)).await,
                Err(error) => opaque.lose(&error),
            }
        }
    }

    fn tell(&self, stall: &mut StallDetector) {
        match stall.observe(self.in_flight.oldest()) {
            Some(StallEvent::Stalled(age)) => tracing::warn!(
                oldest = %humantime::format_duration(Duration::from_secs(age.as_secs())),
                records = self.in_flight.count(),
                last_error = self.deliveries.last_error(),
                "Kafka does not acknowledge; reading waits, and each record for kafka.delivery_timeout"
            ),
            Some(StallEvent::Over) => tracing::info!("Kafka acknowledges again"),
            None => {}
        }
    }
}

/// What to do where a new producer would fail as the old one did.
fn way_out(code: Code) -> Option<&'static str> {
    match code {
        Code::ClusterAuthorizationFailed => {
            Some("allow IDEMPOTENT_WRITE on the cluster: brokers before 2.8 ask for it")
        }
        Code::UnsupportedFeature | Code::UnsupportedVersion => {
            Some("an idempotent producer needs brokers of 0.11 or later")
        }
        _ => None,
    }
}
