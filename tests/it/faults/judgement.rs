//! What may be said of a cell: pure, over the simulator's truth, the reports, and what a plain consumer read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ecs_sdm_producer::report::State;
use ecs_sdm_producer::report::{Counts, Outcome, Report, StopReason, TypeReport};
use kit::topic::Landed;

/// By object: `ce_id` without its instant, of everything there is.
pub(super) type Truth = BTreeMap<&'static str, BTreeSet<String>>;

/// By object: the name of its topic, and all that is on it.
pub(super) type Topics = BTreeMap<&'static str, (String, Vec<Landed>)>;

/// What a cell allows.
#[derive(Debug, Clone, Default)]
pub(super) struct Allowed {
    /// How its syncs end, in their order.
    pub(super) outcomes: Vec<Outcome>,
    /// Records that came twice: where the producer was rebuilt, or a time-out left their fate open.
    pub(super) duplicates: bool,
    /// Objects whose records were lost by what the cell did, and not by the product: their topic was deleted, or the mock cluster lied.
    pub(super) lost: Vec<&'static str>,
}

/// What came of a cell.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) acknowledged: u64,
    /// Acknowledged, or of a complete type, and not on the topic.
    pub(super) lost: u64,
    pub(super) duplicates: u64,
    /// Described and counted as never acknowledged.
    pub(super) failed: u64,
    /// What must not be. Empty where all is well.
    pub(super) complaints: Vec<String>,
}

/// Judges the syncs of one account, one after the other on the same topics. `events` is the sync topic.
pub(super) fn judge(
    truth: &Truth,
    reports: &[Report],
    topics: &Topics,
    events: &[Landed],
    allowed: &Allowed,
) -> Judgement {
    let mut judgement =
        Judgement { outcomes: reports.iter().map(|report| report.outcome).collect(), ..Judgement::default() };
    if judgement.outcomes != allowed.outcomes {
        let cuts: Vec<String> =
            reports.iter().filter_map(|report| report.stop_reason.as_ref().map(StopReason::to_string)).collect();
        judgement.complain(format!("ended {:?}, not {:?} {cuts:?}", judgement.outcomes, allowed.outcomes));
    }
    for (object, (_, landed)) in topics {
        judgement.order(object, landed);
    }
    for report in reports {
        judgement.events(report, events);
        for one in &report.types {
            judgement.counts(one, report.stop_reason.as_ref());
            judgement.records(one, &truth[one.object], report, &topics[one.object], allowed);
        }
    }
    if judgement.duplicates > 0 && !allowed.duplicates {
        judgement.complain(format!("{} records came twice", judgement.duplicates));
    }
    judgement
}

impl Judgement {
    fn complain(&mut self, complaint: String) {
        self.complaints.push(complaint);
    }

    /// A reader that keeps the last record of a key never goes back in time.
    fn order(&mut self, object: &str, landed: &[Landed]) {
        let mut records: Vec<&Landed> = landed.iter().collect();
        records.sort_by_key(|record| (record.partition, record.offset));
        let mut last: BTreeMap<&str, (i32, i64)> = BTreeMap::new();
        for Landed { key, partition, timestamp, offset, .. } in records {
            let before = last.insert(key, (*partition, *timestamp));
            if before.is_some_and(|before| before.0 != *partition || before.1 > *timestamp) {
                self.complain(format!("{object}: {key} goes back at {partition}@{offset}"));
            }
        }
    }

    /// A sync that had begun is on the sync topic, with its end unless it failed: then there may be nobody to tell.
    fn events(&mut self, report: &Report, events: &[Landed]) {
        let outcome = report.outcome.to_string();
        let words =
            if report.outcome == Outcome::Failed { vec!["STARTED"] } else { vec!["STARTED", "SCOPE", &outcome] };
        for word in words {
            let is = |event: &&Landed| event.headers["ce_id"].contains(&format!(",{word}@"));
            if !events.iter().filter(|event| event.timestamp == report.sync).any(|event| is(&event)) {
                self.complain(format!("{word} is not on the sync topic"));
            }
        }
    }

    /// What is not acknowledged is counted, and nothing that misses a record is called complete.
    fn counts(&mut self, one: &TypeReport, cut: Option<&StopReason>) {
        let TypeReport { object, state, counts: Counts { described, acknowledged, failed, .. }, .. } = *one;
        self.acknowledged += acknowledged;
        self.failed += failed;
        if described != acknowledged + failed {
            self.complain(format!("{object}: {described} described, {acknowledged} acknowledged, {failed} failed"));
        }
        // A sync that was cut short may have read some types to their end before.
        let well = if state == State::Complete { failed == 0 } else { failed > 0 || cut.is_some() };
        if !well {
            self.complain(format!("{object}: {state:?} with {failed} failed and {cut:?}"));
        }
        if (state == State::Complete) == one.error.is_some() {
            self.complain(format!("{object}: {state:?} with the reason {:?}", one.error));
        }
    }

    /// What is acknowledged is on the topic, and all of a complete type, where the report says.
    fn records(
        &mut self,
        one: &TypeReport,
        truth: &BTreeSet<String>,
        report: &Report,
        (topic, landed): &(String, Vec<Landed>),
        allowed: &Allowed,
    ) {
        let mut found: BTreeMap<&str, Vec<&Landed>> = BTreeMap::new();
        for record in landed.iter().filter(|record| record.timestamp == report.sync) {
            let id = record.headers["ce_id"].rsplit_once('@').map_or("", |(id, _)| id);
            found.entry(id).or_default().push(record);
        }
        let TypeReport { object, state, counts: Counts { acknowledged, .. }, .. } = *one;
        for (id, copies) in &found {
            self.duplicates += copies.len() as u64 - 1;
            if !truth.contains(*id) {
                self.complain(format!("{object}: {id} is not in the account"));
            }
            if copies.iter().any(|copy| copy.value != copies[0].value) {
                self.complain(format!("{object}: {id} came twice, and differs"));
            }
            if state == State::Complete && !copies.iter().any(|copy| in_range(report, topic, copy)) {
                self.complain(format!("{object}: {id} is outside of the ranges of the report"));
            }
        }
        let expected = if state == State::Complete { truth.len() as u64 } else { acknowledged };
        let lost = expected.saturating_sub(found.len() as u64);
        if lost > 0 && !allowed.lost.contains(&object) {
            self.lost += lost;
            self.complain(format!("{object}: {lost} of {expected} are not on the topic"));
        }
        if state == State::Complete && acknowledged != expected {
            self.complain(format!("{object}: complete, with {acknowledged} of {expected}"));
        }
    }
}

/// A sync that failed has no ranges: none are better than wrong ones.
fn in_range(report: &Report, topic: &str, record: &Landed) -> bool {
    let mut ranges =
        report.partitions.iter().filter(|range| range.topic == topic && range.partition == record.partition);
    let here = ranges.any(|range| (range.low..range.high).contains(&record.offset));
    here || (report.outcome == Outcome::Failed && report.partitions.is_empty())
}

impl fmt::Display for Judgement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, lost, duplicates, failed, .. } = self;
        write!(formatter, "{acknowledged:>5} acknowledged {lost:>2} lost {duplicates:>4} twice {failed:>4} failed")
    }
}

#[cfg(test)]
mod tests;
