//! A collector: whoever takes metrics and traces by OTLP over HTTP, in protobuf, and keeps what was sent.

mod received;

use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::read::GzDecoder;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

pub use received::{Attributes, Received, Span};

use crate::certificates::Authority;
use crate::http_server::{HttpServer, Serve, locked};
use crate::wait::wait_until;

/// The only content type of OTLP in protobuf.
const PROTOBUF: &str = "application/x-protobuf";

/// A running collector. Dropping it ends it.
pub struct Collector {
    server: HttpServer,
    shared: Arc<Shared>,
}

/// How a collector answers.
#[derive(Debug, Clone, Copy)]
pub enum Reply {
    /// It takes what was sent.
    Accept,
    /// It takes it after this time.
    Slow(Duration),
    /// It takes all but so many points or spans, as it says. All is kept.
    Reject(i64),
    /// This status and text, and nothing is kept.
    Status(u16, &'static str),
    /// Nothing, ever. What was sent is not kept.
    Hang,
}

/// A request, whatever came of it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The path and the query.
    pub target: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The status of the answer; none where it is never answered.
    pub status: Option<u16>,
}

struct Shared {
    reply: Mutex<Reply>,
    connections: Mutex<usize>,
    asked: Mutex<Vec<Asked>>,
    received: Mutex<Received>,
}

impl Collector {
    /// A collector that takes everything.
    pub fn start() -> Self {
        Self::with(Reply::Accept)
    }

    /// One that answers so.
    pub fn with(reply: Reply) -> Self {
        Self::serve(None, reply)
    }

    /// One over HTTPS, with a certificate of an authority of its own. With `clients` it takes only those who show a certificate of
    /// that authority.
    pub fn https(clients: Option<&Authority>) -> Self {
        let authority = Authority::new();
        Self::serve(Some((authority.server(&["127.0.0.1", "localhost"], clients), authority.pem)), Reply::Accept)
    }

    fn serve(tls: Option<(TlsAcceptor, String)>, reply: Reply) -> Self {
        let shared = Arc::new(Shared {
            reply: Mutex::new(reply),
            connections: Mutex::default(),
            asked: Mutex::default(),
            received: Mutex::default(),
        });
        Self { server: HttpServer::start(tls, &shared), shared }
    }

    /// Where it is, for OTEL_EXPORTER_OTLP_ENDPOINT.
    pub fn url(&self) -> &str {
        self.server.origin()
    }

    /// The certificate of its authority, in PEM.
    ///
    /// # Panics
    /// It has none.
    pub fn ca(&self) -> &str {
        self.server.ca()
    }

    /// Changes how it answers from now on.
    pub fn reply(&self, reply: Reply) {
        *locked(&self.shared.reply) = reply;
    }

    /// How many connections there were so far.
    pub fn connections(&self) -> usize {
        *locked(&self.shared.connections)
    }

    /// The requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        locked(&self.shared.asked).clone()
    }

    /// What it has taken so far.
    pub fn received(&self) -> Received {
        locked(&self.shared.received).clone()
    }

    /// What was told last of a counter, a gauge or the count of a histogram: the sum over its series with these attributes. None
    /// where there is no such series.
    pub fn sum(&self, name: &str, attributes: &[(&str, &str)]) -> Option<f64> {
        locked(&self.shared.received).sum(name, attributes)
    }

    /// The spans of a name.
    pub fn spans(&self, name: &str) -> Vec<Span> {
        locked(&self.shared.received).spans(name)
    }

    /// Waits until what it has taken is so.
    ///
    /// # Panics
    /// It is not so after [`PATIENCE`](crate::wait::PATIENCE).
    pub fn wait_for(&self, what: &str, mut is_so: impl FnMut(&Received) -> bool) {
        wait_until(what, || is_so(&locked(&self.shared.received)));
    }

    /// Waits until there were so many requests.
    ///
    /// # Panics
    /// There were not after [`PATIENCE`](crate::wait::PATIENCE).
    pub fn wait_for_requests(&self, count: usize) {
        wait_until(&format!("{count} requests of OTLP"), || locked(&self.shared.asked).len() >= count);
    }
}

impl Serve for Shared {
    fn connected(&self) {
        *locked(&self.connections) += 1;
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let reply = *locked(&self.reply);
        if let Reply::Slow(time) = reply {
            sleep(time).await; // why: the collector is slow
        }
        let body = body.collect().await.map(http_body_util::Collected::to_bytes);
        let (status, text) = match (reply, body) {
            (Reply::Hang, _) => (None, Vec::new()),
            (Reply::Status(status, text), _) => (Some(status), text.into()),
            (_, Err(why)) => (Some(400), why.to_string().into()),
            (Reply::Accept | Reply::Slow(_) | Reply::Reject(_), Ok(body)) => match self.take(&head, &body) {
                Ok(()) => (Some(200), taken(reply)),
                Err(why) => (Some(400), why.into()),
            },
        };
        let target = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        locked(&self.asked).push(Asked { target, headers: head.headers, status });
        let Some(status) = status else { return std::future::pending().await };
        Response::builder().status(status).header(CONTENT_TYPE, PROTOBUF).body(Full::new(text.into())).unwrap()
    }
}

impl Shared {
    /// Keeps what a request holds. An error is what OTLP does not allow.
    fn take(&self, head: &Parts, body: &[u8]) -> Result<(), String> {
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if head.method != Method::POST || header(CONTENT_TYPE) != PROTOBUF {
            return Err(format!("{} of {:?} is not OTLP in protobuf", head.method, header(CONTENT_TYPE)));
        }
        let mut plain = Vec::new();
        match header(CONTENT_ENCODING) {
            "" => plain.extend_from_slice(body),
            "gzip" => {
                GzDecoder::new(body).read_to_end(&mut plain).map_err(|why| why.to_string())?;
            }
            other => return Err(format!("{other} is not understood")),
        }
        let path = head.uri.path();
        let mut received = locked(&self.received);
        if path.ends_with("/v1/metrics") {
            let request = ExportMetricsServiceRequest::decode(plain.as_slice()).map_err(|why| why.to_string())?;
            received.metrics.push(request);
        } else if path.ends_with("/v1/traces") {
            let request = ExportTraceServiceRequest::decode(plain.as_slice()).map_err(|why| why.to_string())?;
            received.traces.push(request);
        } else {
            return Err(format!("{path} is no path of OTLP"));
        }
        Ok(())
    }
}

/// The answer where a request was taken: an empty message, unless something was rejected. That to traces has the same fields.
fn taken(reply: Reply) -> Vec<u8> {
    let Reply::Reject(rejected_data_points) = reply else { return Vec::new() };
    let partial = ExportMetricsPartialSuccess { rejected_data_points, error_message: "rejected CANARY".to_owned() };
    ExportMetricsServiceResponse { partial_success: Some(partial) }.encode_to_vec()
}
