//! What to do about a failed request: one table from error codes to verdicts, and the wait before the next attempt.
//!
//! Everything here is pure: there is no clock and no request. Sources: the error lists of the ECS API, "Request throttling for the
//! Amazon ECS API" (Amazon ECS Developer Guide), and the code lists of the AWS SDKs (`aws-runtime`, `retries/classifiers.rs`).

use std::error::Error;
use std::time::Duration;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::http::Unreached;
use crate::foreign::one_line;

/// What to do about a failed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Retry: the network failed, the answer came late or was truncated, or the server failed.
    Transient,
    /// Retry, and send more slowly: the account's token bucket is empty.
    Throttled,
    /// Resolve the credentials again, once: they have expired or are wrong.
    Credentials,
    /// Resolve the credentials again, once: the region does not recognize them. If it does not recognize the new ones either, the
    /// account has not enabled it.
    Unrecognized,
    /// Do not retry: the caller lacks a permission.
    Denied,
    /// The cluster does not exist any more or is inactive, so it has no services and no tasks.
    NoCluster,
    /// `InvalidParameterException`. After the first page of a list, its page token may have expired.
    Invalid,
    /// `ClientException`. For a task definition, its revision may not exist any more.
    Client,
    /// Do not retry, and do not count: a misconfigured endpoint, proxy or certificate kept the request from being sent.
    Setup,
    /// Do not retry: AWS refused the request for another reason.
    Fatal,
}

/// A failed request, in text that is safe to show: it never holds the body of a request or an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Fault {
    pub(crate) verdict: Verdict,
    /// The error code of AWS, or one of ours if AWS gave none.
    pub(crate) code: String,
    /// The message of AWS, or an error with its causes, on one line.
    pub(crate) message: String,
}

impl Fault {
    /// Judges an error of the SDK. The `Debug` output of `SdkError` holds the raw answer, so it is never used.
    pub(crate) fn judge<E, R>(error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: StatusCode + std::fmt::Debug,
    {
        let (verdict, code, message) = match error {
            SdkError::ServiceError(refusal) if (200..300).contains(&refusal.raw().status_code()) => malformed(),
            SdkError::ServiceError(refusal) => {
                let status = refusal.raw().status_code();
                let message = refusal.err().message().unwrap_or("no message");
                let code = refusal.err().code().unwrap_or_default();
                let shown = if code.is_empty() { format!("HTTP {status}") } else { code.to_owned() };
                (verdict(code, status, message), shown, message.to_owned())
            }
            SdkError::TimeoutError(_) => (Verdict::Transient, "Timeout".to_owned(), "no answer in time".to_owned()),
            SdkError::ResponseError(answer) if !(200..300).contains(&answer.raw().status_code()) => {
                // For example the answer of a load balancer.
                let status = answer.raw().status_code();
                (by_status(status), format!("HTTP {status}"), "an answer without an error code".to_owned())
            }
            SdkError::ResponseError(_) => malformed(),
            SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
                Some(connector) => without_answer(connector),
                None => (Verdict::Transient, "Connection".to_owned(), "the request could not be sent".to_owned()),
            },
            SdkError::ConstructionFailure(_) => match Error::source(error) {
                Some(source) => without_answer(source),
                None => (Verdict::Fatal, "Request".to_owned(), "the request could not be built".to_owned()),
            },
            _ => (
                Verdict::Fatal,
                "Unknown".to_owned(),
                "the SDK failed for a reason that this program does not know".to_owned(),
            ),
        };
        Self { verdict, code: one_line(&code), message: one_line(&message) }
    }

    /// An answer without a member that it must have.
    pub(crate) fn malformed() -> Self {
        let (verdict, code, message) = malformed();
        Self { verdict, code, message }
    }

    /// Whether the network or a proxy kept the request from an answer.
    pub(crate) fn is_unanswered(&self) -> bool {
        matches!(self.code.as_str(), "Connection" | "Proxy" | "Timeout")
    }

    /// Whether AWS has answered, if only to refuse.
    pub(crate) fn is_answer(&self) -> bool {
        !self.is_unanswered() && self.verdict != Verdict::Setup
    }

    /// Whether AWS has answered otherwise than that it cannot now: no 429, no 5xx.
    pub(crate) fn is_served(&self) -> bool {
        self.is_answer() && !matches!(self.verdict, Verdict::Transient | Verdict::Throttled)
    }

    /// The same fault, not to be retried.
    #[must_use]
    pub(crate) fn denied(self) -> Self {
        Self { verdict: Verdict::Denied, ..self }
    }

    /// A fault that is not the failure of a request.
    pub(crate) fn own(code: &str, message: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fatal, code: code.to_owned(), message: message.into() }
    }
}

fn malformed() -> (Verdict, String, String) {
    (Verdict::Transient, "Response".to_owned(), "the answer was cut or malformed".to_owned())
}

/// An answer with an HTTP status such as 400.
pub(crate) trait StatusCode {
    fn status_code(&self) -> u16;
}

impl StatusCode for aws_smithy_runtime_api::http::Response {
    fn status_code(&self) -> u16 {
        self.status().as_u16()
    }
}

/// Judges a failure without an answer: of the network, or of the configuration.
fn without_answer(error: &(dyn Error + 'static)) -> (Verdict, String, String) {
    let reason = with_address(error);
    let trusts_nobody = find::<Unreached>(error).is_some_and(|unreached| unreached.trusts_nobody);
    match NETWORK.iter().find(|(part, ..)| reason.contains(part)) {
        Some((_, verdict, code @ "Certificate", _)) if trusts_nobody => {
            (*verdict, (*code).to_owned(), format!("{reason}; {NO_CERTIFICATES}"))
        }
        Some((_, verdict, code, way_out)) => (*verdict, (*code).to_owned(), format!("{reason}; {way_out}")),
        None => (Verdict::Transient, "Connection".to_owned(), reason),
    }
}

/// Failures without an answer, recognized by a part of the error text, because the SDK has no codes for them. The texts are those of
/// rustls's `Error`, hyper-util's `TunnelError`, the SDK's `apply_endpoint`, and the endpoint rules of ECS and STS.
#[rustfmt::skip]
const NETWORK: &[(&str, Verdict, &str, &str)] = &[
    ("invalid peer certificate",            Verdict::Setup,     "Certificate", CERTIFICATE),
    ("proxy authorization required",        Verdict::Setup,     "Proxy",       "write HTTPS_PROXY as http://USER:PASSWORD@HOST:PORT"),
    // A proxy may also refuse for only a moment, and a name may not resolve for only a moment.
    ("tunnel error",                        Verdict::Transient, "Proxy",       "see HTTPS_PROXY and NO_PROXY"),
    ("dns error",                           Verdict::Transient, "Connection",  "see whether this machine resolves that name"),
    // The server answered in plain HTTP instead of TLS.
    ("InvalidContentType",                  Verdict::Setup,     "Endpoint",    ENDPOINT),
    ("failed to apply endpoint",            Verdict::Setup,     "Endpoint",    ENDPOINT),
    ("Invalid Configuration",               Verdict::Setup,     "Endpoint",    ENDPOINT),
    ("but this partition does not support", Verdict::Setup,     "Endpoint",    ENDPOINT),
];

const CERTIFICATE: &str = "the certificate must be valid today and for this host, and its CA must be in the file that \
                           AWS_CA_BUNDLE names, or among the certificates of this system if it names none";
const NO_CERTIFICATES: &str = "this system has no certificates of authorities: install them (the package ca-certificates), or name a \
                               file of them with AWS_CA_BUNDLE";
const ENDPOINT: &str = "see AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_ECS and AWS_ENDPOINT_URL_STS, AWS_USE_FIPS_ENDPOINT and \
                        AWS_USE_DUALSTACK_ENDPOINT, and the profile";

/// An error and its causes on one line, with the address that was asked, and the proxy on the way.
pub(super) fn with_address(error: &(dyn Error + 'static)) -> String {
    let reason = chain(error);
    match find::<Unreached>(error) {
        Some(unreached) => format!("{reason} ({})", unreached.place()),
        None => reason,
    }
}

/// The first cause of a type.
pub(super) fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// An error and its causes on one line, without repetition.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    // If an endpoint is not a valid address, the SDK's message repeats the whole request. One about an instance's metadata has the
    // whole answer.
    let end = [" to request", ". Response {"].into_iter().filter_map(|words| text.find(words)).min();
    one_line(end.map_or(text.as_str(), |end| &text[..end]))
}

/// The table of error codes. An answer without a readable code is judged by its HTTP status.
#[rustfmt::skip]
pub(crate) fn verdict(code: &str, status: u16, message: &str) -> Verdict {
    match code {
        "ThrottlingException" | "Throttling" | "ThrottledException" | "RequestThrottled" | "RequestThrottledException"
        | "TooManyRequestsException" | "RequestLimitExceeded" | "BandwidthLimitExceeded" | "PriorRequestNotComplete"
        | "SlowDown" => Verdict::Throttled,
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "InvalidSignatureException"
        | "SignatureDoesNotMatch" => Verdict::Credentials,
        "UnrecognizedClientException" | "InvalidClientTokenId" => Verdict::Unrecognized,
        "AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation" | "NotAuthorized" | "OptInRequired"
        | "SubscriptionRequiredException" | "RegionDisabledException" | "IncompleteSignature"
        | "MissingAuthenticationToken" | "MissingAuthenticationTokenException" => Verdict::Denied,
        "ClusterNotFoundException" => Verdict::NoCluster,
        "InvalidParameterException" if message.to_ascii_lowercase().contains("inactive") => Verdict::NoCluster,
        "InvalidParameterException" => Verdict::Invalid,
        "ClientException" => Verdict::Client,
        "ServerException" | "InternalFailure" | "InternalError" | "ServiceUnavailable" | "RequestTimeout"
        | "RequestTimeoutException" | "" => by_status(status),
        _ if status >= 500 => Verdict::Transient,
        _ => Verdict::Fatal,
    }
}

fn by_status(status: u16) -> Verdict {
    if status == 429 { Verdict::Throttled } else { Verdict::Transient }
}

/// The wait before attempt number `tries + 1`: full jitter (a random part of a limit that doubles each time), and at least `base`
/// after a throttle. `random` is in [0, 1).
pub(crate) fn backoff(tries: u32, throttled: bool, base: Duration, cap: Duration, random: f64) -> Duration {
    let ceiling = base.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(cap);
    let floor = if throttled { base.min(cap) } else { Duration::ZERO };
    (floor + ceiling.mul_f64(random)).min(cap)
}

#[cfg(test)]
mod tests;
