//! Error answers.

use serde::Serialize;

/// An error answer: what the API says instead of a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The API's error code, as `ClusterNotFoundException`.
    pub code: String,
    /// The text beside it.
    pub message: String,
}

impl Refusal {
    /// An error answer of any kind.
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Refusal {
        Refusal { status, code: code.to_owned(), message: message.into() }
    }

    pub(crate) fn invalid_parameter(message: impl Into<String>) -> Refusal {
        Refusal::new(400, "InvalidParameterException", message)
    }

    /// ECS, where the token is unknown or the region is not enabled.
    pub(crate) fn unrecognized_client() -> Refusal {
        Refusal::new(400, "UnrecognizedClientException", "The security token included in the request is invalid.")
    }

    pub(crate) fn cluster_not_found() -> Refusal {
        Refusal::new(400, "ClusterNotFoundException", "Cluster not found.")
    }
}
