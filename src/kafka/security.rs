//! `kafka.security` as librdkafka's properties, and what librdkafka says of them when a client is created.

mod probe;
mod sign_in;
mod token;

use rdkafka::ClientConfig;

pub(super) use self::probe::Probe;
pub(super) use self::token::{Token, Tokens};
use super::refusal::ClientRefusal;
use crate::config::{Config, Content, Mechanism, PEM, Secret, SecurityConfig, read_pem};

/// Adds the properties, with secrets and files as of now.
pub(super) fn add(client: &mut ClientConfig, config: &Config) -> Result<(), ClientRefusal> {
    let security = &config.kafka.security;
    // The setting has a default, which leaves the property to users.
    if !config.kafka.properties.contains_key("security.protocol") {
        client.set("security.protocol", security.protocol.name());
    }
    let secret = |key, secret: &Secret| {
        let fault = |reason: String| ClientRefusal::new(key, reason, "name a file that holds the secret");
        secret.read().map_err(|error| fault(error.with_cause()))
    };
    let pem = |key, content: Content, text_or_path: &str| {
        read_pem(content, text_or_path).map_err(|reason| ClientRefusal::new(key, reason, content.way_out()))
    };
    let mut set = |property: &str, value: Option<String>| {
        if let Some(value) = value {
            client.set(property, value);
        }
    };
    let SecurityConfig { mechanism, username, password, ca, certificate, key, key_password, .. } = security;
    set("sasl.mechanism", mechanism.map(|mechanism: Mechanism| mechanism.sasl_name().to_owned()));
    set("sasl.username", username.clone());
    set("sasl.password", password.as_ref().map(|password| secret(PASSWORD, password)).transpose()?);
    // librdkafka takes every certificate of such a text.
    set("ssl.ca.pem", ca.as_ref().map(|ca| pem(CA, Content::Certificates, ca)).transpose()?);
    let certificate = certificate.as_ref().map(|certificate| pem(CERTIFICATE, Content::Certificates, certificate));
    set("ssl.certificate.pem", certificate.transpose()?);
    let key = key.as_ref().map(|key| secret(KEY, key).and_then(|key| pem(KEY, Content::Key, &key)));
    set("ssl.key.pem", key.transpose()?);
    set("ssl.key.password", key_password.as_ref().map(|password| secret(KEY_PASSWORD, password)).transpose()?);
    Ok(())
}

const PASSWORD: &str = "kafka.security.password";
const CA: &str = "kafka.security.ca";
const CERTIFICATE: &str = "kafka.security.certificate";
const KEY: &str = "kafka.security.key";
const KEY_PASSWORD: &str = "kafka.security.key_password";

/// Whether a refusal may pass: the certificate and its key are files, of which one may be replaced already.
pub(super) fn may_be_between_two_files(security: &SecurityConfig, refusal: &ClientRefusal) -> bool {
    let is_path = |value: &str| !value.contains(PEM);
    let certificate = security.certificate.as_deref().is_some_and(is_path);
    let key = security.key.as_ref().is_some_and(|key| key.read().is_ok_and(|key| is_path(&key)));
    certificate && key && [CERTIFICATE, KEY, KEY_PASSWORD].contains(&refusal.key)
}

/// What librdkafka's refusal of a configuration means, where it is about a setting of ours. Its words end with OpenSSL's reason.
pub(super) fn refused(security: &SecurityConfig, words: &str) -> Option<ClientRefusal> {
    let says = |part: &str| words.contains(part);
    let has_key = security.key.is_some();
    let misfit = "is not the key of kafka.security.certificate";
    let openssl = words.rsplit(':').next().unwrap_or_default().trim();
    let unusable = |key, way_out| Some(ClientRefusal::new(key, format!("OpenSSL cannot use it: {openssl}"), way_out));
    if has_key && (says("key values mismatch") || says("key type mismatch") || says("Private key check failed")) {
        Some(ClientRefusal::new(KEY, misfit.to_owned(), "give the key that this certificate was made for"))
    } else if has_key && says("ssl.key.pem failed") && says("unsupported") {
        unusable(KEY, "encrypt it anew, as openssl pkcs8 -topk8 -v2 aes256 does")
    } else if has_key && says("ssl.key.pem failed") && security.key_password.is_some() {
        let reason = format!("does not open kafka.security.key: {openssl}");
        Some(ClientRefusal::new(KEY_PASSWORD, reason, "set the password of this key"))
    } else if has_key && says("ssl.key.pem failed") {
        unusable(KEY, Content::Key.way_out())
    } else if security.certificate.is_some() && says("ssl.certificate.pem failed") {
        unusable(CERTIFICATE, Content::Certificates.way_out())
    } else if security.ca.is_some() && says("ssl.ca.pem") {
        unusable(CA, Content::Certificates.way_out())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_setting_that_it_is_about() {
        let secret = || Some(Secret::Inline("s".to_owned()));
        let all = SecurityConfig {
            ca: Some("ca".to_owned()),
            certificate: Some("certificate".to_owned()),
            key: secret(),
            key_password: secret(),
            ..Config::default().kafka.security
        };
        let none = Config::default().kafka.security;
        let open = SecurityConfig { key_password: None, ..all.clone() };
        #[rustfmt::skip]
        let table = [
            (&all, "ssl.key.pem failed: not in PEM format?: error:1C800064:Provider routines::bad decrypt", Some((KEY_PASSWORD, "bad decrypt"))),
            (&open, "ssl.key.pem failed: not in PEM format?: error:1E08010C:DECODER routines::no start line", Some((KEY, "no start line"))),
            (&all, "ssl.key.pem failed: not in PEM format?: error:1E08010C:DECODER routines::unsupported", Some((KEY, "unsupported"))),
            (&all, "ssl.key.pem failed: error:05800074:x509 certificate routines::key values mismatch", Some((KEY, "is not the key"))),
            (&all, "Private key check failed: error:0A0000B1:SSL routines::no certificate assigned", Some((KEY, "is not the key"))),
            (&all, "ssl.certificate.pem failed: not in PEM format?: error:0688010A:asn1 encoding routines::nested asn1 error", Some((CERTIFICATE, "nested asn1 error"))),
            (&all, "failed to read certificate #0 from ssl.ca.pem: not in PEM format?: error:0480006C:PEM routines::no start line", Some((CA, "no start line"))),
            (&none, "ssl.key.pem failed: error:05800074:x509 certificate routines::key values mismatch", None),
            (&all, "`max.in.flight` must be set <= 5", None),
        ];
        for (security, words, expected) in table {
            let found = refused(security, words);
            assert_eq!(found.as_ref().map(|refusal| refusal.key), expected.map(|(key, _)| key), "{words}");
            assert!(found.is_none_or(|refusal| refusal.reason.contains(expected.unwrap().1)), "{words}");
        }
    }
}
