//! Secrets and certificates that were changed in their files: between two syncs clients are made anew with them.

use super::Producer;
use super::client::{self, BETWEEN_TWO_FILES};
use super::refusal::ClientRefusal;
use super::security::Probe;
use crate::config::Config;

impl Producer {
    /// Makes the clients anew if what they sign in with has changed. What cannot be used is warned about, and the clients stay. Nothing
    /// may be in flight.
    pub(super) async fn rotate(&self, config: &Config) {
        let Err(_) = self.try_to_rotate(config).await else { return };
        tokio::time::sleep(BETWEEN_TWO_FILES).await;
        if let Err(refusal) = self.try_to_rotate(config).await {
            tracing::warn!("the Kafka producer goes on with what it signed in with before: {refusal}");
        }
    }

    async fn try_to_rotate(&self, config: &Config) -> Result<(), ClientRefusal> {
        let properties = client::properties(config)?;
        let mut handles = self.handles.write().await;
        if handles.have(&properties) {
            return Ok(());
        }
        let probe = Probe::new(&properties);
        handles.replace(properties).map_err(|error| client::refused(config, error))?;
        drop(handles);
        *self.probe.lock() = probe;
        tracing::info!("secrets or certificates of Kafka have changed; there is a new producer");
        Ok(())
    }
}
