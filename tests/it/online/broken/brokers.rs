//! What is wrong with brokers, with what topics are there, and with rights.

use kit::secured::Operation::{Create, Describe, DescribeConfigs, Write};
use kit::secured::PASSWORD;

use super::{Case, broken, closed};
use crate::online::setup::RIGHTS;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "no broker",
            |setup| {
                let closed = closed();
                setup.variables.insert("SERVERS".to_owned(), setup.servers());
                setup.set("kafka.bootstrap_servers", &closed);
                broken("broker", closed, "see kafka.bootstrap_servers")
            },
            |setup| {
                let servers = setup.variables["SERVERS"].clone();
                setup.set("kafka.bootstrap_servers", &servers);
            }
        ),
        case!(
            "a password",
            |setup| {
                setup.variables.insert("ECS_SDM_KAFKA__SECURITY__PASSWORD".to_owned(), "canary".to_owned());
                broken("broker", setup.servers(), "kafka.security.password")
            },
            |setup| {
                _ = setup.variables.insert("ECS_SDM_KAFKA__SECURITY__PASSWORD".to_owned(), PASSWORD.to_owned());
            }
        ),
        case!(
            "a topic",
            |setup| {
                setup.remove(&setup.topic("task")).await;
                broken("topic", setup.topic("task"), "create it, or set kafka.topics_create")
            },
            |setup| setup.make(&setup.topic("task")).await
        ),
        case!(
            "the sync topic",
            |setup| {
                setup.remove(&setup.topic("sync")).await;
                broken("topic", setup.topic("sync"), "create it, or set kafka.topics_create")
            },
            |setup| setup.make(&setup.topic("sync")).await
        ),
        case!(
            "the right to write",
            |setup| {
                setup.has_all_but("service", &[Describe, DescribeConfigs]);
                broken("topic", setup.topic("service"), "allow WRITE on the topic")
            },
            |setup| setup.grant("service", &[Write])
        ),
        case!(
            "every right",
            |setup| {
                setup.has_all_but("service", &[]);
                broken("topic", setup.topic("service"), "allow DESCRIBE and WRITE on the topic")
            },
            |setup| setup.grant("service", &RIGHTS)
        ),
        case!(
            "the right to make topics",
            |setup| {
                setup.has_all_but("cluster", &RIGHTS);
                setup.set("kafka.topics_create", "if_missing");
                setup.set("kafka.partitions", "1");
                setup.remove(&setup.topic("cluster")).await;
                broken("topic", setup.topic("cluster"), "allow CREATE on it")
            },
            |setup| setup.grant("cluster", &[Create])
        ),
        case!(
            "a topic that may be made and not written to",
            |setup| {
                setup.has_all_but("cluster", &[Create]);
                setup.set("kafka.topics_create", "if_missing");
                setup.set("kafka.partitions", "1");
                setup.remove(&setup.topic("cluster")).await;
                broken("topic", setup.topic("cluster"), "allow DESCRIBE and WRITE on the topic")
            },
            |setup| setup.grant("cluster", &RIGHTS)
        ),
        case!(
            "more replicas than brokers",
            |setup| {
                setup.becomes_guest(&[Write, Describe, DescribeConfigs, Create]);
                setup.set("kafka.topics_create", "if_missing");
                setup.set("kafka.partitions", "1");
                setup.set("kafka.replication_factor", "3");
                setup.remove(&setup.topic("cluster")).await;
                broken("topic", setup.topic("cluster"), "set kafka.replication_factor")
            },
            |setup| setup.set("kafka.replication_factor", "1")
        ),
    ]
}
