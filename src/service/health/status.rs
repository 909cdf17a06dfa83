//! What `/status` says: the report of the sync that runs as far as it is known, or of the last one, and what comes next.

use std::time::{Instant, SystemTime};

use serde::{Serialize, Serializer};

use crate::contract::rfc3339;
use crate::report::{CallCounts, EMIT_ALL, Outcome, PartitionRange, Report, TypeReport, millis_of};
use crate::service::board::{Board, Shown};
use crate::sync::{Live, LiveType, Phase, ScopeCounts};

/// The report's members, and beside them those of the service.
#[derive(Serialize)]
pub(super) struct Status {
    sync: Option<String>,
    name: String,
    emit: &'static str,
    outcome: Option<Outcome>,
    error: Option<String>,
    started: Option<String>,
    ended: Option<String>,
    types: Types,
    calls: Option<CallCounts>,
    partitions: Vec<PartitionRange>,
    phase: Option<Phase>,
    scopes: Option<ScopeCounts>,
    last: Option<Last>,
    next: Option<String>,
    skipped: u64,
}

enum Types {
    Live(Vec<LiveType>),
    Ended(Vec<TypeReport>),
}

impl Serialize for Types {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Live(types) => types.serialize(serializer),
            Self::Ended(types) => types.serialize(serializer),
        }
    }
}

/// The last sync that ended.
#[derive(Serialize)]
struct Last {
    sync: String,
    outcome: Outcome,
    error: Option<String>,
    started: String,
    ended: String,
}

impl Last {
    fn of(report: &Report) -> Self {
        Self {
            sync: rfc3339(report.sync),
            outcome: report.outcome,
            error: report.error(),
            started: rfc3339(report.started),
            ended: rfc3339(report.ended),
        }
    }
}

pub(super) fn status(board: &Board) -> Status {
    let Shown { run, last, next, skipped } = board.show();
    let live = run.map(|run| run.live());
    let phase = live.as_ref().map(|live| live.phase);
    // A sync that has not begun may be none, if something is not there yet.
    let status = match (live.filter(|live| live.phase != Phase::Starting), &last) {
        (Some(live), _) => of_live(board, live),
        (None, Some(report)) => of_report(board, report),
        (None, None) => nothing(board),
    };
    Status { phase, last: last.as_deref().map(Last::of), next: next.map(instant), skipped, ..status }
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
        types: Types::Live(Vec::new()),
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
        sync: Some(rfc3339(sync)),
        started: Some(rfc3339(sync)),
        types: Types::Live(types),
        calls: Some(calls),
        scopes: Some(scopes),
        ..nothing(board)
    }
}

fn of_report(board: &Board, report: &Report) -> Status {
    Status {
        sync: Some(rfc3339(report.sync)),
        outcome: Some(report.outcome),
        error: report.error(),
        started: Some(rfc3339(report.started)),
        ended: Some(rfc3339(report.ended)),
        types: Types::Ended(report.types.clone()),
        calls: Some(report.calls),
        partitions: report.partitions.clone(),
        ..nothing(board)
    }
}

/// When that is by the clock of now, which may be set.
fn instant(next: Instant) -> String {
    let now = Instant::now();
    let time = match next.checked_duration_since(now) {
        Some(left) => SystemTime::now() + left,
        None => SystemTime::now() - now.duration_since(next),
    };
    rfc3339(millis_of(time))
}
