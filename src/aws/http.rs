//! HTTP: one client for all roles and regions, and what an answer must at least be.

use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use super::trust::Trust;

/// How long a connection may idle. AWS and what stands before it close one without a word after some time: a request that meets
/// that moment fails.
const IDLE: Duration = Duration::from_secs(20);

/// One client, so one connection pool. With `proxied` the proxy variables count as in the AWS CLI; an endpoint that a library
/// user has at hand is not behind a proxy.
pub fn client(proxied: bool, trust: &Trust) -> SharedHttpClient {
    let proxy = if proxied { ProxyConfig::from_env() } else { ProxyConfig::disabled() };
    let trusted = trust.context();
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder().proxy_config(proxy.clone()).pool_idle_timeout(IDLE);
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc)).tls_context(trusted.clone()).build()
    })
}

/// The proxy variables that name no proxy: the HTTP client would pass them over, and go past the proxy that was meant.
pub fn odd_proxies() -> Vec<&'static str> {
    odd_among(|variable| std::env::var(variable).ok())
}

/// Which variables rule, and what each may be, is hyper-util's (`client/proxy/matcher.rs`): the first that is set, even to nothing;
/// `ALL_PROXY` where that is nothing; and without a scheme no path.
fn odd_among(variable: impl Fn(&str) -> Option<String>) -> Vec<&'static str> {
    let mut odd = Vec::new();
    let mut all = false;
    for [large, small] in [["HTTPS_PROXY", "https_proxy"], ["HTTP_PROXY", "http_proxy"], ["ALL_PROXY", "all_proxy"]] {
        let ruling = if variable(large).is_some() { large } else { small };
        let text = variable(ruling).unwrap_or_default();
        let hidden = ruling == large && text.is_empty() && variable(small).is_some_and(|text| !text.is_empty());
        if large == "ALL_PROXY" && !all {
            continue;
        }
        if hidden || !(text.is_empty() || is_proxy(&text)) {
            odd.push(ruling);
        }
        all |= text.is_empty();
    }
    odd
}

fn is_proxy(text: &str) -> bool {
    match text.contains("://") {
        true => ProxyConfig::all(text).is_ok(),
        false => !text.contains('/') && ProxyConfig::all(format!("http://{text}")).is_ok(),
    }
}

/// Refuses an answer whose body was cut to nothing: the SDK takes it for one without members, and so an account for empty.
#[derive(Debug)]
pub struct NoEmptyAnswer;

impl Intercept for NoEmptyAnswer {
    fn name(&self) -> &'static str {
        "NoEmptyAnswer"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        match response.body().bytes() {
            Some([]) if response.status().is_success() => Err("the answer has no body".into()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_variable_that_would_be_passed_over_is_odd() {
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);
        let cases: &[Case<'_>] = &[
            (&[], &[]),
            (&[("HTTPS_PROXY", "http://user:p%40ss@proxy:3128")], &[]),
            (&[("https_proxy", "proxy:3128"), ("HTTP_PROXY", "proxy"), ("ALL_PROXY", "https://proxy")], &[]),
            (&[("HTTPS_PROXY", "proxy:3128/")], &["HTTPS_PROXY"]),
            (&[("HTTPS_PROXY", "::bad")], &["HTTPS_PROXY"]),
            (&[("HTTPS_PROXY", ""), ("https_proxy", "proxy:3128")], &["HTTPS_PROXY"]),
            (&[("HTTPS_PROXY", "good:1"), ("https_proxy", "::bad")], &[]),
            (&[("all_proxy", "socks5://proxy:1080")], &["all_proxy"]),
            (&[("all_proxy", "socks5://proxy:1080"), ("https_proxy", "good:1"), ("http_proxy", "good:1")], &[]),
        ];
        for (variables, expected) in cases {
            let set =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
            assert_eq!(odd_among(set), *expected, "{variables:?}");
        }
    }
}
