//! The listener around the core: HTTP/1.1 on loopback, latency, faults, counting.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::call::{Call, Service};
use crate::counters::Counters;
use crate::ecs::{self, Answer};
use crate::fault::{Effect, Fault, FaultHandle, Faults};
use crate::refusal::Refusal;
use crate::seal::{hash, key};
use crate::sts;
use crate::tally::Tally;
use crate::world::World;

/// Threads that answer requests, unless a caller wants more or fewer.
const THREADS: usize = 2;

/// A running simulator: ECS and STS on one endpoint, in a thread of its own. It stops when it is dropped.
#[derive(Debug)]
pub struct Simulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    world: World,
    tally: Mutex<Tally>,
    faults: Faults,
}

impl Simulator {
    /// Starts on a free port of 127.0.0.1 and is ready when this returns.
    pub fn start(world: World) -> io::Result<Simulator> {
        Simulator::start_on(world, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Starts on a given address; port 0 takes a free one.
    pub fn start_on(world: World, address: SocketAddr) -> io::Result<Simulator> {
        Simulator::start_with_threads(world, address, THREADS)
    }

    /// Starts with so many threads that answer requests, one at least.
    pub fn start_with_threads(world: World, address: SocketAddr, threads: usize) -> io::Result<Simulator> {
        let listener = StdListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = Builder::new_multi_thread().worker_threads(threads.max(1)).enable_all().build()?;
        let shared = Arc::new(Shared { world, tally: Mutex::default(), faults: Faults::default() });
        let (stop, stopped) = oneshot::channel();
        let server = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("ecs-sim".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(server, listener) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Simulator { shared, address, stop: Some(stop), thread: Some(thread) })
    }

    /// `http://ADDRESS:PORT`, for ECS and STS alike.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was seen so far; over HTTP the same is `GET /counters`.
    pub fn counters(&self) -> Counters {
        self.shared.counters()
    }

    /// Adds a fault, which stays until its handle releases it.
    pub fn fault(&self, fault: Fault) -> FaultHandle {
        self.shared.faults.add(fault)
    }

    /// What is simulated.
    pub fn world(&self) -> &World {
        &self.shared.world
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.stop.take());
        // A panic of the server thread was already reported where it happened.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

async fn accept(shared: Arc<Shared>, listener: StdListener) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => _ = connections.spawn(converse(Arc::clone(&shared), stream)),
                // Out of file descriptors: some may come back.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
        }
    }
}

async fn converse(shared: Arc<Shared>, stream: TcpStream) {
    // Without it small answers would wait for the peer's acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| serve(Arc::clone(&shared), request));
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    // A peer that goes away is no error of the simulator.
    let _ = connection.await;
}

/// Answers one request; an error closes the connection without an answer.
async fn serve(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    if parts.method == Method::GET && parts.uri.path() == "/counters" {
        let counters = serde_json::to_vec_pretty(&shared.counters())?;
        return response(200, "application/json", counters).map_err(io::Error::other);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let now = u64::try_from(now).unwrap_or(u64::MAX);
    let call = Call::read(&shared.world, &parts, &body, now);
    let number = shared.tally().begin(&call);
    let _in_flight = InFlight { shared: &shared, service: call.service };

    let fault = shared.faults.meet(&call);
    let latency = latency(&shared.world, number);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let answer = match fault {
        Some((Effect::Close, _)) => return Err(io::Error::other("closed by a fault")),
        Some((Effect::Refuse(refusal), _)) => Answer::refused(refusal),
        Some((Effect::Hold, gate)) => {
            gate.released().await;
            answer(&shared.world, &call, now)
        }
        Some((Effect::Cut(bytes), _)) => {
            let cut = |mut body: Vec<u8>| {
                body.truncate(bytes);
                body
            };
            let whole = answer(&shared.world, &call, now);
            Answer { result: whole.result.map(cut), items: 0, missing: 0, ..whole }
        }
        Some((Effect::Replace(body), _)) => Answer::of(Ok(body.into_bytes())),
        None => answer(&shared.world, &call, now),
    };
    shared.tally().answered(&call, &answer);
    written(&call, answer.result, &format!("{number:08x}-ec55-4000-8000-{number:012x}")).map_err(io::Error::other)
}

fn answer(world: &World, call: &Call, now: u64) -> Answer {
    match call.service {
        Service::Ecs => ecs::answer(world, call),
        Service::Sts => sts::answer(world, call, now),
    }
}

fn latency(world: &World, number: u64) -> Duration {
    let (least, most) = (*world.latency.start(), *world.latency.end());
    if least >= most {
        return least;
    }
    let spread = u64::try_from(most.saturating_sub(least).as_nanos()).unwrap_or(u64::MAX);
    least + Duration::from_nanos(hash(key(world.seed, &["latency"]), number) % spread.saturating_add(1).max(1))
}

/// The answer as its service writes it.
fn written(
    call: &Call,
    result: Result<Vec<u8>, Refusal>,
    request_id: &str,
) -> hyper::http::Result<Response<Full<Bytes>>> {
    let (status, code, body) = match (call.service, result) {
        (Service::Ecs, Ok(body)) => (200, None, body),
        (Service::Sts, Ok(body)) => (200, None, sts::document(&call.action, &body, request_id)),
        (Service::Ecs, Err(refusal)) => {
            let body = serde_json::json!({"__type": refusal.code, "message": refusal.message});
            (refusal.status, Some(refusal.code), body.to_string().into_bytes())
        }
        (Service::Sts, Err(refusal)) => (refusal.status, None, sts::error_document(&refusal, request_id)),
    };
    let content_type = if call.service == Service::Ecs { "application/x-amz-json-1.1" } else { "text/xml" };
    let mut response = response(status, content_type, body)?;
    response.headers_mut().insert("x-amzn-requestid", request_id.try_into()?);
    if let Some(code) = code {
        response.headers_mut().insert("x-amzn-errortype", code.try_into()?);
    }
    Ok(response)
}

fn response(status: u16, content_type: &str, body: Vec<u8>) -> hyper::http::Result<Response<Full<Bytes>>> {
    Response::builder().status(status).header("content-type", content_type).body(Full::new(Bytes::from(body)))
}

impl Shared {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counters(&self) -> Counters {
        // Only the copy is made under the lock: requests do not wait for the names.
        let tally = self.tally().clone();
        tally.counters()
    }
}

/// Counts a request as in flight for as long as it lives, whatever way it ends.
struct InFlight<'a> {
    shared: &'a Shared,
    service: Service,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.shared.tally().end(self.service);
    }
}
