//! A fault proxy: a bad network between a client and a server, as Toxiproxy makes it.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// A piece is forwarded at a time, so none is larger than what a slow link takes some moments for.
const PIECE: usize = 16 << 10;

/// What is wrong with the network. By default nothing is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Toxics {
    /// How late every piece comes, either way.
    pub latency: Duration,
    /// How much passes, either way, on each connection.
    pub bytes_per_second: Option<u32>,
    /// Connections are accepted, and nothing passes. What was sent meanwhile comes late, as after a lost link.
    pub black_hole: bool,
}

/// A proxy for one server. Dropping it ends it.
pub struct FaultProxy {
    port: u16,
    server: Arc<OnceLock<String>>,
    toxics: watch::Sender<Toxics>,
    resets: watch::Sender<u64>,
    _runtime: Runtime,
}

/// What a connection knows.
#[derive(Clone)]
struct Link {
    server: Arc<OnceLock<String>>,
    toxics: watch::Receiver<Toxics>,
    resets: watch::Receiver<u64>,
}

impl FaultProxy {
    /// A proxy without toxics. Its server is told later, for a broker has to know the proxy's port first. Until then it closes every
    /// connection.
    pub fn start() -> Self {
        Self::start_on(0)
    }

    /// The same, on a port that nobody has.
    pub fn start_on(port: u16) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, port))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (toxics, resets) = (watch::Sender::new(Toxics::default()), watch::Sender::new(0));
        let server = Arc::default();
        let link = Link { server: Arc::clone(&server), toxics: toxics.subscribe(), resets: resets.subscribe() };
        // The runtime owns it, and ends with the proxy.
        drop(runtime.spawn(accept(listener, link)));
        Self { port, server, toxics, resets, _runtime: runtime }
    }

    /// The port of 127.0.0.1 that clients are led to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Says where the server is.
    pub fn lead_to(&self, server: &str) {
        self.server.set(server.to_owned()).expect("it leads to one server");
    }

    /// Changes the toxics, of the connections that there are and of new ones.
    pub fn set(&self, toxics: Toxics) {
        self.toxics.send_replace(toxics);
    }

    /// Resets every connection, at both ends, and says how many there were.
    pub fn reset(&self) -> usize {
        // One more listens for new ones. A connection that is reset listens no more.
        let connections = self.resets.receiver_count() - 1;
        self.resets.send_modify(|resets| *resets += 1);
        connections
    }
}

async fn accept(listener: TcpListener, link: Link) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => drop(connections.spawn(forward(accepted.unwrap().0, link.clone()))),
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection. A client or a server that goes away ends it, which is no error of the proxy.
async fn forward(mut client: TcpStream, mut link: Link) {
    link.resets.mark_unchanged();
    let Ok(_) = link.toxics.wait_for(|toxics| !toxics.black_hole).await else { return };
    let Some(server) = link.server.get() else { return };
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    tokio::select! {
        _ = pump(from_client, to_server, link.toxics.clone()) => return,
        _ = pump(from_server, to_client, link.toxics.clone()) => return,
        _ = link.resets.changed() => {}
    }
    // Their drop is a reset then.
    let _ = (client.set_zero_linger(), server.set_zero_linger());
}

/// One way of a connection.
async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut toxics: watch::Receiver<Toxics>) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let count = from.read(&mut piece).await?;
        if count == 0 {
            return Ok(());
        }
        let now = *toxics.wait_for(|toxics| !toxics.black_hole).await.map_err(io::Error::other)?;
        sleep(now.latency).await; // why: this is what a slow network does
        if let Some(bytes_per_second) = now.bytes_per_second {
            let count = u32::try_from(count).map_err(io::Error::other)?;
            sleep(Duration::from_secs(1) * count / bytes_per_second).await; // why: as above
        }
        to.write_all(&piece[..count]).await?;
    }
}
