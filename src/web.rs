//! HTTP to what is not AWS: the schema registry, and the token endpoint of Kafka. reqwest's client, whom it trusts, as whom it speaks,
//! which proxy it takes.

use std::error::Error as _;
use std::time::Duration;

use reqwest::tls::{Certificate, Identity};

use crate::aws::environment;
use crate::aws::http::proxy_of;
use crate::aws::trust::{self, Trust};
use crate::config::{Diagnostic, Secret, pem};

/// Who is spoken to, and as whom.
pub(crate) struct Peer<'a> {
    /// It has one of these URLs.
    pub(crate) urls: &'a [String],
    /// The setting with the authorities that alone are trusted, by its full key.
    pub(crate) ca_key: &'static str,
    /// Its value: a path, or PEM text.
    pub(crate) ca: Option<&'a str>,
    /// The client's certificate and its key.
    pub(crate) identity: Option<(&'a str, &'a Secret)>,
    /// The longest attempt.
    pub(crate) timeout: Duration,
}

/// How long an idle connection is kept: load balancers close those that are idle for a minute, just when metrics are pushed again.
const IDLE: Duration = Duration::from_secs(20);

/// Why there can be no client.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// A setting of the peer, `ca`, `certificate`, `key` or `url`, and what is wrong with it.
    Setting(&'static str, String),
    /// The file of `AWS_CA_BUNDLE`, or of the profile's `ca_bundle`.
    Bundle(Diagnostic),
}

/// What to look at where a request had no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suspect {
    /// The client's certificate and key.
    Identity,
    /// The authorities that are trusted.
    Authorities,
    /// The URL, which has http and https mixed up.
    Scheme,
    /// The proxy on the way.
    Proxy,
    /// The URL.
    Url,
}

/// A client for this peer. reqwest chooses the proxy, as described in [`crate::aws::http`]. Nothing is contacted.
pub(crate) async fn client(peer: &Peer<'_>) -> Result<reqwest::Client, Unusable> {
    let mut http = reqwest::Client::builder()
        .user_agent(concat!("ecs-sdm-producer/", env!("CARGO_PKG_VERSION")))
        .timeout(peer.timeout)
        .pool_idle_timeout(IDLE)
        .redirect(reqwest::redirect::Policy::none());
    let own = peer.own_authorities()?;
    let bundle = if own.is_none() { bundle().await? } else { None };
    let mut needs_system = false;
    http = match (own, bundle) {
        (Some(own), _) => http.tls_certs_only(own),
        // A system without any would be an error.
        (None, Some(bundle)) if trust::system_has_none() => http.tls_certs_only(bundle),
        (None, Some(bundle)) => http.tls_certs_merge(bundle),
        // The system's would be loaded, and a machine without any could not even speak plain HTTP.
        (None, None) if !speaks_tls(peer.urls) => http.tls_certs_only([]),
        (None, None) => {
            needs_system = true;
            http
        }
    };
    if environment::has_no_proxy() {
        http = http.no_proxy();
    }
    let identity = peer.identity()?;
    // reqwest checks certificates only when the client is built.
    let part = if identity.is_some() { "certificate" } else { "ca" };
    let unusable = |error: reqwest::Error| match causes(&error) {
        // From `rustls-platform-verifier`.
        reason if needs_system && reason.contains("No CA certificates") => Unusable::Setting(
            "url",
            format!(
                "No CA certificates were loaded from this system, and https trusts those; install them (the package \
                 ca-certificates), or set {} or AWS_CA_BUNDLE",
                peer.ca_key
            ),
        ),
        reason => Unusable::Setting(part, reason),
    };
    if let Some(identity) = identity {
        http = http.identity(identity);
    }
    http.build().map_err(unusable)
}

impl Peer<'_> {
    fn own_authorities(&self) -> Result<Option<Vec<Certificate>>, Unusable> {
        let Some(ca) = self.ca else { return Ok(None) };
        let failed = |reason| Unusable::Setting("ca", reason);
        let authorities = trust::certificates(&pem(ca).map_err(|error| failed(error.with_cause()))?);
        if authorities.is_empty() {
            return Err(failed("holds no certificate in PEM".to_owned()));
        }
        certificates(&authorities).map(Some).map_err(|error| failed(causes(&error)))
    }

    /// The client's certificate, for a peer with mutual TLS.
    fn identity(&self) -> Result<Option<Identity>, Unusable> {
        let Some((certificate, key)) = self.identity else { return Ok(None) };
        let failed = |part| move |reason: String| Unusable::Setting(part, reason);
        let certificate = pem(certificate).map_err(|error| failed("certificate")(error.with_cause()))?;
        let key = key.read().map_err(|error| failed("key")(error.with_cause()))?;
        // Text that is no path may be the key itself without its PEM frame, so it is not shown.
        let key = pem(&key).map_err(|_| failed("key")("is neither PEM text nor a file that can be read".to_owned()))?;
        let both = format!("{key}\n{certificate}");
        Identity::from_pem(both.as_bytes()).map(Some).map_err(|error| failed("certificate")(causes(&error)))
    }
}

/// The authorities of AWS_CA_BUNDLE, which are trusted beside the system's.
async fn bundle() -> Result<Option<Vec<Certificate>>, Unusable> {
    let trust = Trust::load().await.map_err(Unusable::Bundle)?;
    let bundle = trust.pem().map(certificates).transpose();
    bundle.map_err(|error| Unusable::Setting("ca", causes(&error)))
}

fn certificates(pem: &[String]) -> Result<Vec<Certificate>, reqwest::Error> {
    pem.iter().map(|pem| Certificate::from_pem(pem.as_bytes())).collect()
}

/// Whether the client may have to speak TLS: to a URL, or to a proxy on the way.
fn speaks_tls(urls: &[String]) -> bool {
    let is_https = |url: &str| url.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"));
    urls.iter().any(|url| is_https(url) || proxy_of(url).is_some_and(|proxy| is_https(&proxy)))
}

/// The causes of an error. The error itself only repeats the URL, which the message names already.
pub(crate) fn causes(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    if causes.is_empty() { error.to_string() } else { causes.join(": ") }
}

/// A URL as messages name it, with the proxy on the way.
pub(crate) fn named(url: &str) -> String {
    let proxy = proxy_of(url).map(|proxy| format!(" through {proxy}"));
    format!("{url}{}", proxy.unwrap_or_default())
}

/// What to look at, by what was said. A server that demands a client certificate may close the connection before its alert is read.
pub(crate) fn suspect(said: &str) -> Suspect {
    let says = |parts: &[&str]| parts.iter().any(|part| said.contains(part));
    let closed =
        ["connection was not ready", "connection closed before message completed", "Broken pipe", "reset by peer"];
    let alerts = ["CertificateRequired", "BadCertificate", "UnknownCA", "DecryptError", "HandshakeFailure"];
    if says(&alerts) || (said.contains("https://") && says(&closed)) {
        Suspect::Identity
    } else if says(&["invalid peer certificate"]) {
        Suspect::Authorities
    } else if says(&["InvalidContentType", "corrupt message"]) {
        Suspect::Scheme
    } else if says(&[", the proxy of "]) && says(&["(Connect)", "tunnel"]) {
        Suspect::Proxy
    } else {
        Suspect::Url
    }
}
