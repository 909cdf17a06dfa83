//! The reader: it finds the newest sync and rebuilds the account. `main.rs` says what it does, in four steps.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::Write;
use std::time::Duration;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use clap::Args;
use ecs_sdm_producer::contract::rfc3339;
use ecs_sdm_producer::kafka::framing;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde::Deserialize;
use serde_json::Value;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The schemas that a reader has to know, by the record's name in `ce_type`.
const SCHEMAS: [(&str, &str); 5] = [
    ("EcsCluster", include_str!("../../schemas/EcsCluster.avsc")),
    ("EcsService", include_str!("../../schemas/EcsService.avsc")),
    ("EcsTask", include_str!("../../schemas/EcsTask.avsc")),
    ("EcsTaskDefinition", include_str!("../../schemas/EcsTaskDefinition.avsc")),
    ("SyncEvent", include_str!("../../schemas/SyncEvent.avsc")),
];

const ANSWER: Duration = Duration::from_secs(60);

/// A producer's topics, and how to reach and read them.
#[derive(Debug, Args)]
pub(crate) struct Topics {
    /// Bootstrap servers
    #[arg(long, default_value = "localhost:9092")]
    pub(crate) brokers: String,
    /// What the topics' names begin with (`kafka.topic_prefix`)
    #[arg(long, default_value = "sdm.ecs")]
    pub(crate) prefix: String,
    /// The producer's name
    #[arg(long, default_value = "ecs-sdm-producer")]
    pub(crate) name: String,
    /// A property of librdkafka's, such as security.protocol=ssl; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) property: Vec<String>,
    /// The schema registry that values name their schemas of, as http://USER:PASSWORD@HOST:8081
    #[arg(long, value_name = "URL")]
    pub(crate) registry: Option<String>,
}

/// `SyncEvent`, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Event {
    event: String,
    sync: i64,
    types: Vec<Type>,
    /// How many SCOPE events an outcome has before it.
    scopes: usize,
    partitions: Vec<Range>,
}

#[derive(Debug, Deserialize)]
struct Type {
    object: String,
    state: String,
    acknowledged: usize,
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Range {
    topic: String,
    partition: i32,
    low: i64,
    high: i64,
}

/// The records of one type in one scope, by `ce_id`.
type Rebuilt = BTreeMap<(String, String), BTreeMap<String, Value>>;

/// What is on Kafka of the newest sync.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Its LAST_CAPTURED.
    pub(crate) sync: i64,
    outcome: Option<Event>,
    /// By `ce_source`: the scope's types.
    scopes: BTreeMap<String, Vec<Type>>,
    rebuilt: Rebuilt,
}

/// Reads the newest snapshot.
pub(crate) fn snapshot(topics: &Topics) -> Result<Snapshot> {
    let (mut schemas, topic) = (Schemas::new(topics.registry.as_deref())?, format!("{}.sync", topics.prefix));
    let mut events: Vec<(String, Event)> = Vec::new();
    read(topics, &topic, None, |message| {
        if of_producer(message, &topics.name) {
            let key = String::from_utf8(message.key().unwrap_or_default().to_vec())?;
            events.push((key, serde_json::from_value(schemas.decode("SyncEvent", message)?)?));
        }
        Ok(())
    })?;
    let started = events.iter().rev().find(|(_, event)| event.event == "STARTED");
    let sync = started.ok_or_else(|| format!("{topic}: {} has never begun a sync", topics.name))?.1.sync;
    events.retain(|(_, event)| event.sync == sync);
    let (mut outcome, mut scopes) = (None, BTreeMap::new());
    for (key, event) in events {
        match event.event.as_str() {
            "STARTED" => {}
            "SCOPE" => _ = scopes.insert(key, event.types),
            _ => outcome = Some(event),
        }
    }
    let mut rebuilt = Rebuilt::new();
    let ranges = outcome.as_ref().map_or(&[][..], |outcome| &outcome.partitions);
    for topic in ranges.iter().map(|range| &range.topic).collect::<BTreeSet<_>>() {
        read(topics, topic, Some(ranges), |message| {
            // Other producers' records may lie between, and what this one sent before.
            if !of_producer(message, &topics.name) || header(message, "ce_time") != Some(&rfc3339(sync)) {
                return Ok(());
            }
            let of = |name: &str| header(message, name).ok_or_else(|| format!("{topic}: a record without {name}"));
            let (source, id) = (of("ce_source")?.to_owned(), of("ce_id")?.to_owned());
            let object = of("ce_type")?.rsplit('.').next().unwrap_or_default().to_owned();
            let record = schemas.decode(&object, message)?;
            rebuilt.entry((source, object)).or_default().insert(id, record);
            Ok(())
        })?;
    }
    Ok(Snapshot { sync, outcome, scopes, rebuilt })
}

impl Snapshot {
    /// Prints the records where they are wanted, and the verdict: whether everything is whole.
    pub(crate) fn tell(&self, records: Option<&mut impl Write>, words: &mut dyn Write) -> Result<bool> {
        if let Some(out) = records {
            for ((source, object), found) in &self.rebuilt {
                for record in found.values() {
                    writeln!(out, "{}", serde_json::json!({"source": source, "object": object, "record": record}))?;
                }
            }
        }
        let at = rfc3339(self.sync);
        let Some(outcome) = &self.outcome else {
            writeln!(words, "sync {at}: NOT WHOLE: it has no outcome: it still runs, or was killed")?;
            return Ok(false);
        };
        let mut whole = outcome.event == "COMPLETED";
        for (source, types) in &self.scopes {
            for one in types {
                let lack = self.lack(source, one);
                whole &= lack.is_none();
                let verdict = lack.map_or_else(|| "whole".to_owned(), |lack| format!("NOT WHOLE: {lack}"));
                writeln!(words, "  {source:<60} {:<18} {:>8} {verdict}", one.object, self.found(source, &one.object))?;
            }
        }
        if self.scopes.len() != outcome.scopes {
            whole = false;
            writeln!(words, "  {} of {} scopes have their event here", self.scopes.len(), outcome.scopes)?;
        }
        let verdict = if whole { "whole" } else { "NOT WHOLE" };
        writeln!(words, "sync {at}: {} and {verdict}", outcome.event)?;
        Ok(whole)
    }

    /// Why a type of a scope is not whole.
    fn lack(&self, source: &str, one: &Type) -> Option<String> {
        let found = self.found(source, &one.object);
        if one.state != "complete" {
            return Some(format!("{}: {}", one.state, one.error.as_deref().unwrap_or("no reason is known")));
        }
        (found != one.acknowledged).then(|| format!("{} records were acknowledged", one.acknowledged))
    }

    fn found(&self, source: &str, object: &str) -> usize {
        self.rebuilt.get(&(source.to_owned(), object.to_owned())).map_or(0, BTreeMap::len)
    }
}

/// Reads a topic: within `ranges`, or from its beginning to its end.
fn read(
    topics: &Topics,
    topic: &str,
    ranges: Option<&[Range]>,
    mut each: impl FnMut(&BorrowedMessage<'_>) -> Result<()>,
) -> Result<()> {
    let mut client = ClientConfig::new();
    // A group is wanted by the client; nothing is ever committed to it.
    client.set("bootstrap.servers", &topics.brokers).set("group.id", "snapshot").set("enable.auto.commit", "false");
    // What compaction took from the end of a range never comes: only the end of the partition tells.
    client.set("enable.partition.eof", "true");
    for property in &topics.property {
        let (name, value) = property.split_once('=').ok_or_else(|| format!("{property} is not NAME=VALUE"))?;
        client.set(name, value);
    }
    let consumer: BaseConsumer = client.create()?;
    let (mut open, mut assignment) = (BTreeMap::new(), TopicPartitionList::new());
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER)?;
    if let Some(code) = metadata.topics().iter().find_map(|topic| topic.error()) {
        return Err(format!("{topic}: {}", RDKafkaErrorCode::from(code)).into());
    }
    for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()).map(|partition| partition.id()) {
        let (first, end) = consumer.fetch_watermarks(topic, partition, ANSWER)?;
        let of = |range: &&Range| range.topic == topic && range.partition == partition;
        let (low, high) = match ranges {
            Some(ranges) => ranges.iter().find(of).map_or((0, 0), |range| (range.low.max(first), range.high)),
            None => (first, end),
        };
        if low < high {
            assignment.add_partition_offset(topic, partition, Offset::Offset(low))?;
            open.insert(partition, high);
        }
    }
    consumer.assign(&assignment)?;
    while !open.is_empty() {
        let message = match consumer.poll(ANSWER) {
            Some(Ok(message)) => message,
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                open.remove(&partition);
                continue;
            }
            Some(Err(error)) => return Err(error.into()),
            None => return Err(format!("{topic}: no record within {ANSWER:?}").into()),
        };
        let Some(&high) = open.get(&message.partition()) else { continue };
        if message.offset() < high {
            each(&message)?;
        }
        if message.offset() + 1 >= high {
            open.remove(&message.partition());
        }
    }
    Ok(())
}

/// Whether a producer of that name has sent it: `ce_source` is /name, or begins with /name/.
fn of_producer(message: &BorrowedMessage<'_>, name: &str) -> bool {
    let source = header(message, "ce_source").and_then(|source| source.strip_prefix('/')?.strip_prefix(name));
    source.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn header<'a>(message: &'a BorrowedMessage<'_>, name: &str) -> Option<&'a str> {
    let mut headers = message.headers()?.iter();
    std::str::from_utf8(headers.find(|header| header.key == name)?.value?).ok()
}

/// The schemas that this reader has, and those that values were written with.
struct Schemas<'a> {
    /// By the name of the record.
    own: BTreeMap<&'static str, Schema>,
    /// By the bytes before a value: Avro single-object encoding, or with a schema registry the Confluent wire format.
    written: BTreeMap<Vec<u8>, Schema>,
    registry: Option<&'a str>,
}

impl<'a> Schemas<'a> {
    /// The checked-in ones.
    fn new(registry: Option<&'a str>) -> Result<Self> {
        let (mut own, mut written) = (BTreeMap::new(), BTreeMap::new());
        for (name, text) in SCHEMAS {
            let schema = Schema::parse_str(text)?;
            written.insert(framing::single_object(&serde_json::from_str(text)?)?, schema.clone());
            own.insert(name, schema);
        }
        Ok(Self { own, written, registry })
    }

    /// A value as JSON. Whatever schema it was written with, it is read into this reader's: schemas change so that this can be done.
    fn decode(&mut self, record: &str, message: &BorrowedMessage<'_>) -> Result<Value> {
        let value = message.payload().unwrap_or_default();
        let frame = if value.first() == Some(&0) { 5 } else { 10 };
        let (frame, mut datum) = value.split_at_checked(frame).ok_or("a value without a schema's name before it")?;
        if !self.written.contains_key(frame) {
            let at = format!("{}-{}@{}", message.topic(), message.partition(), message.offset());
            let schema =
                self.fetch(frame).map_err(|why| format!("{at}: the schema that it was written with: {why}"))?;
            self.written.insert(frame.to_vec(), schema);
        }
        let own = self.own.get(record).ok_or_else(|| format!("a record of an unknown type: {record}"))?;
        let reader = GenericDatumReader::builder(&self.written[frame]).reader_schema(own).build()?;
        Ok(reader.read_value(&mut datum)?.try_into()?)
    }

    fn fetch(&self, frame: &[u8]) -> Result<Schema> {
        let [0, id @ ..] = frame else {
            return Err("it is not this release's, and a fingerprint alone tells no more".into());
        };
        let id = u32::from_be_bytes(id.try_into()?);
        let registry = self.registry.ok_or_else(|| format!("a registry knows it as {id}; --registry says which"))?;
        let url = format!("{}/schemas/ids/{id}", registry.trim_end_matches('/'));
        let answer = async { reqwest::get(url).await?.error_for_status()?.text().await };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let answer: Value = serde_json::from_str(&runtime.block_on(answer)?)?;
        Ok(Schema::parse_str(answer["schema"].as_str().unwrap_or_default())?)
    }
}
