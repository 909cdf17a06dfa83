//! Logs of a command: what its flags say of them, where they go, and what was held back of storms.

use std::sync::LazyLock;

use clap::Args;
use ecs_sdm_producer::config::Config;
use ecs_sdm_producer::telemetry::{self, Storms};
use tokio::task::JoinSet;
use tracing_subscriber::util::SubscriberInitExt;

use super::terminal::{self, Lines};

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct LogArgs {
    /// Logs warnings and errors alone, and shows no progress. RUST_LOG rules over it
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Logs what this program does in detail. RUST_LOG rules over it
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
}

/// What is held back of the logs.
static STORMS: LazyLock<Storms> = LazyLock::new(Storms::default);

/// Logs that are written until this is dropped.
pub(super) struct Logs {
    _telling: JoinSet<()>,
}

impl LogArgs {
    /// What is logged, in the words of `RUST_LOG`.
    fn directives(self) -> String {
        let set = std::env::var("RUST_LOG").unwrap_or_default();
        let of_flags = match self {
            Self { quiet: true, .. } => "warn",
            Self { verbose: true, .. } => "info,ecs_sdm_producer=debug",
            _ => "info",
        };
        if set.is_empty() { of_flags.to_owned() } else { set }
    }

    /// Sends logs to standard error from now on. It needs a runtime.
    pub(super) fn start(self, config: &Config) -> Logs {
        let format = config.telemetry.log_format;
        telemetry::subscriber(format, &self.directives(), || Lines, terminal::is_rich(), &STORMS).init();
        let mut telling = JoinSet::new();
        telling.spawn(async { match STORMS.tell().await {} });
        Logs { _telling: telling }
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        tell_storms();
    }
}

/// Tells what was held back and is not told yet.
pub(super) fn tell_storms() {
    STORMS.tell_all();
}
