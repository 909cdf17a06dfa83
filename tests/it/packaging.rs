//! The files with which others run the program: `config/examples`, the Dockerfile and docker-compose.yml. What can be checked without their
//! engines is that the program takes what they give it, and that what they name is there. Their form is checked by `tests/examples/run`.

mod compose;
mod cron;
mod docker;
mod ecs;
mod kubernetes;
mod systemd;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ecs_sim::{Simulator, World};
use kit::program::{code, program, text};
use kit::sync::SHAPE;
use serde_json::Value;
use tempfile::TempDir;

/// Where the image has the program, and a host that follows the examples.
const PROGRAM: &str = "/usr/local/bin/ecs-sdm-producer";

/// The user of the image.
const USER: u64 = 65532;

/// Seconds that every engine has to leave for a stop, which takes up to 25.
const STOP: u64 = 30;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn example(name: &str) -> String {
    fs::read_to_string(repository().join("config/examples").join(name)).unwrap()
}

/// The documents of a YAML file.
fn yaml(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

/// A folder that stands for `/` of a container or a host, with the files that somebody puts there.
struct Place {
    root: TempDir,
    folders: BTreeSet<String>,
}

impl Place {
    /// Files by path. What they say of paths in folders of these files is true here.
    fn with(files: &[(String, String)]) -> Self {
        let folder = |path: &String| path.rsplit_once('/').unwrap().0.to_owned();
        let folders = files.iter().map(|(path, _)| folder(path)).collect();
        let place = Self { root: tempfile::tempdir().unwrap(), folders };
        for (path, content) in files {
            let file = place.file(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, place.here(content)).unwrap();
        }
        place
    }

    /// Where the file with this path lies.
    fn file(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    /// A text with its paths as they are here.
    fn here(&self, text: &str) -> String {
        let root = self.root.path().to_str().unwrap();
        self.folders
            .iter()
            .fold(text.to_owned(), |text, folder| text.replace(&format!("{folder}/"), &format!("{root}{folder}/")))
    }

    /// The paths that a text names and nobody puts there. The program is in the image.
    fn absent<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let words = lines.flat_map(|line| line.split(['"', ' ', '=', ',']));
        words.filter(|word| word.starts_with('/') && *word != PROGRAM && !self.file(word).exists()).collect()
    }

    /// Every path that a text names is there.
    fn assert_there(&self, text: &str) {
        assert_eq!(self.absent(text), [""; 0], "{text}");
    }

    /// What `check` says in place of `run` or `sync`: its exit code, the settings, the errors.
    fn judge(&self, args: &[String], variables: &[(String, String)]) -> (i32, String, String) {
        assert!(["run", "sync"].contains(&args[0].as_str()), "{args:?}");
        let args = args[1..].iter().map(|arg| self.here(arg));
        let variables = variables.iter().map(|(name, value)| (name, self.here(value)));
        let output = program(None).arg("check").args(args).envs(variables).output().unwrap();
        (code(&output), text(&output.stdout), text(&output.stderr))
    }

    /// Everything that these arguments and variables name is there, and they are settings that hold. Gives the listing of these.
    fn assert_runs(&self, args: &[String], variables: &[(String, String)]) -> Settings {
        args.iter().for_each(|arg| self.assert_there(arg));
        variables.iter().for_each(|(_, value)| self.assert_there(value));
        let (code, listing, errors) = self.judge(args, variables);
        assert_eq!((code, errors.as_str()), (0, ""), "{args:?} {variables:?}");
        let settings = Settings(listing);
        assert_eq!(settings.get("interval").is_some(), args[0] == "run", "a sidecar has an interval, and a sync none");
        settings
    }

    /// A probe asks our program something that it understands. That nobody answers is a no, and none of the wrong flags.
    fn assert_asks(&self, command: &[String], variables: &[(String, String)]) {
        assert_eq!(command[..2], [PROGRAM, "healthcheck"], "{command:?}");
        command.iter().for_each(|arg| self.assert_there(arg));
        let args = command[1..].iter().map(|arg| self.here(arg));
        let variables = variables.iter().map(|(name, value)| (name, self.here(value)));
        // Whoever has the address of the example on this host is not asked.
        let output = program(None).args(args).args(["--address", "127.0.0.1:1"]).envs(variables).output().unwrap();
        assert_eq!(code(&output), 1, "{command:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("127.0.0.1:1"), "{command:?}: {}", text(&output.stderr));
    }
}

/// What `check` lists.
struct Settings(String);

impl Settings {
    /// The value of a setting, without quotes.
    fn get(&self, key: &str) -> Option<&str> {
        let value = self.0.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))?;
        Some(value.split_once("  # ").unwrap().0.trim().trim_matches('"'))
    }

    /// Where the health server listens. It was set: a probe would ask whoever has the default.
    fn listen(&self) -> std::net::SocketAddr {
        self.get("telemetry.listen").expect("telemetry.listen is set").parse().unwrap()
    }
}

fn simulator() -> Simulator {
    Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap()
}

#[test]
fn what_an_example_gets_wrong_is_found() {
    let file = ("/etc/it/connector.toml".to_owned(), "page_size = 50\n".to_owned());
    let place = Place::with(&[file]);
    let args = ["sync", "--config", "/etc/it/connector.toml"].map(str::to_owned);
    let with = |name: &str, value: &str| {
        let given = [
            ("ECS_SDM_KAFKA__BOOTSTRAP_SERVERS", "kafka:9092"),
            ("ECS_SDM_DEFAULT_REGION", "eu-west-1"),
            (name, value),
        ];
        place.judge(&args, &given.map(|(name, value)| (name.to_owned(), value.to_owned())))
    };
    assert_eq!(with("ECS_SDM_PAGE_SIZE", "60").0, 0);
    for (name, value) in
        [("ECS_SDM_PAGESIZE", "60"), ("ECS_SDM_SECRET_ACCESS_KEY_FILE", "/nowhere/key"), ("ECS_SDM_TIMEOUT", "1")]
    {
        let (code, _, errors) = with(name, value);
        assert!(code == 64 && errors.contains(name), "{name}: {errors}");
    }
    assert_eq!(place.absent("/etc/it/connector.toml"), [""; 0]);
    assert_eq!(place.absent("file = \"/etc/it/other.toml\""), ["/etc/it/other.toml"]);
}

#[test]
fn the_documents_name_every_example_and_none_that_is_not_there() {
    let documents = ["README.md", "docs/operations.md", "CONTRIBUTING.md", "CHANGELOG.md"];
    let operations = fs::read_to_string(repository().join(documents[1])).unwrap();
    for file in fs::read_dir(repository().join("config/examples")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(
            operations.contains(&format!("](../config/examples/{name})")),
            "docs/operations.md does not name {name}"
        );
    }
    for document in documents {
        let file = repository().join(document);
        let links = fs::read_to_string(&file).unwrap();
        for link in links.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let is_file = !link.is_empty() && !link.contains("://");
            assert!(!is_file || file.parent().unwrap().join(link).exists(), "{document}: {link}");
        }
    }
}

/// Nothing of the environment is needed but what says where AWS is, and no file is written.
#[test]
fn a_sync_needs_no_home_and_writes_nothing() {
    let simulator = simulator();
    let folder = tempfile::tempdir().unwrap();
    let mut rights = fs::metadata(folder.path()).unwrap().permissions();
    rights.set_readonly(true);
    fs::set_permissions(folder.path(), rights).unwrap();
    let output = program(Some(&simulator))
        .env_remove("HOME")
        .env_remove("AWS_EC2_METADATA_DISABLED")
        .current_dir(folder.path())
        .args(["sync", "--dry-run"])
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(text(&output.stdout).lines().count() as u64 >= SHAPE.tasks);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
