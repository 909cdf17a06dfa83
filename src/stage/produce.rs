//! Encoded batches to Kafka: places in flight, and the wait for the last acknowledgement.

use std::sync::Arc;

use tokio::sync::mpsc::Receiver;
use tokio::sync::watch;

use crate::kafka::{Gone, Kafka};
use crate::record::Encoded;
use crate::tally::Tally;

/// Bytes that librdkafka keeps beside each record: its message and queue entries.
pub const OVERHEAD: usize = 500;

/// Sends what comes until the rows have ended or Kafka is gone. It never awaits a single delivery: the callbacks give back the
/// places of a batch, and without a place nothing is sent.
///
/// # Errors
/// Why Kafka is gone. The rows above find their door closed and end.
pub async fn produce(kafka: Arc<Kafka>, mut records: Receiver<Encoded>) -> Result<(), Gone> {
    let mut gone = kafka.gone();
    loop {
        let encoded = tokio::select! {
            biased;
            reason = end(&mut gone) => return Err(reason),
            encoded = records.recv() => match encoded {
                Some(encoded) => encoded,
                None => return Ok(()),
            },
        };
        hand_over(&kafka, encoded).await?;
    }
}

/// Hands a batch to librdkafka as soon as there is room for it.
///
/// # Errors
/// Why Kafka is gone.
pub async fn hand_over(kafka: &Kafka, encoded: Encoded) -> Result<(), Gone> {
    let mut gone = kafka.gone();
    let places = tokio::select! {
        biased;
        reason = end(&mut gone) => {
            encoded.line.tally.trouble(&None, format!("not sent: {reason}"));
            return Err(reason);
        }
        places = kafka.in_flight.acquire(encoded.len() + encoded.spoilt.len(), size(&encoded)) => places,
    };
    let Some(places) = places else {
        return Err(Gone("the producer is closed".to_owned()));
    };
    kafka.send(&encoded, places).await;
    Tally::add(&encoded.line.tally.emitted, encoded.len());
    Ok(())
}

/// Waits until everything sent is acknowledged or has failed, or Kafka is gone.
pub async fn drain(kafka: &Kafka) {
    kafka.flush().await;
    let mut gone = kafka.gone();
    tokio::select! {
        biased;
        () = kafka.in_flight.drained() => {}
        _ = end(&mut gone) => purge(kafka).await,
    }
}

/// Throws away what is not acknowledged.
pub async fn purge(kafka: &Kafka) {
    tracing::warn!(records = kafka.in_flight.count(), "what is not acknowledged is given up");
    kafka.purge().await;
}

/// What a batch takes of the memory in flight: key, value, headers, and librdkafka's own.
fn size(encoded: &Encoded) -> usize {
    let shared: usize = encoded.line.headers.iter().map(|(key, value)| key.len() + value.len()).sum();
    let names = 2 * encoded.names.len();
    encoded.values.len() + names + (encoded.len() + encoded.spoilt.len()) * (shared + OVERHEAD)
}

/// Waits until Kafka is gone for good.
pub async fn end(gone: &mut watch::Receiver<Option<Gone>>) -> Gone {
    let reason = gone.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
    match reason {
        Some(reason) => reason,
        // The producer, which holds the other end, outlives every sync.
        None => std::future::pending().await,
    }
}
