//! Why a registry cannot be used, in its own words, and the way out.

use super::subject::Subject;
use crate::aws::trust::BundleError;

/// Why there is no id for a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A setting that makes no client.
    #[error("schema_registry.{key}: {reason}")]
    Setting {
        /// The setting's last part.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// `AWS_CA_BUNDLE`, or what stands for it.
    #[error("{name}: {0}", name = .0.key)]
    Bundle(BundleError),
    /// No URL gave an answer that counts: transport errors, 408, 429 and 5xx.
    #[error("no schema registry answers: {tried}{hint}")]
    Unreachable {
        /// Each URL with its last word.
        tried: String,
        /// The setting to look at.
        hint: &'static str,
    },
    /// Somebody else answers there.
    #[error("schema_registry.url: no schema registry answers there: {message}")]
    Elsewhere {
        /// What was answered.
        message: String,
    },
    /// The registry's refusal.
    #[error("the schema registry refuses {subject}: {message}; {way_out}")]
    Refused {
        /// The subject.
        subject: String,
        /// The HTTP status.
        status: u16,
        /// Its own words.
        message: String,
        /// What to do.
        way_out: &'static str,
    },
}

/// A refusal: the HTTP status, and what stood in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// The registry's own number for it, such as 40401; none where the body is not a registry's.
    pub(super) code: Option<i64>,
    pub(super) message: String,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    LookUp,
    Register,
    Test,
}

impl Refusal {
    /// The registry knows no such subject, version or schema: it has numbers for that (40401 to 40403), where any other server, and
    /// a registry under a wrong path, has a mere 404.
    pub(super) fn is_unknown(&self) -> bool {
        self.status == 404 && self.code.is_some_and(|code| code / 100 == 404)
    }

    /// With the way out that fits what was asked for.
    pub(super) fn of(self, operation: Operation, subject: &Subject) -> Error {
        let way_out = match (self.status, operation) {
            (401 | 403, _) => {
                "see schema_registry.username and password, or bearer_token, and what they are allowed to do"
            }
            (404, Operation::LookUp) if self.is_unknown() => {
                "register it with `ecs-sdm-producer schemas register`, or set schema_registry.mode = \"auto\""
            }
            (404 | 405, _) if !self.is_unknown() => return Error::Elsewhere { message: self.message },
            (409, _) => {
                "`ecs-sdm-producer schemas test` says why; give the topic another name or schema_registry.subject_strategy, \
                 or have the subject's compatibility level changed: the producer never changes it"
            }
            _ => "see schema_registry.url, and the registry's log",
        };
        Error::Refused { subject: subject.name.clone(), status: self.status, message: self.message, way_out }
    }
}

/// The setting to look at, by what TLS says. A server that wants another certificate, or any, may be gone before its alert is read.
pub(super) fn hint(tried: &str) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| tried.contains(word));
    let gone =
        ["connection was not ready", "connection closed before message completed", "Broken pipe", "reset by peer"];
    let alerts = ["CertificateRequired", "BadCertificate", "UnknownCA", "DecryptError", "HandshakeFailure"];
    if says(&alerts) || (tried.contains("https://") && says(&gone)) {
        "; see schema_registry.certificate and key"
    } else if says(&["invalid peer certificate"]) {
        "; see schema_registry.ca"
    } else if says(&["InvalidContentType", "corrupt message"]) {
        "; see schema_registry.url: is it http instead of https?"
    } else {
        "; see schema_registry.url"
    }
}
