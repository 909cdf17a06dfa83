//! What a sync needs before it can begin: a broker, topics, schema ids, and credentials to start from.

use std::sync::Arc;

use super::context::Output;
use super::publisher::{EventPublisher, PublishError};
use crate::aws::trust::BundleError;
use crate::config::{Config, SecretError};
use crate::kafka::framing::Frames;
use crate::kafka::{self, Producer};
use crate::record::{self, SchemaError};
use crate::registry::{self, Registry};
use crate::report::PartitionRange;

/// Why a sync could not begin. The sidecar tells by it what may be there in a minute from what is wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    #[error(transparent)]
    Registry(#[from] registry::Error),
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error("{0}")]
    Fingerprint(#[from] apache_avro::Error),
    #[error("{key}: {0}", key = .0.key)]
    Bundle(#[from] BundleError),
    #[error("the sync cannot be announced: {0}")]
    Publish(#[from] PublishError),
}

/// What a sync has of Kafka before its first List: where each data partition ends, and its output.
pub(super) async fn output(
    config: &Config,
    producer: &Arc<Producer>,
    registry: Option<&Registry>,
    captured: i64,
) -> Result<(Vec<PartitionRange>, Output), StartError> {
    let topics = async { Ok(producer.topics(config).await?) };
    let (ranges, frames) = tokio::try_join!(topics, frames(registry))?;
    let publisher = EventPublisher::new(Arc::clone(producer), config, &frames, captured)?;
    Ok((ranges, Output { publisher, frames }))
}

async fn frames(registry: Option<&Registry>) -> Result<Frames, StartError> {
    match registry {
        Some(registry) => Ok(registry.frames().await?),
        None => Ok(Frames::single_object(record::schemas())?),
    }
}
