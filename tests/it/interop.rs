//! Other people's consumers read the topics unchanged: what Java, Kafka Streams and Python make of the records is what the
//! simulator holds. Their programs are in `tests/interop`; those in Python need packages, and run by `tests/interop/run`.

mod readme;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs::{self, File};
use std::io::{self, BufWriter, Result as IoResult, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ecs_sdm_producer::config::{Config, RegistryMode};
use ecs_sdm_producer::contract::rfc3339;
use ecs_sdm_producer::report::{Outcome, Report};
use ecs_sim::{Shape, Simulator, World};
use kit::program::text;
use kit::settings::config_on_kafka;
use kit::sync::sync;
use kit::truth::{event_id, truth};
use kit::{ACCOUNT, OBJECTS, REGION, oracle, registry, server};
use serde_json::{Value, json};

const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];

/// Account and name of the roles that are assumed. Two see the same account, so its records come twice.
const ROLES: [(&str, &str); 3] = [("222222222222", "reader"), ("222222222222", "second"), ("333333333333", "reader")];

const SHAPE: Shape =
    Shape { clusters: 4, services: 16, tasks: 60, stopped_tasks: 8, task_definitions: 12, inactive_clusters: 1 };

/// One sync of several accounts, regions and clusters, in Confluent's frame.
struct Synced {
    world: World,
    config: Config,
    report: Report,
}

impl Synced {
    async fn start(test: &str) -> Self {
        let world = World { shape: SHAPE, twin_services: true, ..World::default() };
        let simulator = Simulator::start(world.clone()).unwrap();
        let mut config = framed(config_on_kafka(&simulator, test));
        config.assume_role_arns = ROLES.map(|(account, role)| format!("arn:aws:iam::{account}:role/{role}")).to_vec();
        config.regions = REGIONS.map(str::to_owned).to_vec();
        config.operation_options.ecs_task.fetch_stopped_tasks = true;
        let report = sync(&config).await;
        assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
        Self { world, config, report }
    }

    fn topics(&self) -> Vec<String> {
        let kafka = &self.config.kafka;
        OBJECTS.iter().map(|object| kafka.topic(object)).chain([kafka.sync_topic()]).collect()
    }

    /// A consumer printed a line of JSON for each record on the topics: the simulator's truth, and what the report says.
    fn assert_read(&self, printed: &str) {
        let (time, mut expected) = (rfc3339(self.report.sync), BTreeMap::new());
        for (account, role) in ROLES {
            for region in REGIONS {
                let source = format!("/{}/{account}/{region}/{role}", self.config.name);
                for object in OBJECTS {
                    for (id, record) in records(&self.world, object, account, region, self.report.sync) {
                        expected
                            .insert((self.config.kafka.topic(object), source.clone(), id), readable(object, record));
                    }
                }
            }
        }
        assert_all_kinds(&expected);
        let mut said = Vec::new();
        for line in printed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
            let (topic, headers) = (line["topic"].as_str().unwrap(), &line["headers"]);
            assert_eq!((&line["timestamp"], &headers["ce_time"]), (&json!(self.report.sync), &json!(time)));
            if topic == self.config.kafka.sync_topic() {
                said.push(line["value"].clone());
                continue;
            }
            let [source, id] = ["ce_source", "ce_id"].map(|name| headers[name].as_str().unwrap().to_owned());
            let record = expected.remove(&(topic.to_owned(), source, id));
            let record = record.unwrap_or_else(|| panic!("not expected, or twice: {line}"));
            assert_eq!((&line["key"], &line["value"]), (&record["UID"], &record), "{topic}");
        }
        assert!(expected.is_empty(), "{} were not read, such as {:?}", expected.len(), expected.first_key_value());
        self.assert_said(&said);
    }

    /// The events of the sync topic are what the report says, in Avro's nested records.
    fn assert_said(&self, said: &[Value]) {
        let report = serde_json::to_value(&self.report).unwrap();
        let names: Vec<&str> = said.iter().map(|event| event["event"].as_str().unwrap()).collect();
        let scopes = ROLES.len() * REGIONS.len();
        assert_eq!(names, [vec!["STARTED"], vec!["SCOPE"; scopes], vec!["COMPLETED"]].concat());
        for event in said {
            assert_eq!((&event["sync"], &event["started"]), (&report["sync"], &report["started"]));
        }
        let (started, outcome) = (&said[0], &said[scopes + 1]);
        assert_eq!((&started["ended"], &started["calls"]), (&Value::Null, &Value::Null));
        let members = ["ended", "calls", "partitions"];
        assert_eq!(members.map(|member| &outcome[member]), members.map(|member| &report[member]));
        let types =
            |types: &Value| -> BTreeSet<String> { types.as_array().unwrap().iter().map(Value::to_string).collect() };
        let of_scopes = said[1..=scopes].iter().flat_map(|event| types(&event["types"])).collect::<BTreeSet<_>>();
        assert_eq!(of_scopes, types(&report["types"]));
    }
}

/// Topic, `ce_source` and `ce_id` of a record.
type Place = (String, String, String);

/// With the registry that all tests share, in which the sync registers its schemas.
fn framed(mut config: Config) -> Config {
    config.schema_registry.url = vec![url()];
    config.schema_registry.mode = RegistryMode::Auto;
    config
}

/// The registry's URL as Confluent's clients take it.
fn url() -> String {
    registry::url().unwrap().to_owned()
}

/// The same registry's URL as Apicurio's own clients take it.
fn native_url() -> String {
    let native = registry::native_url(&url());
    assert_ne!(
        native,
        url(),
        "Apicurio's clients read from Apicurio alone: SCHEMA_REGISTRY_URL has no /apis/ccompat/v7"
    );
    native
}

/// What must be on the topic of an object, as `ce_id` and record.
fn records<'a>(
    world: &'a World,
    object: &'a str,
    account: &'a str,
    region: &'a str,
    captured: i64,
) -> impl Iterator<Item = (String, Value)> + 'a {
    truth(world, object, account, region, true).into_iter().map(move |api| {
        let record = oracle::expected(object, &api, region, captured);
        (format!("{}@{}", event_id(object, &record), rfc3339(captured)), record)
    })
}

/// The record with its instants as text, which is how the consumers print them.
fn readable(object: &str, mut record: Value) -> Value {
    for attribute in oracle::attributes(object).filter(|attribute| attribute.avro.starts_with("timestamp-millis")) {
        let value = &mut record[attribute.name];
        *value = value.as_i64().map_or(Value::Null, |instant| json!(rfc3339(instant)));
    }
    record
}

/// Every kind of value is among the records, so that none goes unproved.
fn assert_all_kinds(records: &BTreeMap<Place, Value>) {
    let some = |name: &str, is: fn(&Value) -> bool| records.values().any(|record| record.get(name).is_some_and(is));
    assert!(some("LAST_STOPPED", Value::is_string) && some("LAST_STOPPED", Value::is_null), "instants");
    assert!(some("TAGS", |tags| tags.get("team").is_some()) && some("TAGS", |tags| *tags == json!({})), "maps");
    assert!(some("SUBNET_IDS", |ids| ids.get(1).is_some()) && some("SUBNET_IDS", |ids| *ids == json!([])), "lists");
    assert!(some("REVISION", Value::is_i64) && some("ASSIGN_PUBLIC_IP", Value::is_boolean), "numbers and booleans");
}

#[tokio::test(flavor = "multi_thread")]
async fn java_reads_every_topic() {
    let synced = Synced::start("java").await;
    let printed = java("Consumer.java", &addressed(&synced.config, native_url(), synced.topics()));
    synced.assert_read(&printed);
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_streams_counts_the_tasks_of_each_cluster() {
    let Synced { world, config, .. } = Synced::start("streams").await;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for account in ROLES.map(|(account, _)| account).into_iter().collect::<BTreeSet<_>>() {
        for task in REGIONS.iter().flat_map(|region| truth(&world, "EcsTask", account, region, true)) {
            *counts.entry(task["clusterArn"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    assert_eq!(counts.len(), 2 * 2 * 3, "active clusters of two accounts in two regions");
    let folder = tempfile::tempdir().unwrap();
    let sum = counts.values().sum::<u64>().to_string();
    let rest = vec![config.kafka.topic("EcsTask"), sum, folder.path().display().to_string()];
    let printed = java("Counts.java", &addressed(&config, native_url(), rest));
    assert_eq!(serde_json::from_str::<BTreeMap<String, u64>>(&printed).unwrap(), counts);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python's packages: tests/interop/run"]
async fn python_reads_every_topic() {
    let synced = Synced::start("python").await;
    let printed = python(&interop().join("python/consumer.py"), &addressed(&synced.config, url(), synced.topics()));
    synced.assert_read(&printed);
}

/// Not only values: every datum is, byte for byte, what fastavro makes of the simulator's objects with the checked-in schemas.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python's packages: tests/interop/run"]
async fn python_writes_the_same_bytes() {
    let count: u64 = env::var("INTEROP_RECORDS").map_or(10_000, |count| count.parse().unwrap());
    // What lies in a cluster is in few of them: each would cost two lists and two describes.
    let (clusters, others) = OBJECTS.split_at(1);
    for (objects, clusters) in [(clusters, count), (others, count.div_ceil(100))] {
        let printed = write_the_same_bytes(objects, clusters, count).await;
        let equal: Vec<&str> = printed.lines().map(|line| line.split_once(", ").unwrap().0).collect();
        assert_eq!(equal, objects.iter().map(|object| format!("{object}: {count} records")).collect::<Vec<_>>());
        write!(io::stderr(), "{printed}").unwrap();
    }
}

/// One sync of `count` of each of these objects; what Python says of its bytes.
async fn write_the_same_bytes(objects: &[&str], clusters: u64, count: u64) -> String {
    let shape = Shape { clusters, services: count, tasks: count, task_definitions: count, ..Shape::empty() };
    let world = World { shape, large_task_definition_every: Some(100), ..World::default() };
    let simulator = Simulator::start(world.clone()).unwrap();
    let mut config = framed(config_on_kafka(&simulator, "bytes"));
    config.objects = objects.iter().map(|object| (*object).to_owned()).collect();
    let report = sync(&config).await;
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());

    let (schemas, folder) = (concat!(env!("CARGO_MANIFEST_DIR"), "/schemas"), tempfile::tempdir().unwrap());
    let mut rest = vec![schemas.to_owned(), folder.path().display().to_string()];
    let source = format!("/{}/{ACCOUNT}/{REGION}", config.name);
    for object in objects {
        let mut file = BufWriter::new(File::create(folder.path().join(format!("{object}.jsonl"))).unwrap());
        for (id, record) in records(&world, object, ACCOUNT, REGION, report.sync) {
            writeln!(file, "{}", json!([source, id, record])).unwrap();
        }
        file.flush().unwrap();
        rest.push(format!("{object}={}", config.kafka.topic(object)));
    }
    python(&interop().join("python/bytes.py"), &addressed(&config, url(), rest))
}

/// Arguments that begin as those of all these programs do.
fn addressed(config: &Config, registry: String, rest: Vec<String>) -> Vec<String> {
    [vec![config.kafka.bootstrap_servers[0].clone(), registry], rest].concat()
}

/// What a program of `tests/interop/java` prints.
fn java(program: &str, arguments: &[String]) -> String {
    let jars = jars().unwrap_or_else(|why| panic!("no Java consumers: {why}; install a JDK 17 or newer and Maven"));
    answer(
        Command::new("java")
            .args(["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
            .args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", "lib/*"])
            .arg(interop().join("java").join(program))
            .args(arguments)
            .current_dir(jars),
    )
}

/// What a program in Python prints.
fn python(program: &Path, arguments: &[String]) -> String {
    let python = env::var("INTEROP_PYTHON").expect("start tests/interop/run, which sets INTEROP_PYTHON");
    answer(Command::new(python).arg(program).args(arguments))
}

fn interop() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop")
}

/// What a program prints until its good end.
fn answer(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|why| panic!("{command:?}: {why}"));
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// The folder with the jars of Java's consumers, named after their versions.
fn jars() -> IoResult<PathBuf> {
    let pom = include_str!("../interop/java/pom.xml");
    let versions = pom.split("<version>").skip(2).filter_map(|rest| rest.split('<').next());
    server::made_once(&format!("readers-{}", versions.collect::<Vec<_>>().join("-")), |part| {
        fs::write(part.join("pom.xml"), pom)?;
        server::run(
            Command::new("mvn")
                .args(["--quiet", "--batch-mode", "dependency:copy-dependencies"])
                .args(["-DincludeScope=runtime", "-DoutputDirectory=lib"])
                .current_dir(part),
        )
    })
}
