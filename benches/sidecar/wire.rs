//! What stands between the program and the broker, and sees when a connection is made, when the broker has given a producer id, and
//! when it acknowledges for the first time.

use std::collections::HashMap;
use std::io::{Read, Result as IoResult, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Instant;

/// Kafka's numbers of the requests that are looked for.
const PRODUCE: i16 = 0;
const INIT_PRODUCER_ID: i16 = 22;

/// What was seen, each for the first time but for the producer id.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    /// A connection came.
    pub(crate) connected: Option<Instant>,
    /// The last answer to InitProducerId before the first record's: a broker may refuse one for a while.
    pub(crate) identified: Option<Instant>,
    /// The first answer to Produce.
    pub(crate) acknowledged: Option<Instant>,
}

/// It stands until the process ends.
pub(crate) struct Wire {
    port: u16,
    server: Arc<OnceLock<String>>,
    seen: Arc<Mutex<Seen>>,
}

/// The requests of one connection that wait for an answer, by their correlation ids: those looked for alone.
type Asked = Mutex<HashMap<[u8; 4], i16>>;

impl Wire {
    /// Its server is told later, for a broker has to know this port first.
    pub(crate) fn start() -> IoResult<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let (server, seen): (Arc<OnceLock<String>>, Arc<Mutex<Seen>>) = Default::default();
        let wire = Self { port, server: Arc::clone(&server), seen: Arc::clone(&seen) };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                lock(&seen).connected.get_or_insert_with(Instant::now);
                let (server, seen) = (Arc::clone(&server), Arc::clone(&seen));
                // A side that goes away ends it, which is no error here.
                thread::spawn(move || connect(&client, server.get()?, &seen).ok());
            }
        });
        Ok(wire)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Says where the server is.
    pub(crate) fn lead_to(&self, server: &str) {
        // It leads to one server.
        let _ = self.server.set(server.to_owned());
    }

    /// What was seen, which is forgotten.
    pub(crate) fn take(&self) -> Seen {
        std::mem::take(&mut lock(&self.seen))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(client: &TcpStream, server: &str, seen: &Arc<Mutex<Seen>>) -> IoResult<()> {
    let server = TcpStream::connect(server)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let asked = Arc::new(Asked::default());
    let (from_client, to_server, requests) = (client.try_clone()?, server.try_clone()?, Arc::clone(&asked));
    thread::spawn(move || {
        // A request begins with its number, its version and its correlation id.
        pump(&from_client, &to_server, |frame| {
            if let [high, low, _, _, a, b, c, d, ..] = *frame
                && let number @ (PRODUCE | INIT_PRODUCER_ID) = i16::from_be_bytes([high, low])
            {
                lock(&requests).insert([a, b, c, d], number);
            }
        })
    });
    // An answer begins with the correlation id.
    pump(&server, client, |frame| {
        let Some(id) = frame.first_chunk() else { return };
        let number = lock(&asked).remove(id);
        let mut seen = lock(seen);
        match number {
            Some(PRODUCE) => _ = seen.acknowledged.get_or_insert_with(Instant::now),
            Some(_) if seen.acknowledged.is_none() => seen.identified = Some(Instant::now()),
            _ => {}
        }
    })
}

/// One way of a connection: frames of their length and so many bytes. What ends it ends the other way too.
fn pump(mut from: &TcpStream, mut to: &TcpStream, mut look: impl FnMut(&[u8])) -> IoResult<()> {
    let mut forward = || -> IoResult<()> {
        let mut frame = Vec::new();
        loop {
            let mut length = [0; 4];
            from.read_exact(&mut length)?;
            frame.clear();
            frame.extend(length);
            from.take(u32::from_be_bytes(length).into()).read_to_end(&mut frame)?;
            look(&frame[4..]);
            to.write_all(&frame)?;
        }
    };
    let ended = forward();
    let _ = to.shutdown(std::net::Shutdown::Both);
    ended
}
