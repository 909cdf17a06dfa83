//! What systemd is told of a service (sd_notify(3)). Where no systemd asks for it, nothing is sent.

use std::convert::Infallible;
use std::time::Duration;

use ecs_sdm_producer::service::ServiceHandle;
use sd_notify::NotifyState;

/// The program does what it is there for: its settings hold, and its health server listens where it has one.
pub(super) fn ready() {
    notify(&[NotifyState::Ready]);
}

/// It was told to stop.
pub(super) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// What `systemctl status` shows.
pub(super) fn status(text: &str) {
    notify(&[NotifyState::Status(text)]);
}

/// Feeds the watchdog as long as `/livez` would say that the service is alive. It never ends.
pub(super) async fn feed_watchdog(service: &ServiceHandle) -> Infallible {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else {
        return std::future::pending().await;
    };
    // Half of the limit, as sd_watchdog_enabled(3) recommends.
    let mut feeds = tokio::time::interval((limit / 2).max(Duration::from_millis(1)));
    loop {
        feeds.tick().await;
        if service.is_alive() {
            notify(&[NotifyState::Watchdog]);
        }
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd cannot be told");
    }
}
