//! What is told of `kafka.security` before anything is contacted, by `check` in the words of `sync`.

mod tokens;

use kit::certificates::Authority;
use kit::program::program;

use super::{ENCRYPTED, KEY, KEY_PASSWORD, RFC1421};
use crate::field::settings::{assert_refused, assert_taken, both};

/// Settings of `kafka.security`.
type Settings<'a> = Vec<(&'static str, &'a str)>;

/// Their variables. What begins with `../` is a setting of `kafka`.
fn variables<'a>(settings: &[(&'static str, &'a str)]) -> Vec<(String, &'a str)> {
    let variable = |key: &str| match key.strip_prefix("../") {
        Some(beside) => format!("ECS_SDM_KAFKA__{}", beside.to_uppercase()),
        None => super::variable(key),
    };
    settings.iter().map(|(key, value)| (variable(key), *value)).collect()
}

fn borrowed<'a>(variables: &'a [(String, &'a str)]) -> Vec<(&'a str, &'a str)> {
    variables.iter().map(|(name, value)| (name.as_str(), *value)).collect()
}

fn flags(properties: &[&str]) -> Vec<String> {
    properties.iter().map(|property| format!("kafka.properties.{property}")).collect()
}

fn as_str(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}

fn pair_of<'a>(certificate: &'a str, key: &'a str) -> Settings<'a> {
    vec![("protocol", "ssl"), ("certificate", certificate), ("key", key)]
}

#[test]
fn what_lacks_a_partner_is_refused_by_its_key() {
    let ca = &Authority::new().pem;
    const USER: [(&str, &str); 2] = [("username", "me"), ("password", "canary")];
    let with_user = |settings: &[(&'static str, &'static str)]| [settings, &USER].concat();
    let set_protocol = "set kafka.security.protocol to ssl or sasl_ssl";
    #[rustfmt::skip]
    let table: Vec<(Settings<'_>, &[&str], Vec<&str>)> = vec![
        (with_user(&[("mechanism", "PLAIN")]), &[], vec!["kafka.security.mechanism: PLAIN needs SASL, and kafka.security.protocol is plaintext", "sasl_ssl"]),
        (with_user(&[("mechanism", "scram-sha-512"), ("protocol", "SSL")]), &[], vec!["kafka.security.mechanism: SCRAM-SHA-512 needs SASL, and kafka.security.protocol is ssl"]),
        (with_user(&[("protocol", "sasl_ssl")]), &[], vec!["kafka.security.protocol: kafka.security.mechanism is missing", "SCRAM-SHA-512"]),
        (with_user(&[]), &[], vec!["kafka.security.username: kafka.security.mechanism is missing"]),
        (vec![("protocol", "sasl_ssl"), ("mechanism", "PLAIN")], &[], vec!["kafka.security.mechanism: PLAIN needs kafka.security.username and kafka.security.password"]),
        (vec![("protocol", "sasl_ssl"), ("mechanism", "PLAIN"), USER[0]], &[], vec!["kafka.security.username: kafka.security.password is missing", "set both"]),
        (vec![("protocol", "sasl_ssl"), ("mechanism", "PLAIN"), USER[1]], &[], vec!["kafka.security.password: kafka.security.username is missing", "set both"]),
        (vec![("protocol", "tls")], &[], vec!["kafka.security.protocol: \"tls\" is not a choice", "did you mean ssl?"]),
        (vec![("protocol", "sasl-ssl")], &[], vec!["kafka.security.protocol", "did you mean sasl_ssl?"]),
        (vec![("ca", ca)], &[], vec!["kafka.security.ca: needs TLS, and kafka.security.protocol is plaintext", set_protocol]),
        (vec![("key_password", "canary")], &[], vec!["kafka.security.key_password: kafka.security.key is missing", "leave it out"]),
        // Partners and conflicts among librdkafka's properties.
        (vec![("ca", ca)], &["security.protocol=sasl_plaintext"], vec!["kafka.security.ca: needs TLS, and kafka.security.protocol is sasl_plaintext"]),
        (vec![("protocol", "sasl_plaintext"), ("mechanism", "PLAIN"), USER[0]], &[], vec!["kafka.security.password is missing"]),
        (vec![USER[0], USER[1]], &["sasl.mechanism=PLAIN"], vec!["kafka.security.username: PLAIN needs SASL, and kafka.security.protocol is plaintext"]),
        (vec![("protocol", "ssl")], &["security.protocol=ssl"], vec!["kafka.properties.security.protocol: contradicts the setting kafka.security.protocol", "keep one of the two"]),
        (vec![("protocol", "ssl"), ("ca", ca)], &["ssl.ca.pem=x"], vec!["kafka.properties.ssl.ca.pem: contradicts the setting kafka.security.ca"]),
        (with_user(&[("protocol", "sasl_ssl"), ("mechanism", "PLAIN")]), &["sasl.mechanisms=PLAIN"], vec!["kafka.properties.sasl.mechanisms: contradicts the setting kafka.security.mechanism"]),
    ];
    for (settings, properties, words) in table {
        assert_refused(&borrowed(&variables(&settings)), &as_str(&flags(properties)), &words);
    }
    let taken: [(Settings<'_>, &[&str]); 5] = [
        (with_user(&[("protocol", "SASL_SSL"), ("mechanism", "Scram-Sha-256")]), &[]),
        (vec![("protocol", "ssl"), ("ca", ca)], &[]),
        (with_user(&[("mechanism", "PLAIN")]), &["security.protocol=sasl_plaintext"]),
        (vec![("protocol", "sasl_ssl"), USER[0], USER[1]], &["sasl.mechanism=PLAIN"]),
        (vec![("protocol", "plaintext")], &[]),
    ];
    for (settings, properties) in taken {
        assert_taken(&borrowed(&variables(&settings)), &as_str(&flags(properties)));
    }
}

#[test]
fn certificates_and_keys_that_cannot_be_used_are_refused_by_their_key() {
    let authority = Authority::new();
    let (pair, other) = (authority.client_with(KEY), authority.client());
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (certificate, key) = (file("client.pem", pair.certificate.as_bytes()), file("client.key", KEY.as_bytes()));
    let (text, der) = (file("text", b"ours\nand theirs\n"), file("der", &[0x30, 0x82, 0xff, 0xfe]));
    let cut = &pair.certificate[..pair.certificate.len() / 2];
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let broken_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let way_out = "name a file of certificates in PEM, or give their text";
    let authority_in = |ca| vec![("protocol", "ssl"), ("ca", ca)];
    let with_password = |key, password| [pair_of(&certificate, key), vec![("key_password", password)]].concat();
    let misfit = "kafka.security.key: is not the key of kafka.security.certificate";
    let closed = "kafka.security.key: is encrypted, and kafka.security.key_password is missing";
    let wrong = "kafka.security.key_password: does not open kafka.security.key";
    #[rustfmt::skip]
    let table: Vec<(Settings<'_>, Vec<&str>)> = vec![
        (authority_in("/nonexistent/ca.pem"), vec!["kafka.security.ca: cannot read /nonexistent/ca.pem: No such file", way_out]),
        (authority_in(&text), vec!["kafka.security.ca:", &text, "is not PEM", way_out]),
        (authority_in(&der), vec!["kafka.security.ca:", &der, "is not PEM"]),
        (authority_in(&key), vec!["kafka.security.ca:", "holds a private key, and no certificate"]),
        (authority_in(cut), vec!["kafka.security.ca: it is not whole PEM text"]),
        (authority_in(broken), vec!["kafka.security.ca: OpenSSL cannot use it", way_out]),
        (pair_of(&key, &key), vec!["kafka.security.certificate:", "holds a private key, and no certificate"]),
        (pair_of(&certificate, &certificate), vec!["kafka.security.key:", "holds a certificate, and no private key", "name a file with the private key"]),
        (pair_of(&certificate, "/nonexistent/key"), vec!["kafka.security.key: cannot read the file that it names: No such file"]),
        (pair_of(broken, &key), vec!["kafka.security.certificate: OpenSSL cannot use it", way_out]),
        (pair_of(&certificate, broken_key), vec!["kafka.security.key: OpenSSL cannot use it"]),
        (pair_of(&certificate, &other.key), vec![misfit, "give the key that this certificate was made for"]),
        (pair_of(&other.certificate, &key), vec![misfit]),
        (pair_of(&certificate, ENCRYPTED), vec![closed, "set the password that opens it"]),
        (pair_of(&certificate, RFC1421), vec![closed]),
        (with_password(ENCRYPTED, "canary"), vec![wrong, "set the password of this key"]),
        (with_password(RFC1421, "canary"), vec![wrong]),
        (vec![("protocol", "ssl"), ("certificate", &certificate)], vec!["kafka.security.certificate: kafka.security.key is missing", "set both"]),
        (vec![("protocol", "ssl"), ("key", &key)], vec!["kafka.security.key: kafka.security.certificate is missing", "set both"]),
    ];
    for (settings, words) in table {
        let variables = variables(&settings);
        let said = both(&borrowed(&variables), &[]);
        assert_eq!((said.exit, said.errors.len()), (64, 1), "{settings:?}: {said:?}");
        let line = &said.errors[0];
        assert!(words.iter().all(|word| line.contains(word)), "{words:?} are not in: {line}");
        assert!(!line.contains("canary") && !line.contains(KEY.lines().nth(1).unwrap()), "a secret is shown: {line}");
    }
    for settings in [
        pair_of(&certificate, &key),
        pair_of(&pair.certificate, KEY),
        with_password(ENCRYPTED, KEY_PASSWORD),
        with_password(RFC1421, KEY_PASSWORD),
    ] {
        assert_taken(&borrowed(&variables(&settings)), &[]);
    }
}

#[test]
fn what_is_sent_in_clear_text_and_what_opens_nothing_is_warned_about() {
    let user = [("protocol", "sasl_plaintext"), ("username", "me"), ("password", "secret")];
    let warned = |mechanism, servers: &str| {
        let variables = variables(&[user.as_slice(), &[("mechanism", mechanism)]].concat());
        let output = program(None)
            .args(["check", "--set", &format!("kafka.bootstrap_servers={servers}")])
            .envs(variables)
            .env("AWS_REGION", "eu-west-1")
            .output()
            .unwrap();
        String::from_utf8(output.stderr).unwrap().contains("sends the password in clear text")
    };
    assert!(warned("PLAIN", "kafka.example.com:9092"));
    assert!(warned("plain", "localhost:9092,kafka.example.com:9092"));
    assert!(!warned("PLAIN", "localhost:9092,127.0.0.1:9093,[::1]:9092"));
    assert!(!warned("SCRAM-SHA-256", "kafka.example.com:9092"));

    let pair = Authority::new().client();
    let settings = [("protocol", "ssl"), ("certificate", &pair.certificate), ("key", &pair.key), ("key_password", "x")];
    let said = both(&borrowed(&variables(&settings)), &[]);
    assert!(said.exit == 0 && said.warnings.iter().any(|line| line.contains("the key is not encrypted")), "{said:?}");
}
