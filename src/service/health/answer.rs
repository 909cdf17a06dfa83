//! The answers of the health server.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use serde::Serialize;

use super::request::{Asked, Refused, judge};
use super::{page, status};
use crate::contract::rfc3339;
use crate::service::board::{self, Board, Readiness};

/// By which name this program is told from another that listens at its address.
pub(super) const PROGRAM: &str = env!("CARGO_PKG_NAME");

/// What `/livez` and `/readyz` say.
#[derive(Serialize)]
struct Said<'a> {
    program: &'static str,
    name: &'a str,
    ready: bool,
    reason: Option<String>,
}

/// Why there is no other answer.
#[derive(Serialize)]
struct Error {
    error: &'static str,
}

/// The sync that runs.
#[derive(Serialize)]
struct Runs {
    sync: String,
}

#[derive(Serialize)]
struct Nothing {}

/// The format of Prometheus's text.
const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// An answer.
pub(super) enum Answer {
    Whole(Response<String>),
    /// What [`metrics`] makes of the text, which takes a while.
    Metrics,
}

/// Answers a request. Its body is not read: nothing that is asked for has one.
pub(super) fn answer<B>(request: &Request<B>, board: &Board, is_local: bool) -> Answer {
    Answer::Whole(match judge(request.method(), request.uri().path(), request.headers(), is_local) {
        Ok(Asked::Page) => page(board, !request.uri().query().is_some_and(page::is_still)),
        Ok(Asked::Livez) => livez(board),
        Ok(Asked::Readyz) => {
            let readiness = board.readiness();
            said(board, readiness.is_ready, readiness)
        }
        Ok(Asked::Status) => json(StatusCode::OK, &status::status(board)),
        Ok(Asked::Sync) => match board.ask() {
            board::Asked::Now => json(StatusCode::ACCEPTED, &Nothing {}),
            board::Asked::Runs(sync) => json(StatusCode::CONFLICT, &Runs { sync: rfc3339(sync) }),
            board::Asked::Stops => {
                json(StatusCode::SERVICE_UNAVAILABLE, &Error { error: "the program is being stopped" })
            }
        },
        Ok(Asked::Metrics) => return Answer::Metrics,
        Err(refused) => refusal(refused),
    })
}

/// The metrics, if there are any. None is that something has panicked.
pub(super) fn metrics(text: Option<Option<String>>) -> Response<String> {
    let text = match text {
        Some(Some(text)) => text,
        Some(None) => return json(StatusCode::NOT_FOUND, &Error { error: "OTEL_SDK_DISABLED turns metrics off" }),
        None => return json(StatusCode::INTERNAL_SERVER_ERROR, &Error { error: "the metrics cannot be written" }),
    };
    let mut response = Response::new(text);
    response.headers_mut().insert(CONTENT_TYPE, METRICS);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn page(board: &Board, refreshes: bool) -> Response<String> {
    let mut response = Response::new(page::render(board, refreshes));
    let headers = response.headers_mut();
    for (name, value) in page::HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn livez(board: &Board) -> Response<String> {
    let readiness = board.readiness();
    match board.standstill() {
        None => said(board, true, readiness),
        Some(reason) => said(board, false, Readiness { reason: Some(reason.to_owned()), ..readiness }),
    }
}

fn said(board: &Board, is_well: bool, Readiness { is_ready, reason }: Readiness) -> Response<String> {
    let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &Said { program: PROGRAM, name: &board.name, ready: is_ready, reason })
}

fn refusal(Refused { status, allow }: Refused) -> Response<String> {
    let error = match status {
        StatusCode::MISDIRECTED_REQUEST => "this server answers for localhost, 127.0.0.0/8 and [::1] alone",
        StatusCode::FORBIDDEN => "a page of another origin may not ask for this",
        StatusCode::METHOD_NOT_ALLOWED => "the method is not allowed here",
        _ => "there is nothing here; /, /livez, /readyz, /status, /metrics and /sync are",
    };
    let mut response = json(status, &Error { error });
    if let Some(allow) = allow {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    }
    response
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<String> {
    // Nothing of ours fails to serialize: no map has keys that are no text.
    let body = serde_json::to_string(value).unwrap_or_default() + "\n";
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
