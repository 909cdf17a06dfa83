//! Asks the health server of another process of this program, for images without a shell or curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;

use super::answer::PROGRAM;

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(3);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// `/livez`.
    Live,
    /// `/readyz`.
    Ready,
}

/// An answer that is not the one hoped for.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages show what the fields hold")]
pub enum Health {
    #[error("{address} does not answer: {reason}; see telemetry.listen, and whether the program runs")]
    Silent { address: SocketAddr, reason: String },
    #[error("another program answers at {0}; see telemetry.listen")]
    Foreign(SocketAddr),
    #[error("{found} answers at {address}, not {name}; see name and telemetry.listen")]
    Namesake { address: SocketAddr, found: String, name: String },
    #[error("{0}")]
    No(String),
}

#[derive(Deserialize)]
struct Said {
    program: String,
    name: String,
    reason: Option<String>,
}

/// Asks the server that listens at `address`. With a `name` it has to be of that one.
///
/// # Errors
/// There is no answer of ours, or the answer is no.
pub async fn ask(address: SocketAddr, asked: Asked, name: Option<&str>) -> Result<(), Health> {
    let address = reachable(address);
    let path = if asked == Asked::Live { "livez" } else { "readyz" };
    let silent = |error: reqwest::Error| Health::Silent { address, reason: crate::web::causes(&error) };
    // A proxy would ask another machine's loopback.
    let client = reqwest::Client::builder().no_proxy().timeout(LIMIT).redirect(reqwest::redirect::Policy::none());
    let client = client.build().map_err(silent)?;
    let response = client.get(format!("http://{address}/{path}")).send().await.map_err(silent)?;
    let is_good = response.status().is_success();
    let body = response.bytes().await.map_err(silent)?;
    let Ok(said) = serde_json::from_slice::<Said>(&body) else { return Err(Health::Foreign(address)) };
    if said.program != PROGRAM {
        return Err(Health::Foreign(address));
    }
    if let Some(name) = name.filter(|name| *name != said.name) {
        return Err(Health::Namesake { address, found: said.name, name: name.to_owned() });
    }
    if is_good { Ok(()) } else { Err(Health::No(said.reason.unwrap_or_else(|| "it gives no reason".to_owned()))) }
}

/// Whoever listens on all addresses is asked on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
