//! The sink of a sync: batches of encoded records to Kafka.

use std::sync::Arc;

use tokio::sync::mpsc::Receiver;

use crate::kafka::{FatalProducerError, Producer};
use crate::record::RecordBatch;

/// Sends batch after batch until the rows have ended or Kafka is gone. It does not wait for deliveries: their callbacks free the
/// in-flight permit of a batch.
pub(crate) async fn produce(
    producer: Arc<Producer>,
    mut records: Receiver<RecordBatch>,
) -> Result<(), FatalProducerError> {
    loop {
        let batch = tokio::select! {
            biased;
            error = producer.failed() => return Err(error),
            batch = records.recv() => match batch {
                Some(batch) => batch,
                None => return Ok(()),
            },
        };
        producer.send(batch).await?;
    }
}
