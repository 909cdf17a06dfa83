//! AWS's own variables and profile, where the SDK would go on as if what is wrong there had not been said.

use std::borrow::Cow;

use aws_config::profile::{self, ProfileSet};
use aws_types::os_shim_internal::{Env, Fs};

/// A variable, or a line of the profile, that would lead to others than those meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentIssue {
    /// Its name.
    pub key: &'static str,
    /// Where it stands.
    pub origin: &'static str,
    /// What is wrong; never its value, which may hold a password.
    pub reason: String,
    /// What to do.
    pub way_out: &'static str,
}

/// The variables that name an endpoint. On an empty one the SDK panics (`aws-smithy-types` `endpoint.rs`).
const ENDPOINTS: [&str; 3] = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_ECS", "AWS_ENDPOINT_URL_STS"];

/// Everything odd.
pub async fn issues() -> Vec<EnvironmentIssue> {
    let variable = |name: &str| std::env::var(name).ok();
    let mut issues = proxies(variable);
    issues.extend(profile(variable, read_profile().await.as_ref()));
    issues
}

/// The config and credentials files; none where they cannot be read, which the credential chain tells.
pub(super) async fn read_profile() -> Option<ProfileSet> {
    profile::load(&Fs::real(), &Env::real(), &Default::default(), None::<Cow<'static, str>>).await.ok()
}

/// A profile that is named and not there, and endpoints that are set to nothing.
fn profile(variable: impl Fn(&str) -> Option<String>, files: Option<&ProfileSet>) -> Vec<EnvironmentIssue> {
    let empty = |key, origin| EnvironmentIssue {
        key,
        origin,
        reason: "is empty".to_owned(),
        way_out: "give it the URL of an endpoint, or leave it out",
    };
    let is_empty = |text: Option<&str>| text.is_some_and(|text| text.trim().is_empty());
    let mut issues: Vec<EnvironmentIssue> = ENDPOINTS
        .into_iter()
        .filter(|name| is_empty(variable(name).as_deref()))
        .map(|name| empty(name, "environment"))
        .collect();
    let Some(files) = files else { return issues };
    if is_empty(files.get("endpoint_url")) {
        issues.push(empty("endpoint_url", "AWS profile"));
    }
    // Another part of the chain would serve instead, perhaps with another account.
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

/// The proxy variables that name no proxy: the HTTP client would pass them over, and go past the proxy that was meant.
///
/// Which variables rule, and what each may be, is hyper-util's (`client/proxy/matcher.rs`): the first that is set, even to nothing;
/// `ALL_PROXY` where that is nothing; and without a scheme no path.
fn proxies(variable: impl Fn(&str) -> Option<String>) -> Vec<EnvironmentIssue> {
    let mut issues = Vec::new();
    let mut all_rules = false;
    for [large, small] in [["HTTPS_PROXY", "https_proxy"], ["HTTP_PROXY", "http_proxy"], ["ALL_PROXY", "all_proxy"]] {
        if large == "ALL_PROXY" && !all_rules {
            break;
        }
        let ruling = if variable(large).is_some() { large } else { small };
        let text = variable(ruling).unwrap_or_default();
        let hidden = ruling == large && text.is_empty() && variable(small).is_some_and(|text| !text.is_empty());
        if hidden || !(text.is_empty() || is_proxy(&text)) {
            issues.push(EnvironmentIssue {
                key: ruling,
                origin: "environment",
                reason: "is not the address of a proxy".to_owned(),
                way_out: "write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT, odd characters as %2F, or unset it",
            });
        }
        all_rules |= text.is_empty();
    }
    issues
}

fn is_proxy(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    // A password's unescaped slash would end the address, and its first half be taken for a host.
    let address = match rest {
        Some(rest) => rest.strip_suffix('/').unwrap_or(rest),
        None => text,
    };
    let host_and_port = address.rsplit_once('@').map_or(address, |(_, host)| host);
    let (host, port) = match host_and_port.rsplit_once(':') {
        Some((host, port)) if !host_and_port.ends_with(']') => (host, port),
        _ => (host_and_port, "80"),
    };
    let issues = |c: char| c.is_whitespace() || c.is_control() || "/?#".contains(c);
    let is_host = host.starts_with('[') || !host.contains(':');
    !address.contains(issues) && !host.is_empty() && is_host && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Set<'a> = &'a [(&'a str, &'a str)];

    fn variables(set: Set<'_>) -> impl Fn(&str) -> Option<String> + '_ {
        |name| set.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned())
    }

    fn keys(issues: Vec<EnvironmentIssue>) -> Vec<&'static str> {
        issues.into_iter().map(|issues| issues.key).collect()
    }

    #[test]
    fn a_proxy_variable_that_would_be_passed_over_is_odd() {
        let cases: &[(Set<'_>, &[&str])] = &[
            (&[], &[]),
            (&[("HTTPS_PROXY", "http://user:p%40ss@proxy:3128")], &[]),
            (&[("HTTPS_PROXY", "http://[::1]:3128/")], &[]),
            (&[("https_proxy", "proxy:3128"), ("HTTP_PROXY", "proxy"), ("ALL_PROXY", "https://proxy")], &[]),
            (&[("HTTPS_PROXY", "proxy:3128/")], &["HTTPS_PROXY"]),
            (&[("HTTPS_PROXY", "::bad")], &["HTTPS_PROXY"]),
            (&[("HTTPS_PROXY", "http://user:p/x@proxy:1")], &["HTTPS_PROXY"]),
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
    fn empty_endpoints_are_odd() {
        for (set, expected) in [
            (&[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")][..], &[][..]),
            (&[("AWS_ENDPOINT_URL", ""), ("AWS_ENDPOINT_URL_STS", " ")], &["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"]),
        ] {
            assert_eq!(keys(profile(variables(set), None)), expected, "{set:?}");
        }
    }
}
