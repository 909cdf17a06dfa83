//! A real Kafka that is signed in to: a listener for each way.

use std::fs;
use std::io::{Read, Result as IoResult, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};

use crate::broker::{ARCHIVE, WAY_OUT, distribution, server_properties, spawn, wait_until_started};
use crate::certificates::{Authority, CLIENT};
use crate::server::{self, run};

/// The user of every listener with SASL.
pub const USER: &str = "prod";
/// Everybody's password.
pub const PASSWORD: &str = "prod-canary";

/// Users of PLAIN that may do only what [`Secured::allow`] and [`Secured::deny`] say. Everybody else may do everything.
pub const GUESTS: [&str; 2] = ["writer", "reader"];

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

    /// Lets a guest do this to every topic whose name begins so.
    pub fn allow(&self, guest: &str, prefix: &str, operations: &[Operation]) {
        self.create_acls(
            &operations.iter().map(|operation| acl(guest, prefix, PREFIXED, *operation, ALLOW)).collect::<Vec<_>>(),
        );
    }

    /// Forbids a guest to do this to one topic.
    pub fn deny(&self, guest: &str, topic: &str, operation: Operation) {
        self.create_acls(&[acl(guest, topic, LITERAL, operation, DENY)]);
    }

    /// CreateAcls, version 1: librdkafka's request has no safe form.
    fn create_acls(&self, acls: &[Vec<u8>]) {
        let mut request = [30_i16.to_be_bytes(), 1_i16.to_be_bytes()].concat();
        request.extend([0, 0, 0, 1, 0xff, 0xff]);
        request.extend(u32::try_from(acls.len()).unwrap().to_be_bytes());
        request.extend(acls.concat());
        let mut broker = TcpStream::connect(self.at(Listener::Plaintext)).unwrap();
        broker.write_all(&u32::try_from(request.len()).unwrap().to_be_bytes()).unwrap();
        broker.write_all(&request).unwrap();
        let mut length = [0; 4];
        broker.read_exact(&mut length).unwrap();
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        broker.read_exact(&mut answer).unwrap();
        // Correlation id, throttle time, count; then of each an error code and an empty sentence.
        let taken = answer[12..].chunks(4).filter(|result| **result == [0; 4]).count();
        assert_eq!(taken, acls.len(), "{}", String::from_utf8_lossy(&answer));
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
        Ok(Self { process, plain, ports, authority })
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        let _ = self.process.wait();
    }
}

/// What is done to a topic, by Kafka's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Sending records.
    Write = 4,
    /// Making it.
    Create = 5,
    /// Asking for its partitions.
    Describe = 8,
}

/// Kafka's numbers of patterns and permissions.
const LITERAL: u8 = 3;
const PREFIXED: u8 = 4;
const DENY: u8 = 2;
const ALLOW: u8 = 3;
const TOPIC: u8 = 2;

fn acl(guest: &str, topic: &str, pattern: u8, operation: Operation, permission: u8) -> Vec<u8> {
    let text = |text: &str| [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat();
    let principal = text(&format!("User:{guest}"));
    [vec![TOPIC], text(topic), vec![pattern], principal, text("*"), vec![operation as u8, permission]].concat()
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
                let [writer, reader] = GUESTS;
                let users = [USER, writer, reader].map(|user| format!("user_{user}=\"{PASSWORD}\""));
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
