//! Errors of the schema registry, in its own words, with what to do about them.

use super::subject::Subject;
use crate::config::Diagnostic;
use crate::web::{Suspect, Unusable, suspect};

/// Why there is no id for a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A setting cannot be used.
    #[error("schema_registry.{key}: {reason}")]
    Setting {
        /// The setting's name below `schema_registry`.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The file of `AWS_CA_BUNDLE`, or of the profile's `ca_bundle`, cannot be used.
    #[error(transparent)]
    Bundle(Diagnostic),
    /// No URL could be reached, or all answered 408, 429 or 5xx.
    #[error("no schema registry answers: {tried}{hint}")]
    Unreachable {
        /// Each URL with its last error.
        tried: String,
        /// Which setting to check.
        hint: &'static str,
    },
    /// The URL answers, but not as a schema registry.
    #[error("schema_registry.url: no schema registry answers there: {message}")]
    Elsewhere {
        /// The answer.
        message: String,
    },
    /// The registry refuses a request for a subject.
    #[error("the schema registry refuses {subject}: {message}; {way_out}")]
    Refused {
        /// The subject's name.
        subject: String,
        /// The HTTP status.
        status: u16,
        /// The registry's message.
        message: String,
        /// What to do about it.
        way_out: &'static str,
    },
}

impl From<Unusable> for Error {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Setting(key, reason) => Self::Setting { key, reason },
            Unusable::Bundle(diagnostic) => Self::Bundle(diagnostic),
        }
    }
}

/// An answer that refuses a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// The registry's own error code, such as 40401; `None` if the body is not a registry's.
    pub(super) code: Option<i64>,
    pub(super) message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    LookUp,
    Register,
    Test,
}

impl Refusal {
    /// Whether the registry does not know the subject, version or schema (40401 to 40403). Other servers, and a registry under a wrong
    /// path, answer 404 without such a code.
    pub(super) fn is_unknown(&self) -> bool {
        self.status == 404 && self.code.is_some_and(|code| code / 100 == 404)
    }

    /// Adds what to do about it, which depends on the operation.
    pub(super) fn of(self, operation: Operation, subject: &Subject) -> Error {
        let way_out = match (self.status, operation) {
            (401 | 403, _) => {
                "see schema_registry.username and schema_registry.password, or schema_registry.bearer_token, and what they are \
                 allowed to do"
            }
            (404, Operation::LookUp) if self.is_unknown() => {
                "register it with `ecs-sdm-producer schemas register`, or set schema_registry.mode = \"auto\""
            }
            (404 | 405, _) if !self.is_unknown() => return Error::Elsewhere { message: self.message },
            // A registry neither sends elsewhere nor answers a request that it has granted with something else than JSON of its own.
            (200..=399, _) => return Error::Elsewhere { message: self.message },
            (409, _) => {
                "`ecs-sdm-producer schemas test` says why; give the topic another name or schema_registry.subject_strategy, \
                 or have the subject's compatibility level changed: the producer never changes it"
            }
            _ => "see schema_registry.url, and the registry's log",
        };
        Error::Refused { subject: subject.name.clone(), status: self.status, message: self.message, way_out }
    }
}

/// Which setting to check, by the error.
pub(super) fn hint(tried: &str) -> &'static str {
    match suspect(tried) {
        Suspect::Identity => "; see schema_registry.certificate and schema_registry.key",
        Suspect::Authorities => "; see schema_registry.ca",
        Suspect::Scheme => "; see schema_registry.url: is it http instead of https?",
        Suspect::Proxy => "; see that variable and NO_PROXY",
        Suspect::Url => "; see schema_registry.url",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_sends_elsewhere_or_grants_without_a_registrys_answer_is_no_registry() {
        let subject = Subject { record: "EcsTask", name: "task-value".to_owned(), schema: Value::Null };
        for (status, is_elsewhere) in [(200, true), (302, true), (404, true), (405, true), (401, false), (422, false)] {
            let refusal = Refusal { status, code: None, message: "login".to_owned() };
            let error = refusal.of(Operation::LookUp, &subject);
            assert_eq!(matches!(error, Error::Elsewhere { .. }), is_elsewhere, "{status}: {error}");
        }
    }
}
