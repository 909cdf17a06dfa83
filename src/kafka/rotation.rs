//! Secrets and certificates that were changed in their files: between two syncs clients are made anew with them.

use super::client::{self, BETWEEN_TWO_FILES};
use super::security::Probe;
use super::{Error, Producer};
use crate::config::Config;

impl Producer {
    /// Makes the clients anew if what they sign in with has changed, or if a sync was ended by what was said of their connections. What
    /// cannot be used is warned about, and the clients stay. Nothing may be in flight.
    pub(super) async fn rotate(&self, config: &Config) {
        let has_failed = self.context.status.take_failed();
        if has_failed && let Some(tokens) = &self.tokens {
            // A broker may have refused this one, and what was wrong with it may be mended.
            tokens.forget();
        }
        let Err(_) = self.try_to_rotate(config, has_failed).await else { return };
        tokio::time::sleep(BETWEEN_TWO_FILES).await;
        if let Err(refusal) = self.try_to_rotate(config, has_failed).await {
            tracing::warn!("the Kafka producer goes on with what it signed in with before: {refusal}");
        }
    }

    /// Reading a file may take long, and creating a client reads the certificates of the system.
    async fn try_to_rotate(&self, config: &Config, has_failed: bool) -> Result<(), Error> {
        let cancelled = |_| Error::Cancelled;
        let settings = config.clone();
        let properties = tokio::task::spawn_blocking(move || client::properties(&settings)).await.map_err(cancelled)?;
        let properties = properties.map_err(Error::Client)?;
        let mut handles = self.handles.write().await;
        let has_changed = !handles.have(&properties);
        if !has_changed && !has_failed {
            return Ok(());
        }
        let probe = Probe::new(&properties);
        let successors = tokio::task::spawn_blocking(handles.successors(properties)).await.map_err(cancelled)?;
        handles.replace(successors.map_err(|error| Error::Client(client::refused(config, error)))?);
        drop(handles);
        self.context.status.forget_contact();
        *self.probe.lock() = probe;
        if has_changed {
            tracing::info!("secrets or certificates of Kafka have changed; there is a new producer");
        }
        Ok(())
    }
}
