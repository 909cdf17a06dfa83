//! Checks of AWS's own variables and profile for mistakes that the SDK or its HTTP client would ignore.

use aws_config::profile::ProfileSet;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

use super::profile;
use crate::config::Diagnostic;

/// The variables that name an endpoint. The SDK panics if one of them is empty (`aws-smithy-types`, `endpoint.rs`).
const ENDPOINTS: [&str; 3] = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_ECS", "AWS_ENDPOINT_URL_STS"];

/// Whether the metadata service of an instance may be asked: `AWS_EC2_METADATA_DISABLED` is not `true` (AWS SDKs and Tools Reference
/// Guide, "IMDS credential provider").
pub fn has_metadata() -> bool {
    !std::env::var("AWS_EC2_METADATA_DISABLED").is_ok_and(|disabled| disabled.eq_ignore_ascii_case("true"))
}

/// What `AWS_ACCOUNT_ID` says, or else the profile: the account of keys that may not ask for theirs.
pub(super) async fn account_id() -> Option<String> {
    let profile = || async { profile::read().await.ok()?.get("aws_account_id").map(str::to_owned) };
    let told = match set("AWS_ACCOUNT_ID") {
        Some(told) => Some(told),
        None => profile().await,
    };
    told.map(|id| id.trim().to_owned()).filter(|id| is_account(id))
}

/// A variable that is set, and not to nothing.
pub(super) fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.trim().is_empty())
}

/// Whether `NO_PROXY` has a star, which means no proxy at all. The HTTP clients would take it for names alone, and ask the proxy for
/// addresses. Upper case hides lower case, as for them.
pub(crate) fn has_no_proxy() -> bool {
    let text = std::env::var("NO_PROXY").or_else(|_| std::env::var("no_proxy")).unwrap_or_default();
    text.split(',').any(|part| part.trim() == "*")
}

/// Whether a text is the id of an account: 12 digits.
pub(super) fn is_account(id: &str) -> bool {
    id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) fn account(id: Option<String>, key: &str, origin: &str) -> Option<Diagnostic> {
    let id = id.filter(|id| !id.trim().is_empty() && !is_account(id.trim()))?;
    Some(Diagnostic {
        key: key.to_owned(),
        origin: origin.to_owned(),
        reason: format!("{id:?} is not the id of an account"),
        way_out: "write its 12 digits, or leave it out".to_owned(),
    })
}

fn empty(key: &str, origin: &str) -> Diagnostic {
    Diagnostic {
        key: key.to_owned(),
        origin: origin.to_owned(),
        reason: "is empty".to_owned(),
        way_out: "give it the URL of an endpoint, or leave it out".to_owned(),
    }
}

fn is_empty(text: Option<&str>) -> bool {
    text.is_some_and(|text| text.trim().is_empty())
}

/// Reports endpoints that are empty.
pub(super) fn endpoints(variable: impl Fn(&str) -> Option<String>) -> Vec<Diagnostic> {
    let named = ENDPOINTS.into_iter().filter(|name| is_empty(variable(name).as_deref()));
    named.map(|name| empty(name, "environment")).collect()
}

/// Reports variables that are set to nothing. The SDK takes them for set: a profile without a name, a path of no file.
pub(super) fn blanks(variable: impl Fn(&str) -> Option<String>) -> Vec<Diagnostic> {
    const NAMES: [&str; 6] = [
        "AWS_PROFILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
    ];
    let blank = NAMES.into_iter().filter(|name| is_empty(variable(name).as_deref()));
    blank.map(|name| Diagnostic { way_out: "unset it".to_owned(), ..empty(name, "environment") }).collect()
}

/// Reports a profile that does not exist, and what is wrong in one that does.
pub(super) fn selected(variable: impl Fn(&str) -> Option<String>, profiles: &ProfileSet) -> Vec<Diagnostic> {
    let mut issues = Vec::new();
    if is_empty(profiles.get("endpoint_url")) {
        issues.push(empty("endpoint_url", "AWS profile"));
    }
    issues.extend(account(profiles.get("aws_account_id").map(str::to_owned), "aws_account_id", "AWS profile"));
    // The AWS CLI reads it and the SDK does not, so the keys would be those of another profile.
    if let Some(name) =
        variable("AWS_DEFAULT_PROFILE").filter(|name| !name.is_empty() && name != profiles.selected_profile())
    {
        issues.push(Diagnostic {
            key: "AWS_DEFAULT_PROFILE".to_owned(),
            origin: "environment".to_owned(),
            reason: "only the AWS CLI reads it".to_owned(),
            way_out: format!("set AWS_PROFILE={name}, or unset it"),
        });
    }
    // Without its profile the credential chain goes on to its next source, which may belong to another account.
    let named = variable("AWS_PROFILE").filter(|name| !name.is_empty());
    if let Some(name) = named.filter(|name| profiles.get_profile(name).is_none()) {
        issues.push(Diagnostic {
            key: "AWS_PROFILE".to_owned(),
            origin: "environment".to_owned(),
            reason: format!("names the profile {name:?}, which is in neither AWS's config nor its credentials file"),
            way_out: format!(
                "name one that is, or unset it (in {} it begins with [profile {name}]); see AWS_CONFIG_FILE and \
                 AWS_SHARED_CREDENTIALS_FILE",
                profile::config_file()
            ),
        });
    }
    issues
}

/// Reports proxy variables without a usable address: the HTTP clients would ignore them and connect without the proxy.
///
/// hyper-util's `Matcher::from_env` decides which variable counts: upper case hides lower case, even if it is empty, and `ALL_PROXY`
/// counts only for a scheme without a proxy of its own.
pub(super) fn proxies(variable: impl Fn(&str) -> Option<String>) -> Vec<Diagnostic> {
    let mut issues = Vec::new();
    let mut all_counts = false;
    for [upper, lower] in [["HTTPS_PROXY", "https_proxy"], ["HTTP_PROXY", "http_proxy"], ["ALL_PROXY", "all_proxy"]] {
        if upper == "ALL_PROXY" && !all_counts {
            break;
        }
        let key = if variable(upper).is_some() { upper } else { lower };
        let text = variable(key).unwrap_or_default();
        let hides = key == upper && text.is_empty() && variable(lower).is_some_and(|text| !text.is_empty());
        if hides || !(text.is_empty() || is_proxy(&text)) {
            issues.push(Diagnostic {
                key: key.to_owned(),
                origin: "environment".to_owned(),
                // Its value may hold a password.
                reason: "is not the address of a proxy".to_owned(),
                way_out: "write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT (a slash in it as %2F), or unset it"
                    .to_owned(),
            });
        }
        all_counts |= text.is_empty();
    }
    issues
}

/// Whether the HTTP clients would send requests through the proxy that `text` means.
fn is_proxy(text: &str) -> bool {
    // The clients ask the same matcher. It takes user and password out of the address.
    let matcher = Matcher::builder().all(text).build();
    let Some(proxy) = matcher.intercept(&Uri::from_static("https://amazonaws.com")) else { return false };
    let (Some(scheme), Some(authority)) = (proxy.uri().scheme_str(), proxy.uri().authority()) else { return false };
    // The matcher knows SOCKS addresses too, but the SDK's client speaks only HTTP to a proxy.
    matches!(scheme, "http" | "https")
        // The matcher accepts an empty host, and a port above 65,535.
        && !authority.host().is_empty() && (authority.port().is_some() || authority == authority.host())
        // The matcher drops a path. If the password holds an unescaped slash, the path is where the host is.
        && text.strip_suffix('/').unwrap_or(text).ends_with(authority.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Set<'a> = &'a [(&'a str, &'a str)];

    fn variables(set: Set<'_>) -> impl Fn(&str) -> Option<String> + '_ {
        |name| set.iter().find(|(key, _)| *key == name).map(|(_, text)| (*text).to_owned())
    }

    fn keys(issues: Vec<Diagnostic>) -> Vec<String> {
        issues.into_iter().map(|issue| issue.key).collect()
    }

    #[test]
    fn a_proxy_variable_that_would_be_ignored_is_an_issue() {
        let cases: &[(Set<'_>, &[&str])] = &[
            (&[], &[]),
            (&[("HTTPS_PROXY", "http://user:p%40ss@proxy:3128")], &[]),
            (&[("HTTPS_PROXY", "http://[::1]:3128/")], &[]),
            (&[("https_proxy", "proxy:3128"), ("HTTP_PROXY", "proxy"), ("ALL_PROXY", "https://proxy")], &[]),
            (&[("HTTPS_PROXY", "proxy:3128/")], &["HTTPS_PROXY"]),
            (&[("HTTPS_PROXY", "::bad")], &["HTTPS_PROXY"]),
            (&[("HTTPS_PROXY", "http://user:p/x@proxy:1")], &["HTTPS_PROXY"]),
            (&[("HTTPS_PROXY", "http://user:1/x@proxy:1")], &["HTTPS_PROXY"]),
            (&[("HTTPS_PROXY", "http://user:1#x@proxy:1")], &["HTTPS_PROXY"]),
            (&[("HTTPS_PROXY", "http://proxy:")], &["HTTPS_PROXY"]),
            (&[("HTTPS_PROXY", "http://user:p@:3128")], &["HTTPS_PROXY"]),
            (&[("HTTPS_PROXY", "http://proxy:99999")], &["HTTPS_PROXY"]),
            (&[("HTTPS_PROXY", ""), ("https_proxy", "proxy:3128")], &["HTTPS_PROXY"]),
            (&[("HTTPS_PROXY", "good:1"), ("https_proxy", "::bad")], &[]),
            (&[("all_proxy", "socks5://proxy:1080")], &["all_proxy"]),
            (&[("all_proxy", "socks5://proxy:1080"), ("https_proxy", "good:1"), ("http_proxy", "good:1")], &[]),
        ];
        for (set, expected) in cases {
            assert_eq!(keys(proxies(variables(set))), *expected, "{set:?}");
        }
    }

    #[test]
    fn empty_endpoints_are_issues() {
        for (set, expected) in [
            (&[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")][..], &[][..]),
            (&[("AWS_ENDPOINT_URL", ""), ("AWS_ENDPOINT_URL_STS", " ")], &["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"]),
        ] {
            assert_eq!(keys(endpoints(variables(set))), expected, "{set:?}");
        }
    }
}
