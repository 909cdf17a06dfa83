//! The HTTP client of all roles and regions.

mod way;

use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use self::way::Ways;
pub(crate) use self::way::{Unreached, host_and_port, proxy_of};
use super::trust::Trust;

/// How long an idle connection is kept. AWS and load balancers close idle connections; a request sent at that moment fails.
const IDLE: Duration = Duration::from_secs(20);

/// The SDK's HTTP client, with one connection pool for everything it sends: to ECS and STS, for the credential chain, and to the
/// instance's metadata service for a default region.
///
/// With `proxied` it takes its proxy from the environment, as the AWS CLI does: hyper-util's `Matcher::from_env` chooses it for each
/// host. Credentials of a container or an instance are asked for directly all the same, from a second pool. Without, it uses none;
/// this is for an endpoint given by a library user ([`Config::endpoint_url`](crate::config::Config)).
///
/// Two HTTP clients choose a proxy: this one, and reqwest's in `web`, which asks the same `Matcher`.
/// `aws::environment` checks the variables for both. Connections to Kafka use no proxy.
pub fn client(proxied: bool, trust: &Trust) -> SharedHttpClient {
    let direct = pool(ProxyConfig::disabled(), trust);
    let proxied = (proxied && way::has_proxy()).then(|| pool(ProxyConfig::from_env(), trust));
    SharedHttpClient::new(Ways::new(direct, proxied, trust.is_empty()))
}

fn pool(proxy: ProxyConfig, trust: &Trust) -> SharedHttpClient {
    let trusted = trust.context();
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder().proxy_config(proxy.clone()).pool_idle_timeout(IDLE);
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc)).tls_context(trusted.clone()).build()
    })
}
