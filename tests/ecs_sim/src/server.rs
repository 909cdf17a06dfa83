//! The listener around the core: HTTP/1.1 on loopback.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::arrival::Arrival;
use crate::counters::Counters;
use crate::exchange::{Shared, serve};
use crate::fault::{Fault, FaultHandle};
use crate::foreign::ForeignUse;
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
        let shared = Arc::new(Shared::start(world));
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

    /// What foreign callers got until now, in the order of [`World::foreign`].
    pub fn foreign(&self) -> Vec<ForeignUse> {
        self.shared.arrivals.foreign(&self.shared.world)
    }

    /// The requests to ECS that arrived so far, in order; none without [`World::record_arrivals`].
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.shared.arrivals.recorded()
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
    // A second handle of the socket, for faults: hyper keeps the stream to itself.
    let Ok(socket) = stream.as_fd().try_clone_to_owned() else {
        return;
    };
    let socket = Arc::new(socket);
    let service = service_fn(move |request| serve(Arc::clone(&shared), Arc::clone(&socket), request));
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    // A peer that goes away is no error of the simulator.
    let _ = connection.await;
}
