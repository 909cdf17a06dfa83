//! What a sync needs from Kafka and the registry before it can begin, and why it may not begin.

use std::sync::Arc;

use super::context::Output;
use super::publisher::{EventPublisher, PublishError};
use crate::aws::base::Base;
use crate::aws::{Caller, Fault};
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
    #[error("{0}")]
    NoCredentials(Fault),
    #[error("AWS does not answer: {0}; see AWS_ENDPOINT_URL, HTTPS_PROXY and the region's name")]
    NoAws(Fault),
}

/// What AWS has to answer before a sync begins. Without it the sync begins all the same, and its types tell what was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    /// The source of the base credentials.
    Credentials,
    /// That source, and AWS itself, be it with a refusal.
    Aws,
}

/// Asks for what a sync needs of AWS. What is refused is no matter of its start: its types say so.
pub(super) async fn aws(config: &Config, base: &Base, caller: &Caller, needs: Needs) -> Result<(), StartError> {
    if needs == Needs::Nothing {
        return Ok(());
    }
    let has_credentials = base.obtain_credentials().await.map_err(StartError::NoCredentials)?;
    if has_credentials && needs == Needs::Aws {
        base.reach(config, &caller.concurrency, &caller.limiters).await.map_err(StartError::NoAws)?;
    }
    Ok(())
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
