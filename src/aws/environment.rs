//! Checks of AWS's own variables and profile for mistakes that the SDK or its HTTP client would ignore.

use std::borrow::Cow;

use aws_config::profile::{self, ProfileSet};
use aws_types::os_shim_internal::{Env, Fs};
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

/// A variable or profile key whose value the SDK would ignore, or panic on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentIssue {
    /// The name of the variable or profile key.
    pub key: &'static str,
    /// Where it is set: `environment` or `AWS profile`.
    pub origin: &'static str,
    /// What is wrong. It never repeats the value of a proxy variable, which may hold a password.
    pub reason: String,
    /// What to do about it.
    pub way_out: &'static str,
}

/// The variables that name an endpoint. The SDK panics if one of them is empty (`aws-smithy-types`, `endpoint.rs`).
const ENDPOINTS: [&str; 3] = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_ECS", "AWS_ENDPOINT_URL_STS"];

/// Whether the metadata service of an instance may be asked: `AWS_EC2_METADATA_DISABLED` is not `true` (AWS SDKs and Tools Reference
/// Guide, "IMDS credential provider").
pub fn has_metadata() -> bool {
    !std::env::var("AWS_EC2_METADATA_DISABLED").is_ok_and(|disabled| disabled.eq_ignore_ascii_case("true"))
}

/// Every issue in the process's environment and in the AWS profile.
pub async fn issues() -> Vec<EnvironmentIssue> {
    let variable = |name: &str| std::env::var(name).ok();
    let mut issues = proxies(variable);
    issues.extend(profile(variable, read_profile().await.as_ref()));
    issues
}

/// AWS's config and credentials files. `None` if they cannot be read; the credential chain reports that.
pub(super) async fn read_profile() -> Option<ProfileSet> {
    profile::load(&Fs::real(), &Env::real(), &Default::default(), None::<Cow<'static, str>>).await.ok()
}

/// Reports endpoints that are empty and a profile that does not exist.
fn profile(variable: impl Fn(&str) -> Option<String>, files: Option<&ProfileSet>) -> Vec<EnvironmentIssue> {
    let empty = |key, origin| EnvironmentIssue {
        key,
        origin,
        reason: "is empty".to_owned(),
        way_out: "give it the URL of an endpoint, or leave it out",
    };
    let is_empty = |text: Option<&str>| text.is_some_and(|text| text.trim().is_empty());
    let endpoints = ENDPOINTS.into_iter().filter(|name| is_empty(variable(name).as_deref()));
    let mut issues: Vec<_> = endpoints.map(|name| empty(name, "environment")).collect();
    let Some(files) = files else { return issues };
    if is_empty(files.get("endpoint_url")) {
        issues.push(empty("endpoint_url", "AWS profile"));
    }
    // Without its profile the credential chain goes on to its next source, which may belong to another account.
    let named = variable("AWS_PROFILE").filter(|name| !name.is_empty());
    if let Some(name) = named.filter(|name| files.get_profile(name).is_none()) {
        issues.push(EnvironmentIssue {
            key: "AWS_PROFILE",
            origin: "environment",
            reason: format!("names the profile {name:?}, which is in neither AWS's config nor its credentials file"),
            way_out: "name one that is, or unset it; see AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE",
        });
    }
    issues
}

/// Reports proxy variables without a usable address: the HTTP clients would ignore them and connect without the proxy.
///
/// hyper-util's `Matcher::from_env` decides which variable counts: upper case hides lower case, even if it is empty, and `ALL_PROXY`
/// counts only for a scheme without a proxy of its own.
fn proxies(variable: impl Fn(&str) -> Option<String>) -> Vec<EnvironmentIssue> {
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
            issues.push(EnvironmentIssue {
                key,
                origin: "environment",
                reason: "is not the address of a proxy".to_owned(),
                way_out: "write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT (a slash in it as %2F), or unset it",
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

    fn keys(issues: Vec<EnvironmentIssue>) -> Vec<&'static str> {
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
            assert_eq!(keys(profile(variables(set), None)), expected, "{set:?}");
        }
    }
}
