//! Encoded batches to Kafka: places in flight, and the wait for the last acknowledgement.

use std::sync::Arc;

use tokio::sync::mpsc::Receiver;
use tokio::sync::watch;

use crate::kafka::{FatalProducerError, Kafka};
use crate::record::RecordBatch;
use crate::statistics::TypeStatistics;

/// Bytes that librdkafka keeps beside each record: its message and queue entries.
pub const OVERHEAD: usize = 500;

/// Sends what comes until the rows have ended or Kafka is gone. It never awaits a single delivery: the callbacks give back the
/// places of a batch, and without a place nothing is sent.
///
/// # Errors
/// Why Kafka is gone. The rows above find their door closed and end.
pub(crate) async fn produce(kafka: Arc<Kafka>, mut records: Receiver<RecordBatch>) -> Result<(), FatalProducerError> {
    let mut fatal = kafka.fatal();
    loop {
        let batch = tokio::select! {
            biased;
            reason = fatal_error(&mut fatal) => return Err(reason),
            batch = records.recv() => match batch {
                Some(batch) => batch,
                None => return Ok(()),
            },
        };
        send(&kafka, batch).await?;
    }
}

/// Hands a batch to librdkafka as soon as there is room for it.
///
/// # Errors
/// Why Kafka is gone.
pub async fn send(kafka: &Kafka, batch: RecordBatch) -> Result<(), FatalProducerError> {
    let mut fatal = kafka.fatal();
    let permit = tokio::select! {
        biased;
        reason = fatal_error(&mut fatal) => {
            batch.context.statistics.issue(&None, format!("not sent: {reason}"));
            return Err(reason);
        }
        permit = kafka.in_flight.acquire(batch.len() + batch.encode_errors.len(), size(&batch)) => permit,
    };
    let Some(permit) = permit else {
        return Err(FatalProducerError("the producer is closed".to_owned()));
    };
    kafka.send(&batch, permit).await;
    TypeStatistics::add(&batch.context.statistics.emitted, batch.len());
    Ok(())
}

/// Waits until everything sent is acknowledged or has failed, or Kafka is gone.
pub(crate) async fn drain(kafka: &Kafka) {
    kafka.flush().await;
    let mut fatal = kafka.fatal();
    tokio::select! {
        biased;
        () = kafka.in_flight.drained() => {}
        _ = fatal_error(&mut fatal) => purge(kafka).await,
    }
}

/// Throws away what is not acknowledged.
pub(crate) async fn purge(kafka: &Kafka) {
    tracing::warn!(records = kafka.in_flight.count(), "what is not acknowledged is given up");
    kafka.purge().await;
}

/// What a batch takes of the memory in flight: key, value, headers, and librdkafka's own.
fn size(batch: &RecordBatch) -> usize {
    let shared: usize = batch.context.headers.iter().map(|(key, value)| key.len() + value.len()).sum();
    let names = 2 * batch.names.len();
    batch.values.len() + names + (batch.len() + batch.encode_errors.len()) * (shared + OVERHEAD)
}

/// Waits until Kafka is gone for good.
pub(crate) async fn fatal_error(fatal: &mut watch::Receiver<Option<FatalProducerError>>) -> FatalProducerError {
    let reason = fatal.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
    match reason {
        Some(reason) => reason,
        // The producer, which holds the other end, outlives every sync.
        None => std::future::pending().await,
    }
}
