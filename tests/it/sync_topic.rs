//! What stands on the sync topic, read with the checked-in schema.

use std::collections::BTreeMap;
use std::time::Duration;

use ecs_sdm_producer::contract::rfc3339;
use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::report::{Outcome, Report, StopReason};
use ecs_sdm_producer::sync::Sink;
use ecs_sim::{Effect, Fault, Shape, Simulator, World};
use kit::dry::Paper;
use kit::report::COUNTS;
use kit::settings::{config, config_on_kafka, on_broker};
use kit::sync::{stopped_by, sync};
use kit::topic::{Landed, admin, read};
use kit::wait::PATIENCE;
use kit::{ACCOUNT, OBJECTS, REGION, oracle};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use serde_json::{Value, json};

const SHAPE: Shape =
    Shape { clusters: 2, services: 4, tasks: 30, stopped_tasks: 0, task_definitions: 5, inactive_clusters: 0 };

fn simulator() -> Simulator {
    Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap()
}

/// An event with its record's key and headers.
struct Said {
    key: String,
    headers: BTreeMap<String, String>,
    timestamp: i64,
    event: Value,
}

fn events(servers: &str, topic: &str) -> Vec<Said> {
    let schema = oracle::schema("SyncEvent");
    let frame = oracle::frame("SyncEvent");
    let decode = |Landed { key, value, headers, timestamp, .. }| {
        assert_eq!(&value[..10], frame, "single-object header");
        Said { key, headers, timestamp, event: oracle::decode(&schema, &value[10..]) }
    };
    read(servers, topic).into_iter().map(decode).collect()
}

/// A type as the JSON report has it, without what a total does not know.
fn bare(one: &Value) -> Value {
    let mut one = one.clone();
    for name in ["account", "region", "role", "error", "causes"] {
        one.as_object_mut().unwrap().remove(name);
    }
    one
}

#[test]
fn the_tests_know_every_count_of_a_type() {
    let schema: Value = serde_json::from_str(include_str!("../../schemas/SyncEvent.avsc")).unwrap();
    let types = schema["fields"].as_array().unwrap().iter().find(|field| field["name"] == "types").unwrap();
    let members = types["type"]["items"]["fields"].as_array().unwrap().iter();
    let counts: Vec<&str> =
        members.filter(|member| member["type"] == "long").map(|member| member["name"].as_str().unwrap()).collect();
    assert_eq!(counts, COUNTS.map(|(name, _)| name));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_says_that_it_began_what_each_scope_came_to_and_how_it_ended() {
    let simulator = simulator();
    let mut config = config_on_kafka(&simulator, "said");
    config.regions = vec!["eu-west-1".to_owned(), "us-east-1".to_owned()];
    let servers = config.kafka.bootstrap_servers[0].clone();
    let first = sync(&config).await;
    drop(simulator.fault(Fault::refuse("DescribeTasks", 400, "SomethingNew", "no").region("us-east-1").times(1)));
    let second = sync(&config).await;
    assert_eq!((first.outcome, second.outcome), (Outcome::Completed, Outcome::Partial));

    let topic = config.kafka.sync_topic();
    let said = events(&servers, &topic);
    let of = |report: &Report| said.iter().filter(|said| said.event["sync"] == report.sync).collect::<Vec<_>>();
    for report in [&first, &second] {
        let json = serde_json::to_value(report).unwrap();
        let said = of(report);
        let names: Vec<&str> = said.iter().map(|said| said.event["event"].as_str().unwrap()).collect();
        assert_eq!(names, ["STARTED", "SCOPE", "SCOPE", json["outcome"].as_str().unwrap()]);
        for Said { key, headers, timestamp, event } in &said {
            let scope = event["event"] == "SCOPE";
            let source = headers["ce_source"].as_str();
            assert_eq!(*key, if scope { source } else { "ecs-sdm-producer" });
            assert!(scope || source == "/ecs-sdm-producer", "{source}");
            assert_eq!(headers["ce_type"], "sdm.ecs.SyncEvent");
            let id = format!("{key},{}@{}", event["event"].as_str().unwrap(), rfc3339(report.sync));
            assert_eq!((&headers["ce_id"], *timestamp), (&id, report.sync));
            assert_eq!((&event["name"], &event["started"]), (&json!("ecs-sdm-producer"), &json!(report.started)));
        }
        // STARTED: the ends of all data partitions, from which the ranges of the report begin.
        let started = &said[0].event;
        assert_eq!((&started["ended"], &started["types"], &started["calls"]), (&Value::Null, &json!([]), &Value::Null));
        let lows = |partitions: &Value| -> Vec<(Value, Value, Value)> {
            let partitions = partitions.as_array().unwrap().iter();
            partitions.map(|one| (one["topic"].clone(), one["partition"].clone(), one["low"].clone())).collect()
        };
        assert_eq!(lows(&started["partitions"]), lows(&json["partitions"]));
        assert_eq!(started["partitions"].as_array().unwrap().len(), 4 * 3, "empty ones too");
        assert!(started["partitions"].as_array().unwrap().iter().all(|one| one["low"] == one["high"]));
        // SCOPE: the types of the report, word by word.
        let mut types: Vec<Value> =
            said[1..3].iter().flat_map(|said| said.event["types"].as_array().unwrap().clone()).collect();
        types.sort_by_key(|one| one["region"].as_str().unwrap().to_owned());
        assert_eq!(Value::from(types), json["types"]);
        assert!(said[1..3].iter().all(|said| said.event["ended"].is_i64() && said.event["partitions"] == json!([])));
        // The outcome: four totals, then what is not complete.
        let end = &said[3].event;
        assert_eq!((&end["calls"], &end["partitions"]), (&json["calls"], &json["partitions"]));
        assert_eq!(end["ended"], report.ended);
        for (object, total) in OBJECTS.iter().zip(end["types"].as_array().unwrap()) {
            let sum = |count: &str| -> i64 {
                let of = json["types"].as_array().unwrap().iter().filter(|one| one["object"] == *object);
                of.map(|one| one[count].as_i64().unwrap()).sum()
            };
            assert_eq!(
                (&total["account"], &total["region"], &total["role"]),
                (&Value::Null, &Value::Null, &Value::Null)
            );
            let counts = COUNTS.map(|(name, _)| name);
            assert_eq!(counts.map(|count| total[count].as_i64().unwrap()), counts.map(sum), "{object}");
        }
    }
    assert!(said.iter().all(|said| said.event["scopes"] == if said.event["calls"].is_null() { 0 } else { 2 }));
    let [completed, partial] = [&first, &second].map(|report| &of(report)[3].event);
    assert_eq!((&completed["incomplete"], completed["types"].as_array().unwrap().len()), (&json!(0), 4));
    assert_eq!((&partial["incomplete"], partial["types"].as_array().unwrap().len()), (&json!(1), 5));
    assert_eq!(partial["types"][2]["error"], "not complete in 1 of 2 scopes");
    let json = serde_json::to_value(&second).unwrap();
    let tasks = json["types"].as_array().unwrap().iter().find(|one| one["state"] == "partial").unwrap();
    assert_eq!((&partial["types"][4]["region"], bare(&partial["types"][4])), (&json!("us-east-1"), bare(tasks)));
    assert_eq!((&partial["types"][4]["error"], &partial["types"][4]["causes"]), (&tasks["error"], &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_names_a_hundred_incomplete_types_and_counts_them_all() {
    let simulator = simulator();
    let mut config = config_on_kafka(&simulator, "hundred");
    config.assume_role_arns =
        (0..60).map(|n| format!("arn:aws:iam::{:012}:role/reader", 400_000_000_000_u64 + n)).collect();
    drop(simulator.fault(Fault::refuse("AssumeRole", 403, "AccessDenied", "not trusted")));
    let report = sync(&config).await;
    assert_eq!((report.outcome, report.calls.attempts), (Outcome::Failed, 0), "{}", report.text());
    let said = events(&config.kafka.bootstrap_servers[0], &config.kafka.sync_topic());
    let scopes = said.iter().filter(|said| said.event["event"] == "SCOPE");
    let denied = |one: &Value| one["state"] == "denied" && one["error"].as_str().unwrap().contains("not trusted");
    assert_eq!(scopes.filter(|said| said.event["types"].as_array().unwrap().iter().all(denied)).count(), 60);
    let end = &said.last().unwrap().event;
    assert_eq!((&end["event"], &end["incomplete"]), (&json!("FAILED"), &json!(240)));
    assert_eq!(end["types"].as_array().unwrap().len(), 4 + 100);
    assert!(end["types"].as_array().unwrap()[..4].iter().all(|total| total["state"] == "denied"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_cannot_be_announced_asks_ecs_nothing() {
    let simulator = simulator();
    let config = config_on_kafka(&simulator, "unannounced");
    let admin = admin(&config.kafka.bootstrap_servers[0]);
    let topic = config.kafka.sync_topic();
    let tiny = NewTopic::new(&topic, 1, TopicReplication::Fixed(1)).set("max.message.bytes", "20");
    admin.create_topics([&tiny], &AdminOptions::new()).await.unwrap();
    let report = sync(&config).await;
    assert_eq!((report.outcome, report.types.len()), (Outcome::Failed, 0), "{}", report.text());
    let reason = report.stop_reason.as_ref().unwrap().to_string();
    assert!(reason.contains("the sync cannot be announced: ") && reason.contains(&topic), "{reason}");
    assert_eq!(simulator.counters().requests, 0, "not even STS");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_listed_before_the_start_is_on_the_topic() {
    let simulator = simulator();
    let config = config_on_kafka(&simulator, "before");
    let gate = simulator.fault(Fault::new("ListClusters", Effect::Hold));
    let (servers, topic) = (config.kafka.bootstrap_servers[0].clone(), config.kafka.sync_topic());
    let read = async {
        gate.wait_met(1).await;
        let said = tokio::task::spawn_blocking(move || events(&servers, &topic)).await.unwrap();
        let names: Vec<&str> = said.iter().map(|said| said.event["event"].as_str().unwrap()).collect();
        assert_eq!(names, ["STARTED"]);
        gate.release();
    };
    let (report, ()) = tokio::join!(sync(&config), read);
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_the_start_is_not_acknowledged_ends_in_time() {
    let simulator = simulator();
    // Nothing is ever acknowledged, and librdkafka goes on trying.
    let cluster = MockCluster::new(1).unwrap();
    cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 1_000]);
    let mut config = on_broker(config(&simulator), &cluster.bootstrap_servers(), "unheard");
    for topic in OBJECTS.map(|object| config.kafka.topic(object)).iter().chain([&config.kafka.sync_topic()]) {
        cluster.create_topic(topic, 1, 1).unwrap();
    }
    config.limits.outcome_timeout = Duration::from_millis(300);
    config.limits.stall = Duration::from_millis(300);
    let logs = Paper::default();
    let mut engine = Engine::new(config, REGION.to_owned()).unwrap();
    // What tells of a stall runs beside the sync, on this thread.
    let _quiet = logs.logs();
    let stop = logs.wait_for_line(&["Kafka does not acknowledge"]);
    let report = stopped_by(engine.start(Sink::Kafka), stop).await;
    assert_eq!(
        (report.outcome, report.stop_reason.as_ref()),
        (Outcome::Aborted, Some(&StopReason::Signal)),
        "{}",
        report.text()
    );
    assert_eq!((report.types.len(), simulator.counters().requests), (0, 0), "{}", report.text());
    assert!(!logs.text().contains("on the sync topic"), "no outcome is tried: {}", logs.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_whose_account_is_learned_late_has_its_name_all_the_same() {
    let empty = Shape::empty();
    let shapes = [((ACCOUNT.to_owned(), "us-east-1".to_owned()), empty)].into_iter().collect();
    let simulator = Simulator::start(World { shape: SHAPE, shapes, ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, "late");
    config.regions = vec!["us-east-1".to_owned(), REGION.to_owned()];
    drop(simulator.fault(Fault::access_denied("GetCallerIdentity")));
    let report = sync(&config).await;
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    let said = events(&config.kafka.bootstrap_servers[0], &config.kafka.sync_topic());
    let mut keys: Vec<&str> =
        said.iter().filter(|said| said.event["event"] == "SCOPE").map(|said| said.key.as_str()).collect();
    keys.sort_unstable();
    let source = |region: &str| format!("/ecs-sdm-producer/{ACCOUNT}/{region}");
    assert_eq!(keys, [source(REGION), source("us-east-1")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_whose_scope_event_is_lost_is_partial() {
    let simulator = Simulator::start(World { shape: Shape::empty(), ..World::default() }).unwrap();
    let cluster = MockCluster::new(1).unwrap();
    let config = on_broker(config(&simulator), &cluster.bootstrap_servers(), "lost");
    for topic in OBJECTS.map(|object| config.kafka.topic(object)).iter().chain([&config.kafka.sync_topic()]) {
        cluster.create_topic(topic, 1, 1).unwrap();
    }
    let gate = simulator.fault(Fault::hold("ListClusters"));
    let refuse = async {
        // STARTED is acknowledged by now. The next event is refused in its batch, and then alone.
        gate.wait_met(1).await;
        cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE; 2]);
        gate.release();
    };
    let (report, ()) = tokio::join!(sync(&config), refuse);
    assert_eq!((report.outcome, report.outcome.exit_code()), (Outcome::Partial, 1), "{}", report.text());
    let said = events(&cluster.bootstrap_servers(), &config.kafka.sync_topic());
    let names: Vec<&str> = said.iter().map(|said| said.event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["STARTED", "PARTIAL"]);
    assert_eq!(said[1].event["scopes"], 1, "so that readers miss one");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ends_of_partitions_lie_behind_another_programs_open_transaction() {
    let simulator = simulator();
    let config = config_on_kafka(&simulator, "transaction");
    let servers = config.kafka.bootstrap_servers[0].clone();
    let topic = config.kafka.topic("EcsTask");
    let first = sync(&config).await;
    let other = tokio::task::spawn_blocking({
        let topic = topic.clone();
        move || {
            let mut client = ClientConfig::new();
            client.set("bootstrap.servers", servers).set("transactional.id", &topic);
            // It stays open for longer than anything takes.
            let other: BaseProducer = client.set("transaction.timeout.ms", "600000").create().unwrap();
            other.init_transactions(PATIENCE).unwrap();
            other.begin_transaction().unwrap();
            for _ in 0..5 {
                other.send(BaseRecord::to(&topic).partition(0).key("other").payload("open")).unwrap();
            }
            other.flush(PATIENCE).unwrap();
            other
        }
    });
    let other = other.await.unwrap();
    let second = sync(&config).await;
    drop(other);
    let range = |report: &Report| {
        let of = report.partitions.iter().find(|range| range.topic == topic && range.partition == 0);
        of.map(|range| (range.low, range.high)).unwrap()
    };
    let ((_, end), (low, high)) = (range(&first), range(&second));
    assert_eq!((low, high > low), (end + 5, true), "the other's records are none of ours");
}
