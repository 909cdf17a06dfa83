//! How the program ends where it is refused, and before it has begun: with its exit code, whatever its threads do at that moment.
//!
//! `cargo test` has fifty refused starts. More of them:
//!
//! ```sh
//! REFUSED_STARTS=1000 cargo test --test it endings::refused -- --nocapture
//! ```

use std::env;
use std::fmt::{self, Display, Formatter};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use ecs_sim::{Simulator, World};
use kit::broker::Broker;
use kit::cases::side_by_side;
use kit::program::{code, program, text};
use kit::server;
use kit::tls_port::TlsPort;
use serde_json::Value;

/// How Kafka refuses a start.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    /// Its certificate is not trusted.
    Certificate,
    /// The password is wrong, over TLS.
    Password,
    /// The port closes the connection in the TLS hand-shake.
    HandShake,
}

/// One start that is refused, by its number.
struct Start(Refusal, usize);

impl Display for Start {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "start {}, {:?}", self.1, self.0)
    }
}

/// The ports that refuse.
struct Ports {
    _broker: Broker,
    password: TlsPort,
    closing: TlsPort,
}

impl Ports {
    fn start() -> Self {
        let broker = Broker::start_with_password().unwrap();
        let password = TlsPort::start(Some(broker.second()));
        Self { _broker: broker, password, closing: TlsPort::start(None) }
    }

    /// The properties of a start, and what its error says.
    fn case(&self, refusal: Refusal) -> (&str, &'static [&'static str], &'static str) {
        match refusal {
            Refusal::Certificate => (self.password.address(), &["security.protocol=ssl"], "certificate verify failed"),
            Refusal::Password => (
                self.password.address(),
                &[
                    "security.protocol=sasl_ssl",
                    "enable.ssl.certificate.verification=false",
                    "sasl.mechanism=PLAIN",
                    "sasl.username=prod",
                    "sasl.password=wrong",
                ],
                "Invalid username or password",
            ),
            Refusal::HandShake => (self.closing.address(), &["security.protocol=ssl"], "SSL handshake failed"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_starts_end_with_their_exit_code() {
    let starts = env::var("REFUSED_STARTS").map_or(50, |count| count.parse().unwrap());
    let kinds = [Refusal::Certificate, Refusal::Password, Refusal::HandShake].into_iter().cycle();
    let cases = kinds.zip(0..starts).map(|(refusal, number)| Start(refusal, number)).collect();
    let ports = Arc::new(tokio::task::spawn_blocking(Ports::start).await.unwrap());
    let work = {
        let ports = Arc::clone(&ports);
        move |Start(refusal, _): Start| {
            let ports = Arc::clone(&ports);
            async move {
                let (address, properties, says) = ports.case(refusal);
                let mut command = program(None);
                command.args(["sync", "--set", &format!("kafka.bootstrap_servers={address}")]);
                command.args(["--set", "default_region=eu-west-1"]);
                for property in properties {
                    command.args(["--set", &format!("kafka.properties.{property}")]);
                }
                let output = command.output().unwrap();
                let errors = text(&output.stderr);
                assert_eq!(output.status.code(), Some(2), "{}: {errors}", output.status);
                assert!(errors.contains(says), "{says:?} is not in: {errors}");
            }
        }
    };
    let ended = side_by_side(cases, 4, work).await.len();
    // They have runtimes of their own.
    tokio::task::spawn_blocking(move || drop(ports)).await.unwrap();
    writeln!(io::stdout(), "endings: {ended} refused starts, {ended} exits 2").unwrap();
}

/// A command whose settings cannot be read to their end: the file is a pipe, and nobody has written to it yet.
struct Reading {
    child: Child,
    /// The writer's end of the pipe. The program has opened the other one.
    file: File,
    _folder: tempfile::TempDir,
}

impl Reading {
    fn start(wrap: &[&str], args: &[&str], simulator: &Simulator) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("connector.toml");
        server::run(Command::new("mkfifo").arg(&pipe)).unwrap();
        let mut command = wrapped(&program(Some(simulator)), wrap);
        command.args(args).arg("--config").arg(&pipe).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        // It opens once the program has opened its own end.
        let file = OpenOptions::new().write(true).open(&pipe).unwrap();
        Self { child, file, _folder: folder }
    }

    fn send(&self, signal: &str) {
        server::send(&self.child, signal).unwrap();
    }
}

/// The command as the argument of another, with its environment.
fn wrapped(command: &Command, wrap: &[&str]) -> Command {
    let all = wrap.iter().map(PathBuf::from).chain([Path::new(command.get_program()).to_owned()]);
    let mut all = all.collect::<Vec<_>>().into_iter();
    let mut outer = Command::new(all.next().unwrap());
    outer.args(all).env_clear().envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    outer
}

#[test]
fn a_signal_before_the_settings_are_read_ends_every_command() {
    let simulator = Simulator::start(World::default()).unwrap();
    for signal in ["TERM", "INT", "HUP"] {
        for (args, exit) in [
            (&["sync", "--report", "json"][..], 1),
            // A sidecar has done what was asked of it.
            (&["run", "--report", "json"], 0),
            (&["sync", "--dry-run", "--report", "json"], 1),
            (&["check"], 1),
            (&["schemas", "test"], 1),
        ] {
            // Whoever runs the tests may ignore it, as nohup does.
            let heard = ["env", "--default-signal=HUP"];
            let reading = Reading::start(&heard, args, &simulator);
            reading.send(signal);
            let output = reading.child.wait_with_output().unwrap();
            let errors = text(&output.stderr);
            assert_eq!(output.status.code(), Some(exit), "{signal}, {args:?}: {}: {errors}", output.status);
            assert!(errors.contains("signal"), "{signal}, {args:?}: {errors}");
            if args.contains(&"json") {
                let report: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
                assert_eq!(report["outcome"], "ABORTED", "{report}");
                assert_eq!(
                    (&report["error"], &report["types"]),
                    (&"stopped by a signal".into(), &Value::Array(vec![]))
                );
            }
        }
    }
    assert_eq!(simulator.counters().requests, 0, "nothing was contacted");
}

#[test]
fn a_hangup_that_was_ignored_at_the_start_stays_ignored() {
    let simulator = Simulator::start(World::default()).unwrap();
    let nohup = ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"];
    let reading = Reading::start(&nohup, &["sync", "--dry-run"], &simulator);
    reading.send("HUP");
    // The settings are read to their end.
    drop(reading.file);
    let output = reading.child.wait_with_output().unwrap();
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
}
