//! Where the values of each metric are looked at.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::{KeyValue, Value};

use super::{Look, Take};
use crate::aws::{Category, CategoryCalls};
use crate::contract::OBJECTS;
use crate::observe::messaging;
use crate::report::State;
use crate::sync::ScopeCost;
use crate::telemetry::ledger::{Costs, OUTCOMES, TypeSums};

fn key(name: &'static str, value: impl Into<Value>) -> KeyValue {
    KeyValue::new(name, value)
}

fn account(account: &str) -> String {
    if account.is_empty() { "unknown" } else { account }.to_owned()
}

pub(super) fn last_complete(look: &Look<'_>, take: Take<'_>) {
    // What is printed makes no inventory fresh.
    for ([account, region], object, at) in look.seen.complete.iter().filter(|_| !look.program.is_dry) {
        take(*at, &[key("account", account.clone()), key("object", *object), key("region", region.clone())]);
    }
}

fn costs(look: &Look<'_>, take: Take<'_>, value: impl Fn(&ScopeCost, usize) -> f64) {
    let Costs::Each(costs) = &look.seen.costs else { return };
    for cost in costs {
        for (at, category) in Category::ALL.into_iter().enumerate() {
            let (account, region) = (account(&cost.account), cost.region.clone());
            let attributes = [key("account", account), key("category", category.name()), key("region", region)];
            take(value(cost, at), &attributes);
        }
    }
}

pub(super) fn throttled(look: &Look<'_>, take: Take<'_>) {
    costs(look, take, |cost, at| cost.throttled[at] as f64);
}

pub(super) fn waited(look: &Look<'_>, take: Take<'_>) {
    costs(look, take, |cost, at| cost.waited[at].as_secs_f64());
}

pub(super) fn omitted(look: &Look<'_>, take: Take<'_>) {
    take(look.seen.omitted as f64, &[]);
}

pub(super) fn syncs(look: &Look<'_>, take: Take<'_>) {
    for (outcome, count) in OUTCOMES.into_iter().zip(look.seen.outcomes) {
        take(count as f64, &[key("outcome", outcome)]);
    }
}

pub(super) fn types(look: &Look<'_>, take: Take<'_>) {
    for (object, states) in OBJECTS.into_iter().zip(look.seen.states.iter().flatten()) {
        for (state, count) in State::ALL.into_iter().zip(states) {
            take(*count as f64, &[key("object", object), key("state", state.name())]);
        }
    }
}

pub(super) fn start(look: &Look<'_>, take: Take<'_>) {
    look.seen.live_since.into_iter().for_each(|since| take(since, &[]));
}

pub(super) fn scopes(look: &Look<'_>, take: Take<'_>) {
    let scopes = look.seen.live.as_ref().map(|live| live.scopes).unwrap_or_default();
    for (state, count) in [("asked", scopes.asked), ("ended", scopes.ended)] {
        take(count as f64, &[key("state", state)]);
    }
}

pub(super) fn interval(look: &Look<'_>, take: Take<'_>) {
    look.program.interval.into_iter().for_each(|interval| take(interval.as_secs_f64(), &[]));
}

pub(super) fn skipped(look: &Look<'_>, take: Take<'_>) {
    take(look.program.skipped as f64, &[]);
}

pub(super) fn ready(look: &Look<'_>, take: Take<'_>) {
    look.program.is_ready.into_iter().for_each(|ready| take(f64::from(u8::from(ready)), &[]));
}

fn of_types(look: &Look<'_>, take: Take<'_>, values: impl Fn(&TypeSums) -> Vec<(&'static str, u64)>) {
    for (object, sums) in OBJECTS.into_iter().zip(&look.seen.sums.types) {
        for (result, count) in values(sums) {
            take(count as f64, &[key("object", object), key("result", result)]);
        }
    }
}

pub(super) fn objects(look: &Look<'_>, take: Take<'_>) {
    of_types(look, take, |TypeSums { counts, .. }| {
        vec![("described", counts.described), ("gone", counts.gone), ("unanswered", counts.failed)]
    });
}

pub(super) fn records(look: &Look<'_>, take: Take<'_>) {
    of_types(look, take, |TypeSums { counts, deliveries }| {
        vec![
            ("acknowledged", counts.acknowledged),
            ("refused", deliveries.refused),
            ("dead_letter", deliveries.dead_lettered),
            ("lost", deliveries.lost),
        ]
    });
}

pub(super) fn calls(look: &Look<'_>, take: Take<'_>) {
    for (category, calls) in Category::ALL.into_iter().zip(look.seen.sums.categories) {
        let CategoryCalls { answered, throttled, failed, .. } = calls;
        for (result, count) in [("answered", answered), ("throttled", throttled), ("failed", failed)] {
            take(count as f64, &[key("category", category.name()), key("result", result)]);
        }
    }
}

pub(super) fn retries(look: &Look<'_>, take: Take<'_>) {
    for (category, calls) in Category::ALL.into_iter().zip(look.seen.sums.categories) {
        take(calls.retried as f64, &[key("category", category.name())]);
    }
}

pub(super) fn open(look: &Look<'_>, take: Take<'_>) {
    let free = look.seen.live.as_ref().map_or(look.program.parallel, |live| live.free[0]);
    take(look.program.parallel.saturating_sub(free) as f64, &[]);
}

pub(super) fn open_limit(look: &Look<'_>, take: Take<'_>) {
    take(look.program.parallel as f64, &[]);
}

pub(super) fn buffers(look: &Look<'_>, take: Take<'_>) {
    let free = look.seen.live.as_ref().map_or(look.program.buffers, |live| live.free[1]);
    take(look.program.buffers.saturating_sub(free) as f64, &[]);
}

pub(super) fn buffers_limit(look: &Look<'_>, take: Take<'_>) {
    take(look.program.buffers as f64, &[]);
}

pub(super) fn blocked(look: &Look<'_>, take: Take<'_>) {
    for (stage, time) in look.program.blocked {
        take(time.as_secs_f64(), &[key("stage", stage)]);
    }
}

pub(super) fn depth(look: &Look<'_>, take: Take<'_>) {
    for (channel, depth) in look.seen.live.iter().flat_map(|live| &live.channels) {
        take(depth.depth as f64, &[key("channel", *channel)]);
    }
}

pub(super) fn capacity(look: &Look<'_>, take: Take<'_>) {
    for (channel, depth) in look.seen.live.iter().flat_map(|live| &live.channels) {
        take(depth.capacity as f64, &[key("channel", *channel)]);
    }
}

pub(super) fn sent(look: &Look<'_>, take: Take<'_>) {
    if look.program.is_dry {
        return;
    }
    // Objects may share a topic.
    let mut topics = std::collections::BTreeMap::<&Arc<str>, u64>::new();
    for (topic, sums) in look.program.topics.iter().zip(&look.seen.sums.types) {
        *topics.entry(topic).or_default() += sums.counts.acknowledged;
    }
    for (topic, count) in topics {
        take(count as f64, &messaging(Arc::clone(topic)));
    }
}

pub(super) fn in_flight(look: &Look<'_>, take: Take<'_>) {
    take(look.seen.live.as_ref().map_or(0, |live| live.unacknowledged) as f64, &[]);
}

pub(super) fn in_flight_limit(look: &Look<'_>, take: Take<'_>) {
    take(look.program.in_flight as f64, &[]);
}

pub(super) fn oldest(look: &Look<'_>, take: Take<'_>) {
    let oldest = look.seen.live.as_ref().and_then(|live| live.oldest);
    take(oldest.as_ref().map_or(0.0, Duration::as_secs_f64), &[]);
}

pub(super) fn broker_requests(look: &Look<'_>, take: Take<'_>) {
    let requests = look.program.librdkafka.requests;
    for (result, count) in [("retried", requests.retried), ("timed_out", requests.timed_out)] {
        take(count as f64, &[key("result", result)]);
    }
}

pub(super) fn round_trip(look: &Look<'_>, take: Take<'_>) {
    look.program.librdkafka.round_trip.into_iter().for_each(|time| take(time.as_secs_f64(), &[]));
}

pub(super) fn broker_throttle(look: &Look<'_>, take: Take<'_>) {
    look.program.librdkafka.throttle.into_iter().for_each(|time| take(time.as_secs_f64(), &[]));
}

pub(super) fn exports(look: &Look<'_>, take: Take<'_>) {
    for (signal, accepted, failed) in look.program.exports {
        for (result, count) in [("accepted", accepted), ("failed", failed)] {
            take(count as f64, &[key("result", result), key("signal", signal.to_string())]);
        }
    }
}

pub(super) fn cpu(look: &Look<'_>, take: Take<'_>) {
    for (mode, time) in look.program.process.cpu.into_iter().flatten() {
        take(time, &[key("cpu.mode", mode)]);
    }
}

pub(super) fn memory(look: &Look<'_>, take: Take<'_>) {
    look.program.process.resident.into_iter().for_each(|bytes| take(bytes as f64, &[]));
}

pub(super) fn descriptors(look: &Look<'_>, take: Take<'_>) {
    look.program.process.descriptors.into_iter().for_each(|count| take(count as f64, &[]));
}

pub(super) fn uptime(look: &Look<'_>, take: Take<'_>) {
    take(look.program.uptime.as_secs_f64(), &[]);
}

pub(super) fn build(look: &Look<'_>, take: Take<'_>) {
    let build = &look.program.build;
    let attributes = [
        key("commit", build.commit),
        key("librdkafka", build.librdkafka.clone()),
        key("version", env!("CARGO_PKG_VERSION")),
    ];
    take(1.0, &attributes);
}
