//! Wrong input, and odd input that does no harm.

use std::net::TcpListener;

use ecs_sim::{Simulator, World};
use serde_json::Value;

use super::*;

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
    let [sync, check] = ["sync", "check"].map(|command| refused(outside, case, command));
    assert_eq!(sync, check, "check says what sync does");
}

/// The lines of errors of a command that is refused.
fn refused(outside: &Outside, case: &Bad<'_>, of: &str) -> Vec<String> {
    let name = format!("{of} {:?} {:?}", case.env, case.args);
    let mut command = program(None);
    command.env("AWS_ENDPOINT_URL", format!("http://{}", outside.address()));
    if !case.args.contains(&"no region") {
        command.env("AWS_REGION", "eu-west-1");
    }
    command.args([of]).envs(case.env.iter().copied());
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
    assert!(of == "check" || output.stdout.is_empty(), "{name}");
    let lines: Vec<&str> = errors.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), case.says.len(), "{name}: one line each: {errors}");
    for words in case.says {
        let said = lines.iter().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(said, "{name}: no line has {words:?}: {errors}");
    }
    outside.assert_untouched(&name);
    lines.into_iter().map(str::to_owned).collect()
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
        Bad { env: &[], args: &["interval=15ms"], says: &[&["interval", "less than 1s"]] },
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
fn odd_variables_of_the_aws_cli_do_no_harm() {
    let simulator = Simulator::start(World::default()).unwrap();
    for (name, value) in [("AWS_RETRY_MODE", "bogus"), ("AWS_MAX_ATTEMPTS", "0"), ("AWS_MAX_ATTEMPTS", "many")] {
        let output = program(Some(&simulator)).args(["sync", "--dry-run"]).env(name, value).output().unwrap();
        assert_eq!(code(&output), 0, "{name}={value}: {}", text(&output.stderr));
    }
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
