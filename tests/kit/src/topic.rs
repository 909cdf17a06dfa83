//! Topics, as others than the product see them.

use std::collections::{BTreeMap, BTreeSet};

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::bench::Result;
use crate::wait::PATIENCE;

/// A record as a consumer finds it.
#[derive(Debug)]
pub struct Landed {
    /// The key, which is text.
    pub key: String,
    /// The value, with what tells its schema.
    pub value: Vec<u8>,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// The headers, which are text.
    pub headers: BTreeMap<String, String>,
    /// The partition that it lies in.
    pub partition: i32,
    /// Its place in the partition.
    pub offset: i64,
}

/// Reads a topic from its beginning to its end with a plain consumer.
///
/// # Panics
/// The topic is not there, or the broker does not answer.
pub fn read(servers: &str, topic: &str) -> Vec<Landed> {
    let mut landed = Vec::new();
    each_record(servers, topic, |message| {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
        landed.push(Landed {
            key: text(message.key()),
            value: message.payload().unwrap().to_vec(),
            timestamp: message.timestamp().to_millis().unwrap(),
            headers: headers.map(|header| (header.key.to_owned(), text(header.value))).collect(),
            partition: message.partition(),
            offset: message.offset(),
        });
        Ok(())
    })
    .unwrap();
    landed
}

/// Shows each record of a topic, from its beginning to a moment at which every partition has been read to its end.
///
/// librdkafka says which partition has ended and not of which topic, so that a consumer of several could not tell.
///
/// # Errors
/// The topic is not there, the broker does not answer, or what `see` says.
pub fn each_record(servers: &str, topic: &str, mut see: impl FnMut(&BorrowedMessage<'_>) -> Result<()>) -> Result<()> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "reader")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        // A broker that has no more to give says so after this time.
        .set("fetch.wait.max.ms", "20")
        .create()?;
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
    let found = metadata.topics().first().ok_or("no metadata of the topic")?;
    if let Some(error) = found.error() {
        return Err(format!("{topic}: {}", RDKafkaErrorCode::from(error)).into());
    }
    let mut open: BTreeSet<i32> = found.partitions().iter().map(|partition| partition.id()).collect();
    let mut assignment = TopicPartitionList::new();
    for partition in &open {
        assignment.add_partition_offset(topic, *partition, Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    while !open.is_empty() {
        match consumer.poll(PATIENCE) {
            Some(Ok(message)) => {
                // A partition that grew after its end has another end, so that ends cannot be counted.
                open.insert(message.partition());
                see(&message)?;
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => _ = open.remove(&partition),
            Some(Err(error)) => return Err(error.into()),
            None => return Err(format!("{topic}: no answer within {PATIENCE:?}").into()),
        }
    }
    Ok(())
}

/// Who may make, change and delete topics there.
pub fn admin(servers: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", servers).create().unwrap()
}

/// Lets a topic take no batch of more bytes.
pub async fn limit(servers: &str, topic: &str, bytes: usize) {
    set_topic(servers, topic, "max.message.bytes", &bytes.to_string()).await;
}

/// Changes a setting of a topic.
pub async fn set_topic(servers: &str, topic: &str, setting: &str, value: &str) {
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(setting, value);
    admin(servers).alter_configs([&change], &AdminOptions::new()).await.unwrap().pop().unwrap().unwrap();
}
