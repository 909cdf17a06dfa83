//! What a port is, asked once where librdkafka's words leave two causes open: for a plaintext client a port with TLS is as silent as one
//! with SASL, and a certificate of another host reads like one of an unknown authority.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme, Stream,
};

use crate::config::SecurityProtocol;

/// How long a port may take for one answer.
const ANSWER: Duration = Duration::from_secs(1);

/// ApiVersions, version 0, correlation id 1, no client id: what every broker answers to everybody.
const API_VERSIONS: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff];

/// Metadata, version 4, correlation id 2, no client id, no topics: what a port with SASL answers to nobody before a sign-in.
const METADATA: [u8; 19] = [0, 0, 0, 15, 0, 3, 0, 4, 0, 0, 0, 2, 0xff, 0xff, 0, 0, 0, 0, 0];

/// What a port answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// A broker that answers ApiVersions alone.
    Kafka,
    /// A broker that answers a client without SASL.
    Open,
    Http,
    Nothing,
}

/// A TLS handshake that came at least to the server's certificate, or to an alert.
#[derive(Debug)]
struct Handshake {
    /// What is wrong with the certificate.
    fault: Option<CertificateError>,
    /// What is answered after it.
    answer: Answer,
}

/// Asks a port as the client would speak to it.
#[derive(Debug, Clone)]
pub(in crate::kafka) struct Probe {
    protocol: SecurityProtocol,
    authorities: Authorities,
}

/// The authorities that librdkafka trusts.
#[derive(Debug, Clone)]
enum Authorities {
    Pem(String),
    File(String),
    System,
}

impl Probe {
    /// A probe for a client of librdkafka with these properties.
    pub(in crate::kafka) fn new(client: &rdkafka::ClientConfig) -> Self {
        let protocol = client.get("security.protocol").and_then(SecurityProtocol::of);
        let authorities = match (client.get("ssl.ca.pem"), client.get("ssl.ca.location")) {
            (Some(pem), _) => Authorities::Pem(pem.to_owned()),
            (None, Some(file)) => Authorities::File(file.to_owned()),
            (None, None) => Authorities::System,
        };
        Self { protocol: protocol.unwrap_or(SecurityProtocol::Plaintext), authorities }
    }

    /// What a port is and what to do about it, if that explains why the client got no further. It takes two seconds at most.
    pub(in crate::kafka) async fn ask(&self, address: &str) -> Option<String> {
        let (probe, address) = (self.clone(), address.to_owned());
        let asked = tokio::task::spawn_blocking(move || probe.ask_now(&address));
        tokio::time::timeout(2 * ANSWER, asked).await.ok()?.ok()?
    }

    fn ask_now(&self, address: &str) -> Option<String> {
        let plain = || connect(address).map_or(Answer::Nothing, |mut socket| answer(&mut socket));
        let (plain, handshake) = if self.protocol.has_tls() {
            let handshake = self.shake_hands(address);
            (if handshake.is_none() { plain() } else { Answer::Nothing }, handshake)
        } else {
            let plain = plain();
            (plain, if plain == Answer::Nothing { self.shake_hands(address) } else { None })
        };
        tracing::debug!(address, ?plain, ?handshake, "asked what the port is");
        finding(self.protocol, address, plain, handshake.as_ref())
    }

    /// None where nothing speaks TLS.
    fn shake_hands(&self, address: &str) -> Option<Handshake> {
        let mut socket = connect(address)?;
        let (host, _) = address.rsplit_once(':')?;
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).ok()?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Arc::new(Noting::new(self.authorities.roots(), Arc::clone(&provider)));
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
        // Nothing but ApiVersions is sent, so that any certificate will do. What is wrong with it is noted.
        let config = config.dangerous().with_custom_certificate_verifier(Arc::<Noting>::clone(&verifier));
        let mut client = ClientConnection::new(Arc::new(config.with_no_client_auth()), name).ok()?;
        let shaken = client.complete_io(&mut socket);
        let said_alert = || matches!(inner(shaken.as_ref().err()?), rustls::Error::AlertReceived(_)).then_some(());
        let fault = match verifier.found.lock().take() {
            Some(fault) => fault,
            None => said_alert().map(|()| None)?,
        };
        let answer = if shaken.is_ok() { answer(&mut Stream::new(&mut client, &mut socket)) } else { Answer::Nothing };
        Some(Handshake { fault, answer })
    }
}

/// What rustls says in an error of the connection.
fn inner(error: &std::io::Error) -> &rustls::Error {
    const OTHER: &rustls::Error = &rustls::Error::HandshakeNotComplete;
    error.get_ref().and_then(|error| error.downcast_ref()).unwrap_or(OTHER)
}

/// A host may have an address at which nobody listens, as `localhost` has in version 6.
fn connect(address: &str) -> Option<TcpStream> {
    let socket =
        address.to_socket_addrs().ok()?.find_map(|address| TcpStream::connect_timeout(&address, ANSWER).ok())?;
    socket.set_read_timeout(Some(ANSWER)).and_then(|()| socket.set_write_timeout(Some(ANSWER))).ok()?;
    Some(socket)
}

fn answer(port: &mut (impl Read + Write)) -> Answer {
    let first = exchange(port, &API_VERSIONS);
    let answer = judge(&first);
    if answer != Answer::Kafka {
        return answer;
    }
    // The correlation id has been read of what the length counts.
    let length = first.first_chunk().map_or(0, |length| u32::from_be_bytes(*length));
    let rest = u64::from(length.saturating_sub(4));
    let is_read =
        std::io::copy(&mut Read::by_ref(port).take(rest), &mut std::io::sink()).is_ok_and(|read| read == rest);
    match exchange(port, &METADATA)[..] {
        [_, _, _, _, 0, 0, 0, 2] if is_read => Answer::Open,
        _ => Answer::Kafka,
    }
}

/// Sends a request, and reads the beginning of its answer. What was read before an error counts.
fn exchange(port: &mut (impl Read + Write), request: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    let mut ask = || {
        port.write_all(request)?;
        port.flush()?;
        Read::by_ref(port).take(8).read_to_end(&mut read)
    };
    let _ = ask();
    read
}

/// A broker answers with a length and the correlation id.
fn judge(answer: &[u8]) -> Answer {
    match answer {
        [b'H', b'T', b'T', b'P', b'/', ..] => Answer::Http,
        [_, _, _, _, 0, 0, 0, 1] => Answer::Kafka,
        _ => Answer::Nothing,
    }
}

/// What a port is and what to do about it.
fn finding(protocol: SecurityProtocol, at: &str, plain: Answer, handshake: Option<&Handshake>) -> Option<String> {
    let (name, tls, sasl) = (protocol.name(), protocol.has_tls(), protocol.has_sasl());
    let set = "set kafka.security.protocol";
    match (handshake, plain) {
        (_, Answer::Http) | (Some(Handshake { fault: None, answer: Answer::Http }), _) => {
            Some(format!("{at} is an HTTP server; see kafka.bootstrap_servers"))
        }
        (Some(_), _) if !tls => Some(format!("{at} speaks TLS, and the protocol is {name}; {set} to ssl or sasl_ssl")),
        (Some(Handshake { fault: Some(fault), .. }), _) => of_certificate(at, fault),
        (None, Answer::Kafka | Answer::Open) if tls => {
            let protocols = if sasl { "sasl_plaintext" } else { "plaintext or sasl_plaintext" };
            Some(format!("{at} does not speak TLS, and the protocol is {name}; {set} to {protocols}"))
        }
        (Some(Handshake { answer: Answer::Kafka, .. }), _) | (None, Answer::Kafka) if !sasl => {
            let protocol = if tls { "sasl_ssl" } else { "sasl_plaintext" };
            let why = format!("{at} closes the connection of a client without SASL, and the protocol is {name}");
            Some(format!("{why}; {set} to {protocol}, and kafka.security.mechanism"))
        }
        _ => None,
    }
}

/// An unknown authority is what librdkafka's own words say.
fn of_certificate(at: &str, fault: &CertificateError) -> Option<String> {
    match fault {
        CertificateError::NotValidForNameContext { presented, .. } => {
            // Each is like DnsName("kafka.example.com").
            let names: Vec<&str> = presented.iter().map(|name| name.split('"').nth(1).unwrap_or(name)).collect();
            let host = at.rsplit_once(':').map_or(at, |(host, _)| host);
            let way_out = "see kafka.bootstrap_servers, and advertised.listeners of that broker";
            Some(format!("the broker's certificate is for {}, and not for {host}; {way_out}", names.join(", ")))
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            Some("the broker's certificate has expired; have it renewed, or see the clock of this machine".to_owned())
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Some("the broker's certificate is not valid yet; see the clock of this machine".to_owned())
        }
        _ => None,
    }
}

impl Authorities {
    fn roots(&self) -> RootCertStore {
        let of_text = |text: &[u8]| CertificateDer::pem_slice_iter(text).filter_map(Result::ok).collect();
        let certificates: Vec<CertificateDer<'static>> = match self {
            Self::Pem(text) => of_text(text.as_bytes()),
            Self::File(path) => std::fs::read(path).map(|text| of_text(&text)).unwrap_or_default(),
            Self::System => rustls_native_certs::load_native_certs().certs,
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates);
        roots
    }
}

/// Takes any certificate, and notes what is wrong with it.
#[derive(Debug)]
struct Noting {
    /// None where no authority is trusted.
    judge: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    found: Mutex<Option<Option<CertificateError>>>,
}

impl Noting {
    fn new(roots: RootCertStore, provider: Arc<CryptoProvider>) -> Self {
        let judge = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
        Self { judge: judge.ok(), provider, found: Mutex::default() }
    }
}

impl ServerCertVerifier for Noting {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let judged = self.judge.as_ref().map(|judge| judge.verify_server_cert(certificate, chain, name, ocsp, now));
        *self.found.lock() = Some(match judged {
            None => Some(CertificateError::UnknownIssuer),
            Some(Ok(_)) => None,
            Some(Err(rustls::Error::InvalidCertificate(fault))) => Some(fault),
            Some(Err(_)) => Some(CertificateError::BadEncoding),
        });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
