//! What is worth a warning of topics, and what is not told.

use kit::secured::Operation::{Describe, DescribeConfigs, Write};
use kit::topic::{grow, set_topic};

use super::{Case, of_topics};
use crate::online::setup::{Setup, TOPICS};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "a policy",
            |setup| {
                topic_setting(setup, "task", "cleanup.policy", "compact").await;
                of_topics(setup, &["task"], "warning", "set it to compact,delete")
            },
            |setup| topic_setting(setup, "task", "cleanup.policy", "compact,delete").await
        ),
        case!(
            "a sync topic that is compacted",
            |setup| {
                topic_setting(setup, "sync", "cleanup.policy", "compact,delete").await;
                of_topics(setup, &["sync"], "warning", "set its cleanup.policy to delete")
            },
            |setup| topic_setting(setup, "sync", "cleanup.policy", "delete").await
        ),
        case!(
            "how old records may be",
            |setup| {
                topic_setting(setup, "task", "message.timestamp.before.max.ms", "60000").await;
                of_topics(setup, &["task"], "warning", "message.timestamp.before.max.ms is 60000")
            },
            |setup| topic_setting(setup, "task", "message.timestamp.before.max.ms", "3600000").await
        ),
        case!(
            "how new records may be",
            |setup| {
                topic_setting(setup, "sync", "message.timestamp.after.max.ms", "1000").await;
                of_topics(setup, &["sync"], "warning", "set it to 3600000 or more")
            },
            |setup| topic_setting(setup, "sync", "message.timestamp.after.max.ms", "3600000").await
        ),
        case!(
            "how large records may be",
            |setup| {
                topic_setting(setup, "service", "max.message.bytes", "100000").await;
                of_topics(setup, &["service"], "warning", "set it to 1048576 or more")
            },
            |setup| topic_setting(setup, "service", "max.message.bytes", "1048576").await
        ),
        case!(
            "a sync topic of two partitions",
            |setup| {
                grow(&setup.plain(), &setup.topic("sync"), 2).await;
                of_topics(setup, &["sync"], "warning", "make it anew with one")
            },
            |setup| {
                setup.remove(&setup.topic("sync")).await;
                setup.make(&setup.topic("sync")).await;
            }
        ),
        case!(
            "other partitions than are asked for",
            |setup| {
                setup.set("kafka.topics_create", "if_missing");
                of_topics(setup, &TOPICS[..4], "warning", "kafka.partitions is 6")
            },
            |setup| setup.set("kafka.partitions", "1")
        ),
        case!(
            "settings that may not be asked",
            |setup| {
                setup.has_all_but("task", &[Write, Describe]);
                of_topics(setup, &["task"], "unknown", "allow DESCRIBE_CONFIGS on the topic")
            },
            |setup| setup.grant("task", &[DescribeConfigs])
        ),
    ]
}

async fn topic_setting(setup: &Setup, topic: &str, setting: &str, value: &str) {
    set_topic(&setup.plain(), &setup.topic(topic), setting, value).await;
}
