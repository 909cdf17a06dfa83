//! The metrics, one row each: its names, what it counts, and the question that it answers. Everything else about them is made of this
//! table: the instruments, and `docs/metrics.md`. Renaming one is a breaking change.

mod reads;

use opentelemetry::KeyValue;

use super::ledger::Seen;
use super::program::Program;

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// It only grows, for the life of the process.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It goes up and down, and of several processes the sum makes sense.
    UpDownCounter,
    /// It tells how often which value came.
    Histogram(&'static [f64]),
}

/// All that is looked at for one collection.
pub(super) struct Look<'a> {
    pub(super) seen: &'a Seen,
    pub(super) program: &'a Program,
}

/// Takes the values of a metric, each with its attributes in the order of their names.
pub(super) type Take<'a> = &'a mut dyn FnMut(f64, &[KeyValue]);

/// Where the values come from.
#[derive(Clone, Copy)]
pub(super) enum Read {
    /// They are looked at.
    Look(fn(&Look<'_>, Take<'_>)),
    /// They are recorded where they arise.
    Recorded,
}

/// A metric.
pub struct Instrument {
    /// By OpenTelemetry's conventions.
    pub name: &'static str,
    /// The same in Prometheus.
    pub prometheus: &'static str,
    /// By UCUM, as OpenTelemetry has it. Empty for what has none.
    pub unit: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The names of its attributes, and their values where these are a closed set.
    pub attributes: &'static str,
    /// The question that it answers.
    pub question: &'static str,
    pub(super) read: Read,
}

/// How long AWS may take for a request, in seconds. The longest attempt is 20 s.
const CALLS: &[f64] = &[0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0];

/// How long Kafka may take for a batch, in seconds.
const SENDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0, 900.0];

/// How long a sync may take, in seconds.
const SYNCS: &[f64] = &[1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 21_600.0];

macro_rules! instruments {
    ($($kind:expr, $name:literal => $prometheus:literal, $unit:literal, [$attributes:literal], $question:literal, $read:expr;)+) => {
        /// All metrics, in the order of the document.
        pub const INSTRUMENTS: &[Instrument] = &[$(Instrument {
            name: $name,
            prometheus: $prometheus,
            unit: $unit,
            kind: $kind,
            attributes: $attributes,
            question: $question,
            read: $read,
        },)+];
    };
}

use self::reads as of;
use Kind::{Counter, Gauge, Histogram, UpDownCounter};
use Read::{Look as Looked, Recorded};

instruments! {
    // Per account and region, and nothing else is.
    Gauge, "ecs_sdm.last_complete.timestamp" => "ecs_sdm_last_complete_timestamp_seconds", "s", ["account, object, region"],
        "Is the inventory fresh? The LAST_CAPTURED of the last sync in which the type was complete for every role that reads it; absent until there is one.",
        Looked(of::last_complete);
    Counter, "ecs_sdm.aws.throttled" => "ecs_sdm_aws_throttled_total", "{call}", ["account, category, region"],
        "Which account does AWS throttle?", Looked(of::throttled);
    Counter, "ecs_sdm.aws.wait" => "ecs_sdm_aws_wait_seconds_total", "s", ["account, category, region"],
        "For how long have requests waited for the limits of AWS, as far as `api_share` allows to use them?", Looked(of::waited);
    Gauge, "ecs_sdm.scopes.omitted" => "ecs_sdm_scopes_omitted", "{scope}", [""],
        "Are the three above left out, because there are more than 1,000 accounts and regions? How many there are then, else 0.",
        Looked(of::omitted);
    // Syncs.
    Counter, "ecs_sdm.syncs" => "ecs_sdm_syncs_total", "{sync}", ["outcome: completed, partial, aborted, failed, not_begun"],
        "How do syncs end? *not_begun* is a try that could not begin.", Looked(of::syncs);
    Histogram(SYNCS), "ecs_sdm.sync.duration" => "ecs_sdm_sync_duration_seconds", "s", ["outcome"],
        "How long does a sync take?", Recorded;
    Gauge, "ecs_sdm.types" => "ecs_sdm_types", "{type}", ["object, state: complete, partial, denied"],
        "In how many scopes was each type complete, by the last sync that ended?", Looked(of::types);
    Gauge, "ecs_sdm.sync.start.timestamp" => "ecs_sdm_sync_start_timestamp_seconds", "s", [""],
        "Does a sync run, and since when? Absent if none does.", Looked(of::start);
    Gauge, "ecs_sdm.scopes" => "ecs_sdm_scopes", "{scope}", ["state: asked, ended"],
        "How far is the sync that runs?", Looked(of::scopes);
    Gauge, "ecs_sdm.sync.interval" => "ecs_sdm_sync_interval_seconds", "s", [""],
        "How often should there be a sync? Absent where there is one only.", Looked(of::interval);
    Counter, "ecs_sdm.ticks.skipped" => "ecs_sdm_ticks_skipped_total", "{tick}", [""],
        "Do syncs take longer than the interval?", Looked(of::skipped);
    Gauge, "ecs_sdm.ready" => "ecs_sdm_ready", "", [""],
        "Can a sync begin, as `/readyz` says? 1 or 0; absent where there is no sidecar.", Looked(of::ready);
    // Objects and records.
    Counter, "ecs_sdm.objects" => "ecs_sdm_objects_total", "{object}", ["object, result: described, gone, unanswered"],
        "Was everything described that was listed?", Looked(of::objects);
    Counter, "ecs_sdm.records" => "ecs_sdm_records_total", "{record}", ["object, result: acknowledged, refused, dead_letter, lost"],
        "Is anything lost on the way to its topic?", Looked(of::records);
    // AWS.
    Counter, "ecs_sdm.aws.calls" => "ecs_sdm_aws_calls_total", "{call}", ["category, result: answered, throttled, failed"],
        "What does it cost the account? ECS requests sent, retries included.", Looked(of::calls);
    Counter, "ecs_sdm.aws.retries" => "ecs_sdm_aws_retries_total", "{call}", ["category"],
        "How many of these were retries?", Looked(of::retries);
    Histogram(CALLS), "ecs_sdm.aws.call.duration" => "ecs_sdm_aws_call_duration_seconds", "s", ["category"],
        "Is AWS slow? One attempt, waits of ours not counted.", Recorded;
    Gauge, "ecs_sdm.aws.calls.open" => "ecs_sdm_aws_calls_open", "{call}", [""],
        "Are the parallel requests used up?", Looked(of::open);
    Gauge, "ecs_sdm.aws.calls.limit" => "ecs_sdm_aws_calls_limit", "{call}", [""],
        "How many there may be (`parallel_requests`).", Looked(of::open_limit);
    // What holds it up.
    Counter, "ecs_sdm.stage.blocked" => "ecs_sdm_stage_blocked_seconds_total", "s", ["stage: list, describe, produce"],
        "Which stage waits for those behind it? *list* for the descriptions, *describe* for Kafka to take what was read, *produce* for acknowledgements.",
        Looked(of::blocked);
    Gauge, "ecs_sdm.channel.depth" => "ecs_sdm_channel_depth", "{item}", ["channel: parents, pages, objects, records"],
        "Where does it pile up?", Looked(of::depth);
    Gauge, "ecs_sdm.channel.capacity" => "ecs_sdm_channel_capacity", "{item}", ["channel"],
        "How much could pile up there?", Looked(of::capacity);
    Gauge, "ecs_sdm.buffers.used" => "ecs_sdm_buffers_used", "{buffer}", [""],
        "Does reading wait for Kafka? Answers of AWS from their request to the producer.", Looked(of::buffers);
    Gauge, "ecs_sdm.buffers.limit" => "ecs_sdm_buffers_limit", "{buffer}", [""],
        "How many there may be.", Looked(of::buffers_limit);
    // Kafka.
    Counter, "messaging.client.sent.messages" => "messaging_client_sent_messages_total", "{message}",
        ["messaging.destination.name, messaging.operation.name: send, messaging.system: kafka"],
        "How many records has Kafka acknowledged, by topic?", Looked(of::sent);
    Histogram(SENDS), "messaging.client.operation.duration" => "messaging_client_operation_duration_seconds", "s",
        ["messaging.destination.name, messaging.operation.name: send, messaging.system: kafka"],
        "How long does Kafka take for a batch, from its hand-over to its last acknowledgement?", Recorded;
    Gauge, "ecs_sdm.kafka.in_flight" => "ecs_sdm_kafka_in_flight", "{record}", [""],
        "How much is not acknowledged?", Looked(of::in_flight);
    Gauge, "ecs_sdm.kafka.in_flight.limit" => "ecs_sdm_kafka_in_flight_limit", "{record}", [""],
        "How much may be.", Looked(of::in_flight_limit);
    Gauge, "ecs_sdm.kafka.oldest.age" => "ecs_sdm_kafka_oldest_age_seconds", "s", [""],
        "Since when does Kafka not acknowledge? The age of the oldest record that is not acknowledged, 0 if none is.",
        Looked(of::oldest);
    Counter, "ecs_sdm.kafka.requests" => "ecs_sdm_kafka_requests_total", "{request}", ["result: retried, timed_out"],
        "Is a broker in trouble? Requests that librdkafka has sent again, or that had no answer in time.", Looked(of::broker_requests);
    Gauge, "ecs_sdm.kafka.round_trip" => "ecs_sdm_kafka_round_trip_seconds", "s", [""],
        "Is it the network? The time that 99 % of the requests to the slowest broker take; absent until librdkafka has told it.",
        Looked(of::round_trip);
    Gauge, "ecs_sdm.kafka.throttle" => "ecs_sdm_kafka_throttle_seconds", "s", [""],
        "Does a quota of Kafka hold us up? For how long the broker that throttles most holds answers back.", Looked(of::broker_throttle);
    // Telemetry itself.
    Counter, "ecs_sdm.telemetry.exports" => "ecs_sdm_telemetry_exports_total", "{export}", ["result: accepted, failed; signal: metrics, traces"],
        "Does the collector take what is pushed by OTLP?", Looked(of::exports);
    // The process.
    Counter, "process.cpu.time" => "process_cpu_time_seconds_total", "s", ["cpu.mode: system, user"],
        "What does the process cost?", Looked(of::cpu);
    UpDownCounter, "process.memory.usage" => "process_memory_usage_bytes", "By", [""],
        "How much memory is resident?", Looked(of::memory);
    UpDownCounter, "process.unix.file_descriptor.count" => "process_open_fds", "{file_descriptor}", [""],
        "How many descriptors are open?", Looked(of::descriptors);
    Gauge, "process.uptime" => "process_uptime_seconds", "s", [""],
        "For how long does the process run?", Looked(of::uptime);
    Gauge, "ecs_sdm.build.info" => "ecs_sdm_build_info", "", ["commit, librdkafka, version"],
        "Which program is it? Always 1.", Looked(of::build);
}
