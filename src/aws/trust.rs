//! The certificate authorities that TLS trusts: those of this system, or a CA bundle, set as for the AWS CLI.

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::environment;

const VARIABLE: &str = "AWS_CA_BUNDLE";

/// The certificate authorities that may sign a server's certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// One certificate per element, in PEM. `None` stands for the system's.
    bundle: Option<Vec<String>>,
}

/// A CA bundle that cannot be used. It is an error, because without the bundle other authorities would be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} {reason}")]
pub struct BundleError {
    /// The variable or profile key that names the file: `AWS_CA_BUNDLE` or `ca_bundle`.
    pub key: &'static str,
    /// Where it is set: `environment` or `AWS profile`.
    pub origin: &'static str,
    pub(crate) path: String,
    pub(crate) reason: String,
}

impl Trust {
    /// Reads the file that `AWS_CA_BUNDLE` or the profile's `ca_bundle` names. Without either it trusts the system's authorities.
    ///
    /// # Errors
    /// A file that cannot be read or holds no usable certificate.
    pub async fn load() -> Result<Self, BundleError> {
        let Some((key, origin, path)) = bundle_path().await else { return Ok(Self::default()) };
        let unusable = |reason: String| BundleError { key, origin, path: path.clone(), reason };
        let text = std::fs::read(&path).map_err(|error| unusable(format!("cannot be read: {error}")))?;
        let bundle = certificates(&String::from_utf8_lossy(&text));
        if bundle.is_empty() {
            return Err(unusable("holds no certificate in PEM".to_owned()));
        }
        Ok(Self { bundle: Some(bundle) })
    }

    /// The bundle, one certificate per element, in PEM. `None` stands for the system's.
    pub(crate) fn pem(&self) -> Option<&[String]> {
        self.bundle.as_deref()
    }

    /// The same authorities for the SDK's HTTP client.
    pub(crate) fn context(&self) -> TlsContext {
        let store = match &self.bundle {
            Some(bundle) => bundle.iter().cloned().fold(TrustStore::empty(), TrustStore::with_pem_certificate),
            None => TrustStore::default(),
        };
        // The SDK can only refuse server names, and none are set here.
        TlsContext::builder().with_trust_store(store).build().unwrap_or_default()
    }
}

/// The variable wins over the profile, and an empty value counts as not set.
async fn bundle_path() -> Option<(&'static str, &'static str, String)> {
    if let Some(path) = std::env::var(VARIABLE).ok().filter(|path| !path.is_empty()) {
        return Some((VARIABLE, "environment", path));
    }
    let profile = environment::read_profile().await?;
    let path = profile.get("ca_bundle").filter(|path| !path.is_empty())?;
    Some(("ca_bundle", "AWS profile", path.to_owned()))
}

/// The certificates of a PEM text. Those that rustls cannot use are skipped with a warning: old bundles hold some, and the SDK would
/// panic on them.
pub(crate) fn certificates(text: &str) -> Vec<String> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let blocks = text.split(BEGIN).skip(1).filter_map(|block| block.split_once(END));
    let blocks = blocks.map(|(body, _)| format!("{BEGIN}{body}{END}\n"));
    let usable = |block: &String| {
        let certificate = CertificateDer::from_pem_slice(block.as_bytes());
        certificate.is_ok_and(|certificate| RootCertStore::empty().add(certificate).is_ok())
    };
    let (usable, unusable): (Vec<String>, Vec<String>) = blocks.partition(usable);
    if !unusable.is_empty() {
        tracing::warn!(count = unusable.len(), "some certificates of a CA bundle cannot be used and are ignored");
    }
    usable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_no_certificate_is_skipped() {
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let unfinished = "-----BEGIN CERTIFICATE-----\nAAAA";
        for text in ["", "text", garbage, unfinished, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] {
            assert_eq!(certificates(text), Vec::<String>::new(), "{text}");
        }
    }
}
