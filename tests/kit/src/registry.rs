//! A real schema registry for the tests, Apicurio with Confluent's API: one that the whole run shares, or one that a test
//! may stop. Its schemas are in memory, and gone with it.

use std::env;
use std::io::{ErrorKind, Read, Result as IoResult, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::{oracle, server};

/// The version of Apicurio.
pub const VERSION: &str = "2.6.13.Final";
const WAY_OUT: &str = "install a JDK 17 or newer and Maven, or set SCHEMA_REGISTRY_URL";

/// Small and quick to start.
const JVM: [&str; 4] = ["-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xlog:disable"];

/// Where Confluent's API is.
pub const CONFLUENT: &str = "/apis/ccompat/v7";

/// Where the tests of this process find a registry: SCHEMA_REGISTRY_URL, else one of our own, started for the first test
/// that asks. Subjects are shared too: a test takes names of its own, or registers what all do.
///
/// # Errors
/// One line with the reason and the way out, the same for every test that asks.
pub fn url() -> Result<&'static str, String> {
    static URL: OnceLock<Result<&'static str, String>> = OnceLock::new();
    URL.get_or_init(|| match env::var("SCHEMA_REGISTRY_URL") {
        Ok(url) if !url.is_empty() => Ok(url.leak()),
        _ => Registry::start().map(|registry| Box::leak(Box::new(registry)).url().leak::<'static>() as &str),
    })
    .clone()
}

/// Where Apicurio's own API is at the same registry: its serializers want that one.
pub fn native_url(url: &str) -> String {
    url.replace(CONFLUENT, "/apis/registry/v2")
}

/// A registry on a free port of 127.0.0.1. Dropping it ends it.
pub struct Registry {
    process: Child,
    port: u16,
}

impl Registry {
    /// Starts a registry and returns once it answers: two seconds, after some twenty the first time ever.
    ///
    /// # Errors
    /// One line: what is missing, or how the registry's log ends, and the way out.
    pub fn start() -> Result<Registry, String> {
        distribution()
            .and_then(|distribution| Registry::start_from(&distribution, "-XX:SharedArchiveFile=registry.jsa"))
            .map_err(|why| format!("no schema registry for this test: {why}; {WAY_OUT}"))
    }

    /// Confluent's API.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}{CONFLUENT}", self.port)
    }

    fn start_from(distribution: &Path, archive: &str) -> IoResult<Registry> {
        server::on_free_ports("in use", || Registry::try_start_from(distribution, archive))
    }

    fn try_start_from(distribution: &Path, archive: &str) -> IoResult<Registry> {
        let [port] = server::free_ports()?;
        let folder = server::new_folder("registry-")?;
        let log = folder.join("registry.log");
        let process = server::kept(&folder, "java", &log)?
            .args(JVM)
            .args([archive, "-jar", &format!("apicurio-registry-app-{VERSION}-runner.jar")])
            .env("QUARKUS_HTTP_HOST", "127.0.0.1")
            .env("QUARKUS_HTTP_PORT", port.to_string())
            .env("QUARKUS_DATASOURCE_JDBC_MIN_SIZE", "1")
            // The archive of classes holds for the class path it was made with: a relative one outlives the distribution's move.
            .current_dir(distribution)
            .spawn()?;
        let mut registry = Registry { process, port };
        let subjects = format!("{}/subjects", registry.url());
        server::wait_until_started("the registry", &mut registry.process, &log, |_| answers(&subjects))?;
        Ok(registry)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.wait();
    }
}

/// Asks the registry as anybody can, over plain HTTP, and gives its status and JSON. It blocks.
pub fn ask(method: &str, url: &str, body: Option<&Value>) -> (u16, Value) {
    let (status, text) = request(method, url, body).unwrap_or_else(|why| panic!("{method} {url}: {why}"));
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{method} {url}: not JSON: {text}")))
}

/// Registers a schema under a subject, and gives its id.
pub fn register(url: &str, subject: &str, schema: &str) -> u32 {
    let body = json!({"schema": schema, "schemaType": "AVRO"});
    let (status, answer) = ask("POST", &format!("{url}/subjects/{subject}/versions?normalize=true"), Some(&body));
    assert_eq!(status, 200, "{answer}");
    id(&answer)
}

/// Registers a schema of that name that ours can neither read nor be read by, and has the registry demand both.
///
/// # Panics
/// The registry refuses.
pub fn occupy(subject: &str) {
    let schema = json!({"type": "record", "name": "EcsTask", "namespace": "sdm.ecs", "fields": [{"name": "UID", "type": "long"}]});
    let url = url().unwrap();
    register(url, subject, &schema.to_string());
    let (status, answer) = ask("PUT", &format!("{url}/config/{subject}"), Some(&json!({"compatibility": "FULL"})));
    assert_eq!(status, 200, "{answer}");
}

/// What the registry's readers expect before each datum of a record, whose schema there is the checked-in one.
pub fn frame(url: &str, subject: &str, record: &str) -> Vec<u8> {
    let ours: Value = serde_json::from_str(&schema_text(record)).unwrap();
    let (status, latest) = ask("GET", &format!("{url}/subjects/{subject}/versions/latest"), None);
    assert_eq!(status, 200, "{subject}: {latest}");
    let (status, by_id) = ask("GET", &format!("{url}/schemas/ids/{}", id(&latest)), None);
    assert_eq!(status, 200, "{subject}: {by_id}");
    for answer in [&latest, &by_id] {
        let theirs: Value = serde_json::from_str(answer["schema"].as_str().unwrap()).unwrap();
        assert_eq!(theirs, ours, "the schema of {subject}");
    }
    [&[0], id(&latest).to_be_bytes().as_slice()].concat()
}

/// A checked-in schema as it stands there.
pub fn schema_text(record: &str) -> String {
    std::fs::read_to_string(oracle::schema_file(record)).unwrap()
}

fn id(answer: &Value) -> u32 {
    answer["id"].as_u64().and_then(|id| id.try_into().ok()).unwrap_or_else(|| panic!("no id in {answer}"))
}

/// HTTP/1.0: one request a connection, and an answer that ends with it.
fn request(method: &str, url: &str, body: Option<&Value>) -> IoResult<(u16, String)> {
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("http:// and a path");
    let body = body.map(Value::to_string).unwrap_or_default();
    let length = body.len();
    let mut registry = TcpStream::connect(host)?;
    let head = format!("{method} /{path} HTTP/1.0\r\nhost: {host}\r\ncontent-length: {length}");
    registry.write_all(format!("{head}\r\ncontent-type: application/json\r\n\r\n{body}").as_bytes())?;
    let mut answer = String::new();
    registry.read_to_string(&mut answer)?;
    let (head, text) = answer.split_once("\r\n\r\n").ok_or(ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or(ErrorKind::InvalidData)?, text.to_owned()))
}

/// Whether the API at a URL serves.
pub fn answers(url: &str) -> bool {
    request("GET", url, None).is_ok_and(|(status, _)| status == 200)
}

/// The folder with the registry and an archive of loaded classes, which halves its start.
fn distribution() -> IoResult<PathBuf> {
    server::made_once(&format!("registry-{VERSION}"), |part| {
        let artifact = format!("-Dartifact=io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all");
        server::run(
            Command::new("mvn")
                .args(["--quiet", "--batch-mode", "dependency:unpack", &artifact, "-DoutputDirectory=."])
                .current_dir(part),
        )?;
        // The archive is written at a clean end.
        let mut registry = Registry::start_from(part, "-XX:ArchiveClassesAtExit=registry.jsa")?;
        server::end(&mut registry.process, "TERM")
    })
}
