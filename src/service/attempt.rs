//! One try to sync: what it needs is made, the sync runs, and the board shows it meanwhile.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::obstacle::Obstacle;
use super::{BEAT, Service, due};
use crate::engine::Engine;
use crate::kafka::{self, Producer};
use crate::report::{Report, StopReason};
use crate::sync::{Needs, RunHandle, Sink, StartError};

/// What came of a try to sync.
pub(super) enum Tried {
    /// The sync began to read.
    Begun,
    /// It could not begin.
    Obstacle(Obstacle),
    /// It was stopped before it began.
    Stopped,
}

impl Service {
    /// Tries to sync. `start` is when it was due.
    pub(super) async fn attempt(
        &mut self,
        start: Instant,
        stop: &mut watch::Receiver<bool>,
    ) -> (Tried, Option<Report>) {
        let made = tokio::select! {
            biased;
            _ = stop.wait_for(|stops| *stops) => return (Tried::Stopped, None),
            made = self.make_engine() => made,
        };
        if let Err(error) = made {
            let obstacle = Obstacle::of(&error);
            let report = Report::not_begun(Some(self.config.name.clone()), StopReason::failure(error));
            self.refuse(&report);
            return (Tried::Obstacle(obstacle), Some(report));
        }
        let Some(mut engine) = self.engine.take() else { return (Tried::Stopped, None) };
        let (tried, report) = self.run_once(&mut engine, start, stop).await;
        self.engine = Some(engine);
        if matches!(tried, Tried::Obstacle(_)) {
            self.refuse(&report);
        }
        (tried, Some(report))
    }

    async fn run_once(
        &mut self,
        engine: &mut Engine,
        start: Instant,
        stop: &mut watch::Receiver<bool>,
    ) -> (Tried, Report) {
        let producer = engine.producer();
        let sink = if self.is_dry { Sink::Print(Box::new(io::stdout())) } else { Sink::Kafka };
        let needs = if self.has_reached_aws { Needs::Credentials } else { Needs::Aws };
        let run = engine.start(sink).with(needs);
        let handle = run.handle();
        self.board.begin(handle.clone());
        self.follower.begin(&handle);
        let report = self.see_through(run.finish(), &handle, producer.as_ref(), start, stop).await;
        self.has_reached_aws |= handle.has_begun();
        let tried = match &report.stop_reason {
            _ if handle.has_begun() => Tried::Begun,
            Some(StopReason::Failure(error)) => Tried::Obstacle(Obstacle::of_failure(&**error)),
            Some(StopReason::Signal) => Tried::Stopped,
            // The time-out of a sync was too short for its start.
            Some(StopReason::Timeout | StopReason::Closed) | None => Tried::Obstacle(Obstacle::NotThere),
        };
        // Before a sync began, silence is what is not there yet.
        let fatal = producer.and_then(|producer| producer.fatal());
        if let Some(reason) = fatal.filter(|reason| handle.has_begun() || !reason.is_silence) {
            self.board.unready(reason.to_string());
        }
        (tried, report)
    }

    /// Waits for the end of a run, and shows what becomes of it.
    async fn see_through(
        &mut self,
        run: impl Future<Output = Report>,
        handle: &RunHandle,
        producer: Option<&Arc<Producer>>,
        start: Instant,
        stop: &mut watch::Receiver<bool>,
    ) -> Report {
        let mut run = pin!(run);
        let mut beat = tokio::time::interval(BEAT);
        let (mut has_begun, mut is_stopped, mut is_fatal) = (false, false, false);
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stops| *stops), if !is_stopped => {
                    is_stopped = true;
                    handle.stop(StopReason::Signal);
                }
                () = handle.begun(), if !has_begun => {
                    has_begun = true;
                    self.schedule.began(start, fastrand::f64);
                    self.show_plan();
                    self.board.ready();
                }
                reason = fatal(producer), if has_begun && !is_fatal => {
                    is_fatal = true;
                    self.board.unready(reason);
                }
                // A tick that is due while a sync runs is skipped.
                () = due(self.schedule.next()), if has_begun => {
                    self.schedule.skip(Instant::now(), fastrand::f64);
                    self.show_plan();
                }
                _ = beat.tick() => self.board.beat(),
                report = &mut run => return report,
            }
        }
    }

    /// Nothing has begun, and this is why.
    fn refuse(&self, report: &Report) {
        if let Some(reason) = &report.stop_reason {
            self.board.not_yet(reason.to_string());
        }
    }

    async fn make_engine(&mut self) -> Result<(), StartError> {
        if self.engine.is_some() {
            return Ok(());
        }
        let (config, region) = (self.config.clone(), self.region.clone());
        if self.is_dry {
            self.engine = Some(Engine::dry_observed(config, region, &self.observers));
            return Ok(());
        }
        // A secret's file may be a pipe that nobody writes.
        let observers = self.observers.clone();
        let mut making = tokio::task::spawn_blocking(move || Engine::observed(config, region, &observers));
        let mut beat = tokio::time::interval(BEAT);
        let made = loop {
            tokio::select! {
                made = &mut making => break made.map_err(|_| kafka::Error::Cancelled)??,
                _ = beat.tick() => self.board.beat(),
            }
        };
        made.producer().iter().for_each(|producer| self.board.watch(producer));
        self.engine = Some(made);
        Ok(())
    }
}

/// Waits until Kafka is gone for good.
async fn fatal(producer: Option<&Arc<Producer>>) -> String {
    match producer {
        Some(producer) => producer.failed().await.to_string(),
        None => std::future::pending().await,
    }
}
