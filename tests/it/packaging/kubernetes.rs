//! The Kubernetes files: our container by what it is given, and what the Pod around it has to be.

use serde_json::json;

use super::*;

/// A file with what is in it.
pub(super) struct File {
    text: String,
    documents: Vec<Value>,
}

impl File {
    pub(super) fn read(name: &str) -> Self {
        let text = example(name);
        Self { documents: yaml(&text), text }
    }

    pub(super) fn kind(&self, kind: &str) -> &Value {
        self.documents.iter().find(|document| document["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"))
    }

    /// The files of a volume, by name. Those of a secret are in the command that makes it, at the head of the file.
    fn volume(&self, volume: &Value) -> Vec<(String, String)> {
        if let Some(name) = volume["configMap"]["name"].as_str() {
            let map = self.kind("ConfigMap");
            assert_eq!(map["metadata"]["name"], name);
            let data = map["data"].as_object().unwrap();
            return data.iter().map(|(file, text)| (file.clone(), text.as_str().unwrap().to_owned())).collect();
        }
        let name = volume["secret"]["secretName"].as_str().unwrap();
        let command = format!("kubectl create secret generic {name} --from-literal=");
        let (_, rest) = self.text.split_once(&command).unwrap_or_else(|| panic!("nobody makes the secret {name}"));
        vec![(rest.split_once('=').unwrap().0.to_owned(), "a secret".to_owned())]
    }

    /// A container of ours: what it is given is there and holds, and it may do no more than it has to.
    pub(super) fn assert_ours(&self, pod: &Value, container: &Value) -> (Place, Settings) {
        let mut files = Vec::new();
        for mount in container["volumeMounts"].as_array().unwrap() {
            assert_eq!((&mount["readOnly"], &mount["subPath"]), (&Value::Bool(true), &Value::Null));
            let mut volumes = pod["volumes"].as_array().unwrap().iter();
            let volume = volumes.find(|volume| volume["name"] == mount["name"]).unwrap();
            let folder = mount["mountPath"].as_str().unwrap();
            files.extend(self.volume(volume).into_iter().map(|(name, text)| (format!("{folder}/{name}"), text)));
        }
        let place = Place::with(&files);
        for (_, text) in &files {
            place.assert_there(text);
        }
        let settings = place.assert_runs(&texts(&container["args"]), &[]);
        assert_eq!(settings.get("name"), Some("ecs-sdm-producer"));
        assert!(container["command"].is_null(), "the image has its entry point");

        let [of_pod, of_container] = [&pod["securityContext"], &container["securityContext"]];
        let either = |key: &str| if of_container[key].is_null() { &of_pod[key] } else { &of_container[key] };
        assert_eq!((either("runAsNonRoot"), either("runAsUser")), (&json!(true), &json!(USER)));
        assert_eq!(of_pod["fsGroup"], USER, "its files are readable by this group");
        assert_eq!(of_container["readOnlyRootFilesystem"], true);
        assert_eq!(of_container["allowPrivilegeEscalation"], false);
        assert_eq!(of_container["capabilities"]["drop"], json!(["ALL"]));
        assert_eq!((&pod["enableServiceLinks"], &pod["automountServiceAccountToken"]), (&json!(false), &json!(false)));
        assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() >= STOP);
        assert!(!container["resources"]["limits"]["memory"].is_null());

        let account = self.kind("ServiceAccount");
        assert_eq!(account["metadata"]["name"], pod["serviceAccountName"]);
        let role = account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].as_str().unwrap();
        assert!(role.starts_with("arn:aws:iam::"), "{role}");
        (place, settings)
    }

    /// One process for each name, also while it is replaced.
    fn assert_one(&self) -> &Value {
        let deployment = &self.kind("Deployment")["spec"];
        assert_eq!((&deployment["replicas"], &deployment["strategy"]["type"]), (&json!(1), &json!("Recreate")));
        let template = &deployment["template"];
        assert_eq!(deployment["selector"]["matchLabels"], template["metadata"]["labels"]);
        template
    }
}

/// The number behind a port that is named.
fn port(container: &Value, port: &Value) -> u64 {
    let mut ports = container["ports"].as_array().unwrap().iter();
    port.as_u64().unwrap_or_else(|| ports.find(|one| one["name"] == *port).unwrap()["containerPort"].as_u64().unwrap())
}

#[test]
fn the_native_sidecar_never_speaks_for_the_pod() {
    let file = File::read("kubernetes-sidecar.yaml");
    let pod = &file.assert_one()["spec"];
    let [ours] = &pod["initContainers"].as_array().unwrap()[..] else { panic!("one sidecar") };
    assert_eq!(ours["restartPolicy"], "Always", "without it this is an init container, which has to end");
    let (place, settings) = file.assert_ours(pod, ours);
    assert!(ours["readinessProbe"].is_null(), "its result would be that of the Pod");
    for probe in ["startupProbe", "livenessProbe"] {
        let command = texts(&ours[probe]["exec"]["command"]);
        place.assert_asks(&command, &[]);
        assert!(!command.contains(&"--ready".to_owned()), "{probe}: what a restart does not bring");
        assert!(ours[probe]["timeoutSeconds"].as_u64().unwrap() > 3, "{probe}: the program itself takes up to 3 s");
    }
    assert!(settings.listen().ip().is_loopback());
    // The application has Kubernetes's default of 30 s, and the sidecar is told to stop when that is over.
    assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() >= 30 + STOP);
}

#[test]
fn the_deployment_is_asked_where_it_listens() {
    let file = File::read("kubernetes-deployment.yaml");
    let template = file.assert_one();
    let [ours] = &template["spec"]["containers"].as_array().unwrap()[..] else { panic!("one container") };
    let (_, settings) = file.assert_ours(&template["spec"], ours);
    let listen = settings.listen();
    assert!(listen.ip().is_unspecified(), "the kubelet does not reach loopback");
    let listens = u64::from(listen.port());
    for (probe, path) in [("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
        let get = &ours[probe]["httpGet"];
        assert_eq!((&get["path"], port(ours, &get["port"])), (&json!(path), listens), "{probe}");
    }
    let annotations = &template["metadata"]["annotations"];
    assert_eq!(annotations["prometheus.io/port"], listens.to_string());
    assert_eq!(
        (&annotations["prometheus.io/scrape"], &annotations["prometheus.io/path"]),
        (&json!("true"), &json!("/metrics"))
    );

    let policy = &file.kind("NetworkPolicy")["spec"];
    assert_eq!(policy["podSelector"]["matchLabels"], template["metadata"]["labels"]);
    assert_eq!(policy["policyTypes"], json!(["Ingress"]));
    for rule in policy["ingress"].as_array().unwrap() {
        assert!(!rule["from"].as_array().unwrap().is_empty(), "a rule without a source lets everybody in");
        assert_eq!(rule["ports"][0]["port"], listens);
    }
}

#[test]
fn the_pod_monitor_finds_the_deployment() {
    let file = File::read("kubernetes-deployment.yaml");
    let template = &file.kind("Deployment")["spec"]["template"];
    let monitor = File::read("kubernetes-podmonitor.yaml");
    let monitor = &monitor.kind("PodMonitor")["spec"];
    assert_eq!(monitor["selector"]["matchLabels"], template["metadata"]["labels"]);
    let [endpoint] = &monitor["podMetricsEndpoints"].as_array().unwrap()[..] else { panic!("one endpoint") };
    port(&template["spec"]["containers"][0], &endpoint["port"]);
    assert_eq!(endpoint["path"], template["metadata"]["annotations"]["prometheus.io/path"]);
}
