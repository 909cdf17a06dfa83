//! Syncs with everything that is secret, at trace, with librdkafka's own debug: ending well and in failure, with each report.

use std::fmt;
use std::sync::Arc;

use ecs_sdm_producer::config::{Sources, load};
use ecs_sim::Simulator;
use kit::cases::side_by_side;
use kit::guard::{Door, Guard};
use kit::program::{code, program};
use kit::registry;
use kit::secured::{Listener, PASSWORD, USER};
use kit::settings::unique;
use kit::token_endpoint::{Answers, CLIENT_ID, CLIENT_SECRET, Signature, TokenEndpoint};
use tokio::runtime::Runtime;

use super::secrets::{CANARY, WAYS, Way, assert_kept, secrets};
use crate::signing_in::{ENCRYPTED, KEY, KEY_PASSWORD, secured, with_session};

/// The id of the base credentials is hidden among settings. It is no secret: every request shows it, and so may the SDK's logs.
const ID: &str = "AKIAIOSFODNN7EXAMPLE";
/// The token of the base credentials. The simulator takes any key.
const TOKEN: &str = "CANARY.session_token";
/// The password of Basic authentication, and the header that its user makes of it.
const BASIC: (&str, &str) =
    ("CANARY.schema_registry.password", "Basic cHJvZHVjZXI6Q0FOQVJZLnNjaGVtYV9yZWdpc3RyeS5wYXNzd29yZA==");
const BEARER: (&str, &str) = ("CANARY.schema_registry.bearer_token", "Bearer CANARY.schema_registry.bearer_token");

/// A port that nobody listens at.
const NOBODY: &str = "127.0.0.1:1";

/// Settings that belong together.
struct SetUp {
    name: &'static str,
    settings: Vec<(String, String)>,
    secrets: Vec<(String, String)>,
    /// What no output may hold, beside [`CANARY`].
    kept: Vec<String>,
    /// Whether all that it asks is there.
    succeeds: bool,
    /// Whose tokens no output may hold.
    endpoint: Option<TokenEndpoint>,
}

impl SetUp {
    fn new(name: &'static str, settings: &[(&str, &str)], secrets: &[(&str, &str)]) -> Self {
        let owned = |settings: &[(&str, &str)]| -> Vec<(String, String)> {
            settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let mut set_up = Self {
            name,
            settings: owned(settings),
            secrets: owned(secrets),
            kept: Vec::new(),
            succeeds: true,
            endpoint: None,
        };
        // Every sync has AWS's.
        set_up.secrets.extend(owned(&[
            ("access_key_id", ID),
            ("secret_access_key", "CANARY.secret_access_key"),
            ("session_token", TOKEN),
        ]));
        // A key is known by the middle of its text.
        let known = |secret: &str| secret.lines().nth(1).unwrap_or(secret).to_owned();
        let kept = set_up.secrets.iter().filter(|(_, secret)| secret != ID);
        set_up.kept = kept.map(|(_, secret)| known(secret)).collect();
        set_up.kept.push(BASIC.1.replace("Basic ", ""));
        set_up
    }

    fn has_registry(&self) -> bool {
        self.settings.iter().any(|(key, _)| key == "schema_registry.url")
    }
}

/// Doors of the registry that want a secret.
struct Doors {
    basic: Guard,
    bearer: Guard,
    mutual: Guard,
}

impl Doors {
    async fn open() -> Self {
        let door = |door| Guard::start(registry::url().unwrap(), door);
        Self {
            basic: door(Door::Authorization(BASIC.1)).await,
            bearer: door(Door::Authorization(BEARER.1)).await,
            mutual: door(Door::MutualTls).await,
        }
    }
}

fn set_ups(doors: &Doors) -> Vec<SetUp> {
    let broker = secured();
    let (ca, client) = (broker.authority.pem.as_str(), broker.authority.client_with(KEY).certificate);
    let (sasl, mutual) = (broker.at(Listener::SaslTls), broker.at(Listener::MutualTls));
    let sasl = |mechanism: &'static str| {
        [
            ("kafka.bootstrap_servers", sasl.as_str()),
            ("kafka.security.protocol", "sasl_ssl"),
            ("kafka.security.mechanism", mechanism),
            ("kafka.security.ca", ca),
        ]
    };
    let user = ("kafka.security.username", USER);
    let mutual = [
        ("kafka.bootstrap_servers", mutual.as_str()),
        ("kafka.security.protocol", "ssl"),
        ("kafka.security.ca", ca),
        ("kafka.security.certificate", &client),
    ];
    let registry = |guard: &'static str| [("schema_registry.url", guard), ("schema_registry.mode", "auto")];
    let url = |guard: &Guard| -> &'static str { guard.url().to_owned().leak() };
    let (basic, bearer, tls) =
        (registry(url(&doors.basic)), registry(url(&doors.bearer)), registry(url(&doors.mutual)));
    let (certificate, key) = (&doors.mutual.client.0.text, &doors.mutual.client.1.text);
    let tls =
        [&tls[..], &[("schema_registry.ca", &doors.mutual.ca.text), ("schema_registry.certificate", certificate)]];
    let mut set_ups = vec![
        SetUp::new(
            "SCRAM, Basic",
            &[&sasl("SCRAM-SHA-512")[..], &[user], &basic, &[("schema_registry.username", "producer")]].concat(),
            &[("kafka.security.password", PASSWORD), ("schema_registry.password", BASIC.0)],
        ),
        SetUp::new(
            "mutual TLS, bearer token",
            &[&mutual[..], &bearer].concat(),
            &[
                ("kafka.security.key", ENCRYPTED),
                ("kafka.security.key_password", KEY_PASSWORD),
                ("schema_registry.bearer_token", BEARER.0),
            ],
        ),
        SetUp::new(
            "librdkafka's password, mutual TLS of the registry",
            &[&sasl("PLAIN")[..], &[user], &tls.concat()].concat(),
            &[("kafka.properties.sasl.password", PASSWORD), ("schema_registry.key", key)],
        ),
        SetUp::new(
            "librdkafka's key",
            &mutual,
            &[("kafka.properties.ssl.key.pem", ENCRYPTED), ("kafka.properties.ssl.key.password", KEY_PASSWORD)],
        ),
    ];
    set_ups.extend(with_tokens());
    set_ups
}

/// Tokens are secrets too.
fn with_tokens() -> [SetUp; 3] {
    let broker = secured();
    let at = |listener, mechanism: &str| {
        let settings = [
            ("kafka.bootstrap_servers", broker.at(listener)),
            ("kafka.security.protocol", "sasl_ssl".to_owned()),
            ("kafka.security.mechanism", mechanism.to_owned()),
            ("kafka.security.ca", broker.authority.pem.clone()),
        ];
        settings.map(|(key, value)| (key.to_owned(), value))
    };
    let oauth = |name, listener| {
        let endpoint = TokenEndpoint::https(Answers::tokens(Signature::Of(Arc::clone(&broker.key))));
        let client = [
            ("kafka.security.oauth.token_endpoint", endpoint.url()),
            ("kafka.security.oauth.ca", endpoint.ca()),
            ("kafka.security.oauth.client_id", CLIENT_ID),
        ];
        let mut set_up = SetUp::new(name, &client, &[("kafka.security.oauth.client_secret", CLIENT_SECRET)]);
        set_up.settings.extend(at(listener, "OAUTHBEARER"));
        set_up.endpoint = Some(endpoint);
        set_up
    };
    let taken = oauth("OAUTHBEARER", Listener::OauthJwks);
    // To this broker a token is of no use.
    let mut refused = oauth("OAUTHBEARER, refused", Listener::MskIam);
    refused.succeeds = false;
    let mut msk = SetUp::new("MSK IAM, another session", &[], &[]);
    msk.settings.extend(at(Listener::MskIam, "AWS_MSK_IAM"));
    // What every token of MSK begins with: https://kafka.
    msk.kept.push("aHR0cHM6Ly9rYWZrYS".to_owned());
    msk.succeeds = false;
    [taken, refused, msk]
}

/// What becomes of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    Check,
    CheckWithMistake,
    Completed,
    NoBroker,
    NoRegistry,
}

struct Case {
    set_up: Arc<SetUp>,
    way: Way,
    run: Run,
    json: bool,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {:?}, {:?}, JSON {}", self.set_up.name, self.way, self.run, self.json)
    }
}

impl Case {
    fn run(&self, simulator: &Simulator) {
        let mut command = program(Some(simulator));
        let is_check = matches!(self.run, Run::Check | Run::CheckWithMistake);
        command.arg(if is_check { "check" } else { "sync" });
        let mut set = |key: &str, value: &str| _ = command.args(["--set", &format!("{key}={value}")]);
        self.set_up.settings.iter().for_each(|(key, value)| set(key, value));
        set("kafka.topics_create", "if_missing");
        set("kafka.topic_prefix", &unique("secrets"));
        set("kafka.properties.debug", "all");
        let exit = match self.run {
            Run::CheckWithMistake => {
                set("page_sise", "1");
                64
            }
            Run::NoBroker => {
                set("kafka.bootstrap_servers", NOBODY);
                set("kafka.startup_timeout", "1s");
                2
            }
            Run::NoRegistry => {
                set("schema_registry.url", &format!("http://{NOBODY}"));
                2
            }
            Run::Completed if !self.set_up.succeeds => 2,
            Run::Check | Run::Completed => 0,
        };
        if !self.set_up.succeeds {
            set("kafka.startup_timeout", "1s");
        }
        if self.json {
            set("telemetry.log_format", "json");
            command.args(["--report", "json"].iter().filter(|_| !is_check));
        }
        let _folder = self.way.set(&mut command, &self.set_up.secrets);
        // The proxy is for https, which the simulator does not speak.
        let proxy = format!("http://user:{CANARY}@{NOBODY}");
        command.env("HTTPS_PROXY", proxy).env("NO_PROXY", "127.0.0.1").env("RUST_LOG", "trace");
        let output = command.output().unwrap();
        let tokens = self.set_up.endpoint.as_ref().map(TokenEndpoint::issued).unwrap_or_default();
        let kept: Vec<_> = self.set_up.kept.iter().chain(&tokens).map(String::as_str).chain([CANARY]).collect();
        let said = assert_kept(self, &output, &kept);
        assert_eq!(code(&output), exit, "{self}: {said}");
        assert!(is_check || said.contains("librdkafka"), "{self}: the logs do speak: {said}");
    }
}

#[test]
fn no_secret_is_in_what_a_sync_says_at_trace() {
    let runtime = Runtime::new().unwrap();
    let doors = runtime.block_on(Doors::open());
    let mut cases = Vec::new();
    let set_ups = set_ups(&doors);
    let covered = |key: &str| set_ups.iter().any(|set_up| set_up.secrets.iter().any(|(other, _)| other == key));
    let missing = secrets().into_iter().filter(|setting| !covered(setting.key));
    let missing: Vec<_> = missing.map(|setting| setting.key).collect();
    assert!(missing.is_empty(), "secrets without a sync that uses them: {missing:?}");
    for set_up in set_ups {
        let set_up = Arc::new(set_up);
        let fails = if set_up.has_registry() { [Run::NoBroker, Run::NoRegistry] } else { [Run::NoBroker; 2] };
        for (at, way) in WAYS.into_iter().enumerate() {
            let runs = [Run::Check, Run::CheckWithMistake, Run::Completed, fails[at / 2]];
            // Each way ends well with one report and in failure with the other.
            let json = |run: Run| (at % 2 == 0) == (run == Run::Completed);
            cases.extend(runs.map(|run| Case { set_up: Arc::clone(&set_up), way, run, json: json(run) }));
        }
    }
    let simulator = Arc::new(with_session(TOKEN));
    runtime.block_on(side_by_side(cases, 4, move |case| {
        let simulator = Arc::clone(&simulator);
        async move { case.run(&simulator) }
    }));
}

/// A panic shows values by `Debug`.
#[test]
fn no_secret_is_in_the_settings_as_a_panic_would_show_them() {
    let doors = Runtime::new().unwrap().block_on(Doors::open());
    for set_up in set_ups(&doors) {
        let all = set_up.settings.iter().chain(&set_up.secrets);
        let sets = all.map(|(key, value)| format!("{key}={value}")).collect();
        let loaded = load(&Sources { sets, ..Sources::default() });
        let Ok(config) = &loaded.config else { panic!("{}: {:?}", set_up.name, loaded.config.err()) };
        let shown = format!("{config:?} {config:#?}");
        for secret in set_up.kept.iter().map(String::as_str).chain([CANARY]) {
            assert!(!shown.contains(secret), "{}: {secret} is shown", set_up.name);
        }
    }
}
