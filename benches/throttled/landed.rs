//! What a plain consumer finds on the topics.

use std::collections::HashSet;
use std::time::Duration;

use ecs_sdm_producer::config::Config;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::Result;
use crate::ours::Settings;
use crate::sync::PARTITIONS;

const PATIENCE: Duration = Duration::from_secs(20);

/// How many different keys lie on the topics of a sync.
pub(crate) fn keys(settings: &Settings) -> Result<u64> {
    let mut config = Config::default();
    config.kafka.topic_prefix.clone_from(&settings.prefix);
    let mut partitions = TopicPartitionList::new();
    for object in &settings.objects {
        for partition in 0..PARTITIONS {
            partitions.add_partition_offset(&config.kafka.topic(object), partition, Offset::Beginning)?;
        }
    }
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &settings.brokers)
        .set("group.id", "throttled")
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
