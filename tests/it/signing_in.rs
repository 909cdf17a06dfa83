//! Signing in to Kafka: every way delivers, and every mistake is told by the key of its setting.

pub(crate) mod least;
mod mended;
mod rights;
mod rotation;
mod secrets;
mod settings;
mod tokens;

use std::fmt;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use ecs_sim::{Shape, Simulator, World};
use kit::cases::side_by_side;
use kit::certificates::Authority;
use kit::program::{code, program, text};
use kit::secured::{Listener, PASSWORD, SESSION_TOKEN, Secured, USER};
use kit::settings::unique;
use kit::tls_port::TlsPort;
use kit::token_endpoint::TokenEndpoint;
use tokio::runtime::Runtime;

/// A key, without a password.
pub(crate) const KEY: &str = include_str!("fixtures/key.pem");
/// The same key, encrypted as PKCS #8.
pub(crate) const ENCRYPTED: &str = include_str!("fixtures/key.encrypted.pem");
/// The same key, encrypted as RFC 1421 has it.
const RFC1421: &str = include_str!("fixtures/key.rfc1421.pem");
/// The password of both.
pub(crate) const KEY_PASSWORD: &str = "key-pw";

/// The broker that all tests here share.
pub(crate) fn secured() -> &'static Secured {
    // Its proxies have runtimes of their own, which no test may start within its own.
    static BROKER: LazyLock<Secured> = LazyLock::new(|| thread::spawn(|| Secured::start().unwrap()).join().unwrap());
    &BROKER
}

/// The account that is read.
const SHAPE: Shape = Shape { tasks: 5, ..Shape::small() };

fn simulator() -> Simulator {
    Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap()
}

/// One that knows temporary base credentials too.
pub(crate) fn with_session(token: &str) -> Simulator {
    Simulator::start(World { shape: SHAPE, base_session_token: Some(token.to_owned()), ..World::default() }).unwrap()
}

/// One for syncs that sign in, and one that writes down whether any of the others has asked it.
struct Simulators {
    asked: Simulator,
    unasked: Simulator,
}

impl Simulators {
    fn start() -> Self {
        let unasked = Simulator::start(World { record_arrivals: true, ..World::default() }).unwrap();
        Self { asked: with_session(SESSION_TOKEN), unasked }
    }
}

/// Runs all cases, some side by side.
fn run_all(simulators: Simulators, cases: Vec<Case>) {
    let simulators = Arc::new(simulators);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(side_by_side(cases, 4, move |case| {
        let simulators = Arc::clone(&simulators);
        async move {
            case.run(&simulators);
            // Its endpoint ends where nothing is awaited.
            case
        }
    }));
}

/// The variable of a setting of `kafka.security`.
fn variable(key: &str) -> String {
    format!("ECS_SDM_KAFKA__SECURITY__{}", key.replace('.', "__").to_uppercase())
}

/// `kafka.startup_timeout`, and how long after it a refusal may be told.
const STARTUP: Duration = Duration::from_secs(5);
const TOLD: Duration = Duration::from_secs(10);

/// A start: where to, with which settings, and what its line says. A start that says nothing delivers.
struct Case {
    name: String,
    servers: String,
    settings: Vec<(&'static str, String)>,
    variables: Vec<(&'static str, String)>,
    says: Vec<&'static str>,
    /// What has to last until it is over.
    endpoint: Option<TokenEndpoint>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Case {
    fn new(name: &str, servers: String) -> Self {
        let (settings, variables) = (Vec::new(), Vec::new());
        Self { name: name.to_owned(), servers, settings, variables, says: Vec::new(), endpoint: None }
    }

    /// A variable of AWS's.
    fn env(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    fn set(mut self, key: &'static str, value: &str) -> Self {
        self.settings.retain(|(known, _)| *known != key);
        self.settings.push((key, value.to_owned()));
        self
    }

    fn user(self, mechanism: &str, username: &str, password: &str) -> Self {
        self.set("mechanism", mechanism).set("username", username).set("password", password)
    }

    fn pair(self, certificate: &str, key: &str) -> Self {
        self.set("certificate", certificate).set("key", key)
    }

    /// Says one word more.
    fn says_too(mut self, word: &'static str) -> Self {
        self.says.push(word);
        self
    }

    fn unset(mut self, key: &'static str) -> Self {
        self.settings.retain(|(known, _)| *known != key);
        self
    }

    /// Leads it elsewhere.
    fn to(self, servers: String) -> Self {
        Self { servers, ..self }
    }

    fn says(mut self, words: &[&'static str]) -> Self {
        self.says = words.to_vec();
        self
    }

    /// Starts a sync, and holds what came of it.
    fn run(&self, simulators: &Simulators) {
        let simulator = if self.says.is_empty() { &simulators.asked } else { &simulators.unasked };
        let mut command = program(Some(simulator));
        command.arg("sync").args(["--set", "kafka.topics_create=if_missing"]);
        command.args(["--set", &format!("kafka.startup_timeout={}s", STARTUP.as_secs())]);
        command.args(["--set", &format!("kafka.bootstrap_servers={}", self.servers)]);
        command.args(["--set", &format!("kafka.topic_prefix={}", unique("signing-in"))]);
        command.env("RUST_LOG", "warn,ecs_sdm_producer::kafka=debug");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.envs(self.settings.iter().map(|(key, value)| (variable(key), value)));
        let began = Instant::now();
        let output = command.output().unwrap();
        let (took, said) = (began.elapsed(), text(&output.stderr));
        if self.says.is_empty() {
            assert_eq!(code(&output), 0, "{self}: {said}");
            assert!(text(&output.stdout).contains("COMPLETED") || said.contains("COMPLETED"), "{self}: {said}");
            return;
        }
        assert_eq!(code(&output), 2, "{self}: {said}");
        // The report comes after what was logged, and says why.
        let report = said.split_once("FAILED in").map_or("", |(_, report)| report);
        let line = report.lines().find(|line| self.says.iter().all(|word| line.contains(word)));
        let line = line.unwrap_or_else(|| panic!("{self}: no line has {:?}: {said}", self.says));
        assert!(took < STARTUP + TOLD, "{self}: told after {took:?}");
        assert!(simulator.arrivals().is_empty(), "{self}: ECS is asked, and nothing can be sent");
        for secret in [PASSWORD, "canary", KEY.lines().nth(1).unwrap()] {
            assert!(!said.contains(secret), "{self}: a secret is shown: {said}");
        }
        let mut out = io::stdout();
        writeln!(out, "{:<44} {:>4.1} s  {}", self.name, took.as_secs_f64(), line.trim()).unwrap();
    }
}

/// Every way to sign in, and every mistake.
fn cases(broker: &Secured) -> Vec<Case> {
    let ca = &broker.authority.pem;
    let stranger = Authority::new();
    let (client, foreign) = (broker.authority.client_with(KEY), stranger.client());
    let at = |name: &str, listener, protocol: &str| Case::new(name, broker.at(listener)).set("protocol", protocol);
    let tls = |name: &str, listener| at(name, listener, "ssl").set("ca", ca);
    let sasl_tls = |name: &str| at(name, Listener::SaslTls, "sasl_ssl").set("ca", ca);
    let sasl = |name: &str| at(name, Listener::Sasl, "sasl_plaintext");
    let mut cases = vec![
        at("plaintext", Listener::Plaintext, "PLAINTEXT"),
        tls("TLS", Listener::Tls),
        tls("TLS, several authorities", Listener::Tls).set("ca", &format!("{}{ca}", stranger.pem)),
        tls("mutual TLS", Listener::MutualTls).pair(&client.certificate, KEY),
        tls("mutual TLS, an encrypted key", Listener::MutualTls)
            .pair(&client.certificate, ENCRYPTED)
            .set("key_password", KEY_PASSWORD),
        tls("mutual TLS, an encrypted key of RFC 1421", Listener::MutualTls)
            .pair(&client.certificate, RFC1421)
            .set("key_password", KEY_PASSWORD),
        at("an unknown authority", Listener::Tls, "ssl").set("ca", &stranger.pem).says(&["kafka.security.ca"]),
        at("no authority", Listener::Tls, "ssl").says(&["kafka.security.ca"]),
        tls("another host's certificate", Listener::Misnamed).says(&["kafka.example.com", "kafka.bootstrap_servers"]),
        tls("an expired certificate", Listener::Expired).says(&["has expired", "the clock of this machine"]),
        tls("no client certificate", Listener::MutualTls).says(&["kafka.security.certificate"]),
        tls("a foreign client certificate", Listener::MutualTls)
            .pair(&foreign.certificate, &foreign.key)
            .says(&["kafka.security.certificate"]),
    ];
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let user: &[&str] = &["kafka.security.username", "kafka.security.password"];
        for (way, case) in [("over TLS", &sasl_tls as &dyn Fn(&str) -> Case), ("without TLS", &sasl)] {
            let name = |what: &str| format!("{mechanism} {way}{what}");
            cases.extend([
                case(&name("")).user(mechanism, USER, PASSWORD),
                case(&name(", a wrong password")).user(mechanism, USER, "canary").says(user),
                case(&name(", an unknown user")).user(mechanism, "nobody", "canary").says(user),
            ]);
        }
    }
    cases.extend([
        at("a mechanism the broker has not", Listener::OnlyPlain, "sasl_plaintext")
            .user("SCRAM-SHA-512", USER, PASSWORD)
            .says(&["kafka.security.mechanism"]),
        at("plaintext to TLS", Listener::Tls, "plaintext").says(&["kafka.security.protocol"]),
        at("plaintext to mutual TLS", Listener::MutualTls, "plaintext").says(&["kafka.security.protocol"]),
        at("plaintext to SASL over TLS", Listener::SaslTls, "plaintext").says(&["kafka.security.protocol"]),
        at("plaintext to SASL", Listener::Sasl, "plaintext").says(&["kafka.security.protocol"]),
        tls("TLS to plaintext", Listener::Plaintext).says(&["kafka.security.protocol"]),
        tls("TLS to SASL", Listener::Sasl).says(&["kafka.security.protocol"]),
        tls("TLS to SASL over TLS", Listener::SaslTls).says(&["kafka.security.protocol"]),
        at("SASL to plaintext", Listener::Plaintext, "sasl_plaintext")
            .user("PLAIN", USER, PASSWORD)
            .says(&["kafka.security.protocol"]),
        at("SASL to TLS", Listener::Tls, "sasl_plaintext")
            .user("PLAIN", USER, PASSWORD)
            .says(&["kafka.security.protocol"]),
        at("SASL to SASL over TLS", Listener::SaslTls, "sasl_plaintext")
            .user("PLAIN", USER, PASSWORD)
            .says(&["kafka.security.protocol"]),
        tls("SASL over TLS to plaintext", Listener::Plaintext)
            .set("protocol", "sasl_ssl")
            .user("PLAIN", USER, PASSWORD)
            .says(&["kafka.security.protocol"]),
        tls("SASL over TLS to TLS", Listener::Tls)
            .set("protocol", "sasl_ssl")
            .user("PLAIN", USER, PASSWORD)
            .says(&["kafka.security.protocol"]),
    ]);
    cases
}

/// Ports that are no broker's.
fn elsewhere(simulator: &Simulator, https: &TlsPort, silent: &str) -> [Case; 4] {
    let http = simulator.endpoint().replace("http://", "");
    let is_http: &[&'static str] = &["is an HTTP server", "kafka.bootstrap_servers"];
    [
        Case::new("plaintext to HTTP", http.clone()).says(is_http),
        Case::new("TLS to HTTP", http).set("protocol", "ssl").says(is_http),
        Case::new("TLS to HTTPS", https.address().to_owned())
            .set("protocol", "ssl")
            .set("ca", https.ca())
            .says(is_http),
        Case::new("a port that says nothing", silent.to_owned()).says(&["kafka.bootstrap_servers"]),
    ]
}

#[test]
fn each_way_delivers_and_each_mistake_is_told() {
    let simulators = Simulators::start();
    let https = TlsPort::start(Some(&simulators.asked.endpoint().replace("http://", "")));
    // The system takes connections for a listener that never looks at them.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut cases = cases(secured());
    cases.extend(elsewhere(&simulators.asked, &https, &silent.local_addr().unwrap().to_string()));
    run_all(simulators, cases);
}
