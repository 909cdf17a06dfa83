//! A sync that is under way, as others may look at it at any moment.

use std::sync::atomic::Ordering;

use serde::{Serialize, Serializer};

use super::context::SyncContext;
use super::statistics;
use crate::report::{CallCounts, TypeReport};

/// A sync as it is at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// `LAST_CAPTURED` of every record of this sync, milliseconds since the epoch.
    pub sync: i64,
    /// What it does now.
    pub phase: Phase,
    /// The scopes there are to read.
    pub scopes: ScopeCounts,
    /// The types of all scopes that were admitted.
    pub types: Vec<LiveType>,
    /// ECS requests.
    pub calls: CallCounts,
}

/// What a sync does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Its STARTED is not acknowledged yet.
    Starting,
    /// Scopes are read.
    Reading,
    /// All is read, and what is not acknowledged is waited for.
    Delivering,
}

/// The scopes of a sync, each a role in a region.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ScopeCounts {
    /// How many there are.
    pub asked: usize,
    /// How many of them have ended.
    pub ended: usize,
}

/// A type as it is at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveType {
    /// Judged by what is known now.
    pub report: TypeReport,
    /// Whether nothing of it is listed, described or waited for any more.
    pub has_ended: bool,
}

/// As in the report, but that a type under way has no state, no failures and no error yet.
impl Serialize for LiveType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.has_ended { self.report.serialize(serializer) } else { self.report.serialize_under_way(serializer) }
    }
}

/// The scopes and types of a sync as they are now.
pub(super) fn judge(context: &SyncContext) -> (ScopeCounts, Vec<LiveType>) {
    let scopes = context.scopes();
    let ended = scopes.iter().filter(|scope| scope.has_ended()).count();
    let types = statistics::judge_live(scopes);
    let types = types.into_iter().map(|(report, has_ended)| LiveType { report, has_ended }).collect();
    let asked = context.expected.load(Ordering::Relaxed);
    (ScopeCounts { asked, ended }, types)
}
