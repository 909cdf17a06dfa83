//! What is not there yet when a sidecar starts, and what is wrong.

use std::fs;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use ecs_sim::Fault;
use kit::broker::Broker;
use kit::cases::number;
use kit::registry;
use kit::toxic::{FaultProxy, Toxics};
use serde_json::json;

use super::*;
use crate::stops::resolver;

fn reason(sidecar: &Sidecar) -> String {
    sidecar.ask("GET", "/readyz").1["reason"].as_str().unwrap_or_default().to_owned()
}

fn wait_for_reason(sidecar: &mut Sidecar, words: &str) {
    let what = format!("/readyz says {words:?}");
    kit::wait::wait_until(&what, || reason(sidecar).contains(words));
}

/// A broker, a registry and a name server that come one after the other. A minute each:
///
/// ```sh
/// SIDECAR_LATE=60 cargo test --test it sidecar::starts -- --nocapture
/// ```
#[test]
fn a_broker_a_registry_and_a_name_server_that_come_later_are_waited_for() {
    std::thread::scope(|scope| {
        scope.spawn(|| waits_for([Late::Broker, Late::Registry, Late::Names]));
        scope.spawn(|| waits_for([Late::Names, Late::Broker, Late::Registry]));
    });
}

/// What comes later than the sidecar.
#[derive(Debug, Clone, Copy)]
enum Late {
    Names,
    Broker,
    Registry,
}

fn waits_for(order: [Late; 3]) {
    let late = Duration::from_secs(number("SIDECAR_LATE", 1));
    let simulator = simulator();
    let (to_broker, to_registry) = (FaultProxy::start(), FaultProxy::start());
    let folder = tempfile::tempdir().unwrap();
    let hangs = folder.path().join("hangs");
    fs::write(&hangs, "").unwrap();
    let there = registry::url().unwrap().trim_start_matches("http://");
    let (registry, path) =
        there.split_once('/').map_or((there, String::new()), |(host, path)| (host, format!("/{path}")));
    let prefix = unique("later");
    let settings = [
        ("kafka.bootstrap_servers", format!("127.0.0.1:{}", to_broker.port())),
        ("kafka.startup_timeout", "1s".to_owned()),
        ("kafka.topics_create", "if_missing".to_owned()),
        ("kafka.topic_prefix", prefix),
        ("schema_registry.url", format!("http://127.0.0.1:{}{path}", to_registry.port())),
        ("schema_registry.mode", "auto".to_owned()),
        ("interval", "1h".to_owned()),
    ];
    let settings = settings.each_ref().map(|(key, value)| (*key, value.as_str()));
    let mut command = program(Some(&simulator));
    command.env("LD_PRELOAD", resolver(folder.path())).env("RESOLVER_HANGS_WHILE", &hangs);
    // The keys of the settings are there, and names are asked of the one that hangs.
    command.env("AWS_ENDPOINT_URL", simulator.endpoint().replace("127.0.0.1", "localhost"));
    let mut sidecar = Sidecar::start(command, &settings);
    wait_for_reason(&mut sidecar, "AWS does not answer");
    let mut broker = None;
    for one in order {
        assert!(sidecar.status()["last"].is_null(), "a try is no sync");
        std::thread::sleep(late); // why: each comes when all have been waited for long enough
        match one {
            Late::Names => {
                fs::remove_file(&hangs).unwrap();
                if broker.is_none() {
                    wait_for_reason(&mut sidecar, "no Kafka broker");
                }
            }
            Late::Broker => {
                let started = Broker::start_behind(to_broker.port()).unwrap();
                to_broker.lead_to(started.second());
                broker = Some(started);
                if !hangs.exists() {
                    wait_for_reason(&mut sidecar, "schema registry");
                }
            }
            Late::Registry => to_registry.lead_to(registry),
        }
    }
    let there = Instant::now();
    sidecar.wait_for("the first sync has begun", |status| !status["started"].is_null());
    let took = there.elapsed();
    let reports = sidecar.wait_for_reports(1);
    assert_eq!(reports[0]["outcome"], "COMPLETED", "{}", reports[0]);
    let left = sidecar.stop();
    assert_eq!((left.status.code(), left.reports.len()), (Some(0), 1), "tries have no report: {}", left.logs);
    assert!(left.logs.contains("no sync can begin yet"), "{}", left.logs);
    let mut output = io::stdout();
    writeln!(output, "sidecar: {order:?}, each {late:?} late: the first sync begins {took:.1?} after the last")
        .unwrap();
}

#[test]
fn credentials_and_an_aws_that_do_not_answer_yet_are_waited_for() {
    let simulator = simulator();
    let folder = tempfile::tempdir().unwrap();
    let (script, there) = (folder.path().join("credentials"), folder.path().join("there"));
    let config = folder.path().join("config");
    let keys = r#"{"Version": 1, "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "secret"}"#;
    fs::write(&script, format!("cat {} || exit 1\n", there.display())).unwrap();
    fs::write(&config, format!("[default]\ncredential_process = sh {}\n", script.display())).unwrap();
    let mut command = program(Some(&simulator));
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env("AWS_CONFIG_FILE", &config);
    let path = std::env::var_os("PATH").unwrap();
    let to_aws = FaultProxy::start();
    let address = format!("127.0.0.1:{}", to_aws.port());
    command.env("PATH", path).env("AWS_ENDPOINT_URL", format!("http://{address}"));
    let mut sidecar = Sidecar::on_shared_broker(command, "credentials", &[("maximum_retries", "0")]);
    wait_for_reason(&mut sidecar, "credential_process");
    fs::write(&there, keys).unwrap();
    wait_for_reason(&mut sidecar, &address);
    to_aws.lead_to(simulator.endpoint().trim_start_matches("http://"));
    let reports = sidecar.wait_for_reports(1);
    assert_eq!(reports[0]["outcome"], "COMPLETED", "{}", reports[0]);
    assert_eq!(sidecar.stop().reports.len(), 1);
}

#[test]
fn an_aws_that_cannot_answer_yet_is_waited_for() {
    let simulator = simulator();
    for action in ["GetCallerIdentity", "ListClusters"] {
        drop(simulator.fault(Fault::unavailable(action).times(1)));
    }
    let mut sidecar = sidecar(&simulator, "unavailable", &[("maximum_retries", "0")]);
    let reports = sidecar.wait_for_reports(1);
    assert_eq!(reports[0]["outcome"], "COMPLETED", "{}", reports[0]);
    let left = sidecar.stop();
    assert!(left.logs.contains("no sync can begin yet: AWS does not answer: HTTP 503"), "{}", left.logs);
}

#[test]
fn credentials_that_nobody_has_set_are_no_matter_of_the_start() {
    let simulator = simulator();
    let mut command = program(Some(&simulator));
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let prefix = unique("none");
    let settings = [
        ("kafka.bootstrap_servers", broker::bootstrap_servers().unwrap()),
        ("kafka.topics_create", "if_missing"),
        ("kafka.topic_prefix", prefix.as_str()),
        ("interval", "1h"),
    ];
    let mut sidecar = Sidecar::start(command, &settings);
    let reports = sidecar.wait_for_reports(1);
    assert_eq!((&reports[0]["outcome"], &of(&reports[0], "EcsTask")["state"]), (&json!("FAILED"), &json!("denied")));
}

#[test]
fn topics_that_are_absent_are_waited_for_and_may_be_asked_for_at_once() {
    let simulator = simulator();
    let prefix = unique("absent");
    let settings = [("kafka.topics_create", "never"), ("kafka.topic_prefix", &prefix)];
    let mut sidecar = sidecar(&simulator, "absent", &settings);
    wait_for_reason(&mut sidecar, "topics are absent");
    let mut others = simulator_topics(&simulator, &prefix);
    others.wait_for_reports(1);
    drop(others);
    // Its next try may have begun by itself.
    assert!([202, 409].contains(&sidecar.ask("POST", "/sync").0));
    let reports = sidecar.wait_for_reports(1);
    assert_eq!(reports[0]["outcome"], "COMPLETED", "{}", reports[0]);
}

/// Another sidecar, which makes the topics.
fn simulator_topics(simulator: &Simulator, prefix: &str) -> Sidecar {
    sidecar(simulator, "makes", &[("kafka.topic_prefix", prefix)])
}

#[test]
fn what_is_wrong_is_a_failed_sync_and_is_tried_when_it_is_mended() {
    let simulator = simulator();
    let prefix = unique("wrong");
    let subject = format!("{prefix}.task-value");
    registry::occupy(&subject);
    let url = registry::url().unwrap();
    let settings =
        [("kafka.topic_prefix", prefix.as_str()), ("schema_registry.url", url), ("schema_registry.mode", "auto")];
    let mut sidecar = sidecar(&simulator, "wrong", &settings);
    let reports = sidecar.wait_for_reports(1);
    assert_eq!((&reports[0]["outcome"], &reports[0]["types"]), (&json!("FAILED"), &json!([])), "{}", reports[0]);
    assert!(reason(&sidecar).contains(&subject), "{}", reason(&sidecar));
    let status = sidecar.status();
    assert_eq!(status["last"]["outcome"], "FAILED", "{status}");
    let (deleted, _) = registry::ask("DELETE", &format!("{url}/subjects/{subject}"), None);
    assert_eq!(deleted, 200);
    assert_eq!(registry::ask("DELETE", &format!("{url}/config/{subject}"), None).0, 200);
    assert_eq!(sidecar.ask("POST", "/sync").0, 202);
    let reports = sidecar.wait_for_reports(2);
    assert_eq!(reports[1]["outcome"], "COMPLETED", "{}", reports[1]);
    assert_eq!(sidecar.ask("GET", "/readyz").0, 200);
}

#[test]
fn a_producer_that_has_failed_for_good_is_not_ready_until_it_works_again() {
    let simulator = simulator();
    let gate = simulator.fault(Fault::hold("DescribeTasks"));
    let proxy = FaultProxy::start();
    let broker = Broker::start_behind(proxy.port()).unwrap();
    proxy.lead_to(broker.second());
    let servers = format!("127.0.0.1:{}", proxy.port());
    let settings = [
        ("kafka.bootstrap_servers", servers.as_str()),
        ("kafka.delivery_timeout", "2s"),
        ("kafka.startup_timeout", "2s"),
        ("interval", "3s"),
    ];
    let mut sidecar = sidecar(&simulator, "fatal", &settings);
    sidecar.wait_for("tasks are held", |status| status["phase"] == "reading");
    assert_eq!(sidecar.ask("GET", "/readyz").0, 200);
    proxy.set(Toxics { black_hole: true, ..Toxics::default() });
    gate.release();
    wait_for_reason(&mut sidecar, "Kafka acknowledged nothing for 2s");
    let reports = sidecar.wait_for_reports(1);
    assert_eq!(reports[0]["outcome"], "FAILED", "{}", reports[0]);
    assert_eq!(sidecar.ask("GET", "/livez").0, 200, "a broker that is away is no matter of life");
    proxy.set(Toxics::default());
    proxy.reset();
    kit::wait::wait_until("it is ready again", || sidecar.ask("GET", "/readyz").0 == 200);
    let reports = sidecar.wait_for_reports(2);
    assert_eq!(reports.last().unwrap()["outcome"], "COMPLETED", "{reports:?}");
}
