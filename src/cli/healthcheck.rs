//! `healthcheck`: asks the health server of a sidecar, for images without a shell.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use ecs_sdm_producer::config::Loaded;
use ecs_sdm_producer::service::health::{Asked, Health, ask};
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::process::CommandRuntime;
use super::{HealthcheckArgs, fail, settings};

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(3);

/// Exits with 0 if the sidecar is there and well, else with 1 and a sentence.
pub(crate) fn healthcheck(args: &HealthcheckArgs) -> ExitCode {
    let loaded = settings::load_only(&args.settings);
    let runtime = match CommandRuntime::new(tokio::runtime::Builder::new_current_thread()) {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    match runtime.block_on(async { timeout(LIMIT, check(args, &loaded)).await }) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => fail(1, error),
        Err(_) => fail(1, "the health server does not answer within 3 s"),
    }
}

async fn check(args: &HealthcheckArgs, loaded: &Loaded) -> Result<(), String> {
    let asked = if args.ready { Asked::Ready } else { Asked::Live };
    let mut silent = "the name has no address".to_owned();
    for address in addresses(args, loaded).await? {
        match ask(address, asked, loaded.name().as_deref()).await {
            // A name may have addresses of both families, and the server one of them.
            Err(error @ Health::Silent { .. }) => silent = error.to_string(),
            answered => return answered.map_err(|error| error.to_string()),
        }
    }
    Err(silent)
}

async fn addresses(args: &HealthcheckArgs, loaded: &Loaded) -> Result<Vec<SocketAddr>, String> {
    let Some(given) = &args.address else {
        return match loaded.listen().map_err(|error| error.to_string())?.address() {
            Some(address) => Ok(vec![address]),
            None => Err("telemetry.listen is none, so that no health server can be asked".to_owned()),
        };
    };
    let found = lookup_host(given).await;
    found.map(Iterator::collect).map_err(|error| format!("--address {given}: {error}; it looks like 127.0.0.1:7464"))
}
