//! The way of each request: through the proxy of the environment, or directly. A request that fails tells its address.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

use crate::aws::environment;

/// The variable that names the credentials of a container, by their whole address.
const CONTAINER: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";

/// Both ways, a connection pool each.
#[derive(Debug)]
pub(super) struct Ways(Arc<Pools>);

#[derive(Debug)]
struct Pools {
    direct: SharedHttpClient,
    /// None if the environment has no proxy, or none counts.
    proxied: Option<SharedHttpClient>,
    /// The address of [`CONTAINER`].
    container: Option<Uri>,
    /// Whether no certificate authority is trusted.
    trusts_nobody: bool,
}

/// The connectors of a client with these settings.
#[derive(Debug)]
struct Way {
    pools: Arc<Pools>,
    /// Through the proxy, if there is one.
    usual: SharedHttpConnector,
    /// What a direct connector is made from, where the usual way is through a proxy.
    beside: Option<(HttpConnectorSettings, RuntimeComponents)>,
}

/// A request that had no answer. It reads like its cause.
#[derive(Debug)]
pub(crate) struct Unreached {
    address: String,
    /// The address of the proxy, and the variable that names it.
    proxy: Option<String>,
    /// Whether no certificate authority was trusted.
    pub(crate) trusts_nobody: bool,
    source: BoxError,
}

/// Whether the environment has a proxy for any request.
pub(super) fn has_proxy() -> bool {
    let names = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    !environment::has_no_proxy() && names.into_iter().any(|name| environment::set(name).is_some())
}

/// The proxy on the way to a URL, without user and password, and the variable that names it.
pub(crate) fn proxy_of(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let proxy = if has_proxy() { Matcher::from_env().intercept(&uri)? } else { return None };
    let variables: [&str; 2] = match uri.scheme_str() {
        Some("https") => ["HTTPS_PROXY", "https_proxy"],
        _ => ["HTTP_PROXY", "http_proxy"],
    };
    let named = variables.into_iter().find(|name| environment::set(name).is_some());
    Some(format!("{}, the proxy of {}", proxy.uri().to_string().trim_end_matches('/'), named.unwrap_or("ALL_PROXY")))
}

/// Host and port of a URI. A user and a password may stand before them, and a secret path after them.
pub(crate) fn host_and_port(uri: &str) -> Option<String> {
    let uri: Uri = uri.parse().ok()?;
    let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}{port}", uri.host()?))
}

impl Ways {
    pub(super) fn new(direct: SharedHttpClient, proxied: Option<SharedHttpClient>, trusts_nobody: bool) -> Self {
        let container = environment::set(CONTAINER).and_then(|uri| uri.parse().ok());
        Self(Arc::new(Pools { direct, proxied, container, trusts_nobody }))
    }
}

impl Pools {
    /// Whether the request is for credentials or metadata of a container or an instance, which are on this machine or its link.
    /// Loopback alone does not tell: an endpoint of AWS may be there, and that is asked through the proxy as by the AWS CLI.
    fn is_local(&self, request: &HttpRequest) -> bool {
        let Ok(uri) = request.uri().parse::<Uri>() else { return false };
        let is_container = |container: &Uri| {
            let authority = |uri: &Uri| uri.authority().map(|authority| authority.as_str().to_ascii_lowercase());
            authority(&uri) == authority(container)
                && uri.scheme() == container.scheme()
                && uri.path() == container.path()
        };
        is_link(&uri)
            || uri.path().starts_with("/latest/")
            || (request.method() == "GET" && self.container.as_ref().is_some_and(is_container))
    }
}

/// Whether the host is in 169.254.0.0/16 or fd00:ec2::/32.
fn is_link(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    match host.parse() {
        Ok(std::net::IpAddr::V4(address)) => address.is_link_local(),
        Ok(std::net::IpAddr::V6(address)) => address.segments().starts_with(&[0xfd00, 0x0ec2]),
        Err(_) => false,
    }
}

impl HttpClient for Ways {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let usual = self.0.proxied.as_ref().unwrap_or(&self.0.direct).http_connector(settings, components);
        let beside = self.0.proxied.as_ref().map(|_| (settings.clone(), components.clone()));
        SharedHttpConnector::new(Way { pools: Arc::clone(&self.0), usual, beside })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.proxied.as_ref().unwrap_or(&self.0.direct).validate_base_client_config(components, config)
    }

    fn validate_final_config(&self, components: &RuntimeComponents, config: &ConfigBag) -> Result<(), BoxError> {
        self.0.proxied.as_ref().unwrap_or(&self.0.direct).validate_final_config(components, config)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.direct.connector_metadata()
    }
}

impl HttpConnector for Way {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri = request.uri().to_owned();
        let beside = self.beside.as_ref().filter(|_| self.pools.is_local(&request));
        let trusts_nobody = self.pools.trusts_nobody;
        let is_proxied = self.beside.is_some() && beside.is_none();
        let answer = match beside {
            Some((settings, components)) => self.pools.direct.http_connector(settings, components).call(request),
            None => self.usual.call(request),
        };
        HttpConnectorFuture::new(async move {
            answer.await.map_err(|error| {
                let proxy = if is_proxied { proxy_of(&uri) } else { None };
                let address = host_and_port(&uri).unwrap_or_else(|| "an address that is none".to_owned());
                unreached(error, |source| Unreached { address, proxy, trusts_nobody, source })
            })
        })
    }
}

/// The same error, with the address. Its kind stays, by which the SDK decides whether to try again.
fn unreached(error: ConnectorError, with_address: impl FnOnce(BoxError) -> Unreached) -> ConnectorError {
    let connection = error.connection_metadata().cloned();
    let (is_timeout, is_user, is_io, other) = (error.is_timeout(), error.is_user(), error.is_io(), error.as_other());
    let source: BoxError = with_address(error.into_source()).into();
    let error = if is_timeout {
        ConnectorError::timeout(source)
    } else if is_user {
        ConnectorError::user(source)
    } else if is_io {
        ConnectorError::io(source)
    } else {
        ConnectorError::other(source, other)
    };
    match connection {
        Some(connection) => error.with_connection(connection),
        None => error,
    }
}

impl Unreached {
    /// The address, and the proxy on the way.
    pub(crate) fn place(&self) -> String {
        match &self.proxy {
            Some(proxy) => format!("{} through {proxy}", self.address),
            None => self.address.clone(),
        }
    }
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Error for Unreached {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.source()
    }
}
