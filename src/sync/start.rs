//! What a sync needs from Kafka and the registry before it can begin, and why it may not begin.

use std::sync::Arc;

use super::context::Output;
use super::publisher::{EventPublisher, PublishError};
use crate::config::{Config, Diagnostic, SecretError};
use crate::kafka::framing::Frames;
use crate::kafka::{self, Producer};
use crate::record::{self, SchemaError};
use crate::registry::{self, Registry};
use crate::report::PartitionRange;

/// Why a sync could not begin. It is the error in [`StopReason::Failure`](crate::report::StopReason::Failure), where `downcast_ref`
/// finds it: its variant tells what may pass from what has to be changed.
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
    #[error(transparent)]
    Bundle(#[from] Diagnostic),
    #[error("the sync cannot be announced: {0}")]
    Publish(#[from] PublishError),
}

/// Prepares Kafka for a sync: the end of each partition with records, and the output.
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
