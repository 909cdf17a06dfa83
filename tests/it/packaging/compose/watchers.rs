//! What is wrong with the files of Prometheus and Grafana.

use super::*;

impl Stack {
    pub(super) fn of_prometheus(&self) -> Vec<String> {
        let mounts = self.mounts("prometheus");
        let config = self.flag("prometheus", "--config.file").unwrap();
        let Some(file) = mounts.get(&config).filter(|file| repository().join(file).exists()) else {
            return vec![format!("prometheus: nobody mounts {config}")];
        };
        let mut found = Vec::new();
        let document = self.document(file);
        for rules in items(&document["rule_files"]) {
            let path = Path::new(&config).with_file_name(rules.as_str().unwrap());
            if !mounts.contains_key(path.to_str().unwrap()) {
                found.push(format!("prometheus: nobody mounts {}", path.display()));
            }
        }
        let jobs = items(&document["scrape_configs"]).flat_map(|job| items(&job["static_configs"]));
        let targets: Vec<_> =
            jobs.flat_map(|group| items(&group["targets"])).map(|one| one.as_str().unwrap()).collect();
        let ours = self.variables("producer")["ECS_SDM_TELEMETRY__LISTEN"].replace("0.0.0.0", "producer");
        if targets != [ours.as_str()] {
            found.push(format!("{file}: {targets:?} is not {ours}"));
        }
        found
    }

    pub(super) fn of_grafana(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mounts = self.mounts("grafana");
        let folder = |file: &str| file.rsplit_once('/').unwrap().0.to_owned();
        for (file, what) in [(DATASOURCE, "datasources"), (PROVIDER, "dashboards")] {
            if mounts.get(&format!("/etc/grafana/provisioning/{what}")) != Some(&folder(file)) {
                found.push(format!("grafana: it does not look for {file} where that is mounted"));
            }
        }

        let datasources = self.document(DATASOURCE);
        let [source] = &datasources["datasources"].as_array().unwrap()[..] else { panic!("one datasource") };
        let address = host_and_port(source["url"].as_str().unwrap());
        if !address.starts_with("prometheus:") || !self.listens(address) {
            found.push(format!("{DATASOURCE}: Prometheus does not listen at {address}"));
        }
        let interval = &self.document(PROMETHEUS)["global"]["scrape_interval"];
        if source["jsonData"]["timeInterval"] != *interval {
            found.push(format!("{DATASOURCE}: the scrape interval is {interval}"));
        }

        let providers = self.document(PROVIDER);
        let [provider] = &providers["providers"].as_array().unwrap()[..] else { panic!("one provider") };
        let path = provider["options"]["path"].as_str().unwrap();
        if mounts.get(path).map(String::as_str) != Some(DASHBOARDS) {
            found.push(format!("{PROVIDER}: {path} is not where {DASHBOARDS} is mounted"));
        }
        let home = &self.variables("grafana")["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"];
        let file = home.strip_prefix(&format!("{path}/")).map(|name| repository().join(DASHBOARDS).join(name));
        let Some(file) = file.filter(|file| file.is_file()) else {
            found.push(format!("grafana: there is no {home} to begin with"));
            return found;
        };
        let dashboard: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        let variable = items(&dashboard["templating"]["list"]).find(|one| one["type"] == "datasource");
        let variable = variable.expect("a dashboard that asks for its datasource");
        if variable["query"] != source["type"] {
            found.push(format!("{DATASOURCE}: the dashboard wants a {}", variable["query"]));
        }
        // What is chosen already has to be there. An empty choice, and "default", are the default datasource.
        let chosen = variable["current"]["value"].as_str().unwrap_or_default();
        let default = source["isDefault"] == true && ["", "default"].contains(&chosen);
        if !default && source["uid"] != chosen {
            found.push(format!("{DATASOURCE}: the dashboard has chosen {chosen:?}"));
        }
        found
    }
}
