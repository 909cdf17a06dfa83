//! The AWS account that a scope reads, learned from ARNs: each names its account.

use std::sync::{Arc, OnceLock};

/// An account's id (12 digits), shared by all who need it and set when the first ARN names it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Account(Arc<OnceLock<String>>);

impl Account {
    pub(crate) fn of_arn(arn: &str) -> Self {
        let account = Self::default();
        account.learn(arn);
        account
    }

    /// Sets the id from an ARN, unless it is set.
    pub(crate) fn learn(&self, arn: &str) {
        if let Some(id) = account_of(arn) {
            self.0.get_or_init(|| id.to_owned());
        }
    }

    pub(crate) fn get(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

/// The fifth field of an ARN: `arn:partition:service:region:account-id:resource`.
pub(super) fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|id| !id.is_empty())
}
