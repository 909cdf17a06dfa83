//! What `/status` says: the report of the sync that runs as far as it is known, or of the last one, and what comes next.

use std::time::{Instant, SystemTime};

use serde::{Serialize, Serializer};

use crate::contract::rfc3339;
use crate::report::{CallCounts, EMIT_ALL, Outcome, PartitionRange, Report, TypeReport, millis_of};
use crate::service::board::{Board, Shown};
use crate::sync::{Live, LiveType, Phase, RunHandle, ScopeCounts};

/// The report's members, and beside them those of the service.
#[derive(Serialize)]
pub(super) struct Status {
    pub(super) sync: Option<At>,
    pub(super) name: String,
    emit: &'static str,
    outcome: Option<Outcome>,
    error: Option<String>,
    started: Option<At>,
    ended: Option<At>,
    pub(super) types: Vec<LiveType>,
    pub(super) calls: Option<CallCounts>,
    partitions: Vec<PartitionRange>,
    pub(super) phase: Option<Phase>,
    pub(super) scopes: Option<ScopeCounts>,
    pub(super) last: Option<Last>,
    pub(super) next: Option<At>,
    pub(super) skipped: u64,
}

/// A point in time, in milliseconds since the epoch. Others see it as RFC 3339.
#[derive(Clone, Copy)]
pub(super) struct At(pub(super) i64);

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&rfc3339(self.0))
    }
}

/// The last sync that ended.
#[derive(Serialize)]
pub(super) struct Last {
    pub(super) sync: At,
    pub(super) outcome: Outcome,
    pub(super) error: Option<String>,
    pub(super) started: At,
    pub(super) ended: At,
}

impl Last {
    fn of(report: &Report) -> Self {
        Self {
            sync: At(report.sync),
            outcome: report.outcome,
            error: report.error(),
            started: At(report.started),
            ended: At(report.ended),
        }
    }
}

pub(super) fn status(board: &Board) -> Status {
    status_of(board, &board.show())
}

/// The same of what was seen at one moment.
pub(super) fn status_of(board: &Board, shown: &Shown) -> Status {
    let Shown { run, last, next, skipped, .. } = shown;
    let live = run.as_ref().map(RunHandle::live);
    let phase = live.as_ref().map(|live| live.phase);
    // A sync that has not begun may be none, if something is not there yet.
    let status = match (live.filter(|live| live.phase != Phase::Starting), last) {
        (Some(live), _) => of_live(board, live),
        (None, Some(report)) => of_report(board, report),
        (None, None) => nothing(board),
    };
    Status { phase, last: last.as_deref().map(Last::of), next: next.map(instant), skipped: *skipped, ..status }
}

fn nothing(board: &Board) -> Status {
    Status {
        sync: None,
        name: board.name.clone(),
        emit: EMIT_ALL,
        outcome: None,
        error: None,
        started: None,
        ended: None,
        types: Vec::new(),
        calls: None,
        partitions: Vec::new(),
        phase: None,
        scopes: None,
        last: None,
        next: None,
        skipped: 0,
    }
}

fn of_live(board: &Board, live: Live) -> Status {
    let Live { sync, scopes, types, calls, .. } = live;
    Status {
        sync: Some(At(sync)),
        started: Some(At(sync)),
        types,
        calls: Some(calls),
        scopes: Some(scopes),
        ..nothing(board)
    }
}

fn of_report(board: &Board, report: &Report) -> Status {
    let ended = |report: &TypeReport| LiveType { report: report.clone(), has_ended: true };
    Status {
        sync: Some(At(report.sync)),
        outcome: Some(report.outcome),
        error: report.error(),
        started: Some(At(report.started)),
        ended: Some(At(report.ended)),
        types: report.types.iter().map(ended).collect(),
        calls: Some(report.calls),
        partitions: report.partitions.clone(),
        ..nothing(board)
    }
}

/// When that is by the clock of now, which may be set.
fn instant(next: Instant) -> At {
    let now = Instant::now();
    let time = match next.checked_duration_since(now) {
        Some(left) => SystemTime::now() + left,
        None => SystemTime::now() - now.duration_since(next),
    };
    At(millis_of(time))
}
