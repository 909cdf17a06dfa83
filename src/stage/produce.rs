//! Encoded batches to Kafka: headers, places in flight, and the wait for the last acknowledgement.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, PurgeConfig};
use tokio::sync::mpsc::Receiver;
use tokio::sync::watch;

use crate::kafka::{Gone, Kafka, Ticket};
use crate::record::{Encoded, Line, Record};
use crate::tally::Tally;

/// Bytes that librdkafka keeps beside each record: its message and queue entries.
pub const OVERHEAD: usize = 500;

/// A full queue is a bug of ours; it is waited out all the same, so that nothing is lost by it.
const QUEUE_FULL: Duration = Duration::from_millis(10);

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
    let permits = tokio::select! {
        biased;
        reason = end(&mut gone) => {
            encoded.line.tally.trouble(&None, format!("not sent: {reason}"));
            return Err(reason);
        }
        permits = kafka.in_flight.acquire(encoded.len(), size(&encoded)) => permits,
    };
    let Some(permits) = permits else {
        return Err(Gone("the producer is closed".to_owned()));
    };
    let ticket = Arc::new(Ticket::new(Arc::clone(&encoded.line), permits));
    let mut event_id = String::new();
    for record in encoded.records() {
        event_id.clear();
        event_id.extend([record.id, &encoded.line.at]);
        send(kafka, &encoded.line, record, &event_id, &ticket).await;
    }
    Tally::add(&encoded.line.tally.emitted, encoded.len());
    Ok(())
}

/// Waits until everything sent is acknowledged or has failed, or Kafka is gone.
pub async fn drain(kafka: &Kafka) {
    // A flush without waiting only sends what still lingers.
    if let Err(error) = kafka.producer().flush(Duration::ZERO) {
        tracing::trace!(%error, "the flush has begun");
    }
    let mut gone = kafka.gone();
    tokio::select! {
        biased;
        () = kafka.in_flight.drained() => {}
        _ = end(&mut gone) => purge(kafka).await,
    }
}

/// Throws away what is not acknowledged; each such record is still called back, and so accounted for.
pub async fn purge(kafka: &Kafka) {
    tracing::warn!(records = kafka.in_flight.count(), "what is not acknowledged is given up");
    kafka.producer().purge(PurgeConfig::default().queue().inflight());
    kafka.in_flight.drained().await;
}

/// Hands one record to librdkafka. What it does not take is counted at once.
async fn send(kafka: &Kafka, line: &Line, record: Record<'_>, event_id: &str, ticket: &Arc<Ticket>) {
    let mut message = BaseRecord::with_opaque_to(&line.topic, Arc::clone(ticket))
        .key(record.key)
        .payload(record.value)
        .timestamp(line.captured);
    if !line.headers.is_empty() {
        message = message.headers(headers(line, event_id));
    }
    loop {
        match kafka.producer().send(message) {
            Ok(()) => return,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                tracing::error!("librdkafka's queue is full although places were free: a bug of ours");
                message = refused;
                tokio::time::sleep(QUEUE_FULL).await;
            }
            Err((error, refused)) => {
                refused.delivery_opaque.lose(record.key, &error);
                return;
            }
        }
    }
}

fn headers(line: &Line, event_id: &str) -> OwnedHeaders {
    let headers = OwnedHeaders::new_with_capacity(line.headers.len() + 1);
    let headers = headers.insert(Header { key: "ce_id", value: Some(event_id) });
    line.headers.iter().fold(headers, |headers, (key, value)| headers.insert(Header { key, value: Some(value) }))
}

/// What a batch takes of the memory in flight: key, value, headers, and librdkafka's own.
fn size(encoded: &Encoded) -> usize {
    let shared: usize = encoded.line.headers.iter().map(|(key, value)| key.len() + value.len()).sum();
    let names = 2 * encoded.names.len();
    encoded.values.len() + names + encoded.len() * (shared + OVERHEAD)
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
