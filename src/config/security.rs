//! The settings of `kafka.security`: how brokers are spoken to, and as whom.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Secret;

/// How brokers are spoken to, and as whom.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs, reason = "docs/settings.md is the reference")]
pub struct SecurityConfig {
    pub protocol: SecurityProtocol,
    pub mechanism: Option<Mechanism>,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub ca: Option<String>,
    pub certificate: Option<String>,
    pub key: Option<Secret>,
    pub key_password: Option<Secret>,
    pub aws_region: Option<String>,
    #[serde(default)]
    pub oauth: OauthConfig,
}

/// Where OAUTHBEARER tokens come from.
#[derive(Debug, Clone, Default, Deserialize)]
#[allow(missing_docs, reason = "docs/settings.md is the reference")]
pub struct OauthConfig {
    pub token_endpoint: Option<String>,
    pub ca: Option<String>,
    pub client_id: Option<String>,
    pub client_secret: Option<Secret>,
    pub scope: Option<String>,
    pub audience: Option<String>,
    /// By name.
    #[serde(default)]
    pub extensions: BTreeMap<String, String>,
}

/// Whether a connection has TLS, and whether it has SASL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecurityProtocol {
    /// Neither.
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL.
    SaslPlaintext,
    /// Both.
    SaslSsl,
}

impl SecurityProtocol {
    const ALL: [Self; 4] = [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl];

    /// The protocol of that name. The case of its letters does not count, as in librdkafka.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name().eq_ignore_ascii_case(name))
    }

    /// Its name as a setting, and as librdkafka's `security.protocol`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }

    /// Whether it has TLS.
    pub fn has_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    /// Whether it has SASL.
    pub fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

/// A SASL mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[allow(missing_docs, reason = "Kafka's own names")]
pub enum Mechanism {
    #[serde(rename = "PLAIN")]
    Plain,
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
    #[serde(rename = "OAUTHBEARER")]
    OauthBearer,
    #[serde(rename = "AWS_MSK_IAM")]
    AwsMskIam,
}

impl Mechanism {
    /// The mechanism of that name among librdkafka's properties, which know no AWS_MSK_IAM.
    pub(crate) fn of_property(name: &str) -> Option<Self> {
        let all = [Self::Plain, Self::ScramSha256, Self::ScramSha512, Self::OauthBearer];
        all.into_iter().find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }

    /// Its name as a setting.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::OauthBearer => "OAUTHBEARER",
            Self::AwsMskIam => "AWS_MSK_IAM",
        }
    }

    /// Its name on the wire, and as librdkafka's `sasl.mechanism`. MSK's brokers take a token where others know AWS_MSK_IAM.
    pub fn sasl_name(self) -> &'static str {
        if self == Self::AwsMskIam { Self::OauthBearer.name() } else { self.name() }
    }

    /// Whether it signs in with a user and a password.
    pub(crate) fn has_password(self) -> bool {
        matches!(self, Self::Plain | Self::ScramSha256 | Self::ScramSha512)
    }
}

/// What names of AWS's endpoints end with, by the beginning of the region: a row for each partition that differs from the last one.
const SUFFIXES: &[(&str, &str)] = &[
    ("cn-", "amazonaws.com.cn"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("eusc-", "amazonaws.eu"),
    ("", "amazonaws.com"),
];

/// What names of Amazon MSK end with in a region.
pub(crate) fn msk_suffix(region: &str) -> &'static str {
    let suffix = SUFFIXES.iter().find(|(start, _)| region.starts_with(start));
    suffix.map_or("amazonaws.com", |(_, suffix)| suffix)
}

/// The region in the name of a broker of Amazon MSK: `….kafka.REGION.SUFFIX`, or `kafka-serverless`.
pub(crate) fn msk_region(server: &str) -> Option<String> {
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host).to_ascii_lowercase();
    let rest = SUFFIXES.iter().find_map(|(_, suffix)| host.strip_suffix(suffix)?.strip_suffix('.'))?;
    let (rest, region) = rest.rsplit_once('.')?;
    let service = rest.rsplit_once('.').map_or(rest, |(_, service)| service);
    matches!(service, "kafka" | "kafka-serverless").then(|| region.to_owned())
}

#[cfg(test)]
mod tests {
    use super::msk_region;

    #[test]
    fn the_name_of_a_broker_tells_its_region() {
        for (server, region) in [
            ("b-1.demo.abc123.c2.kafka.eu-central-1.amazonaws.com:9098", Some("eu-central-1")),
            ("boot-x1.c3.kafka-serverless.us-east-1.amazonaws.com:9098", Some("us-east-1")),
            ("b-2.demo.x.c4.kafka.cn-north-1.amazonaws.com.cn:9098", Some("cn-north-1")),
            ("b-1-public.demo.x.c4.kafka.us-gov-west-1.amazonaws.com:9198", Some("us-gov-west-1")),
            ("B-1.Demo.x.c4.Kafka.eusc-de-east-1.amazonaws.eu:9098", Some("eusc-de-east-1")),
            ("b-1.demo.x.c4.kafka.us-isob-east-1.sc2s.sgov.gov:9098", Some("us-isob-east-1")),
            ("kafka.eu-central-1.example.com:9098", None),
            ("b-1.queue.eu-central-1.amazonaws.com:9098", None),
            ("localhost:9098", None),
            ("127.0.0.1:9098", None),
        ] {
            assert_eq!(msk_region(server).as_deref(), region, "{server}");
        }
    }
}
