//! A real Kafka that is signed in to: a listener for each way.

mod acls;
mod sasl;

use std::fs;
use std::io::Result as IoResult;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

pub use acls::{Operation, Resource};

use crate::broker::{ARCHIVE, Machine, WAY_OUT, distribution, server_properties, wait_until_started};
use crate::certificates::{Authority, CLIENT};
use crate::jwt::Key;
use crate::server::{self, run};
use crate::toxic::FaultProxy;

/// The user of every listener with SASL.
pub const USER: &str = "prod";
/// Everybody's password.
pub const PASSWORD: &str = "prod-canary";

/// A user of SCRAM-SHA-256 that has no password until [`Secured::set_password`] gives it one.
pub const ROTATED: &str = "rotated";

/// Users of PLAIN that may do only what [`Secured::allow`] and [`Secured::deny`] say. Everybody else may do everything.
pub const GUESTS: [&str; 2] = ["writer", "reader"];
/// How many others of their kind there are, each for one case.
const MORE_GUESTS: usize = 128;

/// How long a session of [`Listener::OauthUnsecured`] lasts at most: then the client signs in again, on the same connection.
pub const REAUTHENTICATION: Duration = Duration::from_secs(4);

/// The AWS credentials of [`Listener::MskIam`]: those that tests give the program.
pub const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
/// Its secret.
pub const SECRET_KEY: &str = "secret";
/// What temporary credentials have beside them.
pub const SESSION_TOKEN: &str = "session-canary";

/// For whom requests to [`Listener::MskIam`] may be: MSK of the base credentials' region, and of one in another partition.
const MSK_HOSTS: &str = "kafka.eu-west-1.amazonaws.com,kafka.cn-north-1.amazonaws.com.cn";

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
    /// SASL without TLS: OAUTHBEARER, and tokens without a signature.
    OauthUnsecured,
    /// SASL over TLS: OAUTHBEARER, and tokens with the broker's audience that [`Secured::key`] has signed.
    OauthJwks,
    /// SASL over TLS: SCRAM-SHA-256, behind a proxy that cuts connections.
    CutSasl,
    /// TLS, and a client certificate is wanted; behind a proxy that cuts connections.
    CutMutualTls,
    /// SASL over TLS: what a client of Amazon MSK with IAM says, which is OAUTHBEARER with a token of its own kind.
    MskIam,
}

/// The listeners beside the plain one, by the name that Kafka has them under.
const LISTENERS: [(Listener, &str, &str); 12] = [
    (Listener::Tls, "TLS", "SSL"),
    (Listener::MutualTls, "MTLS", "SSL"),
    (Listener::Misnamed, "MISNAMED", "SSL"),
    (Listener::Expired, "EXPIRED", "SSL"),
    (Listener::SaslTls, "SASLTLS", "SASL_SSL"),
    (Listener::Sasl, "SASL", "SASL_PLAINTEXT"),
    (Listener::OnlyPlain, "ONLYPLAIN", "SASL_PLAINTEXT"),
    (Listener::OauthUnsecured, "OAUTH", "SASL_PLAINTEXT"),
    (Listener::OauthJwks, "JWKS", "SASL_SSL"),
    (Listener::CutSasl, "CUTSASL", "SASL_SSL"),
    (Listener::CutMutualTls, "CUTMTLS", "SSL"),
    (Listener::MskIam, "MSKIAM", "SASL_SSL"),
];

/// The listeners behind proxies.
const CUT: [Listener; 2] = [Listener::CutSasl, Listener::CutMutualTls];

/// A running broker. Dropping it ends it.
pub struct Secured {
    process: Child,
    plain: u16,
    ports: [u16; LISTENERS.len()],
    came: AtomicUsize,
    /// Who has signed the broker's certificates, and signs those of clients.
    pub authority: Authority,
    /// Who has signed the tokens that the broker takes.
    pub key: Arc<Key>,
    /// In the order of [`CUT`].
    proxies: [FaultProxy; CUT.len()],
    distribution: PathBuf,
}

impl Secured {
    /// Starts a broker and returns once it serves.
    ///
    /// # Errors
    /// One line: what is missing, or how the broker's log ends, and the way out.
    pub fn start() -> Result<Self, String> {
        let started = server::on_free_ports("BindException", Self::try_start);
        started.map_err(|why| format!("no Kafka for this test: {why}; {WAY_OUT}"))
    }

    /// Where a listener is: `127.0.0.1:PORT`.
    pub fn at(&self, listener: Listener) -> String {
        let found = LISTENERS.iter().position(|(other, ..)| *other == listener);
        let port = self.proxy(listener).map(FaultProxy::port).or(found.map(|at| self.ports[at]));
        format!("127.0.0.1:{}", port.unwrap_or(self.plain))
    }

    fn proxy(&self, listener: Listener) -> Option<&FaultProxy> {
        CUT.iter().position(|other| *other == listener).map(|at| &self.proxies[at])
    }

    /// Cuts every connection to a listener behind a proxy, and says how many there were.
    ///
    /// # Panics
    /// The listener has no proxy.
    pub fn cut(&self, listener: Listener) -> usize {
        self.proxy(listener).expect("it has a proxy").reset()
    }

    /// Gives a user of SCRAM-SHA-256 a password, in place of the one that it has.
    ///
    /// # Panics
    /// The broker does not take it.
    pub fn set_password(&self, user: &str, password: &str) {
        let classes = format!("lib/*:{}", sasl::validators(&self.distribution).unwrap().display());
        let mut java = Command::new("java");
        java.args(["-Xlog:disable", "-cp", &classes, "SetPassword", &self.at(Listener::Plaintext), user, password]);
        run(java.current_dir(&self.distribution)).unwrap();
    }

    fn try_start() -> IoResult<Self> {
        let distribution = distribution()?;
        let [plain, controller, ports @ ..] = server::free_ports::<{ LISTENERS.len() + 2 }>()?;
        let folder = server::new_folder("secured-")?;
        let authority = Authority::new();
        let truststore = folder.join("ca.pem");
        fs::write(&truststore, &authority.pem)?;
        let (key, jwks) = (Key::new(), folder.join("jwks.json"));
        fs::write(&jwks, key.jwks().to_string())?;
        let proxies = [FaultProxy::start(), FaultProxy::start()];
        let here = ["127.0.0.1", "localhost"];
        let keystores = [
            ("ssl", authority.certificate_of_server(&here)),
            ("listener.name.misnamed.ssl", authority.certificate_of_server(&["kafka.example.com"])),
            ("listener.name.expired.ssl", authority.expired_certificate_of_server(&here)),
        ];

        let mut properties = server_properties(plain, controller, &folder.join("data"));
        // Of a property that comes twice the last one counts.
        properties += &listeners(plain, controller, ports, &proxies, &jwks);
        for (prefix, pair) in keystores {
            // Kafka takes a key and its certificate in one file.
            let path = folder.join(format!("{prefix}.pem"));
            fs::write(&path, format!("{}{}", pair.key, pair.certificate))?;
            properties += &format!("{prefix}.keystore.type=PEM\n{prefix}.keystore.location={}\n", path.display());
        }
        properties += &format!("ssl.truststore.type=PEM\nssl.truststore.location={}\n", truststore.display());
        for name in ["mtls", "cutmtls"] {
            properties += &format!("listener.name.{name}.ssl.client.auth=required\n");
        }
        properties += "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n";
        properties +=
            &format!("super.users=User:ANONYMOUS;User:{USER};User:{ROTATED};User:CN={CLIENT};User:{ACCESS_KEY}\n");
        format(&distribution, &folder, &properties)?;
        let machine = Machine {
            archive: ARCHIVE,
            options: sasl::allowed(&jwks).to_vec(),
            beside: Some(sasl::validators(&distribution)?),
        };
        let mut process = machine.spawn(&distribution, &folder, &properties)?;
        wait_until_started(&mut process, &folder)?;
        for (listener, proxy) in CUT.iter().zip(&proxies) {
            let found = LISTENERS.iter().position(|(other, ..)| other == listener);
            proxy.lead_to(&format!("127.0.0.1:{}", found.map_or(plain, |at| ports[at])));
        }
        let (came, key) = (AtomicUsize::new(0), Arc::new(key));
        Ok(Self { process, plain, ports, came, authority, key, proxies, distribution })
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        let _ = self.process.wait();
    }
}

fn listeners(
    plain: u16,
    controller: u16,
    ports: [u16; LISTENERS.len()],
    proxies: &[FaultProxy; CUT.len()],
    jwks: &Path,
) -> String {
    let (mut listeners, mut advertised) = (String::new(), String::new());
    let (mut protocols, mut mechanisms) = (String::new(), String::new());
    for ((listener, name, protocol), port) in LISTENERS.into_iter().zip(ports) {
        listeners += &format!(",{name}://127.0.0.1:{port}");
        let proxy = CUT.iter().position(|cut| *cut == listener).map(|at| proxies[at].port());
        advertised += &format!(",{name}://127.0.0.1:{}", proxy.unwrap_or(port));
        protocols += &format!(",{name}:{protocol}");
        mechanisms += &sasl::properties(listener, &format!("listener.name.{}", name.to_lowercase()), jwks);
    }
    format!(
        "listeners=PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller}{listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain}{advertised}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT{protocols}
inter.broker.listener.name=PLAINTEXT
{mechanisms}"
    )
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
