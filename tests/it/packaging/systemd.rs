//! The units of systemd.

use super::*;

/// The values of each key, section and key as `Service.ExecStart`.
struct Unit(Vec<(String, String)>);

impl Unit {
    fn read(name: &str) -> Self {
        let (mut section, mut values) = (String::new(), Vec::new());
        for line in example(name).lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[') {
                name.trim_end_matches(']').clone_into(&mut section);
                continue;
            }
            let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
            values.push((format!("{section}.{key}"), value.to_owned()));
        }
        Self(values)
    }

    fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn get(&self, key: &str) -> &str {
        let values: Vec<_> = self.all(key).collect();
        let [value] = values[..] else { panic!("{key}: {values:?}") };
        value
    }

    /// What it starts, with its environment and its credentials, is settings that hold.
    fn assert_runs(&self, unit: &str) -> Settings {
        let credentials = format!("/run/credentials/{unit}");
        let settings = "default_region = 'eu-west-1'\n[kafka]\nbootstrap_servers = ['kafka:9093']\n[kafka.security]\n\
             protocol = 'sasl_ssl'\nmechanism = 'SCRAM-SHA-512'\nusername = 'ecs-sdm-producer'\n";
        let mut args: Vec<_> = self.get("Service.ExecStart").split(' ').map(str::to_owned).collect();
        assert_eq!(args.remove(0), PROGRAM);
        let interval = if args[0] == "run" { "interval = '1h'\n" } else { "" };
        let mut files = vec![("/etc/ecs-sdm-producer/connector.toml".to_owned(), format!("{interval}{settings}"))];
        for credential in self.all("Service.LoadCredential") {
            let (name, source) = credential.split_once(':').unwrap();
            assert!(source.starts_with("/etc/ecs-sdm-producer/"), "{source}");
            files.push((format!("{credentials}/{name}"), "a secret".to_owned()));
        }
        let place = Place::with(&files);
        let variables: Vec<_> = self.all("Service.Environment").map(|one| one.split_once('=').unwrap()).collect();
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), value.replace("%d", &credentials))).collect();
        let settings = place.assert_runs(&args, &variables);
        assert!(self.get("Service.TimeoutStopSec").parse::<u64>().unwrap() >= STOP);
        for (key, value) in [("ProtectSystem", "strict"), ("DynamicUser", "yes"), ("NoNewPrivileges", "yes")] {
            assert_eq!(self.get(&format!("Service.{key}")), value);
        }
        settings
    }
}

#[test]
fn the_unit_of_the_sidecar_holds() {
    let unit = Unit::read("systemd.service");
    let settings = unit.assert_runs("ecs-sdm-producer.service");
    assert!(settings.listen().ip().is_loopback());
    for (key, value) in [
        ("Type", "notify"),
        ("NotifyAccess", "main"),
        ("Restart", "on-failure"),
        ("RestartPreventExitStatus", "64"),
        ("KillMode", "mixed"),
    ] {
        assert_eq!(unit.get(&format!("Service.{key}")), value);
    }
    // A thread that stands still is noticed after 30 s.
    assert!(unit.get("Service.WatchdogSec").parse::<u64>().unwrap() > 30);
    let families = unit.get("Service.RestrictAddressFamilies");
    assert!(families.split(' ').any(|one| one == "AF_UNIX"), "READY=1 goes through a socket of this family");
    assert_eq!(unit.all("Service.ExecReload").count(), 0, "SIGHUP stops the program");
}

#[test]
fn the_timer_starts_one_sync() {
    let (timer, sync) = (Unit::read("systemd.timer"), Unit::read("systemd-sync.service"));
    sync.assert_runs("ecs-sdm-sync.service");
    assert_eq!(sync.get("Service.Type"), "oneshot");
    assert_eq!(sync.all("Service.Restart").count(), 0);
    let installed = format!("# /etc/systemd/system/{}:", timer.get("Timer.Unit"));
    assert!(example("systemd-sync.service").starts_with(&installed), "{installed}");
}
