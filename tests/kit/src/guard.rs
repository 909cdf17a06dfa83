//! What stands in front of a schema registry in real life, and what the tests' registry cannot do itself: TLS, client
//! certificates, basic auth and bearer tokens; and trouble on the way, on request.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::certificates::{Authority, Pair};

/// Whom a guard lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Everybody, over plain HTTP.
    Open,
    /// Who shows this value of the Authorization header, over plain HTTP.
    Authorization(&'static str),
    /// Everybody, over TLS.
    Tls,
    /// Who shows a certificate of the authority, over TLS.
    MutualTls,
}

/// What becomes of a request that was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It goes to the registry.
    Through,
    /// It is answered with this status.
    Status(u16),
    /// The connection is closed.
    Closed,
    /// Nothing, for as long as the client waits.
    Silence,
}

#[derive(Default)]
struct State {
    next: VecDeque<Way>,
    then: Option<Way>,
}

/// A running guard; it ends when it is dropped.
pub struct Guard {
    url: String,
    asked: watch::Sender<Vec<String>>,
    state: Arc<Mutex<State>>,
    /// Of the server.
    pub ca: Pem,
    /// Of somebody else.
    pub foreign_ca: Pem,
    /// A client's that [`Door::MutualTls`] opens for.
    pub client: (Pem, Pem),
    /// A client's of somebody else.
    pub foreign_client: (Pem, Pem),
    _folder: TempDir,
    _connections: JoinSet<()>,
}

/// A text in PEM, and the same as a file.
pub struct Pem {
    /// The text.
    pub text: String,
    /// Where it lies as a file.
    pub file: PathBuf,
}

impl Guard {
    /// A guard before the registry at a URL of plain HTTP.
    pub async fn start(registry: &str, door: Door) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pem = |name: &str, text: String| {
            let file = folder.path().join(name);
            std::fs::write(&file, &text).unwrap();
            Pem { text, file }
        };
        let pair = |name: &str, Pair { certificate, key }: Pair| {
            (pem(&format!("{name}.pem"), certificate), pem(&format!("{name}.key"), key))
        };
        let (authority, foreign) = (Authority::new(), Authority::new());
        let acceptor = match door {
            Door::Open | Door::Authorization(_) => None,
            Door::Tls => Some(authority.server(&["127.0.0.1"], None)),
            Door::MutualTls => Some(authority.server(&["127.0.0.1"], Some(&authority))),
        };
        let (address, path) = registry.strip_prefix("http://").and_then(|rest| rest.split_once('/')).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}/{path}", listener.local_addr().unwrap());
        let state: Arc<Mutex<State>> = Arc::default();
        let asked = watch::Sender::default();
        let post = Post {
            registry: address.to_owned(),
            root: format!("/{path}"),
            door,
            asked: asked.clone(),
            state: Arc::clone(&state),
        };
        let mut connections = JoinSet::new();
        connections.spawn(post.stand(listener, acceptor));
        Self {
            url,
            asked,
            state,
            ca: pem("ca.pem", authority.pem.clone()),
            foreign_ca: pem("foreign-ca.pem", foreign.pem.clone()),
            client: pair("client", authority.client()),
            foreign_client: pair("foreign-client", foreign.client()),
            _folder: folder,
            _connections: connections,
        }
    }

    /// The registry's URL as its clients see it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What becomes of the next `times` requests.
    pub fn next(&self, times: usize, way: Way) {
        self.state.lock().unwrap().next.extend(std::iter::repeat_n(way, times));
    }

    /// What becomes of all requests after those.
    pub fn then(&self, way: Way) {
        self.state.lock().unwrap().then = Some(way);
    }

    /// The requests that came since it was last called, such as `POST /subjects/sdm.ecs.EcsTask`; those that the door kept out
    /// too, if they came as far as to ask.
    pub fn asked(&self) -> Vec<String> {
        self.asked.send_replace(Vec::new())
    }

    /// Waits until something was asked.
    pub async fn wait_asked(&self) {
        // The sender lives as long as this guard, so waiting cannot fail.
        let _ = self.asked.subscribe().wait_for(|asked| !asked.is_empty()).await;
    }
}

#[derive(Clone)]
struct Post {
    registry: String,
    root: String,
    door: Door,
    asked: watch::Sender<Vec<String>>,
    state: Arc<Mutex<State>>,
}

impl Post {
    async fn stand(self, listener: TcpListener, acceptor: Option<TlsAcceptor>) {
        let mut connections = JoinSet::new();
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let (post, acceptor) = (self.clone(), acceptor.clone());
            connections.spawn(async move {
                match acceptor {
                    None => post.answer(client).await,
                    Some(acceptor) => match acceptor.accept(client).into_fallible().await {
                        Ok(client) => post.answer(client).await,
                        Err((_, client)) => hang_up(client).await,
                    },
                }
            });
        }
    }

    /// One request a connection, so that each shows on its own what becomes of it.
    async fn answer(self, mut client: impl AsyncRead + AsyncWrite + Unpin) {
        let Some(request) = Request::read(&mut client).await else { return hang_up(client).await };
        self.asked.send_modify(|asked| asked.push(request.name(&self.root)));
        let way = match self.door {
            Door::Authorization(value) if request.header("authorization") != Some(value) => Way::Status(401),
            _ => {
                let mut state = self.state.lock().unwrap();
                state.next.pop_front().or(state.then).unwrap_or(Way::Through)
            }
        };
        let answer = match way {
            Way::Through => self.forward(&request).await,
            Way::Status(status) => refusal(status),
            Way::Closed => Vec::new(),
            Way::Silence => {
                let _ = client.read_to_end(&mut Vec::new()).await;
                return;
            }
        };
        let _ = client.write_all(&answer).await;
        hang_up(client).await;
    }

    async fn forward(&self, request: &Request) -> Vec<u8> {
        let mut answer = Vec::new();
        if let Ok(mut registry) = TcpStream::connect(&self.registry).await {
            // HTTP/1.0 has neither chunks nor a second request on a connection.
            let length = request.body.len();
            let head = format!(
                "{} {} HTTP/1.0\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n",
                request.method, request.target, self.registry
            );
            registry.write_all(&[head.as_bytes(), &request.body].concat()).await.unwrap();
            let _ = registry.read_to_end(&mut answer).await;
        }
        answer
    }
}

struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// None where the client goes away first.
    async fn read(client: &mut (impl AsyncRead + Unpin)) -> Option<Self> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let (method, rest) = lines.next()?.split_once(' ')?;
        let target = rest.split(' ').next()?.to_owned();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        let mut request = Self { method: method.to_owned(), target, headers, body: Vec::new() };
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        request.body.resize(length, 0);
        client.read_exact(&mut request.body).await.ok()?;
        Some(request)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    fn name(&self, root: &str) -> String {
        let path = self.target.split('?').next().unwrap_or_default();
        format!("{} {}", self.method, path.strip_prefix(root).unwrap_or(path))
    }
}

/// As Confluent's registry puts it.
fn refusal(status: u16) -> Vec<u8> {
    let (reason, code) = match status {
        401 => ("Unauthorized", 401),
        404 => ("Subject not found.", 40401),
        408 => ("Request Timeout", 408),
        409 => ("Schema being registered is incompatible with an earlier schema", 409),
        422 => ("Invalid schema", 42201),
        429 => ("Too Many Requests", 429),
        500 => ("Error in the backend data store", 50001),
        503 => ("Service Unavailable", 503),
        other => panic!("no words for {other}"),
    };
    let body = format!(r#"{{"error_code":{code},"message":"{reason}"}}"#);
    let length = body.len();
    format!("HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
        .into_bytes()
}

/// Ends a conversation so that the other side reads the last word: closing with bytes unread would take it back.
async fn hang_up(mut client: impl AsyncRead + AsyncWrite + Unpin) {
    let _ = client.shutdown().await;
    let _ = client.read_to_end(&mut Vec::new()).await;
}
