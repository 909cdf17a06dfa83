//! Which account is read: from an ARN, since every ARN tells it.

use std::sync::{Arc, OnceLock};

/// The 12 digits of an account, once known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Account(Arc<OnceLock<String>>);

impl Account {
    /// The account that `arn` belongs to: its fifth field.
    pub(crate) fn of_arn(arn: &str) -> Self {
        let account = Self::default();
        account.learn(arn);
        account
    }

    /// Takes the account from an ARN where it is not known yet.
    pub(crate) fn learn(&self, arn: &str) {
        if let Some(id) = account_of(arn) {
            self.0.get_or_init(|| id.to_owned());
        }
    }

    /// The account, if known.
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

/// The fifth field of an ARN.
pub(super) fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|id| !id.is_empty())
}
