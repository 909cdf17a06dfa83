//! `check --online`: whether everything that a sync needs is there and allowed. It asks and changes nothing: no record is written, no
//! topic made, no schema registered.

mod aws;
mod brokers;
mod registry;
mod text;
mod topic;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::aws::Access;
use crate::config::Config;
use crate::observe::Observers;
use crate::sync::buffer_permits;

/// Retries of each request to AWS, and the longest wait for an answer. Whoever checks waits for them.
const RETRIES: u32 = 2;
const ATTEMPT: Duration = Duration::from_secs(10);

/// What a check has found, a row for each thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OnlineCheck {
    /// The exit code: 0, 1 if something would make a sync less than COMPLETED, or 2 if nothing could be contacted.
    #[serde(rename = "exit")]
    pub exit_code: u8,
    /// The rows: identity, roles, regions and actions; then brokers and topics; then registry and subjects.
    pub checks: Vec<Check>,
}

/// One thing and whether a sync can use it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is.
    pub kind: Kind,
    /// The AWS account, where it is known.
    pub account: Option<String>,
    /// The AWS region.
    pub region: Option<String>,
    /// The ARN of the role in the settings; None for the base credentials, and for what is not of AWS.
    pub role: Option<String>,
    /// Its name: the ARN by which AWS knows an identity or role, a region, an API action, the brokers, a topic, the registry's URLs, a
    /// subject.
    pub name: Option<String>,
    /// Whether a sync can use it.
    pub result: CheckResult,
    /// What is wrong or worth knowing, and the way out. None if there is nothing to say.
    pub error: Option<String>,
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The base credentials, by `sts:GetCallerIdentity`.
    Identity,
    /// A role, by `sts:AssumeRole`.
    Role,
    /// A region of a role.
    Region,
    /// An ECS action in a region of a role.
    Action,
    /// The brokers, and signing in to them.
    Broker,
    /// A topic: that it is there, its settings, and the right to write.
    Topic,
    /// The schema registry.
    Registry,
    /// A subject of the registry.
    Subject,
}

/// Whether a sync can use a thing. A later one is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckResult {
    /// It can.
    Ok,
    /// Nobody told, or it was not asked.
    Unknown,
    /// It can, and something may go wrong.
    Warning,
    /// A sync would be less than COMPLETED.
    Broken,
}

/// What was found of AWS, of Kafka or of the registry.
#[derive(Debug, Default)]
struct Section {
    checks: Vec<Check>,
    /// Whether anybody answered.
    is_contacted: bool,
}

impl OnlineCheck {
    /// Checks everything that a sync of these settings needs. `region` is that of the base credentials. A dry run needs AWS alone.
    pub async fn run(config: &Config, region: String, dry_run: bool) -> Self {
        let mut config = Config { maximum_retries: config.maximum_retries.min(RETRIES), ..config.clone() };
        config.limits.attempt_timeout = config.limits.attempt_timeout.min(ATTEMPT);
        let mut access = Access::new(&config, region, buffer_permits(&config), &Observers::default());
        let caller = Arc::new(access.caller(&config));
        let base = aws::base(&config, &mut access).await;
        let signer = base.as_ref().ok().map(|base| base.signer(&caller.concurrency));
        let kafka = async { if dry_run { Section::default() } else { brokers::check(&config, signer).await } };
        let subjects = async { if dry_run { Section::default() } else { registry::check(&config).await } };
        let (aws, kafka, subjects) = tokio::join!(aws::check(&config, base, &caller), kafka, subjects);
        Self::of([aws, kafka, subjects])
    }

    fn of(sections: [Section; 3]) -> Self {
        let is_contacted = sections.iter().any(|section| section.is_contacted);
        let checks: Vec<Check> = sections.into_iter().flat_map(|section| section.checks).collect();
        let is_broken = checks.iter().any(|row| row.result == CheckResult::Broken);
        let exit_code = match (is_contacted, is_broken) {
            (false, _) => 2,
            (true, true) => 1,
            (true, false) => 0,
        };
        Self { exit_code, checks }
    }
}

impl Check {
    fn new(kind: Kind, name: impl Into<String>) -> Self {
        let name = Some(name.into()).filter(|name| !name.is_empty());
        Self { kind, account: None, region: None, role: None, name, result: CheckResult::Ok, error: None }
    }

    fn with(self, result: CheckResult, error: impl Into<String>) -> Self {
        Self { result, error: Some(error.into()), ..self }
    }

    fn broken(self, error: impl Into<String>) -> Self {
        self.with(CheckResult::Broken, error)
    }

    fn unknown(self, error: impl Into<String>) -> Self {
        self.with(CheckResult::Unknown, error)
    }
}
