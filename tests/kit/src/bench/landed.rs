//! What a plain consumer finds on the topics.

use std::collections::HashSet;
use std::time::Duration;

use ecs_sdm_producer::config::Config;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::bench::Result;
use crate::bench::sync::PARTITIONS;

const PATIENCE: Duration = Duration::from_secs(20);

/// How many different keys lie on the topics of a sync.
pub fn keys(brokers: &str, prefix: &str, objects: &[String]) -> Result<u64> {
    let mut config = Config::default();
    config.kafka.topic_prefix = prefix.to_owned();
    let mut partitions = TopicPartitionList::new();
    for object in objects {
        for partition in 0..PARTITIONS {
            partitions.add_partition_offset(&config.kafka.topic(object), partition, Offset::Beginning)?;
        }
    }
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "landed")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()?;
    consumer.assign(&partitions)?;
    let mut keys = HashSet::new();
    let mut ends = 0;
    while ends < partitions.count() {
        match consumer.poll(PATIENCE) {
            Some(Ok(message)) => {
                keys.insert((message.topic().to_owned(), message.key().map(<[u8]>::to_vec)));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => ends += 1,
            Some(Err(error)) => return Err(error.into()),
            None => return Err("the broker does not answer a consumer".into()),
        }
    }
    Ok(keys.len() as u64)
}
