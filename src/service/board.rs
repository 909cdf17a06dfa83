//! What the scheduler tells and the health server shows, and what the server asks of the scheduler.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::kafka::Producer;
use crate::report::Report;
use crate::sync::RunHandle;

/// What has shown no life for so long stands still.
const STANDSTILL: Duration = Duration::from_secs(30);

/// What is known of the service at this moment.
pub(super) struct Board {
    pub(super) name: String,
    stop: watch::Sender<bool>,
    asks: Notify,
    state: Mutex<State>,
    /// Set once there is one.
    producer: OnceLock<Arc<Producer>>,
}

struct State {
    readiness: Readiness,
    /// Why the last try to begin a sync came to nothing. None once one has begun.
    obstacle: Option<String>,
    /// Why the producer has failed for good. None once a sync has begun with another.
    fatal: Option<String>,
    /// When the scheduler last showed that it is alive.
    beat: Instant,
    next: Option<Instant>,
    skipped: u64,
    /// The sync that runs.
    run: Option<RunHandle>,
    /// A sync was asked for, and has not begun.
    is_asked: bool,
    /// The last sync that ended.
    last: Option<Arc<Report>>,
}

/// Whether syncs can begin, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Readiness {
    pub(super) is_ready: bool,
    pub(super) reason: Option<String>,
}

/// All that is shown of one moment.
pub(super) struct Shown {
    pub(super) readiness: Readiness,
    pub(super) obstacle: Option<String>,
    pub(super) fatal: Option<String>,
    /// The service ends.
    pub(super) is_stopped: bool,
    pub(super) run: Option<RunHandle>,
    pub(super) last: Option<Arc<Report>>,
    pub(super) next: Option<Instant>,
    pub(super) skipped: u64,
}

/// The answer to who asks for a sync.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// One begins now.
    Now,
    /// This one runs.
    Runs(i64),
    /// The service ends.
    Stops,
}

impl Board {
    pub(super) fn new(name: &str) -> Self {
        let readiness = Readiness { is_ready: false, reason: Some("no sync has begun yet".to_owned()) };
        let state = State {
            readiness,
            obstacle: None,
            fatal: None,
            beat: Instant::now(),
            next: None,
            skipped: 0,
            run: None,
            is_asked: false,
            last: None,
        };
        let (stop, state) = (watch::Sender::new(false), Mutex::new(state));
        Self { name: name.to_owned(), stop, asks: Notify::new(), state, producer: OnceLock::new() }
    }

    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(super) fn stops(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// The scheduler is alive.
    pub(super) fn beat(&self) {
        self.state.lock().beat = Instant::now();
    }

    /// What stands still, if something does: the scheduler, or the thread that hears from Kafka.
    pub(super) fn standstill(&self) -> Option<&'static str> {
        if self.state.lock().beat.elapsed() >= STANDSTILL {
            return Some("the scheduler stands still");
        }
        let is_polled = self.producer.get().is_none_or(|producer| producer.is_polled_within(STANDSTILL));
        (!is_polled).then_some("the thread that hears from Kafka stands still")
    }

    /// The producer that is used from now on.
    pub(super) fn watch(&self, producer: &Arc<Producer>) {
        // There is one in a process.
        let _ = self.producer.set(Arc::clone(producer));
    }

    /// When the next sync begins, and how many ticks were skipped.
    pub(super) fn plan(&self, next: Option<Instant>, skipped: u64) {
        let mut state = self.state.lock();
        (state.next, state.skipped) = (next, skipped);
    }

    /// A try begins. It is what was asked for until now.
    pub(super) fn take_up(&self) {
        self.state.lock().is_asked = false;
    }

    /// A sync is tried.
    pub(super) fn begin(&self, run: RunHandle) {
        self.state.lock().run = Some(run);
    }

    /// The sync has ended. Without a report it was none.
    pub(super) fn end(&self, report: Option<&Report>) {
        let mut state = self.state.lock();
        state.run = None;
        if let Some(report) = report {
            state.last = Some(Arc::new(report.clone()));
        }
    }

    /// A sync has begun, which whoever asked for one gets: topics, schema ids and the producer are there.
    pub(super) fn ready(&self) {
        let mut state = self.state.lock();
        (state.readiness, state.is_asked) = (Readiness { is_ready: true, reason: None }, false);
        (state.obstacle, state.fatal) = (None, None);
    }

    /// The producer has failed for good.
    pub(super) fn unready(&self, reason: String) {
        let mut state = self.state.lock();
        state.readiness = Readiness { is_ready: false, reason: Some(reason.clone()) };
        state.fatal = Some(reason);
    }

    /// A sync could not begin. Once ready, that alone changes nothing.
    pub(super) fn not_yet(&self, reason: String) {
        let mut state = self.state.lock();
        if !state.readiness.is_ready {
            state.readiness.reason = Some(reason.clone());
        }
        state.obstacle = Some(reason);
    }

    pub(super) fn readiness(&self) -> Readiness {
        self.state.lock().readiness.clone()
    }

    pub(super) fn run(&self) -> Option<RunHandle> {
        self.state.lock().run.clone()
    }

    pub(super) fn show(&self) -> Shown {
        let is_stopped = *self.stop.borrow();
        let state = self.state.lock();
        Shown {
            readiness: state.readiness.clone(),
            obstacle: state.obstacle.clone(),
            fatal: state.fatal.clone(),
            is_stopped,
            run: state.run.clone(),
            last: state.last.clone(),
            next: state.next,
            skipped: state.skipped,
        }
    }

    /// Asks for a sync now. Asked twice before it begins, it is one.
    pub(super) fn ask(&self) -> Asked {
        if *self.stop.borrow() {
            return Asked::Stops;
        }
        let mut state = self.state.lock();
        if let Some(run) = state.run.as_ref().filter(|run| run.has_begun()) {
            return Asked::Runs(run.sync());
        }
        // If a try under way comes to nothing, another one is made at once.
        state.is_asked = true;
        self.asks.notify_one();
        Asked::Now
    }

    /// Waits until a sync is asked for.
    pub(super) async fn asked(&self) {
        while !self.state.lock().is_asked {
            self.asks.notified().await;
        }
    }
}
