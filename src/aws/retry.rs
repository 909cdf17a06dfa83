//! What an unanswered request means: one table from error codes to verdicts, and how long to wait before the next try.
//!
//! Pure: no clock, no request. Sources: the ECS API's error lists, "Request throttling for the Amazon ECS API", and the
//! code lists of the AWS SDKs (`aws-runtime` `retries/classifiers.rs`).

use std::time::Duration;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// What to do about a request that was not answered with what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Try again: the network, a time-out, a cut answer, a server's fault.
    Transient,
    /// Try again, and more slowly: the account's token bucket is empty.
    Throttled,
    /// The credentials are no longer good: resolve them anew, once.
    Credentials,
    /// The credentials are not known here: they may have changed, or the region is not enabled for the account.
    Unrecognized,
    /// The caller may not do this: trying again changes nothing.
    Denied,
    /// The cluster is no more, or inactive: it has no children.
    NoCluster,
    /// `InvalidParameterException`: in the middle of a list its page token may have lapsed.
    Invalid,
    /// `ClientException`: for a task definition, a revision that is no more.
    Client,
    /// The request cannot be made as the process is set up: an endpoint, a certificate. Only a human mends that.
    Setup,
    /// Any other refusal: trying again changes nothing.
    Fatal,
}

/// A request that failed, in words that are safe to show: never a request or an answer body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Fault {
    /// What to do about it.
    pub(crate) verdict: Verdict,
    /// The service's error code, or ours for what never reached the service.
    pub(crate) code: String,
    /// The service's message, or the chain of causes.
    pub(crate) message: String,
}

impl Fault {
    /// Judges what the SDK returned. An `SdkError`'s `Debug` holds the raw answer, so only its parts are used.
    pub(crate) fn judge<E, R>(error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
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
                // A load balancer's, for instance: it has no error code.
                let status = answer.raw().status_code();
                (by_status(status), format!("HTTP {status}"), "an answer without an error code".to_owned())
            }
            SdkError::ResponseError(_) => malformed(),
            SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
                Some(connector) => without_answer(connector),
                None => (Verdict::Transient, "Connection".to_owned(), "the request could not be sent".to_owned()),
            },
            SdkError::ConstructionFailure(_) => match std::error::Error::source(error) {
                Some(source) => without_answer(source),
                None => (Verdict::Fatal, "Request".to_owned(), "the request could not be built".to_owned()),
            },
            _ => (Verdict::Fatal, "Unknown".to_owned(), "the SDK failed in a way that is new to us".to_owned()),
        };
        Self { verdict, code: one_line(&code), message: one_line(&message) }
    }

    /// An answer without what it must hold.
    pub(crate) fn malformed() -> Self {
        let (verdict, code, message) = malformed();
        Self { verdict, code, message }
    }

    /// The same fault, as one that no further try mends.
    #[must_use]
    pub(crate) fn denied(self) -> Self {
        Self { verdict: Verdict::Denied, ..self }
    }

    /// A fault that no request stands behind.
    pub(crate) fn own(code: &str, message: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fatal, code: code.to_owned(), message: message.into() }
    }
}

fn malformed() -> (Verdict, String, String) {
    (Verdict::Transient, "Response".to_owned(), "the answer was cut or malformed".to_owned())
}

/// The HTTP status of an answer.
pub(crate) trait StatusCode {
    /// For example 400.
    fn status_code(&self) -> u16;
}

impl StatusCode for aws_smithy_runtime_api::http::Response {
    fn status_code(&self) -> u16 {
        self.status().as_u16()
    }
}

/// What failed before there was an answer: the network, or how the process is set up.
fn without_answer(error: &(dyn std::error::Error + 'static)) -> (Verdict, String, String) {
    let reason = chain(error);
    match NETWORK.iter().find(|(sign, ..)| reason.contains(sign)) {
        Some((_, verdict, code, way_out)) => (*verdict, (*code).to_owned(), format!("{reason}; {way_out}")),
        None => (Verdict::Transient, "Connection".to_owned(), reason),
    }
}

/// How the SDK words what goes wrong before there is an answer, and what to do about it: it has no codes for these. The sources
/// are rustls's `Error`, hyper-util's `TunnelError`, the SDK's `apply_endpoint`, and the endpoint rules of ECS and STS.
#[rustfmt::skip]
const NETWORK: &[(&str, Verdict, &str, &str)] = &[
    ("invalid peer certificate",            Verdict::Setup,     "Certificate", CERTIFICATE),
    ("proxy authorization required",        Verdict::Setup,     "Proxy",       "write HTTPS_PROXY as http://USER:PASSWORD@HOST:PORT"),
    // A proxy may refuse for a moment, too.
    ("tunnel error",                        Verdict::Transient, "Proxy",       "see HTTPS_PROXY and NO_PROXY"),
    // Plain HTTP where TLS was spoken to.
    ("InvalidContentType",                  Verdict::Setup,     "Endpoint",    ENDPOINT),
    ("failed to apply endpoint",            Verdict::Setup,     "Endpoint",    ENDPOINT),
    ("Invalid Configuration",               Verdict::Setup,     "Endpoint",    ENDPOINT),
    ("but this partition does not support", Verdict::Setup,     "Endpoint",    ENDPOINT),
];

const CERTIFICATE: &str = "it has to hold for this host and this day, and its CA to be in the file that AWS_CA_BUNDLE names, or \
                           without one among the certificates of this system";
const ENDPOINT: &str = "see AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_ECS and AWS_ENDPOINT_URL_STS, AWS_USE_FIPS_ENDPOINT and \
                        AWS_USE_DUALSTACK_ENDPOINT, and the profile";

/// An error and its causes in one line, each said once.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
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
    // An endpoint that is no address makes the SDK repeat the whole request in its words.
    one_line(text.find(" to request").map_or(text.as_str(), |end| &text[..end]))
}

/// What others say, as part of one line: without control characters, which terminals obey, and not for ever.
pub(crate) fn one_line(text: &str) -> String {
    const LONGEST: usize = 1_000;
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    if line.chars().count() <= LONGEST { line } else { line.chars().take(LONGEST).chain(['…']).collect() }
}

/// The table: what an error code means. An answer without a readable code is judged by its status.
pub(crate) fn verdict(code: &str, status: u16, message: &str) -> Verdict {
    match code {
        "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded"
        | "PriorRequestNotComplete"
        | "SlowDown" => Verdict::Throttled,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch" => Verdict::Credentials,
        "UnrecognizedClientException" | "InvalidClientTokenId" => Verdict::Unrecognized,
        "AccessDeniedException"
        | "AccessDenied"
        | "UnauthorizedOperation"
        | "NotAuthorized"
        | "OptInRequired"
        | "SubscriptionRequiredException"
        | "RegionDisabledException"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException" => Verdict::Denied,
        "ClusterNotFoundException" => Verdict::NoCluster,
        "InvalidParameterException" if message.to_ascii_lowercase().contains("inactive") => Verdict::NoCluster,
        "InvalidParameterException" => Verdict::Invalid,
        "ClientException" => Verdict::Client,
        "ServerException"
        | "InternalFailure"
        | "InternalError"
        | "ServiceUnavailable"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "" => by_status(status),
        _ if status >= 500 => Verdict::Transient,
        _ => Verdict::Fatal,
    }
}

fn by_status(status: u16) -> Verdict {
    if status == 429 { Verdict::Throttled } else { Verdict::Transient }
}

/// How long to wait before try number `tries + 1`: full jitter under a doubling ceiling, and at least `base` after a throttle.
///
/// `random` is in [0, 1).
pub(crate) fn backoff(tries: u32, throttled: bool, base: Duration, cap: Duration, random: f64) -> Duration {
    let ceiling = base.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(cap);
    let floor = if throttled { base.min(cap) } else { Duration::ZERO };
    (floor + ceiling.mul_f64(random)).min(cap)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_verdicts() {
        for (code, status, message, expected) in [
            ("ThrottlingException", 400, "Rate exceeded", Verdict::Throttled),
            ("", 429, "", Verdict::Throttled),
            ("ServerException", 500, "", Verdict::Transient),
            ("", 400, "", Verdict::Transient),
            ("SomethingNew", 503, "", Verdict::Transient),
            ("SomethingNew", 400, "", Verdict::Fatal),
            ("ExpiredTokenException", 400, "", Verdict::Credentials),
            ("UnrecognizedClientException", 400, "", Verdict::Unrecognized),
            ("AccessDeniedException", 400, "", Verdict::Denied),
            ("RegionDisabledException", 403, "", Verdict::Denied),
            ("ClusterNotFoundException", 400, "", Verdict::NoCluster),
            ("InvalidParameterException", 400, "The referenced cluster was inactive.", Verdict::NoCluster),
            ("InvalidParameterException", 400, "Invalid token", Verdict::Invalid),
            ("ClientException", 400, "Unable to describe task definition.", Verdict::Client),
        ] {
            assert_eq!(verdict(code, status, message), expected, "{code} {status} {message}");
        }
    }

    #[test]
    fn what_others_say_is_one_line_and_not_for_ever() {
        assert_eq!(one_line(" a\n\tb \u{1b}[31mc\u{7} "), "a b [31mc");
        assert_eq!(one_line(&"x".repeat(3_000)).chars().count(), 1_001);
    }

    #[test]
    fn waits_grow_to_the_cap_and_a_throttle_has_a_floor() {
        let (base, cap) = (Duration::from_secs(1), Duration::from_secs(20));
        assert_eq!(backoff(1, false, base, cap, 0.0), Duration::ZERO);
        assert_eq!(backoff(1, true, base, cap, 0.0), base);
        assert_eq!(backoff(3, false, base, cap, 0.5), Duration::from_secs(2));
        for tries in 1..50 {
            let longest = backoff(tries, tries % 2 == 0, base, cap, 0.999_999);
            assert!(longest <= cap, "{tries}: {longest:?}");
        }
    }
}
