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

/// Refuses an answer whose body was cut to nothing: the SDK takes it for one without members, and so an account for empty.
#[derive(Debug)]
pub(crate) struct NoEmptyAnswer;

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
