//! The stack of docker-compose.yml, with the files that it mounts. No engine runs it here: what can be checked is that all that it names is
//! there, and fits together.

mod services;
mod watchers;

use std::collections::BTreeMap;

use kit::promtool::promtool;
use serde_json::{Map, json};

use super::*;

const COMPOSE: &str = "docker-compose.yml";
const PROMETHEUS: &str = "config/prometheus.yml";
const DATASOURCE: &str = "config/grafana/provisioning/datasources/prometheus.yml";
const PROVIDER: &str = "config/grafana/provisioning/dashboards/ecs-sdm-producer.yml";
const DASHBOARDS: &str = "config/grafana/dashboards";

/// What a Kafka, a registry, a Prometheus, a Grafana, a simulator and a producer of the reader's own have.
const USUAL: [u16; 8] = [3000, 4566, 7464, 8080, 8081, 9090, 9092, 9093];

/// The text with each `${NAME:-default}` at its default, and `$$` as a dollar.
fn at_defaults(text: &str) -> String {
    let (mut all, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('$') {
        all.push_str(before);
        rest = if let Some(after) = after.strip_prefix('$') {
            all.push('$');
            after
        } else {
            let braces = after.strip_prefix('{').and_then(|named| named.split_once('}'));
            let (variable, after) = braces.unwrap_or_else(|| panic!("a variable without braces: {after}"));
            let (_, default) = variable.split_once(":-").unwrap_or_else(|| panic!("{variable} has no default"));
            all.push_str(default);
            after
        };
    }
    all + rest
}

/// The ports that a text names of this host.
fn named(text: &str) -> BTreeSet<u16> {
    let digits = |rest: &str| rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|port| port.parse().ok());
    text.split("localhost:").skip(1).filter_map(digits).collect()
}

/// `host:port` of a URL or an address.
fn host_and_port(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

fn only(mut documents: Vec<Value>) -> Value {
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

struct Stack {
    /// A file, and what is replaced by what in it.
    defect: Option<[&'static str; 3]>,
    services: Map<String, Value>,
}

impl Stack {
    fn read(defect: Option<[&'static str; 3]>) -> Self {
        let mut stack = Self { defect, services: Map::new() };
        let file = only(yaml(&at_defaults(&stack.text(COMPOSE))));
        file["services"].as_object().unwrap().clone_into(&mut stack.services);
        stack
    }

    fn text(&self, path: &str) -> String {
        let text = fs::read_to_string(repository().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"));
        let Some([_, right, wrong]) = self.defect.filter(|[file, ..]| *file == path) else { return text };
        assert!(text.contains(right), "{path} does not have {right:?}");
        text.replace(right, wrong)
    }

    fn document(&self, path: &str) -> Value {
        only(yaml(&self.text(path)))
    }

    /// The comment at the head of the compose file.
    fn head(&self) -> String {
        let text = self.text(COMPOSE);
        text.lines().take_while(|line| line.starts_with('#')).collect::<Vec<_>>().join("\n")
    }

    /// The words of a service's command.
    fn command(&self, service: &str) -> Vec<String> {
        match &self.services[service]["command"] {
            Value::String(words) => words.split_whitespace().map(str::to_owned).collect(),
            words => items(words).map(|word| word.as_str().unwrap().to_owned()).collect(),
        }
    }

    /// What comes behind a flag of a service's command.
    fn flag(&self, service: &str, flag: &str) -> Option<String> {
        let prefix = format!("{flag}=");
        self.command(service).iter().find_map(|word| word.strip_prefix(&prefix)).map(str::to_owned)
    }

    fn variables(&self, service: &str) -> BTreeMap<String, String> {
        let given = self.services[service]["environment"].as_object().into_iter().flatten();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        given.map(|(name, value)| (name.clone(), text(value))).collect()
    }

    /// Services with what their lists of this key hold.
    fn each(&self, key: &str) -> Vec<(&str, &str)> {
        let all = self.services.iter().flat_map(|(name, service)| items(&service[key]).map(move |one| (name, one)));
        all.map(|(name, one)| (name.as_str(), one.as_str().unwrap())).collect()
    }

    /// Where a service finds the files of the repository: path there, path here.
    fn mounts(&self, service: &str) -> BTreeMap<String, String> {
        let own = self.each("volumes").into_iter().filter(|(name, _)| *name == service);
        let parts = own.filter_map(|(_, volume)| volume.strip_prefix("./")?.split_once(':'));
        parts.map(|(here, there)| (there.trim_end_matches(":ro").to_owned(), here.to_owned())).collect()
    }

    /// Whether somebody listens there in the network of the stack: a port that is published, or that an address to listen at has.
    fn listens(&self, address: &str) -> bool {
        let Some((host, port)) = address.split_once(':') else { return false };
        let published = || {
            self.each("ports").into_iter().any(|(name, ports)| name == host && ports.rsplit(':').next() == Some(port))
        };
        let told = || {
            let named = |name: &str| name.contains("LISTEN") && !name.contains("ADVERTISED");
            let variables = self.variables(host).into_iter().filter(|(name, _)| named(name));
            let told = variables.map(|(_, value)| value).chain(self.flag(host, "--listen"));
            told.flat_map(|all| all.split(',').map(str::to_owned).collect::<Vec<_>>())
                .any(|one| one.rsplit(':').next() == Some(port))
        };
        self.services.contains_key(host) && (published() || told())
    }

    /// What is wrong.
    fn problems(&self) -> Vec<String> {
        let checks = [
            Self::of_mounts,
            Self::of_images,
            Self::of_ports,
            Self::of_order,
            Self::of_addresses,
            Self::of_simulator,
            Self::of_prometheus,
            Self::of_grafana,
        ];
        checks.iter().flat_map(|check| check(self)).collect()
    }
}

#[test]
fn all_that_the_stack_names_is_there_and_fits() {
    assert_eq!(Stack::read(None).problems(), [""; 0]);
}

#[test]
fn what_the_stack_gets_wrong_is_found() {
    for (file, right, wrong, says) in [
        (COMPOSE, "./config/prometheus.yml:", "./config/prometheus.yaml:", "there is no ./config/prometheus.yaml"),
        (COMPOSE, "prometheus-alerts.yml:ro", "prometheus-alerts.yml", "mounted read-only"),
        (COMPOSE, "prometheus/prometheus-alerts.yml:ro", "prometheus/alerts.yml:ro", "nobody mounts /etc/prometheus/"),
        (COMPOSE, "--config.file=/etc/prometheus/", "--config.file=/etc/", "nobody mounts /etc/prometheus.yml"),
        (COMPOSE, "apache/kafka:", "apache/kafka:1", "kafka: the tests run against"),
        (COMPOSE, ".Final", "", "registry: the tests run against"),
        (COMPOSE, "grafana/grafana:13.2.3", "grafana/grafana:13.2", "13.2 is no exact version"),
        (COMPOSE, "grafana/grafana:13.2.3", "grafana/grafana", "grafana: neither an image with a version"),
        (COMPOSE, "target: producer", "target: product", "nor a stage of the Dockerfile: product"),
        (COMPOSE, "127.0.0.1:29090:", "29090:", "open to others"),
        (COMPOSE, "127.0.0.1:29090:", "0.0.0.0:29090:", "open to others"),
        (COMPOSE, "127.0.0.1:23000:", "127.0.0.1:3000:", "3000 is what others have"),
        (COMPOSE, "127.0.0.1:23000:", "127.0.0.1:29090:", "29090 is published twice"),
        (COMPOSE, "http://localhost:23000", "http://localhost:3000", "at its head"),
        ("README.md", "localhost:2", "localhost:3", "README.md: nobody has 3"),
        (
            COMPOSE,
            "      registry:\n        cond",
            "      registrar:\n        cond",
            "there is no registrar to wait for",
        ),
        (COMPOSE, "condition: service_started", "condition: service_healthy", "simulator has no health check"),
        (COMPOSE, "test: [CMD, wget", "test: [CMD-SHELL, wget", "grafana: its health check wants a shell"),
        (COMPOSE, "http://simulator:4566", "http://simulator:4567", "nobody listens at simulator:4567"),
        (COMPOSE, "http://registry:8080", "http://registry:28081", "nobody listens at registry:28081"),
        (COMPOSE, "/apis/ccompat/v7\n", "/apis/registry/v2\n", "Confluent's API is at"),
        (COMPOSE, "SERVERS: kafka:9092", "SERVERS: kafka:29092", "kafka:29092 is none of"),
        (COMPOSE, "PLAINTEXT://kafka:9092", "PLAINTEXT://kafka:9094", "nobody listens at kafka:9094"),
        (COMPOSE, "HOST://localhost:29092", "HOST://localhost:9092", "nobody listens at localhost:9092"),
        (COMPOSE, "--task-definitions=", "--taskdefinitions=", "it does not know --taskdefinitions="),
        (COMPOSE, "--disabled-region=eu-south-1", "--disabled-region=eu-north-1", "eu-south-1 is enabled"),
        (COMPOSE, "0.0.0.0:7464", "0.0.0.0:7465", "is not producer:7465"),
        (PROMETHEUS, "producer:7464", "producer:27464", "producer:27464"),
        (PROMETHEUS, "scrape_interval: 5s", "scrape_interval: 15s", "the scrape interval is \"15s\""),
        (COMPOSE, ":/etc/grafana/provisioning/datasources:", ":/etc/grafana/datasources:", "does not look for"),
        (DATASOURCE, "http://prometheus:9090", "http://prometheus:29090", "does not listen at prometheus:29090"),
        (DATASOURCE, "type: prometheus", "type: loki", "the dashboard wants"),
        (PROVIDER, "path: /etc/grafana/dashboards", "path: /etc/grafana", "is not where"),
        (COMPOSE, "dashboards/ecs-sdm-producer.json", "dashboards/producer.json", "to begin with"),
    ] {
        let problems = Stack::read(Some([file, right, wrong])).problems();
        assert!(problems.iter().any(|problem| problem.contains(says)), "{file}: {wrong}: {problems:?}");
    }
}

#[test]
fn the_producer_of_the_stack_runs_and_is_asked_whether_it_is_ready() {
    let stack = Stack::read(None);
    let ours = &stack.services["producer"];
    let variables: Vec<_> = stack.variables("producer").into_iter().collect();
    let place = Place::with(&[]);
    let settings = place.assert_runs(&stack.command("producer"), &variables);
    assert!(settings.listen().ip().is_unspecified(), "Prometheus is in another container");
    assert_eq!(settings.get("kafka.topics_create"), Some("if_missing"), "nobody else makes them");
    assert_eq!(settings.get("schema_registry.mode"), Some("auto"), "nobody else registers them");
    let duration = |key: &str| humantime::parse_duration(settings.get(key).unwrap()).unwrap();
    assert!(duration("kafka.retention") >= 3 * duration("interval"));

    let health = &ours["healthcheck"];
    let command = texts(&health["test"]);
    place.assert_asks(&command[1..], &variables);
    assert!(command.contains(&"--ready".to_owned()), "docker compose up --wait returns when a sync has begun");
    let seconds = |value: &Value| humantime::parse_duration(value.as_str().unwrap()).unwrap().as_secs();
    assert!(seconds(&health["timeout"]) > 3, "the program itself takes up to 3 s");
    assert!(seconds(&ours["stop_grace_period"]) >= STOP);
    assert_eq!((&ours["read_only"], &ours["cap_drop"]), (&json!(true), &json!(["ALL"])));
    assert!(ours["entrypoint"].is_null() && ours["user"].is_null(), "the image has both");
}

#[test]
fn prometheus_takes_the_files_as_they_are_mounted() {
    let stack = Stack::read(None);
    let place = tempfile::tempdir().unwrap();
    for (there, here) in stack.mounts("prometheus") {
        let file = place.path().join(there.trim_start_matches('/'));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::copy(repository().join(here), file).unwrap();
    }
    let config = stack.flag("prometheus", "--config.file").unwrap();
    let check = |config: &str| promtool(&["check", "config", config.trim_start_matches('/')], place.path(), "");
    let said = check(&config);
    let words = format!("{}{}", text(&said.stdout), text(&said.stderr));
    assert!(said.status.success() && words.contains("1 rule files found"), "{words}");
    let file = place.path().join(config.trim_start_matches('/'));
    fs::write(&file, stack.text(PROMETHEUS).replace("scrape_configs:", "scrape_config:")).unwrap();
    assert!(!check(&config).status.success());
}
