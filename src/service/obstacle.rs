//! Why a sync could not begin: something is not there yet, or something is wrong. Pure.
//!
//! Not there yet is what gives no answer, a 5xx or 429, and what is absent. Wrong is what answered and said no.

use std::error::Error;

use crate::aws::Verdict;
use crate::kafka::{self, Absence, FatalProducerError};
use crate::registry;
use crate::sync::{PublishError, StartError};
use crate::web::{Suspect, suspect};

/// Why a sync could not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// It is tried again soon.
    NotThere,
    /// It waits for the next tick: somebody has to mend it.
    Wrong,
}

impl Obstacle {
    /// The obstacle of a sync that failed before it began.
    pub(crate) fn of_failure(error: &(dyn Error + Send + Sync + 'static)) -> Self {
        match (error.downcast_ref::<StartError>(), error.downcast_ref::<FatalProducerError>()) {
            (Some(error), _) => Self::of(error),
            (None, Some(error)) => Self::of_fatal(error),
            (None, None) => Self::Wrong,
        }
    }

    fn of_fatal(error: &FatalProducerError) -> Self {
        if error.is_silence { Self::NotThere } else { Self::Wrong }
    }

    pub(crate) fn of(error: &StartError) -> Self {
        match error {
            StartError::Kafka(error) => Self::of_kafka(error),
            StartError::Registry(error) => Self::of_registry(error),
            StartError::Publish(PublishError::Producer(error)) => Self::of_fatal(error),
            // Kafka has gone away since it was asked for its topics.
            StartError::Publish(PublishError::NotAcknowledged(_)) => Self::NotThere,
            StartError::Publish(PublishError::Encode(_) | PublishError::Refused(_)) => Self::Wrong,
            // A certificate or a proxy that nobody mends by waiting.
            StartError::NoAws(fault) if fault.verdict == Verdict::Setup => Self::Wrong,
            StartError::NoCredentials(_) | StartError::NoAws(_) => Self::NotThere,
            StartError::Secret(_) | StartError::Schema(_) | StartError::Fingerprint(_) | StartError::Bundle(_) => {
                Self::Wrong
            }
        }
    }

    fn of_kafka(error: &kafka::Error) -> Self {
        use kafka::Error;
        match error {
            Error::NoBroker { .. } | Error::NotShown(_) | Error::Offsets { .. } | Error::Unreachable { .. } => {
                Self::NotThere
            }
            Error::Token { is_final: false, .. } => Self::NotThere,
            Error::Topics(topics) if topics.iter().all(|(_, absence)| *absence != Absence::NotAllowed) => {
                Self::NotThere
            }
            Error::Topics(_)
            | Error::Token { .. }
            | Error::Client(_)
            | Error::Refused(_)
            | Error::Create { .. }
            | Error::Cancelled => Self::Wrong,
        }
    }

    fn of_registry(error: &registry::Error) -> Self {
        use registry::Error;
        match error {
            // TLS that does not verify was answered.
            Error::Unreachable { tried, .. } if matches!(suspect(tried), Suspect::Authorities | Suspect::Scheme) => {
                Self::Wrong
            }
            Error::Unreachable { .. } => Self::NotThere,
            // Nobody has registered the schema yet.
            Error::Refused { status: 404, .. } => Self::NotThere,
            Error::Refused { .. } | Error::Setting { .. } | Error::Bundle(_) | Error::Elsewhere { .. } => Self::Wrong,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gives_no_answer_or_is_absent_is_tried_again_and_a_no_waits() {
        use Obstacle::{NotThere, Wrong};
        let topics = |absences: &[Absence]| {
            kafka::Error::Topics(absences.iter().map(|absence| ("topic".to_owned(), absence.clone())).collect())
        };
        let text = || "words".to_owned();
        for (error, expected) in [
            (kafka::Error::NoBroker { servers: text(), waited: text(), reason: text() }, NotThere),
            (kafka::Error::Unreachable { address: text(), reason: text() }, NotThere),
            (topics(&[Absence::Unknown]), NotThere),
            (topics(&[Absence::Other(text())]), NotThere),
            (topics(&[Absence::Unknown, Absence::NotAllowed]), Wrong),
            (kafka::Error::Token { reason: text(), is_final: false }, NotThere),
            (kafka::Error::Token { reason: text(), is_final: true }, Wrong),
            (kafka::Error::Create { topic: text(), reason: text(), way_out: "words" }, Wrong),
        ] {
            assert_eq!(Obstacle::of_kafka(&error), expected, "{error}");
        }
        let refused = |status| registry::Error::Refused { subject: text(), status, message: text(), way_out: "words" };
        for (error, expected) in [
            (registry::Error::Unreachable { tried: text(), hint: "" }, NotThere),
            (
                registry::Error::Unreachable { tried: "invalid peer certificate: UnknownIssuer".to_owned(), hint: "" },
                Wrong,
            ),
            (refused(404), NotThere),
            (refused(401), Wrong),
            (refused(409), Wrong),
            (refused(422), Wrong),
            (registry::Error::Elsewhere { message: text() }, Wrong),
        ] {
            assert_eq!(Obstacle::of_registry(&error), expected, "{error}");
        }
    }
}
