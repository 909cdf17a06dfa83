//! reqwest's client for the registry: whom it trusts, as whom it speaks, which proxy it takes.

use std::error::Error as _;
use std::time::Duration;

use reqwest::tls::{Certificate, Identity};

use super::error::Error;
use crate::aws::environment;
use crate::aws::http::proxy_of;
use crate::aws::trust::{self, Trust};
use crate::config::{SchemaRegistryConfig, SecretError, pem};

/// The longest attempt at one URL.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A client for these settings. reqwest chooses the proxy, as described in [`crate::aws::http`].
pub(super) async fn client(settings: &SchemaRegistryConfig) -> Result<reqwest::Client, Error> {
    let mut http = reqwest::Client::builder()
        .user_agent(concat!("ecs-sdm-producer/", env!("CARGO_PKG_VERSION")))
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none());
    let trusted = trusted(settings).await?;
    let needs_system = trusted.is_none();
    if let Some(trusted) = trusted {
        http = http.tls_certs_only(trusted);
    } else if !speaks_tls(&settings.url) {
        // The system's would be loaded, and a machine without any could not even speak plain HTTP.
        http = http.tls_certs_only([]);
    }
    if environment::has_no_proxy() {
        http = http.no_proxy();
    }
    let identity = identity(settings)?;
    // reqwest checks certificates only when the client is built.
    let key = if identity.is_some() { "certificate" } else { "ca" };
    let unusable = |error: reqwest::Error| match causes(&error) {
        // From `rustls-platform-verifier`.
        reason if needs_system && reason.contains("No CA certificates") => Error::Setting {
            key: "url",
            reason:
                "No CA certificates were loaded from this system, and https trusts those; install them (the package \
                     ca-certificates), or set schema_registry.ca or AWS_CA_BUNDLE"
                    .to_owned(),
        },
        reason => Error::Setting { key, reason },
    };
    if let Some(identity) = identity {
        http = http.identity(identity);
    }
    http.build().map_err(unusable)
}

/// Whether the client may have to speak TLS: to a URL, or to a proxy on the way.
fn speaks_tls(urls: &[String]) -> bool {
    let is_https = |url: &str| url.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"));
    urls.iter().any(|url| is_https(url) || proxy_of(url).is_some_and(|proxy| is_https(&proxy)))
}

/// The authorities of `schema_registry.ca`, else those of AWS_CA_BUNDLE; `None` stands for the system's.
async fn trusted(settings: &SchemaRegistryConfig) -> Result<Option<Vec<Certificate>>, Error> {
    let failed = |reason: String| Error::Setting { key: "ca", reason };
    let authorities = match &settings.ca {
        Some(ca) => trust::certificates(&pem(ca).map_err(|error| failed(unread(&error)))?),
        None => match Trust::load().await.map_err(Error::Bundle)?.pem() {
            Some(bundle) => bundle.to_vec(),
            None => return Ok(None),
        },
    };
    if authorities.is_empty() {
        return Err(failed("holds no certificate in PEM".to_owned()));
    }
    let certificates = authorities.iter().map(|pem| Certificate::from_pem(pem.as_bytes()));
    certificates.collect::<Result<_, _>>().map(Some).map_err(|error| failed(causes(&error)))
}

/// The client certificate, for a registry with mutual TLS.
fn identity(settings: &SchemaRegistryConfig) -> Result<Option<Identity>, Error> {
    let (Some(certificate), Some(key)) = (&settings.certificate, &settings.key) else { return Ok(None) };
    let failed = |key| move |reason: String| Error::Setting { key, reason };
    let certificate = pem(certificate).map_err(|error| failed("certificate")(unread(&error)))?;
    let key = key.read().map_err(|error| failed("key")(unread(&error)))?;
    // Text that is no path may be the key itself without its PEM frame, so it is not shown.
    let key = pem(&key).map_err(|_| failed("key")("is neither PEM text nor a file that can be read".to_owned()))?;
    let both = format!("{key}\n{certificate}");
    Identity::from_pem(both.as_bytes()).map(Some).map_err(|error| failed("certificate")(causes(&error)))
}

/// Why a setting's file cannot be read, with the error of the system.
pub(super) fn unread(error: &SecretError) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// The causes of an error. The error itself only repeats the URL, which the message names already.
pub(super) fn causes(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    if causes.is_empty() { error.to_string() } else { causes.join(": ") }
}
