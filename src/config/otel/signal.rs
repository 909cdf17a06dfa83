//! How one signal is exported: whether at all, to whom, by what protocol, and as whom.

use std::time::Duration;

use super::environment::{Environment, Names, names};
use super::{Otlp, OtlpOrigin, Signal};
use crate::config::pem::{Content, read_pem};
use crate::config::rule::{self, Rule};
use crate::config::secret::Secret;
use crate::config::shown::quoted;

const ENDPOINT: Names = names!("ENDPOINT");
const HEADERS: Names = names!("HEADERS");
const TIMEOUT: Names = names!("TIMEOUT");
const COMPRESSION: Names = names!("COMPRESSION");
const PROTOCOL: Names = names!("PROTOCOL");
const CERTIFICATE: Names = names!("CERTIFICATE");
const CLIENT_CERTIFICATE: Names = names!("CLIENT_CERTIFICATE");
const CLIENT_KEY: Names = names!("CLIENT_KEY");

/// Where a collector listens for OTLP over HTTP.
const HTTP: u16 = 4318;

/// Where it listens for OTLP over gRPC.
const GRPC: u16 = 4317;

impl Signal {
    /// The variable that names its exporters.
    fn exporter(self) -> &'static str {
        match self {
            Self::Metrics => "OTEL_METRICS_EXPORTER",
            Self::Traces => "OTEL_TRACES_EXPORTER",
        }
    }

    /// The variable with the longest time that one export may take, and what it is by default, in milliseconds.
    fn export_timeout(self) -> (&'static str, u64) {
        match self {
            Self::Metrics => ("OTEL_METRIC_EXPORT_TIMEOUT", 30_000),
            Self::Traces => ("OTEL_BSP_EXPORT_TIMEOUT", 30_000),
        }
    }
}

impl Otlp {
    /// The whole URL. Its query may hold a secret.
    pub(crate) fn url(&self) -> String {
        match &self.query {
            Some(Secret::Inline(query)) => format!("{}?{query}", self.address),
            _ => self.address.clone(),
        }
    }

    /// Whether its certificates and its key can be read.
    pub(super) fn has_files(&self, from: &mut Environment<'_>) -> bool {
        let (certificate, key) = self.identity.as_ref().map(|(certificate, key)| (certificate, key)).unzip();
        let key = key.and_then(|key| key.read().ok());
        let files = [
            (self.origin.ca, Content::Certificates, self.ca.as_deref()),
            (self.origin.certificate, Content::Certificates, certificate.map(String::as_str)),
            (self.origin.key, Content::Key, key.as_deref()),
        ];
        let mut are_usable = true;
        for (variable, content, text) in files {
            if let Some(Err(reason)) = text.map(|text| read_pem(content, text)) {
                from.warn(variable, format_args!("{reason}, and nothing is exported; {}", content.way_out()));
                are_usable = false;
            }
        }
        are_usable
    }

    /// How a signal is exported. None where nothing asks for it, or where it cannot be.
    pub(super) fn judge(signal: Signal, from: &mut Environment<'_>) -> Option<Self> {
        if !is_wanted(signal, from) {
            return None;
        }
        let protocol = speaks(signal, from);
        let (endpoint, url) = endpoint(signal, from);
        let identity = identity(signal, from);
        let (url, identity) = (url.filter(|_| protocol)?, identity.ok()?);
        let (most, default) = signal.export_timeout();
        let timeout = from.time(&TIMEOUT.of(signal), Duration::from_secs(10));
        let longest = from.time(&[most], Duration::from_millis(default));
        let ca = from.first(CERTIFICATE.of(signal));
        let mut address = url.clone();
        address.set_query(None);
        let (headers, is_of) = from.headers(HEADERS.of(signal));
        Some(Self {
            signal,
            address: address.into(),
            query: url.query().map(|query| Secret::Inline(query.to_owned())),
            headers: headers.into_iter().map(|(name, value)| (name, Secret::Inline(value))).collect(),
            timeout: timeout.min(longest),
            is_compressed: is_compressed(signal, from),
            origin: OtlpOrigin {
                endpoint,
                headers: is_of,
                ca: ca.as_ref().map_or(CERTIFICATE.shared(), |(name, _)| name),
                certificate: identity.as_ref().map_or(CLIENT_CERTIFICATE.shared(), |((name, _), _)| name),
                key: identity.as_ref().map_or(CLIENT_KEY.shared(), |(_, (name, _))| name),
            },
            ca: ca.map(|(_, text)| text),
            identity: identity.map(|((_, certificate), (_, key))| (certificate, Secret::Inline(key))),
        })
    }
}

/// Whether a signal is exported by OTLP: its exporters have it, or none is named and an endpoint is.
fn is_wanted(signal: Signal, from: &mut Environment<'_>) -> bool {
    let variable = signal.exporter();
    let Some(list) = from.get(variable) else { return from.first(ENDPOINT.of(signal)).is_some() };
    let (mut is_otlp, mut is_none) = (false, false);
    for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match name.to_ascii_lowercase().as_str() {
            "otlp" => is_otlp = true,
            "none" => is_none = true,
            // It is at /metrics whatever the variables say.
            "prometheus" if signal == Signal::Metrics => {}
            _ => from.warn(
                variable,
                format_args!("{} is no exporter of this program, and exports nothing; use otlp or none", quoted(name)),
            ),
        }
    }
    is_otlp && !is_none
}

/// Whether the protocol that is asked for is ours.
fn speaks(signal: Signal, from: &mut Environment<'_>) -> bool {
    let Some((variable, name)) = from.first(PROTOCOL.of(signal)) else { return true };
    let is_ours = name.trim().eq_ignore_ascii_case("http/protobuf");
    if !is_ours {
        let name = quoted(name.trim());
        from.warn(
            variable,
            format_args!(
                "{name} is not spoken by this program, and nothing is exported; set http/protobuf, and an endpoint \
                 that speaks it (a collector's port {HTTP})"
            ),
        );
    }
    is_ours
}

/// The variable of the endpoint, and the URL that requests go to, if it is one. A shared endpoint has a path for each signal below it,
/// one of a signal is used as it is ("Endpoint URLs for OTLP/HTTP" of the specification).
fn endpoint(signal: Signal, from: &mut Environment<'_>) -> (&'static str, Option<reqwest::Url>) {
    let (variable, text) =
        from.first(ENDPOINT.of(signal)).unwrap_or((ENDPOINT.shared(), format!("http://localhost:{HTTP}")));
    let text = text.trim();
    let url = (rule::URL.holds)(text).then(|| reqwest::Url::parse(text).ok()).flatten();
    let Some(mut url) = url else {
        // What follows the ? may be a secret.
        let shown = quoted(text.split('?').next().unwrap_or_default());
        let Rule { noun, .. } = rule::URL;
        from.warn(
            variable,
            format_args!("{shown} is not {noun}, and nothing is exported; it looks like http://collector:{HTTP}"),
        );
        return (variable, None);
    };
    if url.port() == Some(GRPC) {
        from.warn(
            variable,
            format_args!(
                "port {GRPC} is that of OTLP over gRPC, and this program speaks HTTP; most likely it is {HTTP}"
            ),
        );
    }
    url.set_fragment(None);
    if variable == ENDPOINT.shared() {
        let path = format!("{}/v1/{signal}", url.path().trim_end_matches('/'));
        url.set_path(&path);
    }
    (variable, Some(url))
}

/// A variable and what it says.
type Given = (&'static str, String);

/// The client's certificate and key. An error where one has no other.
fn identity(signal: Signal, from: &mut Environment<'_>) -> Result<Option<(Given, Given)>, ()> {
    match (from.first(CLIENT_CERTIFICATE.of(signal)), from.first(CLIENT_KEY.of(signal))) {
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        (None, None) => Ok(None),
        (given, _) => {
            let is_certificate = given.is_some();
            let names = [CLIENT_CERTIFICATE, CLIENT_KEY].map(|names| from.name(names.of(signal)));
            let [set, missing] = if is_certificate { names } else { [names[1], names[0]] };
            from.warn(set, format_args!("{missing} is not set, and nothing is exported; set both, or neither"));
            Err(())
        }
    }
}

/// Whether bodies are compressed. The exporter reads the same variables where it is not told to, so that this goes through them as it
/// does: what is unknown is passed over.
fn is_compressed(signal: Signal, from: &mut Environment<'_>) -> bool {
    for variable in COMPRESSION.of(signal) {
        match from.get(variable) {
            Some(name) if name.eq_ignore_ascii_case("gzip") => return true,
            Some(name) if name.eq_ignore_ascii_case("none") => return false,
            Some(name) => {
                from.warn(variable, format_args!("{} is ignored; use gzip or none", quoted(&name)));
            }
            None => {}
        }
    }
    false
}
