//! A port that wants TLS, in front of a server without it.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::certificates::Authority;

/// A running port. Its certificate is of an authority of its own. Dropping it ends it.
pub struct TlsPort {
    address: String,
    ca: String,
    _runtime: Runtime,
}

impl TlsPort {
    /// A port in front of `server`. Without a server it closes each connection in its hand-shake.
    pub fn start(server: Option<&str>) -> Self {
        let authority = Authority::new();
        let acceptor = authority.server(&["127.0.0.1", "localhost"], None);
        let server = server.map(str::to_owned);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        // The runtime owns it, and ends with the port.
        drop(runtime.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        drop(connections.spawn(serve(accepted.unwrap().0, acceptor.clone(), server.clone())));
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
        }));
        Self { address, ca: authority.pem, _runtime: runtime }
    }

    /// The certificate of the authority, in PEM.
    pub fn ca(&self) -> &str {
        &self.ca
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// A client that goes away, or that does not trust the certificate, ends its connection, which is no error of the port.
async fn serve(mut client: TcpStream, acceptor: TlsAcceptor, server: Option<String>) {
    let Some(server) = server else {
        let _ = client.read(&mut [0; 64]).await;
        return;
    };
    let Ok(mut client) = acceptor.accept(client).await else { return };
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let _ = copy_bidirectional(&mut client, &mut server).await;
}
