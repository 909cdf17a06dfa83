//! What a sync needs before it can begin: a broker, topics, schema ids, and credentials to start from.

use std::sync::Arc;

use aws_credential_types::Credentials as Keys;

use super::context::Output;
use crate::aws::scope::Base;
use crate::config::{Config, SecretError};
use crate::event;
use crate::kafka::Kafka;
use crate::kafka::framing::Frames;
use crate::kafka::topics::PartitionRange;
use crate::registry::Registry;
use crate::stage::publish::EventPublisher;

/// What a sync starts from.
pub(super) struct Start<'a> {
    pub(super) config: &'a Config,
    pub(super) region: &'a str,
    /// None in a dry run.
    pub(super) kafka: Option<&'a Arc<Kafka>>,
    /// None where records carry their schema's fingerprint.
    pub(super) registry: Option<&'a Registry>,
}

/// What it has in hand before its first List.
pub(super) struct Ready {
    pub(super) base: Base,
    pub(super) ranges: Vec<PartitionRange>,
    /// None in a dry run.
    pub(super) output: Option<Output>,
}

impl Start<'_> {
    /// Gets it all, side by side where it comes from different places.
    pub(super) async fn ready(&self, started: i64) -> Result<Ready, String> {
        let keys = keys(self.config).map_err(|error| error.to_string())?;
        let (ranges, output) = match self.kafka {
            Some(kafka) => {
                let topics = async { kafka.ready(self.config).await.map_err(|error| error.to_string()) };
                let (ranges, frames) = tokio::try_join!(topics, self.frames())?;
                let publisher = EventPublisher::new(Arc::clone(kafka), self.config, &frames, started)?;
                (ranges, Some(Output { publisher, frames }))
            }
            None => (Vec::new(), None),
        };
        let base = Box::pin(Base::load(self.config, self.region.to_owned(), keys)).await;
        Ok(Ready { base: base.map_err(|error| format!("{}: {error}", error.key))?, ranges, output })
    }

    async fn frames(&self) -> Result<Frames, String> {
        match self.registry {
            Some(registry) => registry.frames().await.map_err(|error| error.to_string()),
            None => Frames::single_object(event::schemas()).map_err(|error| error.to_string()),
        }
    }
}

/// The static keys, read anew for each sync.
fn keys(config: &Config) -> Result<Option<Keys>, SecretError> {
    let (Some(id), Some(secret)) = (&config.access_key_id, &config.secret_access_key) else {
        return Ok(None);
    };
    let token = config.session_token.as_ref().map(|token| token.read()).transpose()?;
    Ok(Some(Keys::new(id.read()?, secret.read()?, token, None, "settings")))
}
