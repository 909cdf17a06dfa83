//! A corporate proxy: it lets CONNECT through to the hosts it knows and refuses all else. Behind it the simulator stands for
//! AWS, under AWS's own names and a certificate of a private CA.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::certificates::Authority;

/// What was asked of the proxy.
#[derive(Debug, Default)]
pub struct Asked {
    /// Hosts that it let through.
    pub hosts: BTreeSet<String>,
    /// Request lines that it refused.
    pub refused: Vec<String>,
    /// Proxy-Authorization headers.
    pub authorizations: BTreeSet<String>,
}

/// A running proxy; it ends when it is dropped.
pub struct Proxy {
    address: String,
    asked: Arc<Mutex<Asked>>,
    folder: TempDir,
    _connections: JoinSet<()>,
}

impl Proxy {
    /// A proxy that knows `hosts`, all of which are the simulator at `aws` (an address).
    pub async fn start(hosts: &[&str], aws: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let acceptor = acceptor(hosts, &folder.path().join("ca.pem"));
        std::fs::write(folder.path().join("other-ca.pem"), Authority::new().pem).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked: Arc<Mutex<Asked>> = Arc::default();
        let (hosts, aws) = (hosts.iter().map(|host| (*host).to_owned()).collect::<BTreeSet<_>>(), aws.to_owned());
        let mut connections = JoinSet::new();
        let seen = Arc::clone(&asked);
        connections.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (hosts, aws, acceptor) = (hosts.clone(), aws.clone(), acceptor.clone());
                connections.spawn(converse(client, hosts, aws, acceptor, Arc::clone(&seen)));
            }
        });
        Self { address, asked, folder, _connections: connections }
    }

    /// `HOST:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The certificate that AWS's names are signed with here.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// That of somebody else.
    pub fn other_ca(&self) -> PathBuf {
        self.folder.path().join("other-ca.pem")
    }

    /// What was asked since it was last called.
    pub fn asked(&self) -> Asked {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

/// A client or a server that goes away ends its conversation, which is no error of the proxy.
async fn converse(
    mut client: TcpStream,
    hosts: BTreeSet<String>,
    aws: String,
    acceptor: TlsAcceptor,
    asked: Arc<Mutex<Asked>>,
) {
    let head = head(&mut client).await;
    let request = head.first().cloned().unwrap_or_default();
    if request.is_empty() {
        // A client of another test may know the port from a server that had it before.
        return;
    }
    let host = request.strip_prefix("CONNECT ").and_then(|rest| rest.split_once(":443 ")).map(|(host, _)| host);
    let known = host.filter(|host| hosts.contains(*host));
    {
        let mut asked = asked.lock().unwrap();
        match known {
            Some(host) => _ = asked.hosts.insert(host.to_owned()),
            None => asked.refused.push(request.clone()),
        }
        let authorization = head.iter().filter(|line| line.to_lowercase().starts_with("proxy-authorization"));
        asked.authorizations.extend(authorization.cloned());
    }
    if known.is_none() {
        let _ = client.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await;
        return;
    }
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    if let Ok(mut client) = acceptor.accept(client).await {
        let mut server = TcpStream::connect(aws).await.unwrap();
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

/// Request line and headers, byte by byte: what follows is not the proxy's to read.
async fn head(client: &mut TcpStream) -> Vec<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        match client.read_u8().await {
            Ok(byte) => text.push(byte),
            Err(_) => break,
        }
    }
    let mut lines = BufReader::new(text.as_slice()).lines();
    let mut head = Vec::new();
    while let Ok(Some(line)) = lines.next_line().await {
        head.push(line);
    }
    head
}

/// A server under the names of `hosts`, signed by a CA whose certificate is written to `ca`.
fn acceptor(hosts: &[&str], ca: &Path) -> TlsAcceptor {
    let authority = Authority::new();
    // As corporate bundles do, this one has other text and other certificates too.
    std::fs::write(ca, format!("# the company's CA\n{}\n{}", Authority::new().pem, authority.pem)).unwrap();
    authority.server(hosts, None)
}
