//! `check` and `sync` agree on every setting: each with odd values, from a file, a variable or a flag. All ten from all three:
//!
//! ```sh
//! ODD_VALUES=all cargo test --test it field::agree -- --nocapture
//! ```

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use ecs_sdm_producer::config::keys;
use kit::program::{code, program, text};
use tempfile::TempDir;

/// Everything outside: a listener that closes each connection, so that a client of TLS is refused at once.
struct Outside {
    address: String,
    contacts: Arc<AtomicUsize>,
}

impl Outside {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, contacts) = (listener.local_addr().unwrap().to_string(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&contacts);
        // It ends with the process of the tests.
        thread::spawn(move || {
            for client in listener.incoming() {
                count.fetch_add(1, Ordering::SeqCst);
                drop(client);
            }
        });
        Self { address, contacts }
    }

    /// How many connections there were since it was last asked. Connections are accepted in their order: when the last, which is its
    /// own, is closed, all others are counted.
    fn contacts(&self) -> usize {
        let mut own = TcpStream::connect(&self.address).unwrap();
        let _ = own.read(&mut [0]);
        self.contacts.swap(0, Ordering::SeqCst) - 1
    }
}

/// Where the odd value stands.
#[derive(Debug, Clone, Copy)]
enum Source {
    File,
    Variable,
    Flag,
}

/// An odd value of a setting.
#[derive(Debug)]
struct Odd {
    key: String,
    value: String,
    source: Source,
}

impl Odd {
    fn all() -> Vec<Self> {
        let folder = std::env::temp_dir().display().to_string();
        let long = "x".repeat(5_000);
        let texts = ["", "   ", "a\nb", "'quoted'", "1.5e3", &long, "/nonexistent/file", &folder, "TRUE", "größe💥"];
        let secrets =
            ["access_key_id", "secret_access_key", "schema_registry.password", "schema_registry.bearer_token"];
        let further = secrets.map(|key| format!("{key}_file")).into_iter().chain([
            "kafka.properties.linger.ms".to_owned(),
            "kafka.properties.ssl.ca.location".to_owned(),
            "kafka.properties.sasl.password".to_owned(),
        ]);
        let keys = keys().map(str::to_owned).chain(further);
        let of = |key: String| {
            texts.iter().flat_map(move |value| {
                let key = key.clone();
                [Source::File, Source::Variable, Source::Flag].map(move |source| Self {
                    key: key.clone(),
                    value: (*value).to_owned(),
                    source,
                })
            })
        };
        keys.flat_map(of).collect()
    }

    /// Gives a command the odd value, and a folder for what it needs.
    fn give(&self, command: &mut Command, folder: &TempDir) {
        match self.source {
            Source::File => {
                let file = folder.path().join("connector.toml");
                // TOML escapes as JSON does.
                let value = serde_json::to_string(&self.value).unwrap();
                let key = match self.key.strip_prefix("kafka.properties.") {
                    Some(property) => format!("kafka.properties.{property:?}"),
                    None => self.key.clone(),
                };
                std::fs::write(&file, format!("{key} = {value}\n")).unwrap();
                command.arg("--config").arg(file);
            }
            Source::Variable => {
                let key = match self.key.strip_prefix("operation_options.") {
                    Some(option) => format!("OPERATION_OPTIONS.{option}"),
                    None => self.key.to_uppercase(),
                };
                let key = match self.key.strip_prefix("kafka.properties.") {
                    Some(property) => format!("KAFKA__PROPERTIES__{}", property.replace('.', "_")),
                    None => key.replace('.', "__"),
                };
                command.env(format!("ECS_SDM_{key}"), &self.value);
            }
            Source::Flag => _ = command.args(["--set", &format!("{}={}", self.key, self.value)]),
        }
    }

    /// The exit code of a command with it, and what it says.
    fn judged_by(&self, of: &str, outside: &Outside) -> (i32, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let mut command = program(None);
        command.args([of]).env("AWS_REGION", "eu-west-1");
        // Where brokers and TLS are not odd themselves.
        if !self.key.starts_with("kafka.bootstrap_servers") {
            command.args(["--set", &format!("kafka.bootstrap_servers={}", outside.address)]);
        }
        command.args(["--set", "kafka.properties.security.protocol=ssl"]);
        self.give(&mut command, &folder);
        let output = command.output().unwrap();
        let said = text(&output.stderr).replace(&folder.path().display().to_string(), "FOLDER");
        assert!(!said.contains("panicked"), "{of} {self:?}: {said}");
        let lines = said.lines().filter(|line| line.starts_with("error: ") || line.starts_with("warning: "));
        let mut lines: Vec<String> = lines.map(str::to_owned).collect();
        let code = code(&output);
        if of == "sync" && code != 64 {
            assert_eq!(code, 2, "{self:?}: {said}");
            // Those of the logs are the sync's own.
            lines.retain(|line| line.starts_with("warning: "));
            return (0, lines);
        }
        (code, lines)
    }

    /// What is wrong, if they do not agree.
    fn disagreement(&self, outside: &Outside) -> Option<String> {
        let check = self.judged_by("check", outside);
        let by_check = outside.contacts();
        let sync = self.judged_by("sync", outside);
        let by_sync = outside.contacts();
        let contacted = by_check > 0 || (sync.0 == 64 && by_sync > 0);
        (check != sync || contacted)
            .then(|| format!("{self:?}\n  check {check:?}\n  sync {sync:?}, contacted {contacted}\n"))
    }
}

#[test]
fn check_and_sync_agree_on_odd_values_of_every_setting() {
    let (send, odds) = sync_channel(1);
    let odds = Arc::new(Mutex::new(odds));
    let next = |odds: &Mutex<Receiver<Odd>>| odds.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
    let work = || {
        let odds = Arc::clone(&odds);
        thread::spawn(move || {
            let (outside, mut wrong, mut count) = (Outside::new(), String::new(), 0);
            while let Some(odd) = next(&odds) {
                count += 1;
                let _ = write!(wrong, "{}", odd.disagreement(&outside).unwrap_or_default());
            }
            (count, wrong)
        })
    };
    let workers = [work(), work(), work(), work()];
    // A quarter of them: of each setting other values and sources.
    let step = if std::env::var("ODD_VALUES").is_ok_and(|which| which == "all") { 1 } else { 4 };
    for odd in Odd::all().into_iter().step_by(step) {
        send.send(odd).unwrap();
    }
    drop(send);
    let (mut all, mut wrong) = (0, String::new());
    for worker in workers {
        let (count, of) = worker.join().unwrap();
        (all, wrong) = (all + count, wrong + &of);
    }
    assert!(wrong.is_empty(), "{wrong}");
    writeln!(io::stdout(), "agree: {all} odd values, check and sync agree on all").unwrap();
}
