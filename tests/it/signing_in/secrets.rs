//! Secrets of `kafka.security` are in no output, whatever is asked of the logs; those in files are read from there.

use std::sync::Arc;

use kit::program::{code, program, text};
use kit::secured::{Listener, PASSWORD, SESSION_TOKEN, USER};
use kit::settings::unique;
use kit::token_endpoint::{Answers, CLIENT_ID, CLIENT_SECRET, Reply, Signature, TokenEndpoint};

use super::{ENCRYPTED, KEY, KEY_PASSWORD, secured, variable, with_session};

/// The middle of a key, as it stands in its text.
fn body(key: &str) -> &str {
    key.lines().nth(1).unwrap()
}

/// Runs a command with everything that can be said, and holds that none of this is. Gives what it said.
fn assert_kept(args: &[&str], settings: &[(&str, &str)], listener: Listener, exit: i32) -> String {
    let broker = secured();
    let simulator = with_session(SESSION_TOKEN);
    let mut command = program(Some(&simulator));
    command.args(args).env("AWS_SESSION_TOKEN", SESSION_TOKEN);
    if args != ["--help"] {
        command.args(["--set", "kafka.topics_create=if_missing", "--set", "kafka.properties.debug=all"]);
        command.args(["--set", &format!("kafka.topic_prefix={}", unique("secrets"))]);
    }
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
fn a_client_secret_and_its_tokens_are_shown_by_nothing() {
    let endpoint = TokenEndpoint::https(Answers::tokens(Signature::Of(Arc::clone(&secured().key))));
    let oauth = |secret| {
        vec![
            ("protocol", "sasl_ssl"),
            ("mechanism", "OAUTHBEARER"),
            ("oauth.token_endpoint", endpoint.url()),
            ("oauth.ca", endpoint.ca()),
            ("oauth.client_id", CLIENT_ID),
            ("oauth.client_secret", secret),
        ]
    };
    let assert_kept = |command: &[&str], secret, exit| {
        let said = assert_kept(command, &oauth(secret), Listener::OauthJwks, exit);
        for token in endpoint.issued() {
            // Its header is that of every such token.
            let (_, content) = token.split_once('.').unwrap();
            assert!(!said.contains(content), "a token is shown by {command:?}: {said}");
        }
        for asked in endpoint.asked() {
            let header = asked.headers["authorization"].to_str().unwrap().replace("Basic ", "");
            assert!(!said.contains(&header), "the client's secret is shown by {command:?}: {said}");
        }
        said
    };
    for command in COMMANDS {
        let said = assert_kept(command, CLIENT_SECRET, 0);
        assert!(command != ["sync"] || said.contains("librdkafka"), "the logs do speak");
    }
    assert_kept(&["sync"], "canary", 2);
    // A token that brokers refuse, and an endpoint that says what it was told.
    endpoint.answer(|answers| *answers = answers.clone().claim("exp", 1));
    assert_kept(&["sync"], CLIENT_SECRET, 2);
    let echo = r#"{"error":"invalid_client","error_description":"oauth canary+%2F=& is not the secret"}"#;
    endpoint.answer(|answers| answers.reply = Reply::json(401, echo));
    let said = assert_kept(&["sync"], CLIENT_SECRET, 2);
    assert!(said.contains("<withheld: it repeats the client's secret>"), "{said}");
    assert!(!endpoint.issued().is_empty());
}

#[test]
fn what_aws_credentials_sign_is_shown_by_nothing() {
    let msk = vec![("protocol", "sasl_ssl"), ("mechanism", "AWS_MSK_IAM")];
    let elsewhere = [msk.as_slice(), &[("aws_region", "us-east-1")]].concat();
    // In base64: https://kafka.
    let token = "aHR0cHM6Ly9rYWZrYS";
    for (settings, exit) in [(&msk, 0), (&elsewhere, 2)] {
        let said = assert_kept(&["sync"], settings, Listener::MskIam, exit);
        assert!(!said.contains(token) && !said.contains("X-Amz-Signature"), "a token is shown: {said}");
        assert!(said.contains("librdkafka"), "the logs do speak");
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
