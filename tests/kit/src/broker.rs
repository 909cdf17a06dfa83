//! A real Apache Kafka for the tests: one that the whole run shares, or one that a test may stop and kill.
//!
//! Maven fetches the jars into the target folder, once.

use std::env;
use std::fs;
use std::io::Result as IoResult;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;

use crate::server::{self, run};

/// The version of Kafka.
pub const VERSION: &str = "4.4.0";
pub(crate) const WAY_OUT: &str = "install a JDK 17 or newer and Maven, or set KAFKA_BOOTSTRAP_SERVERS";

/// Small and quick to start. The log has warnings, and the one line that says the broker serves.
const JVM: [&str; 6] = [
    "-Xmx300m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xlog:disable",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
];
const STARTED: &str = "Kafka Server started";

/// The archive of loaded classes.
pub(crate) const ARCHIVE: &str = "-XX:SharedArchiveFile=kafka.jsa";

/// What Kafka says, in the folder of its process.
const LOG: &str = "broker.log";

/// Where the tests of this process find Kafka: KAFKA_BOOTSTRAP_SERVERS, else one broker of our own, started for the
/// first test that asks. Topics are shared too: a test takes names of its own.
///
/// # Errors
/// One line with the reason and the way out, the same for every test that asks.
pub fn bootstrap_servers() -> Result<&'static str, String> {
    static SERVERS: OnceLock<Result<&'static str, String>> = OnceLock::new();
    SERVERS
        .get_or_init(|| match env::var("KAFKA_BOOTSTRAP_SERVERS") {
            Ok(servers) if !servers.is_empty() => Ok(servers.leak()),
            _ => Broker::start().map(|broker| Box::leak(Box::new(broker)).bootstrap_servers()),
        })
        .clone()
}

/// One Kafka node, broker and controller in one, on free ports of 127.0.0.1 and with an empty log. Dropping it ends it.
pub struct Broker {
    process: Child,
    bootstrap_servers: String,
    second: String,
}

/// Further properties of a broker, from the ports of its plain listener, its controller and a second listener.
type Further<'a> = &'a dyn Fn([u16; 3]) -> String;

impl Broker {
    /// Starts a broker and returns once it serves: two seconds, after some twenty the first time ever.
    ///
    /// # Errors
    /// One line: what is missing, or how the broker's log ends, and the way out.
    pub fn start() -> Result<Broker, String> {
        Broker::start_with(&|_| String::new())
    }

    /// The same, with a second listener that says it is to be reached at the port `proxy`.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub fn start_behind(proxy: u16) -> Result<Broker, String> {
        Broker::start_advertising(&format!("127.0.0.1:{proxy}"))
    }

    /// The same, with a second listener that says it is to be reached at this address.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub fn start_advertising(address: &str) -> Result<Broker, String> {
        Broker::start_with(&|ports| second_listener(ports, "PROXIED", "PLAINTEXT", address))
    }

    /// The same, with a second listener that wants SASL PLAIN, of the user `prod` with the password `prod-pw`.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub fn start_with_password() -> Result<Broker, String> {
        Broker::start_with(&|ports| {
            second_listener(ports, "PASSWORD", "SASL_PLAINTEXT", &format!("127.0.0.1:{}", ports[2]))
                + "sasl.enabled.mechanisms=PLAIN
listener.name.password.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_prod=\"prod-pw\";
"
        })
    }

    /// The same, with further properties.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub fn start_set(properties: &str) -> Result<Broker, String> {
        Broker::start_with(&|_| properties.to_owned())
    }

    fn start_with(further: Further<'_>) -> Result<Broker, String> {
        distribution()
            .and_then(|distribution| Broker::start_from(&distribution, ARCHIVE, further))
            .map_err(|why| format!("no Kafka for this test: {why}; {WAY_OUT}"))
    }

    /// `127.0.0.1:PORT`.
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// Where the second listener is: `127.0.0.1:PORT`.
    pub fn second(&self) -> &str {
        &self.second
    }

    /// Stops the broker where it stands: connections stay open, nothing is answered.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets a paused broker go on.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    fn start_from(distribution: &Path, archive: &str, further: Further<'_>) -> IoResult<Broker> {
        server::on_free_ports("BindException", || Broker::try_start_from(distribution, archive, further))
    }

    fn try_start_from(distribution: &Path, archive: &str, further: Further<'_>) -> IoResult<Broker> {
        let [broker_port, controller_port, second_port] = server::free_ports()?;
        let folder = server::new_folder("kafka-")?;
        let mut properties = server_properties(broker_port, controller_port, &folder.join("data"));
        // Of a property that comes twice the last one counts.
        properties.push_str(&further([broker_port, controller_port, second_port]));
        run(Command::new("cp").arg("-R").arg(distribution.join("formatted")).arg(folder.join("data")))?;
        let process = spawn(distribution, archive, &folder, &properties)?;
        let bootstrap_servers = format!("127.0.0.1:{broker_port}");
        let mut broker = Broker { process, bootstrap_servers, second: format!("127.0.0.1:{second_port}") };
        wait_until_started(&mut broker.process, &folder)?;
        Ok(broker)
    }

    fn signal(&self, signal: &str) {
        server::send(&self.process, signal).unwrap_or_else(|why| panic!("the broker takes no {signal}: {why}"));
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.wait();
    }
}

/// Starts Kafka on the data in a folder, and does not wait for it.
pub(crate) fn spawn(distribution: &Path, archive: &str, folder: &Path, properties: &str) -> IoResult<Child> {
    Machine { archive, options: Vec::new(), beside: None }.spawn(distribution, folder, properties)
}

/// The Java machine of a broker.
pub(crate) struct Machine<'a> {
    /// The option for the archive of loaded classes.
    pub(crate) archive: &'a str,
    /// Further options.
    pub(crate) options: Vec<String>,
    /// A jar beside Kafka's.
    pub(crate) beside: Option<PathBuf>,
}

impl Machine<'_> {
    /// Starts Kafka on the data in a folder, and does not wait for it.
    pub(crate) fn spawn(&self, distribution: &Path, folder: &Path, properties: &str) -> IoResult<Child> {
        let server_properties = folder.join("server.properties");
        fs::write(&server_properties, properties)?;
        let beside = self.beside.as_ref().map(|jar| format!(":{}", jar.display())).unwrap_or_default();
        server::kept(folder, "java", &folder.join(LOG))?
            .args(JVM)
            .args(&self.options)
            // The archive of classes holds for the class path it was made with, and what comes after it. A relative one
            // outlives the distribution's move.
            .args([self.archive, "-cp", &format!("lib/*{beside}"), "kafka.Kafka"])
            .arg(&server_properties)
            .current_dir(distribution)
            .spawn()
    }
}

/// Waits until Kafka in that folder serves.
pub(crate) fn wait_until_started(process: &mut Child, folder: &Path) -> IoResult<()> {
    server::wait_until_started("Kafka", process, &folder.join(LOG), |said| said.contains(STARTED))
}

/// The folder with everything a broker needs to start fast: the jars, a formatted log folder, an archive of loaded
/// classes (which halves the start).
pub(crate) fn distribution() -> IoResult<PathBuf> {
    server::made_once(&format!("kafka-{VERSION}"), make_distribution)
}

fn make_distribution(part: &Path) -> IoResult<()> {
    fs::write(part.join("pom.xml"), POM.replace("VERSION", VERSION))?;
    run(Command::new("mvn")
        .args(["--quiet", "--batch-mode", "dependency:copy-dependencies"])
        .args(["-DincludeScope=runtime", "-DoutputDirectory=lib"])
        .current_dir(part))?;

    let properties = server_properties(1, 2, Path::new("formatted"));
    fs::write(part.join("server.properties"), properties)?;
    run(Command::new("java")
        .args(JVM)
        .args(["-cp", "lib/*", "kafka.tools.StorageTool", "format"])
        .args(["-t", "ZWNzLXNkbS1wcm9kdWNlcg", "-c", "server.properties"])
        .current_dir(part))?;

    // The archive is written at a clean end.
    let mut broker = Broker::start_from(part, "-XX:ArchiveClassesAtExit=kafka.jsa", &|_| String::new())?;
    server::end(&mut broker.process, "TERM")
}

/// Without a binding for slf4j a broker that refuses its settings ends without a word.
const POM: &str = "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">
  <modelVersion>4.0.0</modelVersion><groupId>test</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>VERSION</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
";

/// One node's properties.
pub(crate) fn server_properties(broker_port: u16, controller_port: u16, log_dirs: &Path) -> String {
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{broker_port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker_port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={}
log.cleaner.dedupe.buffer.size=4194304
num.partitions=3
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
",
        log_dirs.display()
    )
}

/// A listener beside the plain one.
fn second_listener([broker, controller, second]: [u16; 3], name: &str, protocol: &str, advertised: &str) -> String {
    format!(
        "listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller},{name}://127.0.0.1:{second}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker},{name}://{advertised}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,{name}:{protocol}
inter.broker.listener.name=PLAINTEXT
"
    )
}
