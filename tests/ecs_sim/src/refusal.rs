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

    /// ECS, where a bucket is empty.
    pub(crate) fn throttled() -> Refusal {
        Refusal::new(400, "ThrottlingException", "Rate exceeded")
    }

    /// A load balancer before the service; the message is the whole body.
    pub(crate) fn unavailable() -> Refusal {
        Refusal::new(503, "ServiceUnavailable", "503 Service Unavailable: no server is there to handle this request.\n")
    }

    /// ECS, where a session is over.
    pub(crate) fn expired_token() -> Refusal {
        Refusal::new(400, "ExpiredTokenException", "The security token included in the request is expired")
    }

    pub(crate) fn cluster_not_found() -> Refusal {
        Refusal::new(400, "ClusterNotFoundException", "Cluster not found.")
    }
}
