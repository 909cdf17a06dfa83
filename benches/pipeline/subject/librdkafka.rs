//! librdkafka alone: the records of a sync, produced once more with the product's own properties and bounds.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use ecs_sdm_producer::config::Limits;
use ecs_sdm_producer::kafka::OVERHEAD;
use ecs_sdm_producer::kafka::client;
use kit::bench::Result;
use kit::bench::meter::{Cost, Meter};
use rdkafka::client::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use serde::{Deserialize, Serialize};

use super::Topics;
use crate::gate::Gate;
use crate::tape::{Line, Record, Tape};

/// Between two looks at what is in flight: the cheapest wait that does not empty librdkafka's queue.
const LOOK: Duration = Duration::from_millis(1);

/// What producing costs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) cost: Cost,
    pub(crate) records: u64,
    /// Of keys, values and headers.
    pub(crate) bytes: u64,
}

/// Counts, and nothing else.
#[derive(Debug, Default)]
struct Deliveries {
    acknowledged: AtomicU64,
    failed: AtomicU64,
    records: AtomicUsize,
    bytes: AtomicUsize,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    /// The size of the record.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, size: usize) {
        let counter = if result.is_ok() { &self.acknowledged } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_sub(size, Ordering::Relaxed);
        self.records.fetch_sub(1, Ordering::Release);
    }
}

/// Produces what standard input holds, onto topics that are there.
pub(crate) fn produce(topics: &Topics, gate: &Gate) -> Result<Figures> {
    let config = topics.config();
    let tape = Tape::read(io::stdin().lock())?;
    let (lines, records) = tape.play()?;
    let records = interleaved(records);
    let topics: Vec<String> = lines.iter().map(|line| config.kafka.topic(&line.object)).collect();

    gate.wait()?;
    let meter = Meter::start();
    let producer = ThreadedProducer::from_config_and_context(&client::properties(&config)?, Deliveries::default())?;
    let deliveries = producer.client().context();
    let mut bytes = 0;
    for record in &records {
        bytes += send(&producer, &config.limits, (&topics[record.line], &lines[record.line]), record)?;
    }
    // As the product does it: without waiting for librdkafka's slices of 100 ms.
    if producer.flush(Duration::ZERO).is_err() {
        while deliveries.records.load(Ordering::Acquire) > 0 {
            thread::sleep(LOOK);
        }
    }
    let cost = meter.read();
    let failed = deliveries.failed.load(Ordering::Relaxed);
    if failed > 0 {
        return Err(format!("{failed} records were not acknowledged").into());
    }
    Ok(Figures { cost, records: deliveries.acknowledged.load(Ordering::Relaxed), bytes })
}

/// A consumer finds partition after partition, in large pieces; a sync sends to all of them by turns, and so shall this.
fn interleaved(records: Vec<Record<'_>>) -> Vec<Record<'_>> {
    let mut ranks: HashMap<(usize, u32), usize> = HashMap::new();
    let mut ranked: Vec<(usize, Record<'_>)> = Vec::with_capacity(records.len());
    for record in records {
        let rank = ranks.entry((record.line, record.partition)).or_default();
        ranked.push((*rank, record));
        *rank += 1;
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, record)| record).collect()
}

/// Sends a record once there is room for it, and says how large it is.
fn send(
    producer: &ThreadedProducer<Deliveries>,
    limits: &Limits,
    (topic, line): (&str, &Line),
    record: &Record<'_>,
) -> Result<u64> {
    let deliveries = producer.client().context();
    let texts: usize = line.headers.iter().map(|(key, value)| key.len() + value.len()).sum();
    let bytes = record.key.len() + record.value.len() + record.id.len() + texts;
    let size = bytes + OVERHEAD;
    while deliveries.records.load(Ordering::Acquire) + 1 > limits.in_flight_records
        || deliveries.bytes.load(Ordering::Relaxed) + size > limits.in_flight_bytes
    {
        thread::sleep(LOOK);
    }
    deliveries.bytes.fetch_add(size, Ordering::Relaxed);
    deliveries.records.fetch_add(1, Ordering::Relaxed);

    let mut message =
        BaseRecord::with_opaque_to(topic, size).key(record.key).payload(record.value).timestamp(line.timestamp);
    if !line.headers.is_empty() {
        let headers = OwnedHeaders::new_with_capacity(line.headers.len() + 1);
        let headers = headers.insert(Header { key: "ce_id", value: Some(record.id) });
        let insert =
            |headers: OwnedHeaders, (key, value): &(String, String)| headers.insert(Header { key, value: Some(value) });
        message = message.headers(line.headers.iter().fold(headers, insert));
    }
    producer.send(message).map_err(|(error, _)| error)?;
    Ok(bytes as u64)
}
