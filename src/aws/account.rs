//! The AWS account that a scope reads, learned from ARNs: each names its account.

use std::sync::{Arc, OnceLock};

use super::environment::is_account;

/// An account's id (12 digits), shared by all who need it and set when the first ARN names it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Account(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// From an ARN.
    named: OnceLock<String>,
    /// What the credentials, a variable or the profile say. An ARN rules over it.
    told: Option<String>,
    /// Why AWS did not say it.
    refusal: Option<String>,
}

impl Account {
    pub(crate) fn of_arn(arn: &str) -> Self {
        let account = Self::default();
        account.learn(arn);
        account
    }

    /// The account as others than AWS tell it, and what to say where nobody does.
    pub(super) fn told(told: Option<String>, refusal: String) -> Self {
        Self(Arc::new(Shared { named: OnceLock::new(), told, refusal: Some(refusal) }))
    }

    /// Sets the id from an ARN, unless it is set.
    pub(crate) fn learn(&self, arn: &str) {
        let Some(id) = account_of(arn) else { return };
        let mut is_first = false;
        self.0.named.get_or_init(|| {
            is_first = true;
            id.to_owned()
        });
        if let Some(told) = self.0.told.as_ref().filter(|told| is_first && *told != id) {
            tracing::warn!(
                told,
                account = id,
                "the credentials, AWS_ACCOUNT_ID or the profile's aws_account_id say another account than the first ARN, which rules"
            );
        }
    }

    pub(crate) fn get(&self) -> Option<&str> {
        self.0.named.get().or(self.0.told.as_ref()).map(String::as_str)
    }

    /// Whether AWS has said it, so that it cannot change any more.
    pub(crate) fn is_certain(&self) -> bool {
        self.0.named.get().is_some()
    }

    /// Why nobody could say of which account something is complete, and the way out.
    pub(crate) fn unknown(&self) -> Option<String> {
        if self.get().is_some() {
            return None;
        }
        let refusal = self.0.refusal.as_deref().unwrap_or("nobody was asked for it");
        Some(format!("the account is not known: {refusal}, and no object names it; set AWS_ACCOUNT_ID"))
    }
}

/// The fifth field of an ARN: `arn:partition:service:region:account-id:resource`. What is not 12 digits is no account.
pub(super) fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|id| is_account(id))
}

#[cfg(test)]
mod tests {
    use super::account_of;

    #[test]
    fn an_account_has_twelve_digits() {
        assert_eq!(account_of("arn:aws:iam::111111111111:user/a"), Some("111111111111"));
        for arn in [
            "",
            "arn:aws:iam::",
            "arn:aws:iam::111111111111,user/a",
            "arn:aws:iam::11111111111:user/a",
            "arn:aws:ecs:eu-west-1:me:task/a",
        ] {
            assert_eq!(account_of(arn), None, "{arn}");
        }
    }
}
