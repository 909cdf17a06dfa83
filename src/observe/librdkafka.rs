//! What librdkafka tells of itself every few seconds, and nothing else knows (librdkafka, STATISTICS.md).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Deserialize;

/// Clients of which it is known what they told last. There are three or four at a time.
const CLIENTS: usize = 16;

/// For how long what a client has told of the present is believed: three times as long as it takes to tell it again.
const FRESH: Duration = Duration::from_secs(30);

/// What the clients of this process have told.
#[derive(Debug, Default)]
pub struct Librdkafka(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    /// By the client's name, what it told last.
    clients: BTreeMap<String, Client>,
    /// Of all clients that there ever were.
    sum: Requests,
}

#[derive(Debug)]
struct Client {
    at: Instant,
    requests: Requests,
    round_trip: Duration,
    throttle: Duration,
}

/// Requests to brokers, which only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Requests {
    /// Sent again.
    pub(crate) retried: u64,
    /// Without an answer in time.
    pub(crate) timed_out: u64,
}

/// All clients together, as far as they have told anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LibrdkafkaSeen {
    pub(crate) requests: Requests,
    /// The time that 99 % of the requests to the slowest broker take.
    pub(crate) round_trip: Option<Duration>,
    /// For how long the broker that throttles most holds answers back.
    pub(crate) throttle: Option<Duration>,
}

#[derive(Deserialize)]
struct Json {
    name: String,
    #[serde(default)]
    brokers: BTreeMap<String, Broker>,
}

#[derive(Deserialize)]
struct Broker {
    #[serde(default)]
    txretries: u64,
    #[serde(default)]
    req_timeouts: u64,
    #[serde(default)]
    rtt: Window,
    #[serde(default)]
    throttle: Window,
}

/// A moving window: of `rtt` in microseconds, of `throttle` in milliseconds.
#[derive(Deserialize, Default)]
struct Window {
    #[serde(default)]
    p99: u64,
    #[serde(default)]
    max: u64,
}

impl Librdkafka {
    /// A client tells this. What cannot be read is no news.
    pub(crate) fn take(&self, statistics: &[u8]) {
        let Ok(Json { name, brokers }) = serde_json::from_slice(statistics) else { return };
        let all = || brokers.values();
        let requests = Requests {
            retried: all().map(|broker| broker.txretries).sum(),
            timed_out: all().map(|broker| broker.req_timeouts).sum(),
        };
        let client = Client {
            at: Instant::now(),
            requests,
            round_trip: Duration::from_micros(all().map(|broker| broker.rtt.p99).max().unwrap_or(0)),
            throttle: Duration::from_millis(all().map(|broker| broker.throttle.max).max().unwrap_or(0)),
        };
        let mut told = self.0.lock();
        let before = told.clients.insert(name, client).map(|client| client.requests).unwrap_or_default();
        // A broker that is known no more takes its numbers along.
        told.sum.retried += requests.retried.saturating_sub(before.retried);
        told.sum.timed_out += requests.timed_out.saturating_sub(before.timed_out);
        while told.clients.len() > CLIENTS {
            // The one that has been silent for longest has ended.
            let silent = told.clients.iter().min_by_key(|(_, client)| client.at).map(|(name, _)| name.clone());
            silent.iter().for_each(|name| _ = told.clients.remove(name));
        }
    }

    pub(crate) fn seen(&self) -> LibrdkafkaSeen {
        let told = self.0.lock();
        let fresh = || told.clients.values().filter(|client| client.at.elapsed() < FRESH);
        LibrdkafkaSeen {
            requests: told.sum,
            round_trip: fresh().map(|client| client.round_trip).max(),
            throttle: fresh().map(|client| client.throttle).max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics(name: &str, retries: u64, rtt: u64, throttle: u64) -> Vec<u8> {
        let broker = |retries| serde_json::json!({"txretries": retries, "req_timeouts": 1, "rtt": {"p99": rtt}, "throttle": {"max": throttle}});
        let all =
            serde_json::json!({"name": name, "ts": 1, "brokers": {"a:9092/1": broker(retries), "b:9092/2": broker(0)}});
        serde_json::to_vec(&all).unwrap_or_default()
    }

    #[test]
    fn requests_add_up_over_brokers_and_clients_and_never_fall_and_the_slowest_broker_counts() {
        let librdkafka = Librdkafka::default();
        assert_eq!(librdkafka.seen(), LibrdkafkaSeen::default());
        librdkafka.take(b"no JSON");
        librdkafka.take(&statistics("rdkafka#producer-1", 3, 1_500, 0));
        librdkafka.take(&statistics("rdkafka#producer-1", 4, 900, 20));
        librdkafka.take(&statistics("rdkafka#producer-2", 5, 700, 10));
        let seen = librdkafka.seen();
        assert_eq!(seen.requests, Requests { retried: 9, timed_out: 4 });
        assert_eq!(seen.round_trip, Some(Duration::from_micros(900)));
        assert_eq!(seen.throttle, Some(Duration::from_millis(20)));
        // Many clients come and go, and one stays.
        for client in 3..100 {
            let before = librdkafka.seen().requests;
            librdkafka.take(&statistics(&format!("rdkafka#producer-{client}"), 1, 1, 1));
            librdkafka.take(&statistics("rdkafka#producer-2", 5, 700, 10));
            assert_eq!(librdkafka.seen().requests.retried, before.retried + 1);
        }
        assert_eq!(librdkafka.0.lock().clients.len(), CLIENTS);
    }
}
