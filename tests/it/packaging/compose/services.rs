//! What is wrong with the services: their files, images, ports, order, addresses, flags.

use kit::{broker, registry};
use serde_json::json;

use super::*;

impl Stack {
    pub(super) fn of_mounts(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (service, volume) in self.each("volumes") {
            match volume.split(':').collect::<Vec<_>>()[..] {
                [here, there, "ro"] if here.starts_with("./") && there.starts_with('/') => {
                    if !repository().join(here).exists() {
                        found.push(format!("{service}: there is no {here}"));
                    }
                }
                _ => {
                    found
                        .push(format!("{service}: {volume} is not a path of the repository that is mounted read-only"));
                }
            }
        }
        found
    }

    pub(super) fn of_images(&self) -> Vec<String> {
        let dockerfile = fs::read_to_string(repository().join("Dockerfile")).unwrap();
        let mut found = Vec::new();
        for (name, service) in &self.services {
            let Some((_, tag)) = service["image"].as_str().and_then(|image| image.rsplit_once(':')) else {
                let target = service["build"]["target"].as_str().unwrap_or_default();
                if !service["image"].is_null() || !dockerfile.contains(&format!(" AS {target}\n")) {
                    found.push(format!(
                        "{name}: neither an image with a version nor a stage of the Dockerfile: {target}"
                    ));
                }
                continue;
            };
            let numbers: Vec<_> = tag.trim_start_matches('v').trim_end_matches(".Final").split('.').collect();
            if numbers.len() != 3 || numbers.iter().any(|number| number.parse::<u64>().is_err()) {
                found.push(format!("{name}: {tag} is no exact version"));
            }
        }
        for (name, version) in [("kafka", broker::VERSION), ("registry", registry::VERSION)] {
            if !self.services[name]["image"].as_str().unwrap().ends_with(&format!(":{version}")) {
                found.push(format!("{name}: the tests run against {version}"));
            }
        }
        found
    }

    pub(super) fn of_ports(&self) -> Vec<String> {
        let (mut found, mut all) = (Vec::new(), BTreeSet::new());
        for (service, ports) in self.each("ports") {
            let published =
                ports.strip_prefix("127.0.0.1:").and_then(|rest| rest.split_once(':')?.0.parse::<u16>().ok());
            match published {
                None => found.push(format!("{service}: {ports} is open to others: it is not on 127.0.0.1")),
                Some(port) if USUAL.contains(&port) => found.push(format!("{service}: {port} is what others have")),
                Some(port) if !all.insert(port) => found.push(format!("{service}: {port} is published twice")),
                Some(_) => {}
            }
        }
        if named(&self.head()) != all {
            found.push(format!("{COMPOSE} names {:?} at its head, and publishes {all:?}", named(&self.head())));
        }
        // Other ports of a reader's host are for what the reader starts there.
        for document in ["README.md", "docs/operations.md"] {
            let absent: Vec<_> = named(&self.text(document)).into_iter().filter(|port| *port >= 20_000).collect();
            found.extend(
                absent.iter().filter(|port| !all.contains(port)).map(|port| format!("{document}: nobody has {port}")),
            );
        }
        found
    }

    pub(super) fn of_order(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (name, service) in &self.services {
            for (other, how) in service["depends_on"].as_object().into_iter().flatten() {
                let Some(other_service) = self.services.get(other) else {
                    found.push(format!("{name}: there is no {other} to wait for"));
                    continue;
                };
                if how["condition"] == "service_healthy" && other_service["healthcheck"].is_null() {
                    found.push(format!("{name}: {other} has no health check to wait for"));
                }
            }
            let health = &service["healthcheck"];
            if !health.is_null() && health["test"][0] != "CMD" {
                found.push(format!("{name}: its health check wants a shell"));
            }
        }
        found
    }

    /// Whoever is asked within the network listens there.
    pub(super) fn of_addresses(&self) -> Vec<String> {
        let producer = self.variables("producer");
        let asked = ["AWS_ENDPOINT_URL_ECS", "AWS_ENDPOINT_URL_STS", "ECS_SDM_KAFKA__BOOTSTRAP_SERVERS"];
        let mut found = Vec::new();
        for name in asked.into_iter().chain(["ECS_SDM_SCHEMA_REGISTRY__URL"]) {
            let address = host_and_port(&producer[name]);
            if !self.listens(address) {
                found.push(format!("producer: {name}: nobody listens at {address}"));
            }
        }
        if !producer["ECS_SDM_SCHEMA_REGISTRY__URL"].ends_with(registry::CONFLUENT) {
            found.push(format!("producer: Confluent's API is at {}", registry::CONFLUENT));
        }
        let kafka = self.variables("kafka");
        let told: Vec<_> = kafka["KAFKA_ADVERTISED_LISTENERS"].split(',').map(host_and_port).collect();
        let bootstrap = producer["ECS_SDM_KAFKA__BOOTSTRAP_SERVERS"].as_str();
        if !told.contains(&bootstrap) {
            found.push(format!("producer: {bootstrap} is none of {told:?}, with which Kafka answers"));
        }
        for address in told {
            let of_host = address.strip_prefix("localhost:").is_some_and(|port| {
                self.services["kafka"]["ports"] == json!([format!("127.0.0.1:{port}:{port}")])
                    && kafka["KAFKA_LISTENERS"].split(',').any(|one| one.ends_with(&format!(":{port}")))
            });
            if !of_host && !self.listens(address) {
                found.push(format!("kafka: nobody listens at {address}, which it tells its clients"));
            }
        }
        found
    }

    /// The simulator has these flags, and does not have the region that the head of the file takes for one that is not enabled.
    pub(super) fn of_simulator(&self) -> Vec<String> {
        let program = fs::read_to_string(repository().join("tests/ecs_sim/src/main.rs")).unwrap();
        let mut found = Vec::new();
        for word in self.command("simulator") {
            let flag = word.trim_start_matches("--").split('=').next().unwrap_or_default().replace('-', "_");
            if !word.starts_with("--") || !program.contains(&format!("    {flag}: ")) {
                found.push(format!("simulator: it does not know {word}"));
            }
        }
        let head = self.head();
        let regions =
            head.split_once("REGIONS=").and_then(|(_, rest)| rest.split_whitespace().next()).unwrap_or_default();
        if self.flag("simulator", "--disabled-region").as_deref() != regions.rsplit(',').next() {
            found.push(format!("simulator: the last of {regions} is enabled"));
        }
        found
    }
}
