//! An HTTP server of a test: over HTTPS or HTTP, on a port of 127.0.0.1, with a thread of its own.

use std::convert::Infallible;
use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// What a server does.
pub(crate) trait Serve: Send + Sync + 'static {
    /// The answer to a request.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response<Full<Bytes>>> + Send;

    /// A client has connected.
    fn connected(&self) {}
}

/// A server that runs. Dropping it ends it.
pub(crate) struct HttpServer {
    origin: String,
    ca: Option<String>,
    runtime: Option<Runtime>,
}

impl HttpServer {
    /// Starts one. With `tls` it is over HTTPS: how it shakes hands, and the certificate of its authority in PEM.
    pub(crate) fn start(tls: Option<(TlsAcceptor, String)>, serves: &Arc<impl Serve>) -> Self {
        let (acceptor, ca) = tls.unzip();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        // Tests that have a runtime start it too, and so it waits for nothing in its own.
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let origin = format!("{scheme}://{}", listener.local_addr().unwrap());
        // The runtime owns it, and ends with the server.
        drop(runtime.spawn(accept(listener, acceptor, Arc::clone(serves))));
        Self { origin, ca, runtime: Some(runtime) }
    }

    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// The certificate of its authority, in PEM.
    ///
    /// # Panics
    /// It has none.
    pub(crate) fn ca(&self) -> &str {
        self.ca.as_deref().expect("it is over HTTPS")
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        // A plain drop waits, which a test that has a runtime must not.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: StdListener, acceptor: Option<TlsAcceptor>, serves: Arc<impl Serve>) {
    let listener = TcpListener::from_std(listener).unwrap();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                serves.connected();
                drop(connections.spawn(serve(accepted.unwrap().0, acceptor.clone(), Arc::clone(&serves))));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// A client that goes away, or that does not trust the certificate, ends its connection, which is no error of the server.
async fn serve(client: TcpStream, acceptor: Option<TlsAcceptor>, serves: Arc<impl Serve>) {
    match acceptor {
        None => converse(client, serves).await,
        Some(acceptor) => {
            if let Ok(client) = acceptor.accept(client).await {
                converse(client, serves).await;
            }
        }
    }
}

async fn converse(client: impl AsyncRead + AsyncWrite + Unpin, serves: Arc<impl Serve>) {
    let service = service_fn(|request| {
        let serves = Arc::clone(&serves);
        async move { Ok::<_, Infallible>(serves.answer(request).await) }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(client), service).await;
}

/// What a test that panics has left is as good as before.
pub(crate) fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
