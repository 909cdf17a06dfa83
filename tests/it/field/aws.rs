//! AWS's own side: its configuration files, its credential chain, the account, what it denies.

mod account;
mod chain;
mod files;
mod network;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::thread;

use ecs_sim::{Shape, Simulator, World};
use kit::program::{code, program, text};
use tempfile::TempDir;

use super::settings::Set;

const SMALL: Shape =
    Shape { clusters: 2, services: 12, tasks: 30, stopped_tasks: 0, task_definitions: 3, inactive_clusters: 0 };

fn simulator() -> Simulator {
    Simulator::start(World { shape: SMALL, ..World::default() }).unwrap()
}

/// A home with AWS's configuration file in it.
struct Home {
    folder: TempDir,
}

impl Home {
    fn new(config: &str) -> Self {
        let home = Self { folder: tempfile::tempdir().unwrap() };
        home.write(".aws/config", config);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// A dry run of an account that the simulator plays, without keys in the environment: its exit code and what it says.
fn dry_run(simulator: &Simulator, home: &Home, env: Set<'_>, settings: &[&str]) -> (i32, String) {
    let output = run(simulator, home, env, settings);
    (code(&output), text(&output.stderr))
}

fn run(simulator: &Simulator, home: &Home, env: Set<'_>, settings: &[&str]) -> Output {
    let mut command = program(Some(simulator));
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env("HOME", home.folder.path());
    command.env("PATH", "/usr/bin:/bin").envs(env.iter().copied()).args(["sync", "--dry-run"]);
    command.args(settings.iter().flat_map(|flag| ["--set", flag])).output().unwrap()
}

/// The one line that says why nothing could be read.
fn denial(said: &str) -> &str {
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("  denied: ")).collect();
    assert_eq!(lines.len(), 1, "{said}");
    lines[0]
}

fn assert_words(line: &str, words: &[&str]) {
    for word in words {
        assert!(line.contains(word), "{word:?} is not in: {line}");
    }
}

/// A server that gives each request the same answer, and keeps the heads of requests.
struct Server {
    address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(status: &'static str, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let (seen, length) = (Arc::clone(&heads), body.len());
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\
             content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        // It ends with the test process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, mut head) = (stream.unwrap(), Vec::new());
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).unwrap_or(0) == 0 {
                        break;
                    }
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let length =
                    head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                let _ = stream.read_exact(&mut vec![0; length.unwrap_or(0)]);
                seen.lock().unwrap().push(head);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { address, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}
