//! Secrets and certificates that are replaced in their files between two syncs of one engine, while the broker refuses the old ones.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use ecs_sdm_producer::config::{Config, Mechanism, Secret, SecurityProtocol};
use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::report::{Outcome, Report};
use ecs_sdm_producer::sync::Sink;
use ecs_sim::Simulator;
use kit::REGION;
use kit::certificates::{Authority, Pair};
use kit::secured::{Listener, PASSWORD, ROTATED};
use kit::settings::{config, on_broker};
use kit::wait::wait_until;
use tokio::runtime::Runtime;

use super::{secured, simulator};

pub(super) fn engine(config: &Config) -> Engine {
    Engine::new(config.clone(), REGION.to_owned()).unwrap()
}

pub(super) fn sync(engine: &mut Engine) -> Report {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    RUNTIME.block_on(engine.start(Sink::Kafka).finish())
}

/// Whether the broker refuses who signs in anew with these settings.
fn is_refused(config: &Config) -> bool {
    sync(&mut engine(config)).outcome == Outcome::Failed
}

fn settings(simulator: &Simulator, listener: Listener, protocol: SecurityProtocol) -> Config {
    let mut config = on_broker(config(simulator), &secured().at(listener), "rotation");
    config.kafka.security.protocol = protocol;
    config.kafka.security.ca = Some(secured().authority.pem.clone());
    config
}

/// A file that holds it.
fn file(folder: &Path, name: &str, content: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path
}

fn replace(folder: &Path, pair: &Pair) {
    file(folder, "client.pem", &pair.certificate);
    file(folder, "client.key", &pair.key);
}

#[test]
fn a_password_is_taken_up_while_the_broker_refuses_the_old_one() {
    let (simulator, broker, folder) = (simulator(), secured(), tempfile::tempdir().unwrap());
    broker.set_password(ROTATED, PASSWORD);
    let mut config = settings(&simulator, Listener::CutSasl, SecurityProtocol::SaslSsl);
    config.kafka.security.mechanism = Some(Mechanism::ScramSha256);
    config.kafka.security.username = Some(ROTATED.to_owned());
    config.kafka.security.password = Some(Secret::File(file(folder.path(), "password", PASSWORD)));
    let mut engine = engine(&config);
    let first = sync(&mut engine);
    assert_eq!(first.outcome, Outcome::Completed, "{first:?}");

    broker.set_password(ROTATED, "another-canary");
    assert!(is_refused(&config), "the broker refuses the old password");
    file(folder.path(), "password", "another-canary\n");
    assert!(broker.cut(Listener::CutSasl) > 0, "the producer is connected");
    let second = sync(&mut engine);
    assert_eq!(second.outcome, Outcome::Completed, "{second:?}");
}

#[test]
fn a_certificate_is_taken_up_when_the_old_one_has_expired() {
    let (simulator, broker, folder) = (simulator(), secured(), tempfile::tempdir().unwrap());
    replace(folder.path(), &broker.authority.client_for(Duration::from_secs(15)));
    let mut config = settings(&simulator, Listener::CutMutualTls, SecurityProtocol::Ssl);
    config.kafka.security.certificate = Some(folder.path().join("client.pem").to_str().unwrap().to_owned());
    config.kafka.security.key = Some(Secret::Inline(folder.path().join("client.key").to_str().unwrap().to_owned()));
    let mut engine = engine(&config);
    let first = sync(&mut engine);
    assert_eq!(first.outcome, Outcome::Completed, "{first:?}");

    wait_until("the certificate has expired", || is_refused(&config));
    replace(folder.path(), &broker.authority.client());
    assert!(broker.cut(Listener::CutMutualTls) > 0, "the producer is connected");
    let second = sync(&mut engine);
    assert_eq!(second.outcome, Outcome::Completed, "{second:?}");

    // One of the two files is replaced: the producer goes on as it is.
    file(folder.path(), "client.key", &Authority::new().client().key);
    let third = sync(&mut engine);
    assert_eq!(third.outcome, Outcome::Completed, "{third:?}");
}

/// O_NONBLOCK of Linux: a pipe that nobody reads is an error, and no wait.
const NONBLOCK: i32 = 0o4000;

/// Gives the key to one reader of a pipe.
fn give(pipe: &Path, key: &str) {
    fs::write(pipe, key).unwrap();
    // The next one must not be read together with it.
    let is_read = || OpenOptions::new().write(true).custom_flags(NONBLOCK).open(pipe).is_err();
    wait_until("the key is read", is_read);
}

#[test]
fn a_certificate_that_is_replaced_before_its_key_is_read_again_with_it() {
    let (simulator, broker, folder) = (simulator(), secured(), tempfile::tempdir().unwrap());
    let (old, new) = (broker.authority.client(), broker.authority.client());
    let mut config = settings(&simulator, Listener::CutMutualTls, SecurityProtocol::Ssl);
    let certificate = file(folder.path(), "client.pem", &old.certificate);
    config.kafka.security.certificate = Some(certificate.to_str().unwrap().to_owned());
    let pipe = folder.path().join("client.key");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    config.kafka.security.key = Some(Secret::Inline(pipe.to_str().unwrap().to_owned()));
    let (mut engine, first) = thread::scope(|scope| {
        // At the start, and as the sync begins.
        scope.spawn(|| [&old, &old].map(|pair| give(&pipe, &pair.key)));
        let mut engine = engine(&config);
        let first = sync(&mut engine);
        (engine, first)
    });
    assert_eq!(first.outcome, Outcome::Completed, "{first:?}");

    fs::write(&certificate, &new.certificate).unwrap();
    let second = thread::scope(|scope| {
        scope.spawn(|| [&old, &new].map(|pair| give(&pipe, &pair.key)));
        sync(&mut engine)
    });
    assert_eq!(second.outcome, Outcome::Completed, "{second:?}");
}
