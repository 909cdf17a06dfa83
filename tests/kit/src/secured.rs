//! A real Kafka that is signed in to: a listener for each way.

use std::fs;
use std::io::{Read, Result as IoResult, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};
use std::slice;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::broker::{ARCHIVE, WAY_OUT, distribution, server_properties, spawn, wait_until_started};
use crate::certificates::{Authority, CLIENT};
use crate::server::{self, run};
use crate::wait::wait_until;

/// The user of every listener with SASL.
pub const USER: &str = "prod";
/// Everybody's password.
pub const PASSWORD: &str = "prod-canary";

/// Users of PLAIN that may do only what [`Secured::allow`] and [`Secured::deny`] say. Everybody else may do everything.
pub const GUESTS: [&str; 2] = ["writer", "reader"];
/// How many others of their kind there are, each for one case.
const MORE_GUESTS: usize = 32;

/// Who speaks what at a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// Neither TLS nor SASL.
    Plaintext,
    /// TLS.
    Tls,
    /// TLS, and a client certificate is wanted.
    MutualTls,
    /// TLS with a certificate of another host.
    Misnamed,
    /// TLS with a certificate that has expired.
    Expired,
    /// SASL over TLS: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512.
    SaslTls,
    /// SASL without TLS: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512.
    Sasl,
    /// SASL without TLS: only PLAIN.
    OnlyPlain,
}

/// The listeners beside the plain one, by the name that Kafka has them under.
const LISTENERS: [(Listener, &str, &str); 7] = [
    (Listener::Tls, "TLS", "SSL"),
    (Listener::MutualTls, "MTLS", "SSL"),
    (Listener::Misnamed, "MISNAMED", "SSL"),
    (Listener::Expired, "EXPIRED", "SSL"),
    (Listener::SaslTls, "SASLTLS", "SASL_SSL"),
    (Listener::Sasl, "SASL", "SASL_PLAINTEXT"),
    (Listener::OnlyPlain, "ONLYPLAIN", "SASL_PLAINTEXT"),
];

/// A running broker. Dropping it ends it.
pub struct Secured {
    process: Child,
    plain: u16,
    ports: [u16; LISTENERS.len()],
    came: AtomicUsize,
    /// Who has signed the broker's certificates, and signs those of clients.
    pub authority: Authority,
}

impl Secured {
    /// Starts a broker and returns once it serves.
    ///
    /// # Errors
    /// One line: what is missing, or how the broker's log ends, and the way out.
    pub fn start() -> Result<Self, String> {
        let mut tries = 1..=3;
        loop {
            let last = tries.next() == Some(3);
            match Self::try_start() {
                // A port found free may be taken before Kafka binds it.
                Err(why) if !last && why.to_string().contains("BindException") => {}
                outcome => return outcome.map_err(|why| format!("no Kafka for this test: {why}; {WAY_OUT}")),
            }
        }
    }

    /// Where a listener is: `127.0.0.1:PORT`.
    pub fn at(&self, listener: Listener) -> String {
        let found = LISTENERS.iter().position(|(other, ..)| *other == listener);
        format!("127.0.0.1:{}", found.map_or(self.plain, |at| self.ports[at]))
    }

    /// A guest who may do nothing yet. Each call has another.
    pub fn guest(&self) -> String {
        let number = self.came.fetch_add(1, Ordering::Relaxed);
        assert!(number < MORE_GUESTS, "no more guests");
        guest(number)
    }

    /// Lets a guest do this to every topic whose name begins so.
    pub fn allow(&self, guest: &str, prefix: &str, operations: &[Operation]) {
        let rights: Vec<_> =
            operations.iter().map(|operation| (Resource::Topics(prefix.to_owned()), *operation)).collect();
        self.grant(guest, &rights);
    }

    /// Gives a guest these rights.
    pub fn grant(&self, guest: &str, rights: &[(Resource, Operation)]) {
        let acls = rights.iter().map(|(resource, operation)| acl(guest, resource, *operation, ALLOW));
        self.create_acls(&acls.collect::<Vec<_>>());
    }

    /// Forbids a guest to do this to one topic.
    pub fn deny(&self, guest: &str, topic: &str, operation: Operation) {
        self.create_acls(&[acl(guest, &Resource::Topic(topic.to_owned()), operation, DENY)]);
    }

    /// librdkafka's requests have no safe form. The controller answers before the broker knows the rights.
    fn create_acls(&self, acls: &[Vec<u8>]) {
        let answer = self.ask(CREATE_ACLS, &[u32::try_from(acls.len()).unwrap().to_be_bytes().to_vec(), acls.concat()]);
        // Throttle time, count; then of each an error code and an empty sentence.
        let taken = answer[8..].chunks(4).filter(|result| **result == [0; 4]).count();
        assert_eq!(taken, acls.len(), "{}", String::from_utf8_lossy(&answer));
        for acl in acls {
            // What is asked for looks like what was made. Throttle time, error code and sentence; then the count of resources.
            wait_until("a right is known", || self.ask(DESCRIBE_ACLS, slice::from_ref(acl))[8..12] != [0; 4]);
        }
    }

    /// Sends a request of version 1. Gives the answer without its correlation id.
    fn ask(&self, kind: i16, body: &[Vec<u8>]) -> Vec<u8> {
        let mut request = [kind.to_be_bytes(), 1_i16.to_be_bytes()].concat();
        request.extend([0, 0, 0, 1, 0xff, 0xff]);
        request.extend(body.concat());
        let mut broker = TcpStream::connect(self.at(Listener::Plaintext)).unwrap();
        broker.write_all(&u32::try_from(request.len()).unwrap().to_be_bytes()).unwrap();
        broker.write_all(&request).unwrap();
        let mut length = [0; 4];
        broker.read_exact(&mut length).unwrap();
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        broker.read_exact(&mut answer).unwrap();
        answer.split_off(4)
    }

    fn try_start() -> IoResult<Self> {
        let distribution = distribution()?;
        let [plain, controller, ports @ ..] = server::free_ports::<{ LISTENERS.len() + 2 }>()?;
        let folder = server::new_folder("secured-")?;
        let authority = Authority::new();
        let truststore = folder.join("ca.pem");
        fs::write(&truststore, &authority.pem)?;
        let here = ["127.0.0.1", "localhost"];
        let keystores = [
            ("ssl", authority.certificate_of_server(&here)),
            ("listener.name.misnamed.ssl", authority.certificate_of_server(&["kafka.example.com"])),
            ("listener.name.expired.ssl", authority.expired_certificate_of_server(&here)),
        ];

        let mut properties = server_properties(plain, controller, &folder.join("data"));
        // Of a property that comes twice the last one counts.
        properties += &listeners(plain, controller, ports);
        for (prefix, pair) in keystores {
            // Kafka takes a key and its certificate in one file.
            let path = folder.join(format!("{prefix}.pem"));
            fs::write(&path, format!("{}{}", pair.key, pair.certificate))?;
            properties += &format!("{prefix}.keystore.type=PEM\n{prefix}.keystore.location={}\n", path.display());
        }
        properties += &format!("ssl.truststore.type=PEM\nssl.truststore.location={}\n", truststore.display());
        properties += "listener.name.mtls.ssl.client.auth=required\n";
        properties += "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n";
        properties += &format!("super.users=User:ANONYMOUS;User:{USER};User:CN={CLIENT}\n");
        format(&distribution, &folder, &properties)?;
        let mut process = spawn(&distribution, ARCHIVE, &folder, &properties)?;
        wait_until_started(&mut process, &folder)?;
        Ok(Self { process, plain, ports, came: AtomicUsize::new(0), authority })
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        let _ = self.process.wait();
    }
}

/// What is done, by Kafka's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Sending records.
    Write = 4,
    /// Making topics.
    Create = 5,
    /// Asking for partitions and their ends.
    Describe = 8,
    /// Asking for settings.
    DescribeConfigs = 10,
    /// Having a producer id, on brokers before 2.8.
    IdempotentWrite = 12,
}

impl Operation {
    /// The operation of that name, as `kafka-acls.sh` has it.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Write, Self::Create, Self::Describe, Self::DescribeConfigs, Self::IdempotentWrite];
        all.into_iter().find(|operation| format!("{operation:?}") == name)
    }
}

/// What something is done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// The topic of this name.
    Topic(String),
    /// Every topic whose name begins so.
    Topics(String),
    /// The cluster.
    Cluster,
}

/// Kafka's numbers of requests.
const DESCRIBE_ACLS: i16 = 29;
const CREATE_ACLS: i16 = 30;
/// Kafka's numbers of resources, patterns and permissions.
const TOPIC: u8 = 2;
const CLUSTER: u8 = 4;
const LITERAL: u8 = 3;
const PREFIXED: u8 = 4;
const DENY: u8 = 2;
const ALLOW: u8 = 3;

fn acl(guest: &str, resource: &Resource, operation: Operation, permission: u8) -> Vec<u8> {
    let text = |text: &str| [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat();
    let (kind, name, pattern) = match resource {
        Resource::Topic(name) => (TOPIC, name.as_str(), LITERAL),
        Resource::Topics(prefix) => (TOPIC, prefix.as_str(), PREFIXED),
        Resource::Cluster => (CLUSTER, "kafka-cluster", LITERAL),
    };
    let principal = text(&format!("User:{guest}"));
    [vec![kind], text(name), vec![pattern], principal, text("*"), vec![operation as u8, permission]].concat()
}

fn guest(number: usize) -> String {
    format!("guest-{number}")
}

fn listeners(plain: u16, controller: u16, ports: [u16; LISTENERS.len()]) -> String {
    let (mut listeners, mut advertised) = (String::new(), String::new());
    let (mut protocols, mut mechanisms) = (String::new(), String::new());
    for ((listener, name, protocol), port) in LISTENERS.into_iter().zip(ports) {
        listeners += &format!(",{name}://127.0.0.1:{port}");
        advertised += &format!(",{name}://127.0.0.1:{port}");
        protocols += &format!(",{name}:{protocol}");
        if protocol.starts_with("SASL") {
            let scram = if listener == Listener::OnlyPlain { "" } else { ",SCRAM-SHA-256,SCRAM-SHA-512" };
            mechanisms += &sasl(&format!("listener.name.{}", name.to_lowercase()), &format!("PLAIN{scram}"));
        }
    }
    format!(
        "listeners=PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller}{listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain}{advertised}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT{protocols}
inter.broker.listener.name=PLAINTEXT
{mechanisms}"
    )
}

fn sasl(listener: &str, mechanisms: &str) -> String {
    let security = "org.apache.kafka.common.security";
    let mut properties = format!("{listener}.sasl.enabled.mechanisms={mechanisms}\n");
    for mechanism in mechanisms.split(',') {
        let module = match mechanism {
            "PLAIN" => {
                let users = [USER].into_iter().chain(GUESTS).map(str::to_owned).chain((0..MORE_GUESTS).map(guest));
                let users: Vec<_> = users.map(|user| format!("user_{user}=\"{PASSWORD}\"")).collect();
                format!("{security}.plain.PlainLoginModule required {}", users.join(" "))
            }
            _ => format!("{security}.scram.ScramLoginModule required"),
        };
        properties += &format!("{listener}.{}.sasl.jaas.config={module};\n", mechanism.to_lowercase());
    }
    properties
}

/// A data folder that knows the user's SCRAM credentials from the start.
fn format(distribution: &Path, folder: &Path, properties: &str) -> IoResult<()> {
    let file = folder.join("format.properties");
    fs::write(&file, properties)?;
    let mut command = Command::new("java");
    command.args(["-Xlog:disable", ARCHIVE, "-cp", "lib/*", "kafka.tools.StorageTool", "format"]);
    command.args(["-t", "ZWNzLXNkbS1wcm9kdWNlcg", "-c"]).arg(&file);
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        command.args(["--add-scram", &format!("{mechanism}=[name={USER},password={PASSWORD}]")]);
    }
    run(command.current_dir(distribution))
}
