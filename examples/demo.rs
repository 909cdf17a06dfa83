//! The newcomer's first minute: the real pipeline between a simulated ECS account and librdkafka's mock cluster.
//!
//! `cargo run --example demo` needs no AWS account, no Kafka and no settings. It ends with an error if what lands on
//! the topics is not what the sync reports.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use ecs_sdm_producer::config::{Config, LogFormat, Secret};
use ecs_sdm_producer::contract::{OBJECTS, rfc3339};
use ecs_sdm_producer::ecs;
use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::kafka::framing;
use ecs_sdm_producer::report::{Outcome, Report};
use ecs_sdm_producer::sync::Sink;
use ecs_sdm_producer::telemetry::{self, Storms};
use ecs_sim::{Buckets, Refill, Shape, Simulator, World};
use kit::topic::each_record;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::mocking::MockCluster;
use tracing_subscriber::util::SubscriberInitExt;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const REGION: &str = "eu-west-1";
const PARTITIONS: i32 = 3;

/// The object whose record is shown.
const SHOWN: &str = "EcsService";

const INTRODUCTION: &str = "\
A simulated Amazon ECS account is read and lands on librdkafka's mock Kafka, all within this process. What is
between the two is real: the AWS SDK over HTTP, the pipeline, the Avro encoding, the idempotent producer.";

const NEXT: &str = "\
Next: your own account. What would be sent, without Kafka (credentials as the AWS CLI finds them):
  cargo run --release --bin ecs-sdm-producer -- sync --dry-run --set default_region=eu-central-1 | head -3
Onto your own Kafka:
  cargo run --release --bin ecs-sdm-producer -- sync --set default_region=eu-central-1 \\
    --set kafka.bootstrap_servers=localhost:9092 --set kafka.topics_create=if_missing
Every setting is in config/connector.toml, and what a consumer can rely on in docs/consumers.md.";

fn main() -> ExitCode {
    match demo(&mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if even this cannot be written.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn demo(out: &mut impl Write) -> Result<()> {
    telemetry::subscriber(LogFormat::Text, "warn", io::stderr, io::stderr().is_terminal(), &Storms::default()).init();
    let account = Simulator::start(world())?;
    let cluster = MockCluster::new(1)?;
    let config = config(account.endpoint(), cluster.bootstrap_servers());
    for object in OBJECTS {
        cluster.create_topic(&config.kafka.topic(object), PARTITIONS, 1)?;
    }
    cluster.create_topic(&config.kafka.sync_topic(), 1, 1)?;

    writeln!(out, "{INTRODUCTION}\n")?;
    let report = sync(config.clone())?;
    writeln!(out, "{}", report.text())?;
    if report.outcome != Outcome::Completed {
        return Err(format!("the sync ended {}", report.outcome).into());
    }

    let landed = consume(&config)?;
    writeln!(out, "On the topics, as a plain consumer finds them:")?;
    for topic in &landed {
        topic.summarize(out)?;
        let (found, reported) = (topic.records.len() as u64, acknowledged(&report, topic.object));
        if found != reported {
            let name = &topic.name;
            return Err(format!("{name} holds {found} records, but the report says {reported}").into());
        }
    }
    if let Some(topic) = landed.iter().find(|topic| topic.object == SHOWN) {
        topic.show_one(out)?;
    }
    writeln!(out, "\n{NEXT}")?;
    Ok(())
}

/// An account of a size that takes a moment, with answers as slow as AWS's and its token buckets: the task definitions, a request
/// each, are read at the pace of `api_share`.
fn world() -> World {
    World {
        shape: Shape {
            clusters: 6,
            inactive_clusters: 1,
            services: 150,
            tasks: 1_500,
            stopped_tasks: 0,
            task_definitions: 90,
        },
        latency: Duration::from_millis(10)..=Duration::from_millis(60),
        buckets: Some(Buckets::published(Refill::Stepped)),
        ..World::default()
    }
}

/// The defaults, and where everything is.
fn config(endpoint: String, brokers: String) -> Config {
    // The simulator takes any keys; static ones keep the demo away from those of this machine.
    let key = || Some(Secret::Inline("simulated".to_owned()));
    let mut config = Config {
        endpoint_url: Some(endpoint),
        default_region: Some(REGION.to_owned()),
        access_key_id: key(),
        secret_access_key: key(),
        ..Config::default()
    };
    config.kafka.bootstrap_servers = vec![brokers];
    config
}

fn sync(config: Config) -> Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut engine = Engine::new(config, REGION.to_owned())?;
        Ok(engine.start(Sink::Kafka).finish().await)
    })
}

fn acknowledged(report: &Report, object: &str) -> u64 {
    let of = report.types.iter().filter(|one| one.object == object);
    of.map(|one| one.counts.acknowledged).sum()
}

/// What a consumer found on one topic.
struct Topic {
    object: &'static str,
    name: String,
    /// What each value of the topic begins with: the mark of Avro's single-object encoding, and the schema's fingerprint.
    frame: Vec<u8>,
    schema: Schema,
    records: Vec<Record>,
}

/// One record, decoded.
struct Record {
    partition: i32,
    key: String,
    timestamp: i64,
    headers: Vec<(String, String)>,
    bytes: usize,
    attributes: Vec<(String, Value)>,
}

/// Reads the four topics, one after the other, and decodes every record by its object's schema.
fn consume(config: &Config) -> Result<Vec<Topic>> {
    let servers = config.kafka.bootstrap_servers.join(",");
    let mut topics = Vec::new();
    for (object, schema) in ecs::schemas() {
        let mut topic = Topic {
            object,
            name: config.kafka.topic(object),
            frame: framing::single_object(&schema)?,
            schema: Schema::parse(&schema)?,
            records: Vec::new(),
        };
        let mut records = Vec::new();
        each_record(&servers, &topic.name, |message| {
            records.push(topic.decode(message)?);
            Ok(())
        })?;
        topic.records = records;
        topics.push(topic);
    }
    Ok(topics)
}

impl Topic {
    fn decode(&self, message: &BorrowedMessage<'_>) -> Result<Record> {
        let value = message.payload().ok_or("a record without a value")?;
        let mut datum = value.strip_prefix(&*self.frame).ok_or("a record without the schema's frame")?;
        let decoded = GenericDatumReader::builder(&self.schema).build()?.read_value(&mut datum)?;
        let Value::Record(attributes) = decoded else {
            return Err("a value that is no record".into());
        };
        let headers = message.headers().into_iter().flat_map(Headers::iter);
        Ok(Record {
            partition: message.partition(),
            key: text(message.key()),
            timestamp: message.timestamp().to_millis().unwrap_or_default(),
            headers: headers.map(|header| (header.key.to_owned(), text(header.value))).collect(),
            bytes: value.len(),
            attributes,
        })
    }

    fn summarize(&self, out: &mut impl Write) -> io::Result<()> {
        let in_partition = |partition| self.records.iter().filter(|record| record.partition == partition).count();
        let spread: Vec<String> = (0..PARTITIONS).map(|partition| in_partition(partition).to_string()).collect();
        let bytes: usize = self.records.iter().map(|record| record.bytes).sum();
        let average = bytes / self.records.len().max(1);
        writeln!(
            out,
            "  {:<24} {:>5} records of {average:>4} bytes on average, in {PARTITIONS} partitions: {}",
            self.name,
            self.records.len(),
            spread.join(" + ")
        )
    }

    /// Shows the record that says most.
    fn show_one(&self, out: &mut impl Write) -> io::Result<()> {
        let fullest = self.records.iter().max_by_key(|record| (record.attributes_said(), &record.key));
        let Some(record) = fullest else { return Ok(()) };
        writeln!(out, "\nOne record of {}:", self.name)?;
        entry(out, "key", std::slice::from_ref(&record.key))?;
        entry(out, "timestamp", &[rfc3339(record.timestamp)])?;
        entry(out, "partition", &[record.partition.to_string()])?;
        writeln!(out, "Its headers:")?;
        for (name, value) in &record.headers {
            entry(out, name, std::slice::from_ref(value))?;
        }
        let frame: Vec<String> = self.frame.iter().map(|byte| format!("{byte:02x}")).collect();
        let (frame, datum) = (frame.join(" "), record.bytes - self.frame.len());
        writeln!(out, "Its value: {frame} and {datum} bytes of Avro, which schemas/{}.avsc decodes:", self.object)?;
        for (name, value) in &record.attributes {
            entry(out, name, &lines(value))?;
        }
        Ok(())
    }
}

impl Record {
    /// How many attributes are neither null nor empty.
    fn attributes_said(&self) -> usize {
        self.attributes.iter().filter(|(_, value)| !lines(value).is_empty()).count()
    }
}

/// A name and its lines, aligned; a dash where there are none.
fn entry(out: &mut impl Write, name: &str, lines: &[String]) -> io::Result<()> {
    let first = lines.first().map_or("-", String::as_str);
    writeln!(out, "  {name:<20} {first}")?;
    for line in lines.iter().skip(1) {
        writeln!(out, "  {:<20} {line}", "")?;
    }
    Ok(())
}

/// A value as lines: one for each element; none for null and for what is empty.
fn lines(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Union(_, value) => lines(value),
        Value::Array(values) => values.iter().flat_map(lines).collect(),
        Value::Map(values) => {
            let sorted: BTreeMap<_, _> = values.iter().collect();
            sorted.into_iter().map(|(key, value)| format!("{key} = {}", lines(value).concat())).collect()
        }
        Value::String(text) => vec![text.clone()],
        Value::Long(number) => vec![number.to_string()],
        Value::Boolean(flag) => vec![flag.to_string()],
        Value::TimestampMillis(time) => vec![rfc3339(*time)],
        other => vec![format!("{other:?}")],
    }
}

fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}
