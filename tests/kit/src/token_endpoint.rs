//! Who hands out tokens: an authorization server of OAuth 2.0 for client credentials (RFC 6749, 4.4), over HTTPS or HTTP.

mod answers;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use serde_json::json;
use tokio_rustls::TlsAcceptor;

pub use answers::{Answers, ExpiresIn, Reply, Signature};

use crate::certificates::Authority;
use crate::http_server::{HttpServer, Serve, locked};

/// Who asks for tokens.
pub const CLIENT_ID: &str = "producer@example.com";
/// The secret of that client. A form would write it otherwise.
pub const CLIENT_SECRET: &str = "oauth canary+%2F=&";

const PATH: &str = "/oauth/token";

/// A running endpoint. Dropping it ends it.
pub struct TokenEndpoint {
    url: String,
    server: HttpServer,
    shared: Arc<Shared>,
}

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The headers.
    pub headers: HeaderMap,
    /// What the body holds, by name.
    pub form: BTreeMap<String, String>,
    /// The status of the answer; none where it is never answered.
    pub status: Option<u16>,
}

struct Shared {
    answers: Mutex<Answers>,
    asked: Mutex<Vec<Asked>>,
    issued: Mutex<Vec<String>>,
}

impl TokenEndpoint {
    /// An endpoint over HTTPS. Its certificate is of an authority of its own.
    pub fn https(answers: Answers) -> Self {
        Self::named(&["127.0.0.1", "localhost"], answers)
    }

    /// The same, with a certificate for another host.
    pub fn misnamed(answers: Answers) -> Self {
        Self::named(&["issuer.example.com"], answers)
    }

    /// An endpoint over HTTP.
    pub fn http(answers: Answers) -> Self {
        Self::start(None, answers)
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The certificate of its authority, in PEM.
    ///
    /// # Panics
    /// It has none.
    pub fn ca(&self) -> &str {
        self.server.ca()
    }

    /// Changes how it answers from now on.
    pub fn answer(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut locked(&self.shared.answers));
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        locked(&self.shared.asked).clone()
    }

    /// The tokens that it has handed out so far.
    pub fn issued(&self) -> Vec<String> {
        locked(&self.shared.issued).clone()
    }

    fn named(names: &[&str], answers: Answers) -> Self {
        let authority = Authority::new();
        Self::start(Some((authority.server(names, None), authority.pem)), answers)
    }

    fn start(tls: Option<(TlsAcceptor, String)>, answers: Answers) -> Self {
        let shared =
            Arc::new(Shared { answers: Mutex::new(answers), asked: Mutex::default(), issued: Mutex::default() });
        let server = HttpServer::start(tls, &shared);
        Self { url: format!("{}{PATH}", server.origin()), server, shared }
    }
}

impl Serve for Shared {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        // A body that breaks off is none.
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let form: BTreeMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
        let answers = locked(&self.answers).clone();
        let answer = match &answers.reply {
            Reply::Hang => None,
            Reply::Status(status, kind, text) => Some((*status, *kind, (*text).to_owned())),
            Reply::Token => Some(self.judge(&answers, &head, &form)),
        };
        let status = answer.as_ref().map(|(status, ..)| *status);
        locked(&self.asked).push(Asked { headers: head.headers, form, status });
        let Some((status, kind, text)) = answer else { return std::future::pending().await };
        Response::builder().status(status).header(CONTENT_TYPE, kind).body(Full::new(text.into())).unwrap()
    }
}

impl Shared {
    fn judge(&self, answers: &Answers, head: &Parts, form: &BTreeMap<String, String>) -> (u16, &'static str, String) {
        match well_asked(head).and_then(|()| answers.granted(form)) {
            Ok((token, answer)) => {
                locked(&self.issued).push(token);
                (200, JSON, answer.to_string())
            }
            Err((status, code, why)) => (status, JSON, json!({"error": code, "error_description": why}).to_string()),
        }
    }
}

const JSON: &str = "application/json";

/// Status, code and reason.
type Refused = (u16, &'static str, &'static str);

/// Everything but what the body says.
fn well_asked(head: &Parts) -> Result<(), Refused> {
    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if head.method != Method::POST || head.uri.path() != PATH {
        return Err((404, "not_found", "this is not the token endpoint"));
    }
    if !text(CONTENT_TYPE).starts_with("application/x-www-form-urlencoded") {
        return Err((400, "invalid_request", "the body is no form"));
    }
    let known = format!("Basic {}", STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}")));
    if text(AUTHORIZATION) != known {
        return Err((401, "invalid_client", "client authentication failed"));
    }
    Ok(())
}
