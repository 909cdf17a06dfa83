//! What keeps records coming through: it sends again what came back, makes failed producers anew, and tells of a stall.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::Kafka;
use super::fate::Way;
use super::flight::{Stall, Told};
use super::producers::Producers;

/// Producers made anew in one sync. One that fails more often will not be mended by another.
const RENEWALS: u32 = 3;

impl Kafka {
    /// Does all that for as long as it is polled: for one sync.
    pub async fn mend(&self) -> Infallible {
        let (mut renewed, mut stall) = (0, Stall::new(self.stall));
        let mut look = interval((self.stall / 4).clamp(Duration::from_millis(10), Duration::from_secs(1)));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.deliveries.stirred() => {}
                _ = look.tick() => self.tell(&mut stall),
            }
            let mut producers = self.producers.write().await;
            if let Some(reason) = producers.fatal().filter(|_| self.gone().borrow().is_none()) {
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
        for (letter, ticket) in self.deliveries.returned() {
            let producer = match ticket.way {
                Way::Alone | Way::Dead => producers.alone(),
                Way::Together => Ok(Arc::clone(producers.main())),
            };
            match producer {
                Ok(producer) => producers.send(&producer, letter.record(ticket)).await,
                Err(error) => ticket.lose(&error),
            }
        }
    }

    fn tell(&self, stall: &mut Stall) {
        match stall.look(self.in_flight.oldest()) {
            Some(Told::Stalled(age)) => tracing::warn!(
                oldest = %humantime::format_duration(Duration::from_secs(age.as_secs())),
                records = self.in_flight.count(),
                last_error = self.deliveries.last_error(),
                "Kafka does not acknowledge; reading waits, and the records wait for kafka.delivery_timeout at most"
            ),
            Some(Told::Over) => tracing::info!("Kafka acknowledges again"),
            None => {}
        }
    }
}
