//! Topics, as others than the product see them.

use std::collections::{BTreeMap, BTreeSet};

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewPartitions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::bench::Result;
use crate::wait::{PATIENCE, wait_until};

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

/// Changes a setting of a topic, and returns once the broker knows it: the controller answers before.
pub async fn set_topic(servers: &str, topic: &str, setting: &str, value: &str) {
    let (admin, options) = (admin(servers), AdminOptions::new());
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(setting, value);
    admin.alter_configs([&change], &options).await.unwrap().pop().unwrap().unwrap();
    loop {
        let known = admin.describe_configs([&ResourceSpecifier::Topic(topic)], &options).await.unwrap().pop().unwrap();
        if known.unwrap().get(setting).and_then(|entry| entry.value.as_deref()) == Some(value) {
            return;
        }
    }
}

/// Deletes a topic, and returns once the broker knows it.
pub async fn delete(servers: &str, topic: &str) {
    let admin = admin(servers);
    admin.delete_topics(&[topic], &AdminOptions::new()).await.unwrap().pop().unwrap().unwrap();
    wait_until("a topic is gone", || partitions(&admin, topic) == 0);
}

/// Gives a topic more partitions, and returns once the broker knows it.
pub async fn grow(servers: &str, topic: &str, to: usize) {
    let admin = admin(servers);
    let more = NewPartitions::new(topic, to);
    admin.create_partitions([&more], &AdminOptions::new()).await.unwrap().pop().unwrap().unwrap();
    wait_until("a topic has more partitions", || partitions(&admin, topic) == to);
}

fn partitions(admin: &AdminClient<DefaultClientContext>, topic: &str) -> usize {
    let metadata = admin.inner().fetch_metadata(Some(topic), PATIENCE).unwrap();
    metadata.topics()[0].partitions().len()
}
