//! Whom TLS trusts: the certificates of this system, or a bundle of one's own, as the AWS CLI takes it.

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::environment;

const VARIABLE: &str = "AWS_CA_BUNDLE";

/// The certificates that may sign a server's.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// PEM, one certificate each; none are the system's.
    bundle: Option<Vec<String>>,
}

/// A bundle that cannot be used. Going on without it would trust others than those meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} {reason}")]
pub struct BundleError {
    /// What names the bundle: `AWS_CA_BUNDLE`, or `ca_bundle`.
    pub key: &'static str,
    /// Where that stands: the environment, or the AWS profile.
    pub origin: &'static str,
    /// The file.
    pub(crate) path: String,
    /// Why it cannot be used.
    pub(crate) reason: String,
}

impl Trust {
    /// Reads what `AWS_CA_BUNDLE`, or `ca_bundle` of the profile, names.
    ///
    /// # Errors
    /// A file that cannot be read, or holds no certificate.
    pub async fn load() -> Result<Self, BundleError> {
        let Some((key, origin, path)) = named().await else { return Ok(Self::default()) };
        let unusable = |reason: String| BundleError { key, origin, path: path.clone(), reason };
        let text = std::fs::read(&path).map_err(|error| unusable(format!("cannot be read: {error}")))?;
        let bundle = certificates(&String::from_utf8_lossy(&text));
        if bundle.is_empty() {
            return Err(unusable("holds no certificate in PEM".to_owned()));
        }
        Ok(Self { bundle: Some(bundle) })
    }

    /// The bundle as PEM, one certificate each; none where the system's count.
    pub(crate) fn pem(&self) -> Option<&[String]> {
        self.bundle.as_deref()
    }

    /// The same for the SDK's HTTP client.
    pub(crate) fn context(&self) -> TlsContext {
        let store = match &self.bundle {
            Some(bundle) => bundle.iter().cloned().fold(TrustStore::empty(), TrustStore::with_pem_certificate),
            None => TrustStore::default(),
        };
        // What the SDK could refuse here are server names, of which there are none.
        TlsContext::builder().with_trust_store(store).build().unwrap_or_default()
    }
}

/// The variable rules over the profile; an empty one is none.
async fn named() -> Option<(&'static str, &'static str, String)> {
    if let Some(path) = std::env::var(VARIABLE).ok().filter(|path| !path.is_empty()) {
        return Some((VARIABLE, "environment", path));
    }
    let profile = environment::read_profile().await?;
    let path = profile.get("ca_bundle").filter(|path| !path.is_empty())?;
    Some(("ca_bundle", "AWS profile", path.to_owned()))
}

/// The certificates of a PEM text. One that rustls cannot use is passed over, as old bundles hold some: the SDK would panic on it.
pub(crate) fn certificates(text: &str) -> Vec<String> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let blocks = text.split(BEGIN).skip(1).filter_map(|block| block.split_once(END));
    let blocks = blocks.map(|(body, _)| format!("{BEGIN}{body}{END}\n"));
    let usable = |block: &String| {
        let certificate = CertificateDer::from_pem_slice(block.as_bytes());
        certificate.is_ok_and(|certificate| RootCertStore::empty().add(certificate).is_ok())
    };
    let (usable, odd): (Vec<String>, Vec<String>) = blocks.partition(usable);
    if !odd.is_empty() {
        tracing::warn!(count = odd.len(), "certificates of a CA bundle cannot be used and are passed over");
    }
    usable
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The SDK panics on a certificate that is none.
    #[test]
    fn what_is_no_certificate_is_passed_over() {
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let unfinished = "-----BEGIN CERTIFICATE-----\nAAAA";
        for text in ["", "text", garbage, unfinished, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] {
            assert_eq!(certificates(text), Vec::<String>::new(), "{text}");
        }
    }
}
