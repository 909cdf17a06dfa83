//! The settings of `kafka.security`: how brokers are spoken to, and as whom.

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
    #[serde(default)]
    pub oauth: OauthConfig,
}

/// Where OAUTHBEARER tokens come from.
#[derive(Debug, Clone, Default, Deserialize)]
#[allow(missing_docs, reason = "docs/settings.md is the reference")]
pub struct OauthConfig {
    pub token_endpoint: Option<String>,
    pub client_id: Option<String>,
    pub client_secret: Option<Secret>,
    pub scope: Option<String>,
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
    /// Its name as a setting, and as librdkafka's `sasl.mechanism`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::OauthBearer => "OAUTHBEARER",
            Self::AwsMskIam => "AWS_MSK_IAM",
        }
    }

    /// Whether it signs in with tokens, which is still to come.
    pub(super) fn has_tokens(self) -> bool {
        matches!(self, Self::OauthBearer | Self::AwsMskIam)
    }
}
