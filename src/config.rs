//! Settings: their names and defaults, and one list of everything wrong with them.
//!
//! Defaults < TOML file < environment < `--set`. `table` has a row for each setting; its `kind` says what the setting takes, and
//! its `rule` what a text must look like. `nearest` finds the name that was meant, and `shown` says what is shown of
//! what was given. `source` reads the sources into the values of
//! `value`. `entries` holds them against the table and lets figment merge them. `check` looks at settings together, `property`
//! guards librdkafka's own, and `load` does all of it in order.
//! `reference` has each setting in words, for documents. The environment is read here alone.

mod check;
mod diagnostics;
mod entries;
mod kafka;
mod kind;
mod listen;
mod load;
mod nearest;
mod otel;
mod pairs;
mod pem;
mod property;
mod reference;
mod rule;
mod secret;
mod security;
mod shown;
mod shown_key;
mod source;
mod table;
mod value;

pub use diagnostics::Diagnostic;
pub use kafka::{Headers, KafkaConfig, RegistryMode, SchemaRegistryConfig, SubjectStrategy, TopicsCreate};
pub use listen::Listen;
pub use load::{Effective, Loaded, load};
pub use otel::{Batch, Otel, Otlp, OtlpOrigin, Sampler, Sampling, Signal};
pub use pem::{Content, read_pem};
pub use property::guarantees;
pub use reference::{Reference, reference};
pub use rule::region_fault;
pub use secret::{Properties, Secret, SecretError, pem};
pub use security::{Mechanism, OauthConfig, SecurityConfig, SecurityProtocol};
pub(crate) use security::{msk_region, msk_suffix};
pub(crate) use shown::PEM;
pub use source::Sources;
pub use table::keys;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// The names of the objects, for choices and topics.
const OBJECTS: &[&str] = &crate::contract::OBJECTS;

/// Every setting, checked. `Config::default()` is the table's defaults.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs, reason = "docs/settings.md is the reference")]
pub struct Config {
    pub name: String,
    pub access_key_id: Option<Secret>,
    pub secret_access_key: Option<Secret>,
    pub session_token: Option<Secret>,
    pub default_region: Option<String>,
    /// Roles to assume with the base credentials. [`Config::roles`] joins them with `roles`.
    pub assume_role_arns: Vec<String>,
    pub session_duration: u32,
    pub page_size: u32,
    pub parallel_requests: usize,
    pub maximum_retries: u32,
    pub operation_options: OperationOptions,
    /// Regions to sync. [`Config::regions`] falls back to the default region.
    pub regions: Vec<String>,
    pub external_id: Option<String>,
    pub role_session_name: Option<String>,
    pub roles: Vec<RoleConfig>,
    pub api_share: f64,
    /// Objects to read, such as `EcsTask`; never empty.
    pub objects: Vec<String>,
    pub rates: Rates,
    /// The sidecar's period, start to start; absent: one sync.
    #[serde(default, deserialize_with = "optional_duration")]
    pub interval: Option<Duration>,
    #[serde(default, deserialize_with = "optional_duration")]
    pub timeout: Option<Duration>,
    pub kafka: KafkaConfig,
    pub schema_registry: SchemaRegistryConfig,
    pub errors: ErrorsConfig,
    pub telemetry: TelemetryConfig,
    /// Not a setting: where library users (the demo, tests) have an ECS and STS of their own; else AWS_ENDPOINT_URL_* count.
    #[serde(skip)]
    pub endpoint_url: Option<String>,
    /// Not settings: a test sets milliseconds here, through the library.
    #[serde(skip)]
    pub limits: Limits,
}

/// Options of single objects, under the objects' names.
#[derive(Debug, Clone, Deserialize)]
pub struct OperationOptions {
    /// Options of `EcsTask`.
    #[serde(rename = "EcsTask")]
    pub ecs_task: EcsTaskOptions,
}

/// Options of `EcsTask`.
#[derive(Debug, Clone, Deserialize)]
pub struct EcsTaskOptions {
    /// Also list tasks whose desiredStatus is STOPPED.
    #[serde(rename = "fetchStoppedTasks")]
    pub fetch_stopped_tasks: bool,
}

/// One role to assume, and what holds for it alone.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct RoleConfig {
    /// The role's ARN.
    pub arn: String,
    /// AssumeRole's ExternalId.
    pub external_id: Option<String>,
    /// AssumeRole's RoleSessionName.
    pub role_session_name: Option<String>,
    /// Regions to sync with this role.
    #[serde(default)]
    pub regions: Vec<String>,
    /// As [`Config::api_share`].
    pub api_share: Option<f64>,
}

/// AWS's token buckets of ECS, per account and region: "Request throttling for the Amazon ECS API".
#[derive(Debug, Clone, Deserialize)]
pub struct Rates {
    /// ListClusters, DescribeClusters.
    pub cluster_read: Rate,
    /// ListServices, DescribeServices.
    pub service_read: Rate,
    /// ListTasks, DescribeTasks.
    pub cluster_resource_read: Rate,
    /// ListTaskDefinitions, DescribeTaskDefinition.
    pub task_definition_read: Rate,
}

impl Rates {
    /// One bucket for every category.
    pub fn all(rate: Rate) -> Self {
        Self { cluster_read: rate, service_read: rate, cluster_resource_read: rate, task_definition_read: rate }
    }
}

/// One token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Rate {
    /// The bucket's capacity, requests.
    pub burst: u32,
    /// Requests that flow in each second.
    pub per_second: u32,
}

/// What a refused record does.
#[derive(Debug, Clone, Deserialize)]
pub struct ErrorsConfig {
    /// Whether its type goes on.
    pub tolerance: Tolerance,
}

/// Whether a type goes on after a refused record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tolerance {
    /// A refused record ends its type.
    None,
    /// A refused record goes to the dead letter topic.
    Dlq,
}

/// Logs, health and metrics.
#[derive(Debug, Clone, Deserialize)]
pub struct TelemetryConfig {
    /// Where the health server listens; absent: [`Listen::Default`].
    pub listen: Option<Listen>,
    /// How log lines look.
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Bounds that nobody sets but tests.
#[derive(Debug, Clone)]
pub struct Limits {
    /// One attempt of an API call.
    pub attempt_timeout: Duration,
    /// The first back-off; each further one may be twice as long.
    pub backoff_base: Duration,
    /// The longest back-off.
    pub backoff_cap: Duration,
    /// Records handed to librdkafka and not yet acknowledged.
    pub in_flight_records: usize,
    /// Their bytes: key, value, headers and librdkafka's own.
    pub in_flight_bytes: usize,
    /// Age of the oldest unacknowledged record from which Kafka counts as stalled.
    pub stall: Duration,
    /// How long what was read may take to be delivered after a stop.
    pub drain_timeout: Duration,
    /// How long the outcome's way onto the sync topic may take after a stop.
    pub outcome_timeout: Duration,
    /// How many issues a sync keeps of all its types together, beside those that decide their states.
    pub issues: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            attempt_timeout: Duration::from_secs(20),
            backoff_base: Duration::from_secs(1),
            backoff_cap: Duration::from_secs(20),
            in_flight_records: 20_000,
            in_flight_bytes: 16 << 20,
            stall: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(15),
            outcome_timeout: Duration::from_secs(3),
            issues: 10_000,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        load(&Sources::default()).config.expect("the table's defaults hold: a test loads them")
    }
}

impl Config {
    /// The regions of a scope that names none; empty where AWS's default region chain has to decide.
    pub(crate) fn regions(&self) -> Vec<String> {
        if self.regions.is_empty() { self.default_region.iter().cloned().collect() } else { self.regions.clone() }
    }

    /// `assume_role_arns` and `roles` as one list without duplicates, what a role leaves out filled in.
    /// Empty: sync with the base credentials.
    pub fn roles(&self) -> Vec<RoleConfig> {
        let own: HashMap<&str, &RoleConfig> = self.roles.iter().rev().map(|role| (role.arn.as_str(), role)).collect();
        let mut seen = HashSet::new();
        let arns = self.assume_role_arns.iter().chain(self.roles.iter().map(|role| &role.arn));
        let filled_in = |arn: &String| {
            let mut role = own.get(arn.as_str()).copied().cloned().unwrap_or_default();
            role.arn.clone_from(arn);
            role.external_id = role.external_id.or_else(|| self.external_id.clone());
            role.role_session_name = role.role_session_name.or_else(|| self.role_session_name.clone());
            if role.regions.is_empty() {
                role.regions = self.regions();
            }
            role
        };
        arns.filter(|arn| seen.insert(arn.as_str())).map(filled_in).collect()
    }
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    humantime::parse_duration(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

fn optional_duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    duration(from).map(Some)
}
