//! Settings of the product for a simulator, with topics of the test's own, and the roles that it assumes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ecs_sdm_producer::config::{Config, Rate, Rates, Secret, TopicsCreate};
use ecs_sim::Simulator;

use crate::{REGION, broker};

/// A bucket that no test empties.
const ENDLESS: Rate = Rate { burst: 1_000_000, per_second: 100_000 };

/// Settings for a simulator. Waits are milliseconds and buckets endless; all else is as users have it.
pub fn config(simulator: &Simulator) -> Config {
    let mut config = Config {
        access_key_id: Some(Secret::Inline("AKIAIOSFODNN7EXAMPLE".to_owned())),
        secret_access_key: Some(Secret::Inline("secret".to_owned())),
        default_region: Some(REGION.to_owned()),
        endpoint_url: Some(simulator.endpoint()),
        rates: Rates::all(ENDLESS),
        ..Config::default()
    };
    config.limits.backoff_base = Duration::from_millis(2);
    config.limits.backoff_cap = Duration::from_millis(20);
    config
}

/// The same, with topics of the test's own on the real broker.
pub fn config_on_kafka(simulator: &Simulator, test: &str) -> Config {
    on_broker(config(simulator), broker::bootstrap_servers().unwrap(), test)
}

/// Adds topics of the test's own on a broker.
pub fn on_broker(mut config: Config, servers: &str, test: &str) -> Config {
    config.kafka.bootstrap_servers = vec![servers.to_owned()];
    config.kafka.topic_prefix = unique(test);
    config.kafka.topics_create = TopicsCreate::IfMissing;
    config.kafka.partitions = 3;
    config
}

/// A name that no other test and no other run has.
pub fn unique(test: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{test}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The account of the role with this number.
pub fn account(n: usize) -> String {
    format!("{:012}", 200_000_000_000_u64 + n as u64)
}

/// The ARN of the role with this number. Each role has an account of its own.
pub fn role(n: usize) -> String {
    format!("arn:aws:iam::{}:role/reader", account(n))
}
