//! Who hands out tokens: an authorization server of OAuth 2.0 for client credentials (RFC 6749, 4.4), over HTTPS or HTTP.

mod answers;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

pub use answers::{Answers, ExpiresIn, Reply, Signature};

use crate::certificates::Authority;

/// Who asks for tokens.
pub const CLIENT_ID: &str = "producer@example.com";
/// The secret of that client. A form would write it otherwise.
pub const CLIENT_SECRET: &str = "oauth canary+%2F=&";

const PATH: &str = "/oauth/token";

/// A running endpoint. Dropping it ends it.
pub struct TokenEndpoint {
    url: String,
    ca: Option<String>,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
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
        self.ca.as_deref().expect("it is over HTTPS")
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
        let (acceptor, ca) = tls.unzip();
        let shared =
            Arc::new(Shared { answers: Mutex::new(answers), asked: Mutex::default(), issued: Mutex::default() });
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        // Tests that have a runtime start it too, and so it waits for nothing in its own.
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}{PATH}", listener.local_addr().unwrap());
        // The runtime owns it, and ends with the endpoint.
        drop(runtime.spawn(accept(listener, acceptor, Arc::clone(&shared))));
        Self { url, ca, shared, runtime: Some(runtime) }
    }
}

impl Drop for TokenEndpoint {
    fn drop(&mut self) {
        // A plain drop waits, which a test that has a runtime must not.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: StdListener, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let listener = TcpListener::from_std(listener).unwrap();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                drop(connections.spawn(serve(accepted.unwrap().0, acceptor.clone(), Arc::clone(&shared))));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// A client that goes away, or that does not trust the certificate, ends its connection, which is no error of the endpoint.
async fn serve(client: TcpStream, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    match acceptor {
        None => converse(client, shared).await,
        Some(acceptor) => {
            if let Ok(client) = acceptor.accept(client).await {
                converse(client, shared).await;
            }
        }
    }
}

async fn converse(client: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(shared.reply(request).await) }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(client), service).await;
}

impl Shared {
    async fn reply(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
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

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
