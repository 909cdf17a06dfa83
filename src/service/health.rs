//! The health server: who is alive, who is ready, what runs, a page that shows it, and a sync now. HTTP/1.1, one request a connection.

mod answer;
mod client;
mod page;
mod request;
mod status;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

use self::answer::Answer;
pub use self::client::{Asked, Health, ask};
use super::ServiceHandle;
use super::board::Board;

/// How long a request may take to arrive, and its answer to be taken.
const HALF: Duration = Duration::from_secs(5);

/// Connections at a time.
const MOST: usize = 512;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1_024;

/// The longest head of a request.
const HEAD: usize = 16 * 1_024;

/// How long a default address that is taken is left alone.
const TAKEN: Duration = Duration::from_secs(60);

/// How long to wait where the system has no more sockets.
const NO_SOCKET: Duration = Duration::from_millis(100);

/// A server that has its address.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

/// The connections, the oldest first.
#[derive(Default)]
struct Connections {
    /// Their request has not arrived as a whole.
    arriving: BTreeMap<u64, AbortHandle>,
    /// Their answer has not been taken as a whole.
    answering: BTreeMap<u64, AbortHandle>,
}

impl Connections {
    /// The request of one has arrived.
    fn arrived(&mut self, number: u64) {
        if let Some(handle) = self.arriving.remove(&number) {
            self.answering.insert(number, handle);
        }
    }

    fn ended(&mut self, number: u64) {
        self.arriving.remove(&number);
        self.answering.remove(&number);
    }

    /// Ends the oldest whose request has not arrived or, if there is none, whose answer is not taken.
    fn end_oldest(&mut self) {
        if let Some((_, oldest)) = self.arriving.pop_first().or_else(|| self.answering.pop_first()) {
            oldest.abort();
        }
    }
}

/// Writes what `/metrics` says. None if there are none.
pub type MetricsText = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// What is served.
struct Served {
    board: Arc<Board>,
    metrics: MetricsText,
    /// Metrics are written once at a time. Others who ask for them wait.
    metrics_turn: Arc<Semaphore>,
    /// Whether the server listens on loopback alone.
    is_local: bool,
}

impl Served {
    /// Writes the metrics, on a thread that may be busy for a while.
    async fn metrics(&self) -> Option<Option<String>> {
        let turn = Arc::clone(&self.metrics_turn).acquire_owned().await.ok()?;
        let metrics = Arc::clone(&self.metrics);
        let written = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            metrics()
        });
        written.await.ok()
    }
}

impl Server {
    /// Takes the address.
    ///
    /// # Errors
    /// It is taken, or not ours.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The address, with the port that was chosen where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers for as long as it is polled.
    pub async fn serve(self, service: &ServiceHandle, metrics: &MetricsText) -> Infallible {
        let Self { listener, address } = self;
        let asked = Arc::new(Served {
            board: Arc::clone(&service.board),
            metrics: Arc::clone(metrics),
            metrics_turn: Arc::new(Semaphore::new(1)),
            is_local: address.ip().to_canonical().is_loopback(),
        });
        let places = Arc::new(Semaphore::new(MOST));
        let known = Arc::new(Mutex::new(Connections::default()));
        let mut connections = JoinSet::new();
        let mut number = 0;
        loop {
            let stream = tokio::select! {
                stream = accept(&listener) => stream,
                Some(_) = connections.join_next() => continue,
            };
            let place = place(&places, &known).await;
            number += 1;
            let connection = connection(stream, Arc::clone(&asked), number, Arc::clone(&known), place);
            // It is entered before its task can look for itself.
            let mut known = known.lock();
            known.arriving.insert(number, connections.spawn(connection));
        }
    }
}

/// Serves at the default address, as soon as nobody else has it.
pub async fn serve_when_free(address: SocketAddr, service: &ServiceHandle, metrics: &MetricsText) -> Infallible {
    let mut is_told = false;
    loop {
        match Server::bind(address) {
            Ok(server) => match server.serve(service, metrics).await {},
            Err(error) if !is_told => {
                is_told = true;
                tracing::warn!(
                    "the health server cannot listen on {address}, its default: {error}; it is tried again every minute; set \
                     telemetry.listen to another address, or to none"
                );
            }
            Err(_) => {}
        }
        sleep(TAKEN).await;
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::debug!(%error, "the health server cannot accept a connection");
                sleep(NO_SOCKET).await;
            }
        }
    }
}

/// A place for one more connection. If all are taken, the oldest gives up its own.
async fn place(places: &Arc<Semaphore>, known: &Mutex<Connections>) -> Option<OwnedSemaphorePermit> {
    if places.available_permits() == 0 {
        known.lock().end_oldest();
    }
    // The semaphore is never closed.
    Arc::clone(places).acquire_owned().await.ok()
}

async fn connection(
    stream: TcpStream,
    served: Arc<Served>,
    number: u64,
    known: Arc<Mutex<Connections>>,
    place: Option<OwnedSemaphorePermit>,
) {
    let has_arrived = Notify::new();
    let answer = service_fn(|request| {
        known.lock().arrived(number);
        has_arrived.notify_one();
        let answer = answer::answer(&request, &served.board, served.is_local);
        let served = Arc::clone(&served);
        async move {
            Ok::<_, Infallible>(match answer {
                Answer::Whole(response) => response,
                Answer::Metrics => answer::metrics(served.metrics().await),
            })
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HALF)
        .keep_alive(false)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), answer);
    let too_late = async {
        has_arrived.notified().await;
        sleep(HALF).await;
    };
    tokio::select! {
        () = too_late => {}
        ended = served => {
            if let Err(error) = ended {
                tracing::trace!(%error, "a connection of the health server failed");
            }
        }
    }
    known.lock().ended(number);
    drop(place);
}
