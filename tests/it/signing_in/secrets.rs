//! Secrets of `kafka.security` are in no output, whatever is asked of the logs; those in files are read from there.

use kit::program::{code, program, text};
use kit::secured::{Listener, PASSWORD, USER};
use kit::settings::unique;

use super::{ENCRYPTED, KEY, KEY_PASSWORD, secured, simulator};

/// The middle of a key, as it stands in its text.
fn body(key: &str) -> &str {
    key.lines().nth(1).unwrap()
}

/// Runs a command with everything that can be said, and holds that none of this is. Gives what it said.
fn assert_kept(args: &[&str], settings: &[(&str, &str)], listener: Listener, exit: i32) -> String {
    let (broker, simulator) = (secured(), simulator());
    let mut command = program(Some(&simulator));
    command.args(args);
    if args != ["--help"] {
        command.args(["--set", "kafka.topics_create=if_missing", "--set", "kafka.properties.debug=all"]);
        command.args(["--set", &format!("kafka.topic_prefix={}", unique("secrets"))]);
    }
    let variable = |key: &str| format!("ECS_SDM_KAFKA__SECURITY__{}", key.to_uppercase());
    command.envs(settings.iter().map(|(key, value)| (variable(key), value)));
    command.env("ECS_SDM_KAFKA__SECURITY__CA", &broker.authority.pem);
    command.env("ECS_SDM_KAFKA__BOOTSTRAP_SERVERS", broker.at(listener)).env("RUST_LOG", "trace");
    let output = command.output().unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(code(&output), exit, "{args:?}: {said}");
    for secret in [PASSWORD, KEY_PASSWORD, "canary", body(KEY), body(ENCRYPTED)] {
        assert!(!said.contains(secret), "{secret} is shown by {args:?}: {said}");
    }
    said
}

const COMMANDS: [&[&str]; 3] = [&["check"], &["sync"], &["--help"]];

#[test]
fn a_password_is_shown_by_nothing() {
    for mechanism in ["PLAIN", "SCRAM-SHA-512"] {
        let user = [("protocol", "sasl_ssl"), ("mechanism", mechanism), ("username", USER)];
        for command in COMMANDS {
            let settings = [user.as_slice(), &[("password", PASSWORD)]].concat();
            let said = assert_kept(command, &settings, Listener::SaslTls, 0);
            assert!(command != ["sync"] || said.contains("librdkafka"), "the logs do speak");
            assert!(command != ["check"] || said.contains("kafka.security.password = \"<redacted>\""), "{said}");
        }
        let settings = [user.as_slice(), &[("password", "canary")]].concat();
        assert_kept(&["sync"], &settings, Listener::SaslTls, 2);
    }
}

#[test]
fn a_key_and_its_password_are_shown_by_nothing() {
    let certificate = &secured().authority.client_with(KEY).certificate;
    let pair = |key| vec![("protocol", "ssl"), ("certificate", certificate.as_str()), ("key", key)];
    for command in COMMANDS {
        assert_kept(command, &pair(KEY), Listener::MutualTls, 0);
        let encrypted = [pair(ENCRYPTED), vec![("key_password", KEY_PASSWORD)]].concat();
        assert_kept(command, &encrypted, Listener::MutualTls, 0);
    }
    let wrong = [pair(ENCRYPTED), vec![("key_password", "canary")]].concat();
    for command in ["check", "sync"] {
        assert_kept(&[command], &wrong, Listener::MutualTls, 64);
    }
}

#[test]
fn secrets_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let password = file("password", &format!("{PASSWORD}\n"));
    let user = [("protocol", "sasl_ssl"), ("mechanism", "SCRAM-SHA-256"), ("username", USER)];
    let user = [user.as_slice(), &[("password_file", &password)]].concat();
    assert_kept(&["sync"], &user, Listener::SaslTls, 0);

    let certificate = file("client.pem", &secured().authority.client_with(KEY).certificate);
    let (key, opens) = (file("client.key", ENCRYPTED), file("key-password", KEY_PASSWORD));
    let pair = [("protocol", "ssl"), ("certificate", &certificate), ("key", &key), ("key_password_file", &opens)];
    assert_kept(&["sync"], &pair, Listener::MutualTls, 0);
}
