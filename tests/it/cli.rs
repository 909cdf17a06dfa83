//! The real program: wrong input, its answers, its exit codes, its output in a pipe.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Stdio;

use ecs_sim::{Fault, Shape, Simulator, World};
use kit::broker;
use kit::program::{code, program, text};
use kit::settings::unique;
use serde_json::Value;

const ROLE: &str = "arn:aws:iam::111111111111:role/reader";

/// A listener that stands for everything outside: nobody may knock.
struct Outside(TcpListener);

impl Outside {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    fn assert_untouched(&self, case: &str) {
        assert!(self.0.accept().is_err(), "{case}: something was contacted");
    }
}

/// A case of bad input: variables, arguments, and what every one of the lines must say.
struct Bad<'a> {
    env: &'a [(&'a str, &'a str)],
    args: &'a [&'a str],
    says: &'a [&'a [&'a str]],
}

/// Runs a sync that must not begin, with a region and brokers unless the case is about them.
fn assert_refused(outside: &Outside, case: &Bad<'_>) {
    let name = format!("{:?} {:?}", case.env, case.args);
    let mut command = program(None);
    command.env("AWS_ENDPOINT_URL", format!("http://{}", outside.address()));
    if !case.args.contains(&"no region") {
        command.env("AWS_REGION", "eu-west-1");
    }
    command.args(["sync"]).envs(case.env.iter().copied());
    if !case.args.contains(&"no brokers") {
        command.arg("--set").arg(format!("kafka.bootstrap_servers={}", outside.address()));
    }
    for set in case.args.iter().filter(|arg| !arg.starts_with("no ")) {
        if set.starts_with("--") {
            command.args(set.split(' '))
        } else {
            command.args(["--set", set])
        };
    }
    let output = command.output().unwrap();
    let errors = text(&output.stderr);
    assert_eq!(code(&output), 64, "{name}: {errors}");
    assert_eq!(text(&output.stdout), "", "{name}");
    let lines: Vec<&str> = errors.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), case.says.len(), "{name}: one line each: {errors}");
    for words in case.says {
        let said = lines.iter().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(said, "{name}: no line has {words:?}: {errors}");
    }
    outside.assert_untouched(&name);
}

#[test]
fn bad_input_is_one_clear_line_each_and_nothing_is_contacted() {
    let outside = Outside::new();
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let near_miss = format!("--config {}", file("near-miss.toml", "\npage_sise = 50\n"));
    let malformed = format!("--config {}", file("malformed.toml", "name = \n"));
    let absent = format!("--config {}", directory.path().join("absent.toml").display());
    let key = file("key", "AKIA\n");
    let both = [
        ("ECS_SDM_SECRET_ACCESS_KEY", "secret"),
        ("ECS_SDM_SECRET_ACCESS_KEY_FILE", key.as_str()),
        ("ECS_SDM_ACCESS_KEY_ID", "AKIA"),
    ];
    let three = format!("assume_role_arns={ROLE},arn:aws:iam::12:role/x,{ROLE}2");
    let role = three.as_str();
    for case in [
        Bad { env: &[], args: &[&near_miss], says: &[&["page_sise", "near-miss.toml:2", "page_size"]] },
        Bad {
            env: &[("ECS_SDM_PAGE_SISE", "50")],
            args: &[],
            says: &[&["page_sise", "ECS_SDM_PAGE_SISE", "ECS_SDM_PAGE_SIZE"]],
        },
        Bad { env: &[("ECS_SDM_PAGE_SIZE", "0")], args: &[], says: &[&["page_size", "0", "ECS_SDM_PAGE_SIZE"]] },
        Bad { env: &[], args: &["page_size=ten"], says: &[&["page_size", "ten", "--set"]] },
        Bad { env: &[], args: &["session_duration=60"], says: &[&["session_duration", "60", "900", "43200"]] },
        Bad { env: &[], args: &[role], says: &[&["assume_role_arns[1]", "arn:aws:iam::12:role/x"]] },
        Bad { env: &[("ECS_SDM_ACCESS_KEY_ID", "AKIA")], args: &[], says: &[&["access_key_id", "secret_access_key"]] },
        Bad {
            env: &[],
            args: &["operation_options.EcsTask.fetchstoppedtasks=true"],
            says: &[&["fetchstoppedtasks", "fetchStoppedTasks"]],
        },
        Bad {
            env: &[("ECS_SDM_OPERATION_OPTIONS__EcsTask__fetchStoppedTasks", "True")],
            args: &[],
            says: &[&["fetchStoppedTasks", "True", "true"]],
        },
        Bad { env: &[], args: &["no region"], says: &[&["default_region", "no region", "AWS_REGION"]] },
        Bad {
            env: &[("AWS_REGION", "../x")],
            args: &["no region"],
            says: &[&["default_region", "../x", "not a region"]],
        },
        Bad { env: &[("AWS_REGION", "")], args: &["no region"], says: &[&["default_region", "no region"]] },
        Bad { env: &[], args: &["no brokers"], says: &[&["kafka.bootstrap_servers", "missing"]] },
        Bad {
            env: &[],
            args: &["kafka.properties.message.timeout.ms=1000"],
            says: &[&["kafka.properties.message.timeout.ms", "kafka.delivery_timeout"]],
        },
        Bad { env: &[], args: &["kafka.properties.acks=1"], says: &[&["kafka.properties.acks", "leave it out"]] },
        Bad {
            env: &[],
            args: &["kafka.properties.linger.mss=5"],
            says: &[&["kafka.properties.linger.mss", "No such configuration property"]],
        },
        Bad { env: &both, args: &[], says: &[&["secret_access_key", "secret_access_key_file"]] },
        Bad { env: &[], args: &[&absent], says: &[&["absent.toml", "No such file"]] },
        Bad { env: &[], args: &[&malformed], says: &[&["malformed.toml:1"]] },
        Bad { env: &[], args: &["interval=15m"], says: &[&["interval", "not available yet"]] },
        Bad {
            env: &[],
            args: &["schema_registry.url=http://user:secret@localhost:8081"],
            says: &[&["schema_registry.url", "not a URL without a user"]],
        },
        Bad {
            env: &[("AWS_CA_BUNDLE", "/nonexistent/ca.pem")],
            args: &[],
            says: &[&["AWS_CA_BUNDLE", "ca.pem", "No such file"]],
        },
        Bad { env: &[("AWS_CA_BUNDLE", &key)], args: &[], says: &[&["AWS_CA_BUNDLE", "holds no certificate", "PEM"]] },
        Bad { env: &[("HTTPS_PROXY", "::bad")], args: &[], says: &[&["HTTPS_PROXY", "not the address of a proxy"]] },
        Bad { env: &[("all_proxy", "socks5://a:b@c:1")], args: &[], says: &[&["all_proxy", "http://HOST:PORT"]] },
        Bad { env: &[("AWS_ENDPOINT_URL_ECS", "")], args: &[], says: &[&["AWS_ENDPOINT_URL_ECS", "is empty"]] },
        Bad {
            env: &[("AWS_PROFILE", "typo")],
            args: &[],
            says: &[&["AWS_PROFILE", "typo", "neither", "AWS_CONFIG_FILE"]],
        },
        // Several at once are all reported.
        Bad {
            env: &[("ECS_SDM_PAGE_SIZE", "0"), ("ECS_SDM_NAM", "x")],
            args: &["no region", "no brokers", "session_duration=60", "kafka.properties.linger.mss=5", &near_miss],
            says: &[
                &["page_size: 0"],
                &["ECS_SDM_NAM"],
                &["no region"],
                &["kafka.bootstrap_servers"],
                &["session_duration"],
                &["linger.mss"],
                &["page_sise"],
            ],
        },
    ] {
        assert_refused(&outside, &case);
    }
}

#[test]
fn wrong_flags_are_usage_errors_and_help_is_an_answer() {
    for args in [&["sync", "--nonsense"][..], &["dance"], &[], &["sync", "--report", "xml"]] {
        let output = program(None).args(args).output().unwrap();
        assert_eq!(code(&output), 64, "{args:?}");
        assert_eq!(text(&output.stdout), "", "{args:?}");
    }
    for args in [&["--help"][..], &["--version"], &["help", "sync"], &["sync", "--help"], &["check", "--help"]] {
        let output = program(None).args(args).output().unwrap();
        assert_eq!((code(&output), text(&output.stderr)), (0, String::new()), "{args:?}");
        let answer = text(&output.stdout);
        assert!(args.contains(&"--version") || answer.contains("Example"), "{args:?}: {answer}");
    }
}

#[test]
fn check_shows_every_setting_with_its_origin_and_hides_secrets() {
    let output = program(None)
        .args(["check", "--set", "page_size=50", "--set", "secret_access_key=hunter2", "--set", "access_key_id=AKIA2"])
        .env("ECS_SDM_KAFKA__BOOTSTRAP_SERVERS", "localhost:9092")
        .output()
        .unwrap();
    let listing = text(&output.stdout);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let line = |key: &str| {
        listing
            .lines()
            .find(|line| line.starts_with(&format!("{key} = ")))
            .unwrap_or_else(|| panic!("{key}: {listing}"))
    };
    assert!(line("page_size").contains("50") && line("page_size").contains("# --set page_size"));
    assert!(line("kafka.bootstrap_servers").contains("# variable ECS_SDM_KAFKA__BOOTSTRAP_SERVERS"));
    assert!(line("parallel_requests").ends_with("# default"));
    assert!(line("secret_access_key").contains("<redacted>"));
    assert!(!listing.contains("hunter2") && !listing.contains("AKIA2"));
}

#[test]
fn schemas_print_equals_the_checked_in_files() {
    for object in ["EcsCluster", "EcsService", "EcsTask", "EcsTaskDefinition"] {
        let output = program(None).args(["schemas", "print", object]).output().unwrap();
        let file = std::fs::read_to_string(format!("{}/schemas/{object}.avsc", env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert_eq!(text(&output.stdout), file);
    }
    let output = program(None).args(["schemas", "print", "EcsTusk"]).output().unwrap();
    assert_eq!(code(&output), 64);
    assert!(text(&output.stderr).contains("EcsTask"));
}

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let output = program(None).args(["completions", shell]).output().unwrap();
        assert!(code(&output) == 0 && text(&output.stdout).contains("ecs-sdm-producer"), "{shell}");
    }
}

#[test]
fn a_dry_run_prints_json_lines_and_ends_with_the_report() {
    let simulator = Simulator::start(World::default()).unwrap();
    let output = program(Some(&simulator)).args(["sync", "--dry-run", "--report", "json"]).output().unwrap();
    assert_eq!((code(&output), text(&output.stderr)), (0, String::new()), "a quiet run is a healthy run");
    let lines: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (report, records) = lines.split_last().unwrap();
    let members: Vec<&String> = report.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        ["sync", "name", "emit", "outcome", "error", "started", "ended", "types", "calls", "partitions"]
    );
    assert_eq!((&report["outcome"], &report["partitions"]), (&Value::from("COMPLETED"), &serde_json::json!([])));
    let of_type =
        |object: &str| report["types"].as_array().unwrap().iter().find(|one| one["object"] == object).unwrap().clone();
    let acknowledged: u64 =
        report["types"].as_array().unwrap().iter().map(|one| one["acknowledged"].as_u64().unwrap()).sum();
    assert_eq!(acknowledged, records.len() as u64, "printed = acknowledged");
    assert_eq!(of_type("EcsTask")["account"], "111111111111");
    assert_eq!((&of_type("EcsTask")["role"], &of_type("EcsTask")["error"]), (&Value::Null, &Value::Null));
    for record in records {
        assert_eq!(record["timestamp"], report["sync"]);
        assert_eq!(record["value"]["LAST_CAPTURED"], report["sync"]);
        assert_eq!(record["value"]["UID"], record["key"]);
        assert!(record["headers"]["ce_id"].as_str().unwrap().starts_with(record["key"].as_str().unwrap()));
        let topic = record["topic"].as_str().unwrap();
        assert!(topic.starts_with("sdm.ecs."), "{topic}");
    }
}

#[test]
fn odd_variables_of_the_aws_cli_do_no_harm() {
    let simulator = Simulator::start(World::default()).unwrap();
    for (name, value) in [("AWS_RETRY_MODE", "bogus"), ("AWS_MAX_ATTEMPTS", "0"), ("AWS_MAX_ATTEMPTS", "many")] {
        let output = program(Some(&simulator)).args(["sync", "--dry-run"]).env(name, value).output().unwrap();
        assert_eq!(code(&output), 0, "{name}={value}: {}", text(&output.stderr));
    }
}

#[test]
fn a_report_that_cannot_be_written_is_no_success() {
    let simulator = Simulator::start(World { shape: Shape::empty(), ..World::default() }).unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output =
        program(Some(&simulator)).args(["sync", "--dry-run", "--report", "json"]).stdout(full).output().unwrap();
    assert_eq!(code(&output), 1);
    assert!(text(&output.stderr).contains("standard output: No space left"), "{}", text(&output.stderr));
    let simulator = Simulator::start(World::default()).unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = program(Some(&simulator)).args(["sync", "--dry-run"]).stdout(full).output().unwrap();
    assert_eq!(code(&output), 2, "records that cannot be written are no closed pipe");
    assert!(text(&output.stderr).contains("standard output: No space left"), "{}", text(&output.stderr));
}

#[test]
fn a_stopped_dry_run_whose_reader_does_not_read_ends_all_the_same() {
    let simulator =
        Simulator::start(World { shape: Shape { tasks: 3_000, ..Shape::small() }, ..World::default() }).unwrap();
    let mut child = program(Some(&simulator))
        .args(["sync", "--dry-run", "--report", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The pipe fills up, since nobody reads; two signals end the program at once.
    let mut output = child.stdout.take().unwrap();
    let mut first = [0];
    output.read_exact(&mut first).unwrap();
    let pid = child.id().to_string();
    while child.try_wait().unwrap().is_none() {
        std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        std::thread::yield_now();
    }
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn an_endpoint_that_is_no_address_shows_no_request() {
    let output = program(None)
        .args(["sync", "--dry-run", "--set", "maximum_retries=0", "--set", "external_id=our-secret-word"])
        .args(["--set", &format!("assume_role_arns={ROLE}"), "--set", "default_region=eu-west-1"])
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1/\u{e9} ")
        .env("AWS_ACCESS_KEY_ID", "any")
        .env("AWS_SECRET_ACCESS_KEY", "any")
        .output()
        .unwrap();
    let errors = text(&output.stderr);
    assert_eq!(code(&output), 2, "{errors}");
    assert!(!errors.contains("our-secret-word") && !errors.contains("SdkBody"), "{errors}");
}

#[test]
fn a_line_break_in_a_key_is_said_and_no_panic() {
    let simulator = Simulator::start(World::default()).unwrap();
    let mut command = program(Some(&simulator));
    let output =
        command.args(["sync", "--dry-run", "--report", "json"]).env("AWS_ACCESS_KEY_ID", "AKIA\n").output().unwrap();
    let report: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!((code(&output), report["types"].as_array().unwrap().len()), (2, 4), "{}", text(&output.stderr));
    assert!(report["types"][0]["error"].as_str().unwrap().contains("line break"), "{report}");
    assert!(!text(&output.stderr).contains("panicked"));
}

#[test]
fn check_hides_secrets_among_the_properties() {
    for name in ["sasl.oauthbearer.config", "sasl.oauthbearer.assertion.private.key.passphrase", "sasl.password"] {
        let set = format!("kafka.properties={{\"{name}\"=\"hunter2\"}}");
        let output = program(None).args(["check", "--set", &set]).output().unwrap();
        assert!(!text(&output.stdout).contains("hunter2"), "{name}");
        assert!(!text(&output.stderr).contains("hunter2"), "{name}: {}", text(&output.stderr));
    }
}

#[test]
fn a_closed_pipe_ends_a_dry_run_quietly() {
    let shape = Shape { clusters: 1, tasks: 5_000, ..Shape::small() };
    let simulator = Simulator::start(World { shape, ..World::default() }).unwrap();
    let mut child = program(Some(&simulator))
        .args(["sync", "--dry-run"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(first.starts_with('{'));
    assert_eq!((code(&output), text(&output.stderr)), (0, String::new()));
}

#[test]
fn the_report_as_json_stands_alone_on_standard_output() {
    let simulator = Simulator::start(World::default()).unwrap();
    let servers = broker::bootstrap_servers().unwrap();
    let output = program(Some(&simulator))
        .args(["run", "--report", "json", "--set", "kafka.topics_create=if_missing"])
        .args([
            "--set",
            &format!("kafka.bootstrap_servers={servers}"),
            "--set",
            &format!("kafka.topic_prefix={}", unique("cli")),
        ])
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let report: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!(report["outcome"], "COMPLETED");
    assert_eq!(report["partitions"].as_array().unwrap().len(), 4 * 6);
}

#[test]
fn a_signal_ends_a_sync_aborted_with_what_was_read_delivered() {
    let simulator = Simulator::start(World::default()).unwrap();
    // Tasks and task definitions stay at the gate; clusters and services are read.
    let gate = simulator.fault(Fault::hold("DescribeTasks"));
    let servers = broker::bootstrap_servers().unwrap();
    let mut child = program(Some(&simulator))
        .args(["sync", "--report", "json", "--set", "kafka.topics_create=if_missing"])
        .args([
            "--set",
            &format!("kafka.bootstrap_servers={servers}"),
            "--set",
            &format!("kafka.topic_prefix={}", unique("abort")),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(gate.wait_met(1));
    let killed = std::process::Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success());
    let mut report = String::new();
    child.stdout.take().unwrap().read_to_string(&mut report).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 1, "{}", text(&output.stderr));
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["outcome"], "ABORTED");
    let tasks = report["types"].as_array().unwrap().iter().find(|one| one["object"] == "EcsTask").unwrap();
    assert_eq!((&tasks["state"], &tasks["described"]), (&Value::from("partial"), &Value::from(0)));
    for one in report["types"].as_array().unwrap() {
        assert_eq!(one["described"], one["acknowledged"], "what was read is delivered: {one}");
    }
    gate.release();
}

#[test]
fn a_second_signal_ends_at_once() {
    let simulator = Simulator::start(World::default()).unwrap();
    // A broker that accepts and never answers keeps the sync in its start.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut child = program(Some(&simulator))
        .args(["sync", "--set", &format!("kafka.bootstrap_servers={}", silent.local_addr().unwrap())])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(silent.accept().unwrap());
    let pid = child.id().to_string();
    let term = || std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(term().success());
    let output = loop {
        if child.try_wait().unwrap().is_some() {
            break child.wait_with_output().unwrap();
        }
        term();
        std::thread::yield_now();
    };
    assert_eq!(code(&output), 1);
    std::io::stderr().flush().unwrap();
}
