//! No secret of any setting is in any output, right or wrong, whichever way it is set. The table of settings says which are secrets, so
//! that a new one joins by itself.

use std::fmt::{self, Write as _};
use std::path::Path;
use std::process::{Command, Output};

use ecs_sdm_producer::config::{Reference, reference};
use kit::cases::side_by_side;
use kit::program::{code, program, text};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// What every secret here holds.
pub(super) const CANARY: &str = "CANARY";

/// The properties that librdkafka's CONFIGURATION.md calls sensitive.
const PROPERTIES: [&str; 7] = [
    "kafka.properties.sasl.password",
    "kafka.properties.ssl.key.password",
    "kafka.properties.ssl.key.pem",
    "kafka.properties.ssl.keystore.password",
    "kafka.properties.sasl.oauthbearer.client.secret",
    "kafka.properties.sasl.oauthbearer.config",
    "kafka.properties.sasl.jaas.config",
];

/// How a setting is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    File,
    Variable,
    Flag,
    /// `KEY_file`. A key in PEM is a path itself. What has neither is in the settings' file.
    SecretFile,
}

pub(super) const WAYS: [Way; 4] = [Way::File, Way::Variable, Way::Flag, Way::SecretFile];

impl Way {
    /// Sets these for a command. The folder has to live as long as it runs.
    pub(super) fn set(self, command: &mut Command, settings: &[(String, String)]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut toml = String::new();
        for (key, value) in settings {
            match self {
                Way::File => writeln!(toml, "{key} = {value:?}").unwrap(),
                Way::Variable => _ = command.env(variable(key), value),
                Way::Flag => _ = command.args(["--set", &format!("{key}={value}")]),
                Way::SecretFile => {
                    let path = folder.path().join(key);
                    std::fs::write(&path, value).unwrap();
                    let known = reference().into_iter().find(|setting| setting.key == key && setting.is_secret);
                    match known {
                        Some(setting) if setting.has_file => writeln!(toml, "{key}_file = {path:?}").unwrap(),
                        Some(_) => writeln!(toml, "{key} = {path:?}").unwrap(),
                        None => writeln!(toml, "{key} = {value:?}").unwrap(),
                    }
                }
            }
        }
        if !toml.is_empty() {
            let file = folder.path().join("connector.toml");
            std::fs::write(&file, toml).unwrap();
            command.arg("--config").arg(file);
        }
        folder
    }
}

fn variable(key: &str) -> String {
    match key.strip_prefix("kafka.properties.") {
        Some(property) => format!("ECS_SDM_KAFKA__PROPERTIES__{}", property.replace('.', "_")),
        None => format!("ECS_SDM_{}", key.replace('.', "__").to_uppercase()),
    }
}

/// The settings that are secrets.
pub(super) fn secrets() -> Vec<Reference> {
    let settings = reference();
    let in_tables = settings.iter().flat_map(|setting| &setting.members).filter(|member| member.is_secret);
    assert_eq!(in_tables.count(), 0, "a secret in a table needs cases of its own here");
    settings.into_iter().filter(|setting| setting.is_secret).collect()
}

/// The keys of all secrets: of the table, and of librdkafka.
pub(super) fn keys() -> Vec<&'static str> {
    secrets().into_iter().map(|secret| secret.key).chain(PROPERTIES).collect()
}

/// Holds that none of these is in what was written, and gives all that was.
pub(super) fn assert_kept(what: &dyn fmt::Display, output: &Output, secrets: &[&str]) -> String {
    let said = text(&output.stdout) + &text(&output.stderr);
    for secret in secrets {
        let shown = said.lines().find(|line| line.contains(secret));
        assert_eq!(shown, None, "{what}: {secret} is shown");
    }
    assert!(!said.contains("panicked"), "{what}: {said}");
    said
}

/// What is wrong with each secret of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Nothing, or that it is a path, or a key without its frame.
    Nothing,
    LineBreak,
    Blank,
    Quotes,
    /// A whole key in PEM for what is no key, and half a one for what is.
    Pem,
    /// It stands in a list or table.
    Nested,
}

const FAULTS: [Fault; 6] = [Fault::Nothing, Fault::LineBreak, Fault::Blank, Fault::Quotes, Fault::Pem, Fault::Nested];

impl Fault {
    fn apply(self, key: &str) -> String {
        let secret = format!("{CANARY}.{key}");
        match self {
            Fault::Nothing => secret,
            Fault::LineBreak => format!("{secret}\n{CANARY}"),
            Fault::Blank => format!("{secret} "),
            Fault::Quotes => format!("\"{secret}\""),
            Fault::Pem => format!("-----BEGIN PRIVATE KEY-----\n{CANARY}\n"),
            Fault::Nested => format!("[\"{secret}\"]"),
        }
    }
}

/// A command with secrets that are wrong, or that lack what belongs to them.
struct Case {
    arguments: &'static [&'static str],
    way: Way,
    fault: Fault,
    /// One of them, else all.
    only: Option<String>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {:?}, {:?}, {:?}", self.arguments, self.way, self.fault, self.only)
    }
}

impl Case {
    fn run(&self) {
        let mut command = program(None);
        command.args(self.arguments).env("AWS_REGION", "eu-west-1").env("RUST_LOG", "trace");
        let is_help = self.arguments.contains(&"--help");
        if !is_help {
            command.args(["--set", "kafka.bootstrap_servers=127.0.0.1:1", "--set", "kafka.startup_timeout=1ms"]);
            command.args(["--set", "kafka.properties.debug=all"]);
            // A mistake beside them.
            command.args(["--set", "page_sise=1"].iter().filter(|_| self.only.is_none()));
        }
        let keys = keys().into_iter().map(str::to_owned);
        let keys: Vec<_> = keys.filter(|key| self.only.as_ref().is_none_or(|only| only == key)).collect();
        let mut settings: Vec<_> = keys.iter().map(|key| (key.clone(), self.fault.apply(key))).collect();
        let urls = reference().into_iter().filter(|setting| setting.form.contains("URL"));
        let urls: Vec<_> =
            urls.map(|setting| (setting.key.to_owned(), format!("https://user:{CANARY}@127.0.0.1:1/"))).collect();
        assert!(!urls.is_empty(), "there are URLs");
        settings.extend(urls.into_iter().filter(|_| self.only.is_none()));
        let way = if is_help { Way::Variable } else { self.way };
        let _folder = way.set(&mut command, &settings);
        let output = command.output().unwrap();
        let said = assert_kept(self, &output, &[CANARY]);
        if is_help {
            assert_eq!(code(&output), 0, "{self}: {said}");
        } else if self.only.is_none() {
            assert_eq!(code(&output), 64, "{self}: {said}");
            assert!(said.contains("page_sise"), "{self}: {said}");
            // Each of them was looked at.
            let is_judged = matches!(self.fault, Fault::LineBreak | Fault::Blank) && self.way != Way::SecretFile;
            let missed: Vec<_> =
                keys.iter().filter(|key| is_judged && !said.contains(&format!("error: {key}: "))).collect();
            assert!(missed.is_empty(), "{self}: nothing is said of {missed:?}: {said}");
        }
    }
}

#[test]
fn no_secret_is_in_what_is_said_of_settings_that_are_refused() {
    let mut cases = Vec::new();
    for way in WAYS {
        for fault in FAULTS {
            for arguments in [&["check"][..], &["sync"], &["sync", "--report", "json"]] {
                cases.push(Case { arguments, way, fault, only: None });
            }
        }
    }
    for key in keys().into_iter() {
        for (fault, arguments) in
            [(Fault::Nothing, &["check"][..]), (Fault::Nothing, &["sync"]), (Fault::Pem, &["check"])]
        {
            cases.push(Case { arguments, way: Way::Variable, fault, only: Some(key.to_owned()) });
        }
    }
    for arguments in [&["--help"][..], &["sync", "--help"], &["run", "--help"], &["check", "--help"]] {
        cases.push(Case { arguments, way: Way::Variable, fault: Fault::Nothing, only: None });
    }
    Runtime::new().unwrap().block_on(side_by_side(cases, 4, |case| async move { case.run() }));
}

/// A value of another type stands in a file alone.
#[test]
fn no_secret_is_in_what_is_said_of_a_wrong_type() {
    for form in [format!("[\"{CANARY}\"]"), format!("{{ a = \"{CANARY}\" }}"), format!("\"{CANARY}")] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("connector.toml");
        let lines = keys().into_iter().map(|key| format!("{key} = {form}\n"));
        std::fs::write(&file, lines.collect::<String>()).unwrap();
        let output = program(None).arg("check").arg("--config").arg(Path::new(&file)).output().unwrap();
        assert_eq!(code(&output), 64);
        assert_kept(&form, &output, &[CANARY]);
    }
}
