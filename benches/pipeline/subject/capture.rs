//! Reads the topics of a sync with a plain consumer and writes what is on them to standard output.

use std::fs::File;
use std::io::{self, BufWriter};
use std::os::fd::AsFd;
use std::time::Duration;

use kit::bench::Result;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::Topics;
use crate::tape::{Line, Record, Recorder};

/// How long a broker on loopback may take to answer.
const ANSWER: Duration = Duration::from_secs(30);

pub(crate) fn capture(topics: &Topics) -> Result<()> {
    let config = topics.config();
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &topics.brokers)
        .set("group.id", "bench")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()?;
    let mut partitions = TopicPartitionList::new();
    let mut named = Vec::new();
    for object in &topics.objects {
        let topic = config.kafka.topic(object);
        let metadata = consumer.fetch_metadata(Some(&topic), ANSWER)?;
        for partition in metadata.topics().iter().flat_map(|found| found.partitions()) {
            partitions.add_partition_offset(&topic, partition.id(), Offset::Beginning)?;
        }
        named.push((topic, object.clone()));
    }
    consumer.assign(&partitions)?;

    // Rust's own standard output looks for the end of each line.
    let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut recorder = Recorder::new(BufWriter::with_capacity(1 << 20, file));
    let mut ends = 0;
    while ends < partitions.count() {
        match consumer.poll(ANSWER) {
            Some(Ok(message)) => {
                let object = named.iter().find(|(topic, _)| topic == message.topic());
                let (_, object) = object.ok_or("a topic that was not asked for")?;
                record(&mut recorder, object, &message)?;
            }
            Some(Err(KafkaError::PartitionEOF(_))) => ends += 1,
            Some(Err(error)) => return Err(error.into()),
            None => return Err("the broker does not answer".into()),
        }
    }
    recorder.end()
}

fn record(recorder: &mut Recorder<BufWriter<File>>, object: &str, message: &BorrowedMessage<'_>) -> Result<()> {
    let mut id: &[u8] = &[];
    let mut headers = Vec::new();
    for header in message.headers().into_iter().flat_map(Headers::iter) {
        let value = header.value.unwrap_or_default();
        if header.key == "ce_id" {
            id = value;
        } else {
            headers.push((header.key.to_owned(), String::from_utf8_lossy(value).into_owned()));
        }
    }
    let timestamp = message.timestamp().to_millis().ok_or("a record without a timestamp")?;
    let line = recorder.line(Line { object: object.to_owned(), timestamp, headers })?;
    recorder.record(Record {
        line,
        partition: u32::try_from(message.partition())?,
        key: message.key().unwrap_or_default(),
        value: message.payload().unwrap_or_default(),
        id,
    })
}
