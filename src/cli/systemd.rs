//! What systemd is told of a service (sd_notify(3)). Where no systemd asks for it, nothing is sent.
//!
//! A thread of its own tells it, since a socket that nobody reads blocks. What finds no place meanwhile is dropped.

use std::convert::Infallible;
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use ecs_sdm_producer::service::ServiceHandle;
use sd_notify::NotifyState;

/// How many messages may wait.
const WAITING: usize = 16;

/// Where messages wait. None if nobody asks for them.
static MESSAGES: LazyLock<Option<SyncSender<Message>>> = LazyLock::new(|| {
    std::env::var_os("NOTIFY_SOCKET")?;
    let (messages, waiting) = sync_channel(WAITING);
    thread::Builder::new().spawn(move || tell_all(&waiting)).ok()?;
    Some(messages)
});

enum Message {
    Ready,
    Alive,
    Status(String),
    Stopping,
}

/// The program does what it is there for: its settings hold, and its health server listens, if it has a free address.
pub(super) fn ready() {
    send(Message::Ready);
}

/// It was told to stop.
pub(super) fn stopping() {
    send(Message::Stopping);
}

/// What `systemctl status` shows.
pub(super) fn status(text: String) {
    send(Message::Status(text));
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
            send(Message::Alive);
        }
    }
}

fn send(message: Message) {
    if let Some(messages) = &*MESSAGES {
        // Whoever does not read misses it.
        let _ = messages.try_send(message);
    }
}

fn tell_all(messages: &Receiver<Message>) {
    for message in messages {
        let state = match &message {
            Message::Ready => NotifyState::Ready,
            Message::Alive => NotifyState::Watchdog,
            Message::Status(text) => NotifyState::Status(text),
            Message::Stopping => NotifyState::Stopping,
        };
        if let Err(error) = sd_notify::notify(&[state]) {
            tracing::debug!(%error, "systemd cannot be told");
        }
    }
}
