//! How a sync ended, and what ended it early.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::TypeReport;
use super::statistics::State;

/// How a sync ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Outcome {
    /// Every type is complete.
    Completed,
    /// Anything else that delivered or completed something.
    Partial,
    /// A signal stopped it before every type was complete.
    Aborted,
    /// Nothing was acknowledged and no type is complete, a topic or schema is missing, or Kafka is gone.
    Failed,
}

/// Why a sync ended before its lists did.
#[derive(Debug, Clone)]
pub enum StopReason {
    /// A signal.
    Signal,
    /// `timeout` has passed.
    Timeout,
    /// The sync cannot start or go on. The error says which operation failed.
    Failure(Arc<dyn Error + Send + Sync>),
    /// Nobody reads standard output any more.
    Closed,
}

impl StopReason {
    pub(crate) fn failure(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Failure(Arc::new(error))
    }
}

/// Failures are equal if their messages are.
impl PartialEq for StopReason {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Failure(one), Self::Failure(other)) => one.to_string() == other.to_string(),
            (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
        }
    }
}

impl Outcome {
    /// The outcome of a sync with these types and this stop reason.
    pub(crate) fn of(types: &[TypeReport], stop_reason: Option<&StopReason>) -> Self {
        let complete = types.iter().filter(|one| one.state == State::Complete).count();
        // If there is no type, nothing was read. An empty account has types.
        let all_complete = complete == types.len() && !types.is_empty();
        match stop_reason {
            Some(StopReason::Failure(_)) => Self::Failed,
            _ if all_complete => Self::Completed,
            Some(StopReason::Signal) => Self::Aborted,
            Some(StopReason::Timeout | StopReason::Closed) | None => {
                let has_some = complete > 0 || types.iter().any(|one| one.counts.acknowledged > 0);
                if has_some { Self::Partial } else { Self::Failed }
            }
        }
    }

    /// The exit code of one sync.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Completed => 0,
            Self::Partial | Self::Aborted => 1,
            Self::Failed => 2,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Completed => "COMPLETED",
            Self::Partial => "PARTIAL",
            Self::Aborted => "ABORTED",
            Self::Failed => "FAILED",
        })
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal => formatter.write_str("stopped by a signal"),
            Self::Timeout => formatter.write_str("stopped after the time that `timeout` allows"),
            Self::Failure(error) => error.fmt(formatter),
            Self::Closed => formatter.write_str("standard output was closed"),
        }
    }
}
