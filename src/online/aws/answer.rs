//! What an answer of ECS says of the right to ask. Pure.

use crate::aws::{Fault, Verdict};

/// The codes of a missing right.
const DENIED: [&str; 4] = ["AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized"];

/// How an account answers in a region that it has not enabled.
const NOT_ENABLED: [&str; 4] =
    ["RegionDisabledException", "UnrecognizedClientException", "InvalidClientTokenId", "OptInRequired"];

/// Where to look if nobody answers.
pub(super) const NETWORK: &str = "see the region's name, AWS_ENDPOINT_URL and HTTPS_PROXY";

/// What an answer named.
#[derive(Debug, Clone, Default)]
pub(super) struct Listed {
    pub(super) arns: Vec<String>,
    /// Whether that is all there is.
    pub(super) is_all: bool,
}

/// What an answer says.
#[derive(Debug)]
pub(super) enum Answer {
    /// It is allowed; what was listed.
    Allowed(Listed),
    /// A right is missing.
    Denied(Fault),
    /// AWS refuses for another reason.
    Refused(String),
    /// AWS does not say now.
    Untold(String),
    /// The account has not enabled the region.
    NotEnabled(String),
    /// Nobody answers.
    Silence(String),
}

/// Judges an answer. `is_made_up` says that the name that was asked for is one that nobody has, and `is_within` that a cluster was
/// named: whoever may not ask does not learn that there is nothing of that name.
pub(super) fn judge(answer: Result<Listed, Fault>, is_made_up: bool, is_within: bool) -> Answer {
    let fault = match answer {
        Ok(listed) => return Answer::Allowed(listed),
        Err(fault) => fault,
    };
    let code = fault.code.as_str();
    match fault.verdict {
        _ if !fault.is_answer() => Answer::Silence(format!("{fault}; {NETWORK}")),
        _ if NOT_ENABLED.contains(&code) => {
            Answer::NotEnabled(format!("{fault}; enable the region in this account, or take it out of the settings"))
        }
        Verdict::NoCluster if is_within => Answer::Allowed(Listed::default()),
        Verdict::Client | Verdict::Invalid if is_made_up => Answer::Allowed(Listed::default()),
        Verdict::Denied if DENIED.contains(&code) => Answer::Denied(fault),
        Verdict::Denied if code == "SubscriptionRequiredException" => {
            Answer::Refused(format!("{fault}; finish the sign-up of this account, which AWS has not activated yet"))
        }
        Verdict::Denied => Answer::Refused(format!("{fault}; see the credentials, and the clock of this machine")),
        Verdict::Throttled => Answer::Untold(format!("{fault}; AWS throttles this account, so ask again later")),
        Verdict::Transient => Answer::Untold(format!("{fault}; AWS does not answer it now, so ask again later")),
        _ => Answer::Refused(fault.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::retry::verdict;

    /// What is said of an error answer, in a word.
    fn said(code: &str, status: u16, is_made_up: bool) -> &'static str {
        let fault = Fault { verdict: verdict(code, status, ""), code: code.to_owned(), message: String::new() };
        match judge(Err(fault), is_made_up, true) {
            Answer::Allowed(_) => "allowed",
            Answer::Denied(_) => "denied",
            Answer::Refused(_) => "refused",
            Answer::Untold(_) => "untold",
            Answer::NotEnabled(_) => "not enabled",
            Answer::Silence(_) => "silence",
        }
    }

    #[test]
    fn an_answer_of_ecs_says_whether_the_right_is_there() {
        for (code, status, of_made_up, of_listed) in [
            ("AccessDeniedException", 400, "denied", "denied"),
            ("AccessDenied", 403, "denied", "denied"),
            ("UnauthorizedOperation", 403, "denied", "denied"),
            ("ClusterNotFoundException", 400, "allowed", "allowed"),
            ("ClientException", 400, "allowed", "refused"),
            ("InvalidParameterException", 400, "allowed", "refused"),
            ("UnrecognizedClientException", 400, "not enabled", "not enabled"),
            ("RegionDisabledException", 403, "not enabled", "not enabled"),
            ("MissingAuthenticationTokenException", 403, "refused", "refused"),
            ("SubscriptionRequiredException", 400, "refused", "refused"),
            ("ThrottlingException", 400, "untold", "untold"),
            ("ServerException", 500, "untold", "untold"),
            ("PlatformUnknownException", 400, "refused", "refused"),
            ("Timeout", 0, "silence", "silence"),
        ] {
            let both = [said(code, status, true), said(code, status, false)];
            assert_eq!(both, [of_made_up, of_listed], "{code}");
        }
    }
}
