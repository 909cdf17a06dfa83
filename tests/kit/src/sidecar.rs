//! A sidecar: the real program with an interval, its health server, and what it has said.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::metrics::Scrape;
use crate::settings::unique;
use crate::wait::{PATIENCE, wait_until};
use crate::{broker, registry, server};

/// A sidecar that runs. Dropping it kills it.
pub struct Sidecar {
    process: Child,
    folder: TempDir,
    address: String,
}

/// What a sidecar that has ended left.
#[derive(Debug)]
pub struct Left {
    /// How it has ended.
    pub status: ExitStatus,
    /// The report of each of its syncs.
    pub reports: Vec<Value>,
    /// What it has logged.
    pub logs: String,
}

impl Sidecar {
    /// Starts `run` with these settings, reports as JSON, and a health server on a port of its own.
    ///
    /// # Panics
    /// It ends before it listens.
    pub fn start(program: Command, settings: &[(&str, &str)]) -> Self {
        let mut sidecar = Self::spawn(program, settings);
        let mut address = None;
        wait_until("the health server listens", || {
            let ended = sidecar.process.try_wait().unwrap();
            assert!(ended.is_none(), "it has ended: {ended:?}: {}", sidecar.logs());
            let logs = sidecar.logs();
            let line = logs.lines().find(|line| line.contains("the health server listens"));
            address = line.and_then(|line| line.rsplit_once("address=")).map(|(_, address)| address.to_owned());
            address.is_some()
        });
        sidecar.address = address.unwrap();
        sidecar
    }

    /// The same on the shared broker, with topics of its own that it may make, an hour between its syncs, and these settings too.
    pub fn on_shared_broker(program: Command, test: &str, settings: &[(&str, &str)]) -> Self {
        let prefix = unique(test);
        let common = [
            ("kafka.bootstrap_servers", broker::bootstrap_servers().unwrap()),
            ("kafka.topics_create", "if_missing"),
            ("kafka.topic_prefix", prefix.as_str()),
            ("interval", "1h"),
        ];
        Self::start(program, &[&common, settings].concat())
    }

    /// As [`Sidecar::start`], without waiting for anything. There is no address to ask.
    pub fn spawn(mut program: Command, settings: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        let file = |name: &str| fs::File::create(folder.path().join(name)).unwrap();
        program.args(["run", "--report", "json", "--set", "telemetry.listen=127.0.0.1:0"]);
        for (key, value) in settings {
            program.args(["--set", &format!("{key}={value}")]);
        }
        let process = program.stdout(file("reports")).stderr(file("logs")).spawn().unwrap();
        Self { process, folder, address: String::new() }
    }

    /// Where the health server listens: `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it has logged so far.
    pub fn logs(&self) -> String {
        self.text("logs")
    }

    /// The reports so far.
    pub fn reports(&self) -> Vec<Value> {
        // A line that is still written is none.
        let text = self.text("reports");
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"))).collect()
    }

    fn text(&self, name: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
    }

    /// Asks the health server: the status, and the JSON.
    pub fn ask(&self, method: &str, path: &str) -> (u16, Value) {
        registry::ask(method, &format!("http://{}{path}", self.address), None)
    }

    /// What `/metrics` says.
    pub fn scrape(&self) -> Scrape {
        let answer = self.raw(&format!("GET /metrics HTTP/1.1\r\nHost: {}", self.address));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        Scrape::read(body)
    }

    /// What `/status` says.
    pub fn status(&self) -> Value {
        self.ask("GET", "/status").1
    }

    /// Waits until `/status` is so, and gives it.
    pub fn wait_for(&mut self, what: &str, mut is_so: impl FnMut(&Value) -> bool) -> Value {
        let mut status = Value::Null;
        wait_until(what, || {
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none(), "it has ended before {what}: {}", self.logs());
            status = self.status();
            is_so(&status)
        });
        status
    }

    /// Waits until so many syncs have ended, and gives the reports.
    pub fn wait_for_reports(&mut self, count: usize) -> Vec<Value> {
        let what = format!("{count} reports");
        wait_until(&what, || {
            assert!(self.process.try_wait().unwrap().is_none(), "it has ended before {what}: {}", self.logs());
            self.reports().len() >= count
        });
        self.reports()
    }

    /// Sends a request as it stands, and gives all that is answered. It is a request of HTTP/1.1 without its last, empty line.
    pub fn raw(&self, head: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(format!("{head}\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends a signal.
    pub fn signal(&self, signal: &str) {
        server::send(&self.process, signal).unwrap();
    }

    /// Waits until it has ended, `limit` at most.
    ///
    /// # Panics
    /// It has not.
    pub fn end(mut self, limit: Duration) -> Left {
        let start = std::time::Instant::now();
        let status = loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < limit, "it has not ended after {limit:?}: {}", self.logs());
            std::thread::sleep(Duration::from_millis(5)); // why: a process tells nobody that it ends
        };
        assert!(status.signal().is_none(), "{status}: {}", self.logs());
        Left { status, reports: self.reports(), logs: self.logs() }
    }

    /// Stops it with SIGTERM, and waits for its end.
    pub fn stop(self) -> Left {
        self.signal("TERM");
        self.end(PATIENCE)
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "the sidecar's logs: {}", self.logs());
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
