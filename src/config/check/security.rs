//! `kafka.security`: settings that need each other, and files that cannot be used. librdkafka would connect without what lacks a partner.

mod tokens;

use std::net::IpAddr;

use super::super::diagnostics::Diagnostics;
use super::super::entries::Entries;
use super::super::pem::{Content, is_encrypted, read_pem};
use super::super::property::PROPERTIES;
use super::super::security::{Mechanism, SecurityProtocol};
use super::super::{Config, KafkaConfig};

/// What each setting is named among librdkafka's properties. Partners are looked for in both.
const SAME: &[(&str, &[&str])] = &[
    ("protocol", &["security.protocol"]),
    ("mechanism", &["sasl.mechanism", "sasl.mechanisms"]),
    ("username", &["sasl.username"]),
    ("password", &["sasl.password"]),
    ("ca", &["ssl.ca.location", "ssl.ca.pem"]),
    ("certificate", &["ssl.certificate.location", "ssl.certificate.pem", "ssl.keystore.location"]),
    ("key", &["ssl.key.location", "ssl.key.pem", "ssl.keystore.location"]),
    ("key_password", &["ssl.key.password"]),
];

/// Settings that need another, and what to do where that is missing.
const PARTNERS: &[(&str, &str, &str)] = &[
    ("username", "password", "set both, or neither"),
    ("password", "username", "set both, or neither"),
    ("certificate", "key", "set both, or neither"),
    ("key", "certificate", "set both, or neither"),
    ("key_password", "key", "set the key that it opens, or leave it out"),
];

/// Every mechanism.
const ANY: &str = "SCRAM-SHA-512, SCRAM-SHA-256, PLAIN, OAUTHBEARER or AWS_MSK_IAM";

pub(super) fn judge(config: &Config, entries: &Entries, diagnostics: &mut Diagnostics) {
    let judge = Judge { config, entries };
    judge.conflicts(diagnostics);
    judge.partners(diagnostics);
    judge.tokens(diagnostics);
    judge.files(diagnostics);
    judge.clear_text(diagnostics);
}

struct Judge<'a> {
    config: &'a Config,
    entries: &'a Entries,
}

fn key_of(name: &str) -> String {
    format!("kafka.security.{name}")
}

impl Judge<'_> {
    /// Whether the setting itself is set.
    fn is_named(&self, name: &str) -> bool {
        self.entries.has(&key_of(name))
    }

    /// The properties that are set in a setting's place.
    fn properties(&self, name: &str) -> impl Iterator<Item = &'static str> {
        let same = SAME.iter().find(|(setting, _)| *setting == name);
        same.into_iter()
            .flat_map(|(_, properties)| *properties)
            .copied()
            .filter(|property| self.entries.exactly(&format!("{PROPERTIES}.{property}")))
    }

    /// Whether a setting, or a property in its place, is set.
    fn is_given(&self, name: &str) -> bool {
        self.is_named(name) || self.properties(name).next().is_some()
    }

    /// The protocol that counts, if it is a right one.
    fn protocol(&self) -> Option<SecurityProtocol> {
        let KafkaConfig { security, properties, .. } = &self.config.kafka;
        match properties.get("security.protocol") {
            Some(property) => SecurityProtocol::of(property),
            None => Some(security.protocol).filter(|_| !self.entries.is_wrong(&key_of("protocol"))),
        }
    }

    fn error(&self, diagnostics: &mut Diagnostics, name: &str, reason: impl Into<String>, way_out: impl Into<String>) {
        let key = key_of(name);
        diagnostics.error(&key, self.entries.origin(&key), reason, way_out);
    }

    fn conflicts(&self, diagnostics: &mut Diagnostics) {
        for (name, _) in SAME.iter().filter(|(name, _)| self.is_named(name)) {
            for property in self.properties(name) {
                let (key, property) = (key_of(name), format!("{PROPERTIES}.{property}"));
                let reason = format!("contradicts the setting {key} ({})", self.entries.origin(&key));
                diagnostics.error(&property, self.entries.origin(&property), reason, "keep one of the two");
            }
        }
    }

    fn partners(&self, diagnostics: &mut Diagnostics) {
        for (name, partner, way_out) in PARTNERS {
            if self.is_named(name) && !self.is_given(partner) {
                self.error(diagnostics, name, format!("{} is missing", key_of(partner)), *way_out);
            }
        }
        let protocol = self.protocol();
        if let Some(protocol) = protocol.filter(|protocol| !protocol.has_tls()) {
            for name in ["ca", "certificate", "key"].into_iter().filter(|name| self.is_named(name)) {
                let reason = format!("needs TLS, and kafka.security.protocol is {}", protocol.name());
                self.error(diagnostics, name, reason, "set kafka.security.protocol to ssl or sasl_ssl");
            }
        }
        match self.mechanism() {
            Some(mechanism) => self.partners_of_mechanism(mechanism, protocol, diagnostics),
            None if self.is_given("mechanism") => {}
            None => self.missing_mechanism(protocol, diagnostics),
        }
    }

    /// The mechanism that counts, if it is one of ours.
    fn mechanism(&self) -> Option<Mechanism> {
        self.config.kafka.mechanism()
    }

    fn partners_of_mechanism(&self, mechanism: Mechanism, protocol: Option<SecurityProtocol>, to: &mut Diagnostics) {
        // What stands among properties alone is left to librdkafka.
        let name = if self.is_named("mechanism") {
            "mechanism"
        } else if let Some((name, _)) = tokens::USED.iter().find(|(name, _)| self.is_named(name)) {
            name
        } else {
            return;
        };
        let needs_tls = mechanism == Mechanism::AwsMskIam;
        let is_fit = |protocol: &SecurityProtocol| protocol.has_sasl() && (protocol.has_tls() || !needs_tls);
        if let Some(protocol) = protocol.filter(|protocol| !is_fit(protocol)) {
            let (needed, way_out) = match needs_tls {
                true => ("SASL over TLS", "set kafka.security.protocol to sasl_ssl"),
                false => ("SASL", "set kafka.security.protocol to sasl_ssl, or sasl_plaintext"),
            };
            let reason =
                format!("{} needs {needed}, and kafka.security.protocol is {}", mechanism.name(), protocol.name());
            self.error(to, name, reason, way_out);
        }
        if mechanism.has_password() && !self.is_given("username") && !self.is_given("password") {
            let missing = "kafka.security.username and kafka.security.password, which are missing";
            self.error(to, "mechanism", format!("{} needs {missing}", mechanism.name()), "set both");
        }
    }

    fn missing_mechanism(&self, protocol: Option<SecurityProtocol>, diagnostics: &mut Diagnostics) {
        let is_right = |name: &str| self.is_named(name) && !self.entries.is_wrong(&key_of(name));
        let user = tokens::USED.iter().find(|(name, _)| is_right(name));
        let (name, by) = match (protocol, user) {
            (Some(protocol), _) if protocol.has_sasl() && self.is_named("protocol") => ("protocol", ANY),
            (_, Some((name, tokens::PASSWORD))) => (*name, ANY),
            (_, Some((name, by))) => (*name, *by),
            _ => return,
        };
        let way_out = format!("set it to {by}, as the brokers have it");
        self.error(diagnostics, name, "kafka.security.mechanism is missing", way_out);
    }

    /// Files that cannot be used. Whether a key opens and fits its certificate librdkafka says.
    fn files(&self, diagnostics: &mut Diagnostics) {
        let security = &self.config.kafka.security;
        let certificates =
            [("ca", &security.ca), ("certificate", &security.certificate), ("oauth.ca", &security.oauth.ca)];
        for (name, value) in certificates {
            let read = value.as_deref().map(|value| read_pem(Content::Certificates, value));
            if let Some(Err(fault)) = read {
                self.error(diagnostics, name, fault, Content::Certificates.way_out());
            }
        }
        let key = security.key.as_ref().and_then(|key| key.read().ok());
        match key.map(|key| read_pem(Content::Key, &key)) {
            Some(Err(fault)) => self.error(diagnostics, "key", fault, Content::Key.way_out()),
            Some(Ok(key)) if is_encrypted(&key) && !self.is_given("key_password") => {
                let reason = "is encrypted, and kafka.security.key_password is missing";
                self.error(diagnostics, "key", reason, "set the password that opens it");
            }
            Some(Ok(key)) if !is_encrypted(&key) && self.is_named("key_password") => {
                let origin = self.entries.origin(&key_of("key_password"));
                let why = format!("has no effect ({origin}), because the key is not encrypted");
                diagnostics.warning(&key_of("key_password"), why);
            }
            _ => {}
        }
    }

    /// Anybody on the way can read what is sent without TLS: a password of PLAIN, a token.
    fn clear_text(&self, diagnostics: &mut Diagnostics) {
        let sent = match self.mechanism() {
            Some(Mechanism::Plain) => "the password",
            Some(Mechanism::OauthBearer) => "the token",
            _ => return,
        };
        let is_open = self.protocol() == Some(SecurityProtocol::SaslPlaintext);
        if is_open && !self.config.kafka.bootstrap_servers.iter().all(|server| is_loopback(server)) {
            let property = self.properties("mechanism").next().filter(|_| !self.is_named("mechanism"));
            let key = property.map_or_else(|| key_of("mechanism"), |name| format!("{PROPERTIES}.{name}"));
            let way_out = "set kafka.security.protocol to sasl_ssl";
            let way_out =
                if sent == "the token" { way_out.to_owned() } else { format!("{way_out}, or use a SCRAM mechanism") };
            let name = self.mechanism().map_or("", Mechanism::name);
            let why = format_args!("{name} over sasl_plaintext sends {sent} in clear text; {way_out}");
            diagnostics.warning(&key, why);
        }
    }
}

/// Whether `host:port` is this machine.
fn is_loopback(server: &str) -> bool {
    let is_bare = server.ends_with(']') || !server.contains(':');
    let host = if is_bare { server } else { server.rsplit_once(':').map_or(server, |(host, _)| host) };
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn this_machine_is_known_by_its_names() {
        for server in
            ["localhost:9092", "LOCALHOST:1", "127.0.0.1:9092", "127.3.2.1:9092", "[::1]:9092", "[::1]", "localhost"]
        {
            assert!(is_loopback(server), "{server}");
        }
        for server in ["kafka:9092", "localhost.example.com:9092", "10.0.0.1:9092", "[2001:db8::1]:9092"] {
            assert!(!is_loopback(server), "{server}");
        }
    }
}
