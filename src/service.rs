//! The sidecar: a sync every interval, what keeps one from its start tried again, and a health server beside it.

mod attempt;
mod board;
pub mod health;
mod obstacle;
mod schedule;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::sleep_until;

use self::attempt::Tried;
use self::board::Board;
use self::obstacle::Obstacle;
use self::schedule::Schedule;
use crate::config::Config;
use crate::contract::rfc3339;
use crate::engine::Engine;
use crate::observe::Observers;
use crate::report::{Outcome, Report, State, StopReason};
use crate::sync::{Follower, RunHandle};

/// How often the scheduler shows that it is alive.
const BEAT: Duration = Duration::from_secs(5);

/// What happens to the reports of syncs that ended.
pub type OnReport = Box<dyn FnMut(Report) + Send>;

/// A sidecar. It ends when it is told to stop.
pub struct Service {
    config: Config,
    region: String,
    is_dry: bool,
    schedule: Schedule,
    /// None until one can be made: a secret's file may not be there yet.
    engine: Option<Engine>,
    /// Whether AWS has ever answered.
    has_reached_aws: bool,
    board: Arc<Board>,
    on_report: OnReport,
    observers: Observers,
    follower: Arc<dyn Follower>,
}

/// What others hold of a service. Clones share it.
#[derive(Clone)]
pub struct ServiceHandle {
    board: Arc<Board>,
    stop_timeout: Duration,
}

impl Service {
    /// A service that syncs every `interval`, beginning now. With `is_dry` it prints records. `follower` is told of its syncs.
    pub fn new(
        config: Config,
        region: String,
        interval: Duration,
        is_dry: bool,
        on_report: OnReport,
        observers: Observers,
        follower: Arc<dyn Follower>,
    ) -> Self {
        let schedule = Schedule::new(interval, Instant::now());
        let board = Arc::new(Board::new(&config.name));
        let (engine, has_reached_aws) = (None, false);
        Self { config, region, is_dry, schedule, engine, has_reached_aws, board, on_report, observers, follower }
    }

    /// A handle by which others stop the service and ask how it is.
    pub fn handle(&self) -> ServiceHandle {
        ServiceHandle { board: Arc::clone(&self.board), stop_timeout: RunHandle::stop_timeout_of(&self.config.limits) }
    }

    /// Runs until it is stopped.
    pub async fn run(mut self) {
        let mut stop = self.board.stops();
        let mut beat = tokio::time::interval(BEAT);
        loop {
            self.show_plan();
            tokio::select! {
                biased;
                _ = stop.wait_for(|stops| *stops) => return,
                () = self.board.asked() => {}
                () = due(self.schedule.next()) => {}
                _ = beat.tick() => {
                    self.board.beat();
                    continue;
                }
            }
            self.sync(&mut stop).await;
        }
    }

    /// Tries to sync, and tells the schedule what came of it.
    async fn sync(&mut self, stop: &mut watch::Receiver<bool>) {
        let start = Instant::now();
        self.schedule.begin(start, fastrand::f64);
        self.board.take_up();
        self.show_plan();
        let (tried, report) = self.attempt(start, stop).await;
        let now = Instant::now();
        match tried {
            Tried::Begun => self.schedule.ended(start, now, fastrand::f64),
            Tried::Obstacle(Obstacle::NotThere) => self.schedule.not_there(now, fastrand::f64),
            Tried::Obstacle(Obstacle::Wrong) => self.schedule.wrong(now, fastrand::f64),
            Tried::Stopped => {}
        }
        let next = self.schedule.next().map(|next| humantime::format_duration(whole_seconds(next - now)).to_string());
        let reason = report.as_ref().and_then(|report| report.stop_reason.as_ref());
        match (&tried, reason) {
            (Tried::Obstacle(Obstacle::NotThere), Some(reason)) => {
                tracing::warn!("no sync can begin yet: {reason}; it is tried again in {}", next.unwrap_or_default());
            }
            (Tried::Obstacle(Obstacle::Wrong), Some(reason)) => {
                tracing::error!("no sync can begin: {reason}; it is tried again in {}", next.unwrap_or_default());
            }
            (Tried::Stopped, _) => tracing::info!("stopped before a sync has begun"),
            (Tried::Begun, Some(StopReason::Closed)) => self.board.stop(),
            _ => self.log(report.as_ref(), next.as_deref()),
        }
        if let Some(report) = &report {
            self.follower.end(report, matches!(tried, Tried::Begun));
        }
        let tells = !matches!(tried, Tried::Obstacle(Obstacle::NotThere));
        self.board.end(report.as_ref().filter(|_| tells));
        if let Some(report) = report.filter(|_| tells) {
            (self.on_report)(report);
        }
    }

    fn show_plan(&self) {
        self.board.plan(self.schedule.next(), self.schedule.skipped());
    }

    fn log(&self, report: Option<&Report>, next: Option<&str>) {
        let Some(report) = report else { return };
        let (sync, outcome) = (rfc3339(report.sync), report.outcome);
        let error = report.error().or_else(|| report.first_incomplete());
        let acknowledged = report.types.iter().map(|one| one.counts.acknowledged).sum::<u64>();
        let (requests, throttled) = (report.calls.attempts, report.calls.throttled);
        let incomplete = report.types.iter().filter(|one| one.state != State::Complete).count();
        let seconds = (report.ended - report.started) as f64 / 1000.0;
        match outcome {
            Outcome::Completed => tracing::info!(%sync, seconds, acknowledged, requests, throttled, next, "COMPLETED"),
            _ => {
                tracing::warn!(%sync, error, incomplete, seconds, acknowledged, requests, throttled, next, "{outcome}");
            }
        }
    }
}

impl ServiceHandle {
    /// Stops the service: what was read is delivered, and no sync begins any more.
    pub fn stop(&self) {
        self.board.stop();
    }

    /// How long the service may take to end after a stop.
    pub fn stop_timeout(&self) -> Duration {
        self.stop_timeout
    }

    /// How many ticks were skipped since the start.
    pub fn skipped(&self) -> u64 {
        self.board.show().skipped
    }

    /// Whether syncs can begin, as `/readyz` says.
    pub fn is_ready(&self) -> bool {
        self.board.readiness().is_ready
    }

    /// Whether scheduler and poll thread are alive, as `/livez` says.
    pub fn is_alive(&self) -> bool {
        self.board.standstill().is_none()
    }

    /// The sync that runs, or is about to.
    pub fn run(&self) -> Option<RunHandle> {
        self.board.run()
    }

    /// The report of a sync that was stopped and does not end, if one is under way.
    pub fn abandon(&self) -> Option<Report> {
        self.board.run().map(|run| run.abandon())
    }
}

/// Waits until then; for ever, if nothing is due.
async fn due(next: Option<Instant>) {
    match next {
        Some(next) => sleep_until(next.into()).await,
        None => std::future::pending().await,
    }
}

fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs() + u64::from(duration.subsec_nanos() > 0))
}
