//! Findings, from what a port answers.

use super::*;
use SecurityProtocol::{Plaintext, SaslPlaintext, SaslSsl, Ssl};

#[test]
fn a_port_is_told_by_what_it_answers() {
    let speaks_tls = |fault, answer| Some(Handshake { fault, answer });
    let kafka = || speaks_tls(None, Answer::Kafka);
    let alert = || speaks_tls(None, Answer::Nothing);
    let unknown = || speaks_tls(Some(CertificateError::UnknownIssuer), Answer::Kafka);
    let expired = || speaks_tls(Some(CertificateError::Expired), Answer::Kafka);
    let nothing = Answer::Nothing;
    #[rustfmt::skip]
    let table = [
        (Plaintext, Answer::Http, None, Some("HTTP server; see kafka.bootstrap_servers")),
        (Ssl, Answer::Http, None, Some("HTTP server")),
        (Ssl, nothing, speaks_tls(None, Answer::Http), Some("HTTP server")),
        (Plaintext, nothing, unknown(), Some("speaks TLS, and the protocol is plaintext; set kafka.security.protocol to ssl or sasl_ssl")),
        (Plaintext, nothing, alert(), Some("speaks TLS")),
        (SaslPlaintext, nothing, kafka(), Some("set kafka.security.protocol to ssl or sasl_ssl")),
        (Ssl, Answer::Kafka, None, Some("does not speak TLS, and the protocol is ssl")),
        (SaslSsl, Answer::Kafka, None, Some("set kafka.security.protocol to sasl_plaintext")),
        (Plaintext, Answer::Kafka, None, Some("set kafka.security.protocol to sasl_plaintext, and kafka.security.mechanism")),
        (Ssl, nothing, kafka(), Some("set kafka.security.protocol to sasl_ssl, and kafka.security.mechanism")),
        (Ssl, nothing, expired(), Some("certificate has expired")),
        (Ssl, nothing, unknown(), None),
        (SaslSsl, nothing, kafka(), None),
        (SaslPlaintext, Answer::Kafka, None, None),
        // It answers whom it left without an answer before: it stood still, and does so no more.
        (Plaintext, Answer::Open, None, None),
        (Ssl, nothing, speaks_tls(None, Answer::Open), None),
        (Ssl, Answer::Open, None, Some("does not speak TLS, and the protocol is ssl")),
        (Plaintext, nothing, None, None),
    ];
    for (protocol, plain, handshake, words) in table {
        let found = finding(protocol, "kafka:9092", plain, handshake.as_ref());
        assert_eq!(found.is_some(), words.is_some(), "{protocol:?} {plain:?} {handshake:?}: {found:?}");
        let found = found.unwrap_or_default();
        assert!(found.contains(words.unwrap_or_default()), "{found}");
    }
    assert_eq!(judge(b"HTTP/1.1"), Answer::Http);
    assert_eq!(judge(&[0, 0, 1, 2, 0, 0, 0, 1]), Answer::Kafka);
    assert_eq!(judge(&[0x15, 3, 3, 0, 2, 2, 50]), Answer::Nothing);
    assert_eq!(judge(b""), Answer::Nothing);
}

/// A port that answers so many requests, and closes the connection at the next one.
fn port(answers: u8) -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        for number in 1..=answers {
            let mut length = [0; 4];
            client.read_exact(&mut length).unwrap();
            client.read_exact(&mut vec![0; u32::from_be_bytes(length) as usize]).unwrap();
            // A body of six bytes after the correlation id.
            client.write_all(&[0, 0, 0, 10, 0, 0, 0, number, 9, 9, 9, 9, 9, 9]).unwrap();
        }
    });
    address
}

#[test]
fn a_port_that_answers_more_than_versions_wants_no_sasl() {
    for (answers, expected) in [(0, Answer::Nothing), (1, Answer::Kafka), (2, Answer::Open)] {
        let mut socket = TcpStream::connect(port(answers)).unwrap();
        assert_eq!(answer(&mut socket), expected, "{answers}");
    }
}
