//! One request to the collector, and what is said where it fails.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_http::{Bytes, HttpError, Response};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{StatusCode, Url};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::rejected::rejected;
use super::{Answer, Exports};
use crate::config::{Otlp, OtlpOrigin, Signal};
use crate::foreign::one_line;
use crate::web::{self, Peer, Suspect, Unusable, causes, suspect};

/// The longest answer that is read. One to an export is a few bytes.
const LONGEST_ANSWER: usize = 64 * 1024;

/// How long a request may take that was under way when the end began.
const UNDER_WAY: Duration = Duration::from_secs(1);

/// When requests of the end itself are given up, counted from its beginning.
const LAST: Duration = Duration::from_millis(2_500);

/// The way of one signal.
pub(super) struct Way {
    http: reqwest::Client,
    url: Url,
    /// The same as messages name it.
    address: String,
    headers: HeaderMap,
    timeout: Duration,
    signal: Signal,
    origin: OtlpOrigin,
    exports: Arc<Exports>,
    end: watch::Receiver<Option<Instant>>,
}

/// Why a request was in vain.
enum Fault {
    /// What the collector answered.
    Refused(StatusCode),
    /// It took the request, and not all that was in it.
    Rejected(u64),
    /// Nothing was answered.
    Unreached(reqwest::Error),
    /// Nothing was answered before the process ended.
    GivenUp,
}

impl Way {
    pub(super) async fn new(
        otlp: &Otlp,
        exports: Arc<Exports>,
        end: watch::Receiver<Option<Instant>>,
    ) -> Result<Self, String> {
        let Otlp { signal, origin, timeout, .. } = *otlp;
        let peer = Peer {
            urls: std::slice::from_ref(&otlp.address),
            ca_key: origin.ca,
            ca: otlp.ca.as_deref(),
            identity: otlp.identity.as_ref().map(|(certificate, key)| (certificate.as_str(), key)),
            timeout,
        };
        let unusable = |unusable: Unusable| match unusable {
            Unusable::Setting(part, reason) => {
                let variable = match part {
                    "ca" => origin.ca,
                    "certificate" => origin.certificate,
                    "key" => origin.key,
                    _ => origin.endpoint,
                };
                format!("{variable}: {}; {signal} are not exported", one_line(&reason))
            }
            Unusable::Bundle(diagnostic) => format!("{diagnostic}; {signal} are not exported"),
        };
        let http = web::client(&peer).await.map_err(unusable)?;
        // `config` has judged all of them.
        let unjudged = |what| format!("{}: cannot be used {what}; {signal} are not exported", origin.endpoint);
        let url = otlp.url().parse().map_err(|_| unjudged("as a URL"))?;
        let headers = headers(otlp).ok_or_else(|| unjudged("with its headers"))?;
        let address = otlp.address.clone();
        Ok(Self { http, url, address, headers, timeout, signal, origin, exports, end })
    }

    /// Sends an export. What is wrong is counted and told here: the SDK's own lines are not in the logs.
    pub(super) async fn send(&self, body: Bytes) -> Answer {
        let answer = tokio::select! {
            biased;
            () = self.given_up() => Err(Fault::GivenUp),
            answer = self.exchange(body) => answer.map_err(Fault::Unreached),
        };
        let fault = match answer {
            Ok(answer) if answer.status().is_success() => {
                match rejected(answer.body()) {
                    0 if self.exports.accept(self.signal) => tracing::info!("{} are exported again", self.signal),
                    0 => {}
                    count => self.tell(&Fault::Rejected(count)),
                }
                return Ok(answer);
            }
            Ok(mut answer) => {
                self.tell(&Fault::Refused(answer.status()));
                if self.end.borrow().is_some() {
                    // There is no time for what the collector wants. The pauses of the policy are short.
                    answer.headers_mut().remove(RETRY_AFTER);
                }
                return Ok(answer);
            }
            Err(fault) => fault,
        };
        self.tell(&fault);
        if self.end.borrow().is_none() {
            return Err(HttpError::from("no answer"));
        }
        // An error would be tried again, and there is no time. This status is not ("Failures" of the OTLP specification).
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = StatusCode::REQUEST_TIMEOUT;
        Ok(answer)
    }

    /// Waits until there is no more time for a request that begins now.
    async fn given_up(&self) {
        let mut end = self.end.clone();
        let longest = if end.borrow().is_some() { LAST } else { UNDER_WAY };
        match end.wait_for(Option::is_some).await.map(|began| *began) {
            Ok(Some(began)) => sleep_until(began + longest).await,
            // Nobody can say any more that it ends.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    async fn exchange(&self, body: Bytes) -> Result<Response<Bytes>, reqwest::Error> {
        let request = self.http.post(self.url.clone()).headers(self.headers.clone()).body(body);
        let mut answer = request.send().await?;
        let mut read = Vec::new();
        while let Some(piece) = answer.chunk().await? {
            if read.len() + piece.len() > LONGEST_ANSWER {
                break;
            }
            read.extend_from_slice(&piece);
        }
        let mut response = Response::new(Bytes::from(read));
        *response.status_mut() = answer.status();
        // One says when to come back.
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }

    /// Counts what failed, and tells it if it was not told in the last minute. What the collector says is not shown: it may repeat a
    /// header.
    fn tell(&self, fault: &Fault) {
        if self.exports.fail(self.signal) {
            let (signal, named) = (self.signal, web::named(&self.address));
            let whole = if matches!(fault, Fault::Rejected(_)) { " whole" } else { "" };
            tracing::warn!("{signal} are not exported{whole}: the collector {named} {}", self.reason(fault));
        }
    }

    fn reason(&self, fault: &Fault) -> String {
        let (reason, variable) = match fault {
            Fault::Refused(status) => (format!("answers {status}"), self.behind(*status)),
            Fault::Rejected(count) => {
                let what = if self.signal == Signal::Metrics { "data points" } else { "spans" };
                (format!("rejects {count} {what}, as its own logs may explain"), None)
            }
            Fault::GivenUp => ("does not answer before this process ends".to_owned(), None),
            Fault::Unreached(error) if error.is_timeout() => {
                let within = humantime::format_duration(self.timeout);
                (format!("does not answer within {within}"), Some(self.origin.endpoint))
            }
            Fault::Unreached(error) => {
                let causes = one_line(&causes(error));
                let variable = match suspect(&format!("{}: {causes}", web::named(&self.address))) {
                    Suspect::Identity => self.origin.certificate,
                    Suspect::Authorities => self.origin.ca,
                    Suspect::Scheme | Suspect::Url => self.origin.endpoint,
                    Suspect::Proxy => "NO_PROXY",
                };
                (format!("cannot be reached: {causes}"), Some(variable))
            }
        };
        match variable {
            Some(variable) => format!("{reason}; see {variable}"),
            None => reason,
        }
    }

    /// The variable behind a refusal, if it is one of ours.
    fn behind(&self, status: StatusCode) -> Option<&'static str> {
        match status.as_u16() {
            401 | 403 => Some(self.origin.headers),
            300..=400 | 404 | 405 | 415 => Some(self.origin.endpoint),
            _ => None,
        }
    }
}

/// The headers of each request. Values of users are secrets, also for who logs requests.
fn headers(otlp: &Otlp) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in &otlp.headers {
        let mut value = HeaderValue::try_from(value.read().ok()?.into_bytes()).ok()?;
        value.set_sensitive(true);
        headers.insert(HeaderName::try_from(name).ok()?, value);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    if otlp.is_compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(headers)
}
