//! Recovery: returned records are sent again, failed producers are made anew, and a stall is logged.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;
use tokio::time::{MissedTickBehavior, interval};

use super::delivery::SendMode;
use super::handles::Handles;
use super::in_flight::{StallDetector, StallEvent};
use super::producer::Producer;
use super::status::AUTHORITY;

/// How often a sync may make its producers anew. If they fail more often, another one would not help.
const RENEWALS: u32 = 3;

impl Producer {
    /// Recovers for as long as it is polled, which is one sync.
    pub async fn recover(&self) -> Infallible {
        // An earlier sync may have left this producer.
        self.handles.write().await.single = None;
        let mut renewals = 0;
        let mut stall = StallDetector::new(self.stall);
        let mut tick = interval((self.stall / 4).clamp(Duration::from_millis(10), Duration::from_secs(1)));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.context.status.recovery.notified() => {}
                _ = tick.tick() => self.report_stall(&mut stall),
            }
            self.explain().await;
            self.judge_renewed_sign_in().await;
            let mut handles = self.handles.write().await;
            if let Some(reason) = self.failure(&handles)
                && !self.renew(&mut handles, &reason, &mut renewals).await
            {
                continue;
            }
            self.send_again(&mut handles).await;
        }
    }

    /// Ends the sync because of a certificate, once the port has said what is wrong. Nothing was acknowledged yet, so that nothing waits
    /// for this.
    async fn explain(&self) {
        let Some((address, words)) = self.context.status.ambiguous() else { return };
        let probe = self.probe.lock().clone();
        self.context.status.fail(match probe.ask(&address).await {
            // librdkafka's own advice is about authorities.
            Some(found) => {
                format!("{}; {found}", words.split(": broker certificate could not").next().unwrap_or(&words))
            }
            None => format!("{words}; see {AUTHORITY}"),
        });
    }

    /// Why the producers have to be made anew, if they have to.
    fn failure(&self, handles: &Handles) -> Option<String> {
        let stale = self.context.deliveries.stale_epoch.swap(false, Ordering::Relaxed);
        let fatal = handles.fatal_error();
        if let Some((code, reason)) = &fatal
            && let Some(way_out) = way_out(*code, &self.topic_names)
        {
            self.context.status.fail(format!("the Kafka producer failed: {reason}; {way_out}"));
        }
        fatal
            .map(|(_, reason)| reason)
            .or(stale.then(|| "its epoch is stale".to_owned()))
            .filter(|_| self.fatal().is_none())
    }

    /// Makes the producers anew. False if that is no longer possible, and Kafka is gone.
    async fn renew(&self, handles: &mut Handles, reason: &str, renewals: &mut u32) -> bool {
        if *renewals == RENEWALS {
            let reason = format!("the Kafka producer failed: {reason}; it was made anew {RENEWALS} times before");
            self.context.status.fail(reason);
            return false;
        }
        *renewals += 1;
        tracing::warn!(
            reason,
            renewed = *renewals,
            "the Kafka producer failed; a new one sends again what is not acknowledged"
        );
        match handles.renew().await {
            Ok(()) => true,
            Err(error) => {
                self.context.status.fail(format!("no new Kafka producer can be made: {error}"));
                false
            }
        }
    }

    /// Sends returned records again. Nobody else sends meanwhile, because this holds the write lock.
    async fn send_again(&self, handles: &mut Handles) {
        for (record, opaque) in self.context.deliveries.take_returned() {
            let handle = match opaque.mode {
                SendMode::Single | SendMode::DeadLetter => handles.single(),
                SendMode::Batched => Ok(Arc::clone(&handles.batching)),
            };
            match handle {
                Ok(handle) => handles.send(&handle, record.record(opaque)).await,
                Err(error) => opaque.lose(&error),
            }
        }
    }

    fn report_stall(&self, stall: &mut StallDetector) {
        match stall.observe(self.in_flight.oldest()) {
            Some(StallEvent::Stalled(age)) => tracing::warn!(
                oldest = %humantime::format_duration(Duration::from_secs(age.as_secs())),
                records = self.in_flight.count(),
                last_error = self.context.status.last_error(),
                "Kafka does not acknowledge; reading waits, and each record fails after kafka.delivery_timeout"
            ),
            Some(StallEvent::Over) => tracing::info!("Kafka acknowledges again"),
            None => {}
        }
    }
}

/// What the user has to do, if a new producer would fail as the old one did.
fn way_out(code: Code, topics: &str) -> Option<String> {
    match code {
        // A broker gives a producer id to whoever may write to any topic.
        Code::ClusterAuthorizationFailed => Some(format!(
            "there is no right to write to any of the topics; allow WRITE and DESCRIBE on {topics} (brokers before 2.8 want IDEMPOTENT_WRITE \
             on the cluster too)"
        )),
        Code::UnsupportedFeature | Code::UnsupportedVersion => {
            Some("an idempotent producer needs brokers of 0.11 or later".to_owned())
        }
        _ => None,
    }
}
