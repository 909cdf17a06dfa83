//! Certificates of the tests' own: authorities, servers and clients, made anew for each test that asks.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ServerConfig, WebPkiClientVerifier};
use tokio_rustls::rustls::{self, RootCertStore};

use crate::settings::unique;

/// The common name of every client.
pub(crate) const CLIENT: &str = "client";

/// Who signs certificates.
pub struct Authority {
    /// Its own certificate.
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM.
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// An authority under a name that no other has.
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, unique("authority"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// The certificate of a client.
    pub fn client(&self) -> Pair {
        self.sign(&[], ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// The certificate of a client that expires so long after now.
    pub fn client_for(&self, life: Duration) -> Pair {
        let mut params = params(&[], ExtendedKeyUsagePurpose::ClientAuth);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + now + life;
        self.sign_for(&KeyPair::generate().unwrap(), &params)
    }

    /// The certificate of a client whose key is this, in PEM.
    pub fn client_with(&self, key: &str) -> Pair {
        self.sign_for(&KeyPair::from_pem(key).unwrap(), &params(&[], ExtendedKeyUsagePurpose::ClientAuth))
    }

    /// The certificate of a server under these names.
    pub(crate) fn certificate_of_server(&self, names: &[&str]) -> Pair {
        self.sign(names, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// The same, expired.
    pub(crate) fn expired_certificate_of_server(&self, names: &[&str]) -> Pair {
        let mut params = params(names, ExtendedKeyUsagePurpose::ServerAuth);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        self.sign_for(&KeyPair::generate().unwrap(), &params)
    }

    /// A server under these names. With `clients` it takes only those who show a certificate of that authority.
    pub(crate) fn server(&self, names: &[&str], clients: Option<&Authority>) -> TlsAcceptor {
        let Pair { certificate, key } = self.certificate_of_server(names);
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
        let config = match clients {
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
                config.with_client_cert_verifier(verifier)
            }
            None => config.with_no_client_auth(),
        };
        let config: Result<_, rustls::Error> = config.with_single_cert(vec![certificate], key);
        TlsAcceptor::from(Arc::new(config.unwrap()))
    }

    fn sign(&self, names: &[&str], purpose: ExtendedKeyUsagePurpose) -> Pair {
        self.sign_for(&KeyPair::generate().unwrap(), &params(names, purpose))
    }

    fn sign_for(&self, key: &KeyPair, params: &CertificateParams) -> Pair {
        let certificate = params.signed_by(key, &self.issuer).unwrap();
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

fn params(names: &[&str], purpose: ExtendedKeyUsagePurpose) -> CertificateParams {
    let name = *names.first().unwrap_or(&CLIENT);
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![purpose];
    params
}
