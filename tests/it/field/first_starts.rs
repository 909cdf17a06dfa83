//! First starts that go wrong. Each test reads the line that is printed, does what the line says, and starts again.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use ecs_sim::{RoleRule, Shape, Simulator, World};
use kit::broker::{self, Broker};
use kit::guard::{Door, Guard};
use kit::program::{program, text};
use kit::registry;
use kit::server::{self, Closed};
use kit::settings::{role, unique};
use kit::tls_port::TlsPort;
use kit::toxic::FaultProxy;

/// A first start: a command that works, but for what a case changes.
#[derive(Clone)]
struct Start {
    case: &'static str,
    env: Vec<(String, String)>,
    sets: Vec<String>,
}

impl Start {
    /// With an account of the simulator's, and the brokers and topics of the test's own.
    fn new(case: &'static str, simulator: &Simulator) -> Self {
        let start = Self { case, env: Vec::new(), sets: Vec::new() };
        start
            .env("AWS_ENDPOINT_URL", &simulator.endpoint())
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_REGION", "eu-west-1")
            .set("kafka.bootstrap_servers", broker::bootstrap_servers().unwrap())
            .set("kafka.topic_prefix", &unique("first"))
            .set("kafka.topics_create", "if_missing")
    }

    /// Sets a variable. To nothing, it is not there.
    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets a setting. The last counts.
    fn set(mut self, key: &str, value: &str) -> Self {
        self.sets.retain(|known| !known.starts_with(&format!("{key}=")));
        self.sets.push(format!("{key}={value}"));
        self
    }

    fn without(mut self, key: &str) -> Self {
        self.sets.retain(|known| !known.starts_with(&format!("{key}=")));
        self
    }

    fn spawn(&self) -> Child {
        let mut command = program(None);
        command.arg("sync").args(self.sets.iter().flat_map(|set| ["--set", set]));
        command.envs(self.env.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, value)));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Starts, and waits for the line that has all these words. What is tried again for long is stopped.
    fn says(&self, words: &[&str]) -> String {
        let (mut sync, began, mut said) = (self.spawn(), Instant::now(), String::new());
        let mut lines = BufReader::new(sync.stderr.take().unwrap()).lines().map(Result::unwrap);
        let found = lines.find(|line| {
            said = format!("{said}{line}\n");
            words.iter().all(|word| line.contains(word))
        });
        let took = began.elapsed();
        if sync.try_wait().unwrap().is_none() {
            server::send(&sync, "TERM").unwrap();
        }
        // Otherwise the pipe would fill up.
        lines.for_each(drop);
        let status = sync.wait().unwrap();
        let line = found.unwrap_or_else(|| panic!("{}: no line has {words:?}: {said}", self.case));
        assert_ne!(status.code(), Some(0), "{}: {line}", self.case);
        let mut out = io::stdout();
        writeln!(out, "{:<22} {:>5.1} s  {}", self.case, took.as_secs_f64(), line.trim()).unwrap();
        assert!(took < Duration::from_secs(60), "{}: the line took {took:?}", self.case);
        line
    }

    /// Starts once more, and completes.
    fn completes(&self) {
        let output = self.spawn().wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}: {}", self.case, text(&output.stderr));
    }
}

fn simulator() -> Simulator {
    Simulator::start(World { shape: Shape { tasks: 5, ..Shape::small() }, ..World::default() }).unwrap()
}

#[test]
fn settings_are_mended_by_what_the_line_says() {
    let simulator = simulator();
    let good = |case| Start::new(case, &simulator);
    let start = good("no brokers");
    start.clone().without("kafka.bootstrap_servers").says(&["kafka.bootstrap_servers: is missing", "name a broker"]);
    start.completes();

    let line = good("a mistyped setting").set("page_sise", "50").says(&["page_sise", "did you mean page_size?"]);
    let meant = line.split("did you mean ").nth(1).unwrap().trim_end_matches('?');
    good("a mistyped setting").set(meant, "50").completes();

    good("no region").env("AWS_REGION", "").says(&["no region is known", "set default_region"]);
    good("no region").env("AWS_REGION", "").set("default_region", "eu-west-1").completes();

    let line = good("a zone").env("AWS_REGION", "eu-west-1a").says(&["availability zone", "use eu-west-1"]);
    good("a zone").env("AWS_REGION", line.split("use ").nth(1).unwrap()).completes();

    let half = good("half a key").set("access_key_id", "AKIAIOSFODNN7EXAMPLE");
    half.says(&["access_key_id: secret_access_key is missing", "set both"]);
    half.set("secret_access_key", "secret").completes();

    good("a key with a line break")
        .env("ECS_SDM_SECRET_ACCESS_KEY", "secret\n")
        .set("access_key_id", "AKIA")
        .says(&["secret_access_key: holds a line break", "without blanks"]);
    good("a key with a line break").env("ECS_SDM_SECRET_ACCESS_KEY", "secret").set("access_key_id", "AKIA").completes();

    let proxy = good("a proxy that is none").env("HTTPS_PROXY", "::bad");
    proxy.says(&["HTTPS_PROXY", "is not the address of a proxy", "unset it"]);
    proxy.env("HTTPS_PROXY", "").completes();

    let bundle = good("no bundle").env("AWS_CA_BUNDLE", "/nonexistent/ca.pem");
    bundle.says(&["AWS_CA_BUNDLE", "/nonexistent/ca.pem", "unset it"]);
    bundle.env("AWS_CA_BUNDLE", "").completes();

    let property = good("a property alone").set("kafka.properties.max.in.flight", "10");
    property.says(&["kafka.properties", "`max.in.flight`", "<= 5"]);
    property.set("kafka.properties.max.in.flight", "5").completes();
}

#[test]
fn brokers_are_mended_by_what_the_line_says() {
    let simulator = simulator();
    let good = |case| Start::new(case, &simulator);

    let closed = Closed::new().unwrap();
    let away = good("a wrong port").set("kafka.bootstrap_servers", &closed.address().unwrap().to_string());
    away.says(&["Connection refused", "see kafka.bootstrap_servers"]);
    away.set("kafka.bootstrap_servers", broker::bootstrap_servers().unwrap()).completes();

    let tls = good("TLS to a plain port").set("kafka.properties.security.protocol", "ssl");
    tls.says(&["PLAINTEXT broker listener", "security.protocol"]);
    tls.without("kafka.properties.security.protocol").completes();

    // A broker that is reached through TLS alone.
    let proxy = FaultProxy::start();
    let port = TlsPort::start(Some(&format!("127.0.0.1:{}", proxy.port())));
    let behind = Broker::start_advertising(port.address()).unwrap();
    proxy.lead_to(behind.second());
    let plain = good("plain to a TLS port").set("kafka.bootstrap_servers", port.address());
    plain.says(&["whether the port wants TLS"]);
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, port.ca()).unwrap();
    let tls = plain.set("kafka.properties.security.protocol", "ssl");
    let tls = Start { case: "a certificate", ..tls };
    tls.says(&["certificate verify failed", "kafka.properties: ssl."]);
    tls.set("kafka.properties.ssl.ca.location", ca.to_str().unwrap()).completes();

    let guarded = Broker::start_with_password().unwrap();
    let user = good("a wrong password")
        .set("kafka.bootstrap_servers", guarded.second())
        .set("kafka.properties.security.protocol", "sasl_plaintext")
        .set("kafka.properties.sasl.mechanism", "PLAIN")
        .set("kafka.properties.sasl.username", "prod")
        .set("kafka.properties.sasl.password", "wrong");
    user.says(&["Invalid username or password", "kafka.properties: sasl."]);
    user.set("kafka.properties.sasl.password", "prod-pw").completes();

    let closed = Closed::new().unwrap();
    let address = closed.address().unwrap();
    let nonsense = Broker::start_advertising(&address.to_string()).unwrap();
    let advertised = good("a wrong advertisement").set("kafka.bootstrap_servers", nonsense.second());
    advertised.says(&[&address.to_string(), "Connection refused", "advertised.listeners"]);
    drop(closed);
    let reached = FaultProxy::start_on(address.port());
    reached.lead_to(nonsense.second());
    advertised.completes();
}

#[test]
fn topics_are_mended_by_what_the_line_says() {
    let simulator = simulator();
    let good = |case| Start::new(case, &simulator);
    let absent = good("no topics").set("kafka.topics_create", "never");
    absent.says(&["topics are absent", "kafka.topics_create = \"if_missing\""]);
    absent.set("kafka.topics_create", "if_missing").completes();

    let replicas = good("too many replicas").set("kafka.replication_factor", "3");
    replicas.says(&["Unable to replicate the partition 3 time(s)", "set kafka.replication_factor"]);
    replicas.set("kafka.replication_factor", "1").completes();
}

#[test]
fn aws_is_mended_by_what_the_line_says() {
    let theirs = RoleRule { external_id: Some("theirs".to_owned()), ..RoleRule::default() };
    let short = RoleRule { max_session_duration: Some(3_600), ..RoleRule::default() };
    let roles = [(role(0), theirs), (role(1), short)].into_iter().collect();
    let world = World { shape: Shape { tasks: 5, ..Shape::small() }, roles, ..World::default() };
    let simulator = Simulator::start(world).unwrap();
    let good = |case| Start::new(case, &simulator);

    let foreign = good("no external id").set("assume_role_arns", &role(0));
    foreign.says(&["AssumeRole: AccessDenied", "set external_id"]);
    foreign.set("external_id", "theirs").completes();

    let long = good("a long session").set("assume_role_arns", &role(1)).set("session_duration", "7200");
    long.says(&["session_duration is 7200 s", "lower it"]);
    long.set("session_duration", "3600").completes();

    let none = good("no credentials").env("AWS_ACCESS_KEY_ID", "").env("AWS_SECRET_ACCESS_KEY", "");
    none.says(&["access_key_id"]);
    none.set("access_key_id", "AKIA").set("secret_access_key", "secret").completes();
}

#[tokio::test(flavor = "multi_thread")]
async fn registries_are_mended_by_what_the_line_says() {
    let url = registry::url().unwrap();
    let guard = Guard::start(url, Door::Authorization("Basic cHJvZDpwcm9kLXB3")).await;
    let at_guard = guard.url().to_owned();
    let work = move || {
        let simulator = simulator();
        let good = |case| Start::new(case, &simulator).set("schema_registry.url", url);

        let lookup = good("no schema");
        lookup.says(&["schemas register"]);
        let mut command = program(None);
        command.args(["schemas", "register"]).args(lookup.sets.iter().flat_map(|set| ["--set", set]));
        assert!(command.output().unwrap().status.success());
        lookup.completes();

        let closed = Closed::new().unwrap();
        let away = good("no registry").set("schema_registry.mode", "auto");
        let away = away.set("schema_registry.url", &format!("http://{}", closed.address().unwrap()));
        away.says(&["no schema registry answers", "Connection refused", "schema_registry.url"]);
        away.set("schema_registry.url", url).completes();

        let refused = good("no sign-in").set("schema_registry.mode", "auto").set("schema_registry.url", &at_guard);
        refused.says(&["401", "schema_registry.username and schema_registry.password"]);
        refused.set("schema_registry.username", "prod").set("schema_registry.password", "prod-pw").completes();
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}
