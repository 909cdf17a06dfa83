//! Topics, as others than the product see them.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

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
pub fn read(servers: &str, topic: &str) -> Vec<Landed> {
    const PATIENCE: Duration = Duration::from_secs(20);
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", servers).set("group.id", "reader").create().unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
    let (mut open, mut assignment) = (BTreeMap::new(), TopicPartitionList::new());
    for partition in metadata.topics()[0].partitions() {
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), PATIENCE).unwrap();
        if low < high {
            open.insert(partition.id(), high);
            assignment.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
        }
    }
    consumer.assign(&assignment).unwrap();
    let mut landed = Vec::new();
    while !open.is_empty() {
        let message = consumer.poll(PATIENCE).expect("a record before the end of the topic").unwrap();
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
        if open[&message.partition()] <= message.offset() + 1 {
            open.remove(&message.partition());
        }
    }
    landed
}

/// Who may make, change and delete topics there.
pub fn admin(servers: &str) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", servers).create().unwrap()
}

/// Lets a topic take no batch of more bytes.
pub async fn limit(servers: &str, topic: &str, bytes: usize) {
    let bytes = bytes.to_string();
    let limit = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("max.message.bytes", &bytes);
    admin(servers).alter_configs([&limit], &AdminOptions::new()).await.unwrap().pop().unwrap().unwrap();
}
