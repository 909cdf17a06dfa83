//! What is said of settings is one line, not for ever, and without secrets that stand where none belongs.

use ecs_sdm_producer::kafka::client;

use super::*;

const BUNDLE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";

#[test]
fn a_secret_beside_its_place_is_not_shown() {
    #[rustfmt::skip]
    let flags = [
        ("session_token:hunter2==", "session_token…: unknown setting (--set session_token…); did you mean session_token_file?"),
        ("session_token:hunter2", "--set session_token: has no value; it takes KEY=VALUE"),
        ("regions[0]=eu-west-1", "regions…: unknown setting (--set regions…); did you mean regions?"),
        ("page_size:=5", "page_size…: unknown setting (--set page_size…); did you mean page_size?"),
        ("schema_registry.url=http://user:aa,hunter2,cc@host", "schema_registry.url[0]: \"http://<redacted>\" is not a URL without a user or query (--set schema_registry.url); it looks like https://host:port"),
        ("schema_registry.url=http://user:p@a,hunter2@host", "schema_registry.url[0]: \"http://<redacted>\" is not a URL without a user or query (--set schema_registry.url); it looks like https://host:port"),
        ("schema_registry.url=http://user:pw,://hunter2@host", "schema_registry.url[0]: \"http://<redacted>\" is not a URL without a user or query (--set schema_registry.url); it looks like https://host:port"),
        ("schema_registry.url=https://us/er:hunter2@host", "schema_registry.url[0]: \"https://<redacted>\" is not a URL without a user or query (--set schema_registry.url); it looks like https://host:port"),
        ("schema_registry.url=https://user:/hunter2@host", "schema_registry.url[0]: \"https://<redacted>\" is not a URL without a user or query (--set schema_registry.url); it looks like https://host:port"),
        ("schema_registry.url=https://us://er:hunter2@host", "schema_registry.url[0]: \"https://<redacted>\" is not a URL without a user or query (--set schema_registry.url); it looks like https://host:port"),
        ("assume_role_arns=arn:aws:iam::12345678901:role/a@b", "assume_role_arns[0]: \"arn:aws:iam::12345678901:role/a@b\" is not a role ARN (--set assume_role_arns); it looks like arn:aws:iam::123456789012:role/NAME"),
        ("session_tokenhunter2==", "session_token…: unknown setting (--set session_token…); did you mean session_token_file?"),
        ("secret_access_key-hunter2hunter2", "--set secret_access_key: has no value; it takes KEY=VALUE"),
        ("hunter2", "--set: has no value; it takes KEY=VALUE"),
        ("hunter2hunter2hunter2==", "hunt…: unknown setting (--set hunt…); config/connector.toml has every setting"),
        ("schema_registry.hunter2hunter2hunter2==", "schema_registry.hunt…: unknown setting (--set schema_registry.hunt…); config/connector.toml has every setting"),
        ("schema_registry.url=https://user:p,hunter2@host", "schema_registry.url[0]: \"https://<redacted>\" is not a URL without a user or query (--set schema_registry.url); it looks like https://host:port"),
        ("kafka.bootstrap_servers=a:1,user:p,hunter2@b:1", "kafka.bootstrap_servers[1]: \"<redacted>\" is not a host:port (--set kafka.bootstrap_servers); it looks like kafka.example.com:9092"),
        ("kafka.bootstrap_servers=hunter2@b:1", "kafka.bootstrap_servers[0]: \"<redacted>\" is not a host:port (--set kafka.bootstrap_servers); it looks like kafka.example.com:9092"),
        ("kafka.bootstrap_servers=hunter2,hunter2@b:1", "kafka.bootstrap_servers[0]: \"<redacted>\" is not a host:port (--set kafka.bootstrap_servers); it looks like kafka.example.com:9092"),
        ("kafka.bootstrap_servers=user:hunter2://x@b:1", "kafka.bootstrap_servers[0]: \"<redacted>\" is not a host:port (--set kafka.bootstrap_servers); it looks like kafka.example.com:9092"),
        ("kafka.bootstrap_servers=hunter2://x@b:1", "kafka.bootstrap_servers[0]: \"<redacted>\" is not a host:port (--set kafka.bootstrap_servers); it looks like kafka.example.com:9092"),
        ("kafka.bootstrap_servers=SASL_SSL://user:hunter2@b:1", "kafka.bootstrap_servers[0]: \"SASL_SSL://<redacted>\" is not a host:port (--set kafka.bootstrap_servers); it looks like kafka.example.com:9092"),
        ("kafka.properties.sasl.passwordHunter2==", "kafka.properties.sasl.password…: No such configuration property: \"sasl.password…\" (--set kafka.properties.sasl.password…); librdkafka's CONFIGURATION.md lists what it takes"),
        ("kafka.properties.sasl.pasword=hunter2", "kafka.properties.sasl.pasword: No such configuration property: \"sasl.pasword\" (--set kafka.properties.sasl.pasword); librdkafka's CONFIGURATION.md lists what it takes"),
        ("name=-----BEGIN PRIVATE KEY-----\nhunter2", "name: \"<redacted>\" is not a name (--set name); it takes 1 to 50 ASCII letters, digits and !#$%&'*+-.^_`|~"),
    ];
    for (flag, line) in flags {
        let mut loaded = load(&set(&[flag]));
        loaded.judge_properties(client::refusal);
        assert_eq!(errors(&loaded), [line], "{flag}");
        let listed = format!("{:?} {:?}", loaded.effective(), loaded.warnings);
        assert!(!listed.to_lowercase().contains("hunter2"), "{flag}: {listed}");
    }
    // ARNs may hold what tells a password.
    let arns = "arn:aws:iam::123456789012:role/a,arn:aws:iam::123456789012:role/b@c";
    assert_eq!(good(&load(&set(&[&format!("assume_role_arns={arns}")]))).assume_role_arns.len(), 2);
}

#[test]
fn a_key_of_a_file_or_a_variable_is_named_whole() {
    for key in ["kafka.security.key_location", "kafka.security.password_secret", "access_key_identity"] {
        let (loaded, _file) = from_file(&format!("{key} = 'x'\n"));
        let variable = format!("ECS_SDM_{}", key.replace('.', "__").to_uppercase());
        for said in [errors(&loaded), errors(&load(&env(&[(&variable, "x")])))] {
            assert!(said[0].starts_with(&format!("{key}: unknown setting")), "{said:?}");
        }
    }
    let (mut loaded, _file) = from_file("[kafka.properties]\n\"sasl.password.callback\" = 'hunter2'\n");
    loaded.judge_properties(client::refusal);
    let said = errors(&loaded);
    assert!(
        said[0].starts_with("kafka.properties.sasl.password.callback: ") && !said[0].contains("hunter2"),
        "{said:?}"
    );
}

#[test]
fn a_key_beside_its_certificate_is_not_listed() {
    let loaded =
        load(&set(&[&format!("schema_registry.certificate={BUNDLE}"), &format!("schema_registry.key={BUNDLE}")]));
    assert!(good(&loaded).schema_registry.certificate.as_ref().is_some_and(|text| text.contains("PRIVATE KEY")));
    assert_eq!(origin(&loaded, "schema_registry.certificate").0, "\"<redacted>\"");
}

#[test]
fn a_key_in_place_of_a_path_is_not_shown() {
    for key in ["access_key_id_file", "kafka.security.ca", "kafka.properties.ssl.ca.location"] {
        for text in ["-----BEGIN PRIVATE KEY-----", "----BEGIN PRIVATE KEY-----\nhunter2", "hunter2\nhunter2"] {
            for error in errors(&load(&set(&[&format!("{key}={text}")]))) {
                assert!(!error.contains("BEGIN") && !error.contains("hunter2"), "{error}");
            }
        }
    }
}

#[test]
fn all_that_is_said_is_one_short_line() {
    let long = "x".repeat(5_000);
    let text = format!(
        "\"a\\n\\u001b[31m\" = 1\nname = '{long}'\n{long} = 1\nkafka.properties.linger.ms = 99999999\n\
         kafka.properties.\"a\\nb\" = 1\ndefault_region = \"a\\u009b-1a\"\ntelemetry.log_format = '''\na\nb'''\n"
    );
    let (mut loaded, _file) = from_file(&text);
    loaded.judge_properties(client::refusal);
    let variable = ("ECS_SDM_NA\nME", "a");
    let escapes = format!("kafka.security.ca=/{}", "\u{9b}".repeat(1_000));
    let flags = [
        &*escapes,
        "kafka.security.ca=/no\tsuch",
        "kafka.security.ca\u{85}=a",
        "page_size=\u{1b}[31m",
        "roles={ \u{7f} }",
    ];
    for line in [errors(&loaded), errors(&load(&env(&[variable]))), errors(&load(&set(&flags)))].concat() {
        assert!(!line.contains(char::is_control) && line.len() < 1_200, "{line:?}");
    }
    let listed = origin(&load(&set(&["schema_registry.username=\u{9b}31m"])), "schema_registry.username").0;
    assert_eq!(listed, "\"\\u009B31m\"");
}
