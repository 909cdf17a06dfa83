//! Registries that do not let everybody in: credentials, certificates, and what is said where they are wrong.

use std::path::Path;

use ecs_sdm_producer::config::{SchemaRegistryConfig, Secret};
use kit::guard::{Door, Guard, Pem};
use kit::judgement::assert_landed;
use kit::program::{code, program, text};
use kit::report::assert_failed;
use kit::settings::unique;
use kit::sync::sync;
use kit::{ACCOUNT, REGION, broker, registry};

use super::{assert_nothing_produced, framed, simulator, with_records, world};

/// `reader:canary-password`.
const BASIC: &str = "Basic cmVhZGVyOmNhbmFyeS1wYXNzd29yZA==";
const BEARER: &str = "Bearer canary-token";

type Set<'a> = &'a dyn Fn(&mut SchemaRegistryConfig);

fn inline(text: &str) -> Option<Secret> {
    Some(Secret::Inline(text.to_owned()))
}

fn path(file: &Path) -> String {
    file.to_str().unwrap().to_owned()
}

/// The settings open the door: everything lands.
async fn assert_open(guard: &Guard, set: Set<'_>) {
    let simulator = simulator();
    let mut config = framed(&simulator, "door");
    with_records(&mut config);
    let judge = config.clone();
    config.schema_registry.url = vec![guard.url().to_owned()];
    set(&mut config.schema_registry);
    let report = sync(&config).await;
    assert_landed(&world(), &judge, &report, &[(ACCOUNT, REGION, "")]);
}

/// They do not: nothing is produced, and the reason has these parts and no secret.
async fn assert_shut(guard: &Guard, set: Set<'_>, parts: &[&str]) {
    let simulator = simulator();
    let mut config = framed(&simulator, "door");
    config.schema_registry.url = vec![guard.url().to_owned()];
    set(&mut config.schema_registry);
    let reason = assert_failed(&sync(&config).await, &simulator);
    for part in parts {
        assert!(reason.contains(part), "{part} is not in: {reason}");
    }
    assert!(!reason.contains("canary-") && !reason.contains("-----BEGIN"), "a secret is in: {reason}");
    assert_nothing_produced(&config);
}

#[tokio::test(flavor = "multi_thread")]
async fn basic_auth() {
    let guard = Guard::start(registry::url().unwrap(), Door::Authorization(BASIC)).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "canary-password\n").unwrap();
    let login = |settings: &mut SchemaRegistryConfig, password: Option<Secret>| {
        settings.username = Some("reader".to_owned());
        settings.password = password;
    };
    assert_open(&guard, &|settings| login(settings, inline("canary-password"))).await;
    assert_open(&guard, &|settings| login(settings, Some(Secret::File(file.path().to_owned())))).await;
    let parts = ["401", "Unauthorized", "schema_registry.username"];
    assert_shut(&guard, &|_| (), &parts).await;
    assert_shut(&guard, &|settings| login(settings, inline("canary-wrong")), &parts).await;
    // Another secret than the right one, in another place.
    assert_shut(&guard, &|settings| settings.bearer_token = inline("canary-token"), &parts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_token() {
    let guard = Guard::start(registry::url().unwrap(), Door::Authorization(BEARER)).await;
    assert_open(&guard, &|settings| settings.bearer_token = inline("canary-token")).await;
    let parts = ["401", "Unauthorized", "bearer_token"];
    assert_shut(&guard, &|settings| settings.bearer_token = inline("canary-wrong"), &parts).await;
    assert_shut(&guard, &|_| (), &parts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_authority() {
    let guard = Guard::start(registry::url().unwrap(), Door::Tls).await;
    assert_open(&guard, &|settings| settings.ca = Some(path(&guard.ca.file))).await;
    assert_open(&guard, &|settings| settings.ca = Some(guard.ca.text.clone())).await;
    let parts = [guard.url(), "certificate", "schema_registry.ca"];
    assert_shut(&guard, &|settings| settings.ca = Some(path(&guard.foreign_ca.file)), &parts).await;
    assert_shut(&guard, &|_| (), &parts).await;
    let nowhere = guard.ca.file.with_file_name("nowhere.pem");
    let parts = [nowhere.to_str().unwrap(), "schema_registry.ca"];
    assert_shut(&guard, &|settings| settings.ca = Some(path(&nowhere)), &parts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_ones_own() {
    let guard = Guard::start(registry::url().unwrap(), Door::MutualTls).await;
    let show = |settings: &mut SchemaRegistryConfig, certificate: String, key: Option<Secret>| {
        settings.ca = Some(guard.ca.text.clone());
        settings.certificate = Some(certificate);
        settings.key = key;
    };
    let (certificate, key) = &guard.client;
    assert_open(&guard, &|settings| show(settings, path(&certificate.file), inline(&path(&key.file)))).await;
    assert_open(&guard, &|settings| show(settings, certificate.text.clone(), inline(&key.text))).await;
    let file = Some(Secret::File(key.file.clone()));
    assert_open(&guard, &|settings| show(settings, path(&certificate.file), file.clone())).await;
    let parts = [guard.url(), "schema_registry.certificate"];
    assert_shut(&guard, &|settings| settings.ca = Some(guard.ca.text.clone()), &parts).await;
    let (foreign, foreign_key) = &guard.foreign_client;
    let set = |settings: &mut SchemaRegistryConfig| show(settings, foreign.text.clone(), inline(&foreign_key.text));
    assert_shut(&guard, &set, &parts).await;
    // A key that is another's.
    let set = |settings: &mut SchemaRegistryConfig| show(settings, certificate.text.clone(), inline(&foreign_key.text));
    assert_shut(&guard, &set, &["schema_registry.certificate", "KeyMismatch"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_neither_text_nor_a_file_is_not_shown() {
    let guard = Guard::start(registry::url().unwrap(), Door::MutualTls).await;
    let set = |settings: &mut SchemaRegistryConfig| {
        settings.ca = Some(guard.ca.text.clone());
        settings.certificate = Some(guard.client.0.text.clone());
        settings.key = inline("canary-without-its-first-line");
    };
    assert_shut(&guard, &set, &["schema_registry.key"]).await;
}

fn variables<'a>(guard: &'a Guard, (certificate, key): &'a (Pem, Pem)) -> Vec<(&'static str, &'a str)> {
    vec![("CA", &guard.ca.text), ("CERTIFICATE", &certificate.text), ("KEY", &key.text)]
}

/// The real program, with the logs as loud as they get.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_logs() {
    let url = registry::url().unwrap();
    let basic = Guard::start(url, Door::Authorization(BASIC)).await;
    let bearer = Guard::start(url, Door::Authorization(BEARER)).await;
    let mutual = Guard::start(url, Door::MutualTls).await;
    let login = |password| vec![("USERNAME", "reader"), ("PASSWORD", password)];
    for (guard, settings, expected) in [
        (&basic, login("canary-password"), 0),
        (&basic, login("canary-wrong"), 2),
        (&bearer, vec![("BEARER_TOKEN", "canary-token")], 0),
        (&bearer, vec![("BEARER_TOKEN", "canary-wrong")], 2),
        (&mutual, variables(&mutual, &mutual.client), 0),
        (&mutual, variables(&mutual, &mutual.foreign_client), 2),
    ] {
        let simulator = simulator();
        let mut command = program(Some(&simulator));
        command.env("RUST_LOG", "trace,hyper=trace,hyper_util=trace,reqwest=trace,rustls=trace,h2=trace");
        command.env("ECS_SDM_KAFKA__BOOTSTRAP_SERVERS", broker::bootstrap_servers().unwrap());
        command.env("ECS_SDM_KAFKA__TOPICS_CREATE", "if_missing").env("ECS_SDM_KAFKA__TOPIC_PREFIX", unique("secret"));
        command.env("ECS_SDM_SCHEMA_REGISTRY__URL", guard.url()).env("ECS_SDM_SCHEMA_REGISTRY__MODE", "auto");
        for (name, value) in &settings {
            command.env(format!("ECS_SDM_SCHEMA_REGISTRY__{name}"), value);
        }
        command.args(["sync", "--report", "json"]);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(code(&output), expected, "{settings:?}: {said}");
        assert!(said.contains("DEBUG"), "the logs do speak: {said}");
        let keys = [&mutual.client.1, &mutual.foreign_client.1].map(|key| key.text.lines().nth(1).unwrap());
        let secrets = ["canary-", BASIC.trim_start_matches("Basic "), "cmVhZGVyOmNhbmFyeS13cm9uZw==", keys[0], keys[1]];
        for secret in secrets {
            assert!(!said.contains(secret), "{secret} is in the logs: {said}");
        }
    }
}
