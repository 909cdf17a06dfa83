//! Who asks the health server: right requests, foreign ones, slow ones, and clients that break off. 200 at a time.

use std::io::{Error, ErrorKind, Read, Result as IoResult, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Clients at a time. Half of them send the slow requests, so that quick ones are never kept from coming.
pub(crate) const AT_ONCE: u64 = 200;

/// How long a slow request stands still in its middle.
const PAUSE: Duration = Duration::from_secs(1);

/// A client that never goes on is sent away after five seconds; the machine may take some more.
const SENT_AWAY: Duration = Duration::from_secs(8);

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A GET of this path, which is answered with 200.
    Right(&'static str),
    /// The same in two halves, a second apart.
    Slow,
    /// Half a request, and nothing after it. The server hangs up.
    Stalled,
    /// A connection that is closed at once, with or without half a request.
    Gone,
    /// A Host of somebody else's: 421.
    ForeignHost,
    /// A POST from somebody else's page: 403.
    ForeignOrigin,
}

/// What became of all requests.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// Answers with 200 and what is asked for.
    pub(crate) right: u64,
    /// Of them, those to slow requests.
    pub(crate) slow: u64,
    /// Foreign requests that were refused as they have to be.
    pub(crate) refused: u64,
    /// Stalled clients that were sent away.
    pub(crate) sent_away: u64,
    /// Clients that broke off.
    pub(crate) gone: u64,
    /// What was not as it has to be.
    pub(crate) wrong: u64,
    /// The first of them.
    pub(crate) why: Option<String>,
    /// The longest that a quick request took to be answered.
    pub(crate) longest: Duration,
}

impl Kind {
    /// A tenth of all is slow, in halves: those that go on, and those that never do.
    fn slow(number: u64) -> Self {
        if number.is_multiple_of(2) { Self::Slow } else { Self::Stalled }
    }

    /// Of the other nine tenths a ninth breaks off.
    fn quick(number: u64) -> Self {
        match number % 18 {
            0 | 9 => Self::Gone,
            1 => Self::ForeignHost,
            10 => Self::ForeignOrigin,
            other => Self::Right(["/livez", "/readyz", "/status"][usize::try_from(other % 3).unwrap_or_default()]),
        }
    }

    /// Sends it and judges what comes.
    fn send(self, address: &str) -> IoResult<()> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(SENT_AWAY))?;
        let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        match self {
            Self::Right(path) => is_right(path, &converse(&mut stream, &get(path))?),
            Self::Slow => {
                let request = get("/readyz");
                let (half, rest) = request.split_at(request.len() / 2);
                stream.write_all(half.as_bytes())?;
                thread::sleep(PAUSE); // why: this is what a slow client does
                is_right("/readyz", &converse(&mut stream, rest)?)
            }
            Self::Stalled => {
                stream.write_all(b"GET /status HTTP/1.1\r\nHost: loc")?;
                // Whatever it is told before the server hangs up, in whichever way.
                match stream.read_to_end(&mut Vec::new()) {
                    Err(error) if error.kind() != ErrorKind::ConnectionReset => Err(error),
                    _ => Ok(()),
                }
            }
            Self::Gone => {
                stream.write_all(b"GET /sta")?;
                stream.shutdown(Shutdown::Both)
            }
            Self::ForeignHost => {
                let request = "GET /status HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n";
                has_status("421", &converse(&mut stream, request)?)
            }
            Self::ForeignOrigin => {
                let head = format!("POST /sync HTTP/1.1\r\nHost: {address}\r\nOrigin: http://evil.example");
                has_status("403", &converse(&mut stream, &format!("{head}\r\nContent-Length: 0\r\n\r\n"))?)
            }
        }
    }
}

/// Sends a tenth of so many requests as slow ones and the rest as quick ones, and returns when all are through.
pub(crate) fn send(address: &str, requests: u64) -> Answers {
    let (next_slow, next_quick) = (AtomicU64::new(0), AtomicU64::new(0));
    let slow = requests / 10;
    let answers = Mutex::new(Answers::default());
    let work = |next: &AtomicU64, count: u64, kind: fn(u64) -> Kind| {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            let (kind, start) = (kind(number), Instant::now());
            let sent = kind.send(address);
            answers.lock().unwrap_or_else(PoisonError::into_inner).add(kind, start.elapsed(), &sent);
        }
    };
    thread::scope(|scope| {
        for client in 0..AT_ONCE {
            let is_slow = client.is_multiple_of(2);
            let (next_slow, next_quick, work) = (&next_slow, &next_quick, &work);
            scope.spawn(move || match is_slow {
                true => work(next_slow, slow, Kind::slow),
                false => work(next_quick, requests - slow, Kind::quick),
            });
        }
    });
    answers.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl Answers {
    fn add(&mut self, kind: Kind, took: Duration, sent: &IoResult<()>) {
        if let Err(error) = sent {
            self.wrong += 1;
            self.why.get_or_insert_with(|| format!("{kind:?} after {took:.1?}: {error}"));
            return;
        }
        match kind {
            Kind::Right(_) => {
                self.right += 1;
                self.longest = self.longest.max(took);
            }
            Kind::Slow => (self.right, self.slow) = (self.right + 1, self.slow + 1),
            Kind::Stalled => self.sent_away += 1,
            Kind::Gone => self.gone += 1,
            Kind::ForeignHost | Kind::ForeignOrigin => self.refused += 1,
        }
    }
}

/// Sends the rest of a request, and reads to the end of the connection.
fn converse(stream: &mut TcpStream, request: &str) -> IoResult<String> {
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn has_status(status: &str, answer: &str) -> IoResult<()> {
    let is_so = answer.split(' ').nth(1) == Some(status);
    if is_so { Ok(()) } else { Err(Error::other(format!("not {status}: {answer:?}"))) }
}

/// 200 and JSON with what the path has.
fn is_right(path: &str, answer: &str) -> IoResult<()> {
    has_status("200", answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or_else(|| Error::other("no body"))?;
    let said: Value = serde_json::from_str(body)?;
    let is_so = match path {
        // Neither its outcome nor its end is known: the sync runs.
        "/status" => said["phase"].is_string() && said["types"].is_array() && said["ended"].is_null(),
        _ => said["program"] == "ecs-sdm-producer" && said["ready"] == true,
    };
    if is_so { Ok(()) } else { Err(Error::other(format!("{path}: {said}"))) }
}
