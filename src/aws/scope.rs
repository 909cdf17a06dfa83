//! Who is read, and where: identities, and one scope per identity and region.

use std::sync::Arc;

use super::Ecs;
use super::account::Account;
use super::credentials::Credentials;
use super::rate_limiter::RegionLimiters;
use super::retry::Fault;

/// One identity of the sync: a role, or the base credentials themselves.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// The role's ARN; none for the base credentials.
    pub(crate) role: Option<String>,
    pub(crate) regions: Vec<String>,
    pub(crate) credentials: Credentials,
}

/// An identity whose credentials were resolved: what its regions share.
#[derive(Debug)]
pub(crate) struct ResolvedIdentity {
    pub(crate) identity: Identity,
    /// Known by now, or from the first ARN seen.
    pub(crate) account: Account,
}

impl Identity {
    /// The account that the role's ARN tells.
    pub(crate) fn account(&self) -> Account {
        self.role.as_deref().map(Account::of_arn).unwrap_or_default()
    }
}

/// Why an identity can read nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{action}: {fault}")]
pub(crate) struct IdentityError {
    /// What was tried, such as `AssumeRole`.
    pub(crate) action: &'static str,
    pub(crate) fault: Fault,
}

/// One identity in one region: what a row of the pipeline reads.
#[derive(Debug)]
pub(crate) struct Scope {
    /// The account's id, known at once or from the first ARN seen.
    pub(crate) account: Account,
    pub(crate) region: String,
    /// The role's ARN; none for the base credentials.
    pub(crate) role: Option<String>,
    pub(crate) ecs: Ecs,
    /// To be told when they have expired.
    pub(crate) credentials: Credentials,
    /// The token buckets of this account in this region.
    pub(crate) limiters: Arc<RegionLimiters>,
}
