//! Everything that is wrong in what AWS's own variables and files say.

use super::{environment, profile, source};
use crate::config::Diagnostic;

/// Everything that is wrong in the process's environment and in the AWS profile. Without `asks_chain` nobody asks AWS's chain for
/// credentials: the settings hold keys, or none are needed.
pub async fn issues(asks_chain: bool) -> Vec<Diagnostic> {
    let variable = |name: &str| std::env::var(name).ok();
    let mut issues = environment::proxies(variable);
    issues.extend(environment::endpoints(variable));
    issues.extend(environment::blanks(variable));
    issues.extend(environment::account(variable("AWS_ACCOUNT_ID"), "AWS_ACCOUNT_ID", "environment"));
    match profile::read().await {
        Ok(profiles) => {
            issues.extend(environment::selected(variable, &profiles));
            if asks_chain {
                issues.extend(source::refusals(environment::set, &profiles));
            }
        }
        Err(unreadable) => issues.push(unreadable),
    }
    issues
}
