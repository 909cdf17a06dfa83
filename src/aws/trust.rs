//! The certificate authorities that TLS trusts: those of this system, or a CA bundle, set as for the AWS CLI.

use std::sync::LazyLock;

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::profile;
use crate::config::Diagnostic;

const VARIABLE: &str = "AWS_CA_BUNDLE";

/// The certificate authorities that may sign a server's certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// One certificate per element, in PEM. `None` stands for the system's.
    bundle: Option<Vec<String>>,
}

impl Trust {
    /// Reads the file that `AWS_CA_BUNDLE` or the profile's `ca_bundle` names. Without either it trusts the system's authorities.
    ///
    /// # Errors
    /// A file that cannot be read or holds no usable certificate, and a profile that cannot be read. Without the bundle other
    /// authorities would be trusted.
    pub async fn load() -> Result<Self, Diagnostic> {
        let Some((key, origin, path)) = bundle_path().await? else { return Ok(Self::default()) };
        let unusable = |reason: String| Diagnostic {
            key: key.to_owned(),
            origin: origin.to_owned(),
            reason: format!("{path} {reason}"),
            way_out: "name a file of certificates in PEM, or unset it to trust those of this system".to_owned(),
        };
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

    /// Whether this system has no certificates, and there is no bundle either: nothing can be reached over https.
    pub(crate) fn is_empty(&self) -> bool {
        self.bundle.is_none() && system_has_none()
    }

    /// The same authorities for the SDK's HTTP client.
    pub(crate) fn context(&self) -> TlsContext {
        let store = match &self.bundle {
            Some(bundle) => bundle.iter().cloned().fold(TrustStore::empty(), TrustStore::with_pem_certificate),
            // The SDK asserts that the system has some, although plain HTTP needs none.
            None if self.is_empty() => TrustStore::empty(),
            None => TrustStore::default(),
        };
        // The SDK can only refuse server names, and none are set here.
        TlsContext::builder().with_trust_store(store).build().unwrap_or_default()
    }
}

/// Whether this system has no certificate authorities. It is asked once.
pub(crate) fn system_has_none() -> bool {
    static SYSTEM_HAS_NONE: LazyLock<bool> = LazyLock::new(|| {
        let system = rustls_native_certs::load_native_certs().certs;
        RootCertStore::empty().add_parsable_certificates(system).0 == 0
    });
    *SYSTEM_HAS_NONE
}

/// The variable wins over the profile, and an empty value counts as not set.
async fn bundle_path() -> Result<Option<(&'static str, &'static str, String)>, Diagnostic> {
    if let Some(path) = std::env::var(VARIABLE).ok().filter(|path| !path.is_empty()) {
        return Ok(Some((VARIABLE, "environment", path)));
    }
    let profiles = profile::read().await?;
    let path = profiles.get("ca_bundle").filter(|path| !path.is_empty());
    Ok(path.map(|path| ("ca_bundle", "AWS profile", path.to_owned())))
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
