//! What a plain consumer finds on the topics.

use std::collections::HashSet;

use ecs_sdm_producer::config::Config;
use rdkafka::message::Message;

use crate::bench::Result;
use crate::topic::each_record;

/// How many different keys lie on the topics of a sync.
pub fn keys(brokers: &str, prefix: &str, objects: &[String]) -> Result<u64> {
    let mut config = Config::default();
    config.kafka.topic_prefix = prefix.to_owned();
    let mut keys = HashSet::new();
    for object in objects {
        let topic = config.kafka.topic(object);
        each_record(brokers, &topic, |message| {
            keys.insert((topic.clone(), message.key().map(<[u8]>::to_vec)));
            Ok(())
        })?;
    }
    Ok(keys.len() as u64)
}
