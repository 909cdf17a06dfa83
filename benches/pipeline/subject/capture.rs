//! Reads the topics of a sync with a plain consumer and writes what is on them to standard output.

use std::fs::File;
use std::io::{self, BufWriter};
use std::os::fd::AsFd;

use kit::bench::Result;
use kit::topic::each_record;
use rdkafka::message::{BorrowedMessage, Headers, Message};

use super::Topics;
use crate::tape::{Line, Record, Recorder};

pub(crate) fn capture(topics: &Topics) -> Result<()> {
    let config = topics.config();
    // Rust's own standard output looks for the end of each line.
    let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut recorder = Recorder::new(BufWriter::with_capacity(1 << 20, file));
    for object in &topics.objects {
        each_record(&topics.brokers, &config.kafka.topic(object), |message| record(&mut recorder, object, message))?;
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
