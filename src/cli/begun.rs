//! What a signal stops: a sync, or a sidecar.

use std::time::Duration;

use ecs_sdm_producer::report::{Report, StopReason};
use ecs_sdm_producer::service::ServiceHandle;
use ecs_sdm_producer::sync::RunHandle;
use tokio::sync::oneshot;

/// What has begun, and can be stopped.
pub(super) enum Begun {
    Sync(RunHandle),
    Service(ServiceHandle),
}

/// Tells the supervisor what has begun.
pub(super) type Begin = oneshot::Sender<Begun>;

impl Begun {
    /// Stops it. Returns how long it may take to end.
    pub(super) fn stop(&self) -> Duration {
        match self {
            Self::Sync(run) => {
                run.stop(StopReason::Signal);
                run.stop_timeout()
            }
            Self::Service(service) => {
                service.stop();
                service.stop_timeout()
            }
        }
    }

    /// The report of what does not end.
    pub(super) fn abandon(&self) -> Option<Report> {
        match self {
            Self::Sync(run) => Some(run.abandon()),
            Self::Service(service) => service.abandon(),
        }
    }
}
