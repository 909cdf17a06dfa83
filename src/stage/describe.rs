//! From pages to objects: packs batches, sends Describe requests, and accounts for every ARN that was asked.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Once};

use tokio::sync::mpsc::{Receiver, Sender};
use tokio::task::JoinSet;
use tracing::Instrument;

use super::{HangUp, RowContext, issue, join_below};
use crate::aws::{BufferPermit, Fault, Verdict};
use crate::contract::Parent;
use crate::ecs::{Described, Failure, Object, Page};
use crate::report::{Counters, Issue};

/// The objects of one Describe answer, with their buffer permit.
#[derive(Debug)]
pub(crate) struct Batch<O> {
    pub(crate) objects: Vec<O>,
    /// Kept until the last record is with the sink.
    pub(crate) permit: BufferPermit,
}

/// Describes what is listed. A batch may hold ARNs of several pages, but only of one parent.
pub(crate) async fn describe<O: Object>(
    row: Arc<RowContext>,
    mut pages: Receiver<Page>,
    objects: Sender<Batch<O>>,
) -> Result<(), HangUp> {
    let size = batch_size::<O>(&row);
    let mut waiting: HashMap<Parent, Vec<String>> = HashMap::new();
    let mut calls = JoinSet::new();
    while let Some(Page { parent, arns, last }) = pages.recv().await {
        let arrived = waiting.entry(parent.clone()).or_default();
        arrived.extend(arns);
        while arrived.len() >= size || (last && !arrived.is_empty()) {
            if O::BATCH == 1 && row.statistics.is_hopeless() {
                // DescribeTaskDefinition is allowed for all task definitions or for none, because IAM has no resource for it.
                // Thousands of denied requests would only use up the rate limit. The list goes on to its end.
                arrived.clear();
                break;
            }
            let batch = arrived.drain(..size.min(arrived.len())).collect();
            join_below(&row, &mut calls, row.parallel).await?;
            let row = Arc::clone(&row);
            let parent = parent.clone();
            let objects = objects.clone();
            calls.spawn(async move { ask::<O>(&row, &parent, batch, &objects).await }.in_current_span());
        }
        if last {
            waiting.remove(&parent);
        }
    }
    join_below(&row, &mut calls, 1).await
}

/// How many ARNs one Describe request takes.
pub(super) fn batch_size<O: Object>(row: &RowContext) -> usize {
    O::BATCH.min(usize::try_from(row.scope.ecs.page_size).unwrap_or(1)).max(1)
}

/// Describes one batch, and asks a second time for ARNs that the answer leaves out.
async fn ask<O: Object>(
    row: &RowContext,
    parent: &Parent,
    mut arns: Vec<String>,
    objects: &Sender<Batch<O>>,
) -> Result<(), HangUp> {
    let statistics = &row.statistics;
    let action = O::ACTIONS.describe;
    let count = arns.len();
    let asked = Once::new();
    for retried in [false, true] {
        if objects.is_closed() {
            return Err(HangUp);
        }
        let request = || {
            // This runs once the request has a buffer permit. What still waits for one when reading stops was never asked.
            asked.call_once(|| Counters::add(&statistics.counters.asked, count));
            O::describe(&row.scope.ecs, parent, arns.clone())
        };
        let (answer, permit) = match row.caller.describe(row.request_context(action, O::CATEGORY), request).await {
            Ok(answered) => answered,
            Err(fault) => {
                // Without credentials the request was never sent.
                let unanswered = if asked.is_completed() { arns.len() } else { 0 };
                give_up(row, action, parent, unanswered, &fault);
                return Ok(());
            }
        };
        let reconciled = reconcile(&arns, answer);
        statistics.answer();
        Counters::add(&statistics.counters.described, reconciled.objects.len() + reconciled.nameless);
        Counters::add(&statistics.counters.gone, reconciled.gone);
        if reconciled.unnamed {
            statistics.issue(parent, format!("{action}: an object without an ARN"));
        }
        if reconciled.unrequested > 0 {
            tracing::warn!(action, count = reconciled.unrequested, "objects that were not asked for are left out");
        }
        if !reconciled.objects.is_empty() {
            // The channel has as many places as there are buffer permits, so this need not wait: an abort loses no answer.
            objects.try_send(Batch { objects: reconciled.objects, permit }).map_err(|_| HangUp)?;
        }
        if reconciled.unanswered.is_empty() {
            return Ok(());
        }
        if retried {
            for (arn, reason) in &reconciled.unanswered {
                tracing::warn!(action, arn, reason, "an object stays unanswered");
            }
            let (arn, reason) = &reconciled.unanswered[0];
            let error = format!("{action}: {arn}: {reason}").into();
            statistics.unanswered(reconciled.unanswered.len(), Issue { denied: false, parent: parent.clone(), error });
            return Ok(());
        }
        arns = reconciled.unanswered.into_iter().map(|(arn, _)| arn).collect();
    }
    Ok(())
}

/// Accounts for a request that failed for good: its ARNs are gone with their cluster, or stay unanswered.
fn give_up(row: &RowContext, action: &'static str, parent: &Parent, arns: usize, fault: &Fault) {
    if fault.verdict == Verdict::NoCluster && parent.is_some() {
        tracing::debug!(action, cluster = parent.as_deref(), %fault, "the cluster no longer exists");
        row.statistics.answer();
        Counters::add(&row.statistics.counters.gone, arns);
    } else {
        if row.statistics.unanswered(arns, issue(action, parent, fault)) {
            tracing::warn!(action, cluster = parent.as_deref(), %fault, "a request is given up");
        }
    }
}

/// What an answer says about the ARNs that were asked.
#[derive(Debug)]
struct Reconciliation<O> {
    /// Objects that were asked for, each once.
    objects: Vec<O>,
    /// ARNs that no longer exist.
    gone: usize,
    /// Objects without an ARN. Each stands for one of the ARNs, which is not asked again.
    nameless: usize,
    /// Whether there was any object without an ARN, even more than were asked.
    unnamed: bool,
    /// Objects that nobody asked for, or that came twice.
    unrequested: usize,
    /// ARNs that the answer leaves out, each with the reason.
    unanswered: Vec<(String, String)>,
}

/// Compares an answer with what was asked. Then asked = objects + gone + nameless + unanswered.
fn reconcile<O: Object>(asked: &[String], answer: Described<O>) -> Reconciliation<O> {
    let mut unanswered: HashSet<&str> = asked.iter().map(String::as_str).collect();
    let mut objects = answer.objects;
    let mut nameless = 0;
    let mut unrequested = 0;
    // In place, because nearly always all objects stay.
    objects.retain(|object| match object.arn().filter(|arn| !arn.is_empty()).map(|arn| unanswered.remove(arn)) {
        Some(true) => true,
        Some(false) => {
            unrequested += 1;
            false
        }
        None => {
            nameless += 1;
            false
        }
    });
    let mut gone = 0;
    let mut reasons: HashMap<&str, String> = HashMap::new();
    for Failure { arn, reason } in answer.failures {
        let Some(asked) = arn.as_deref().and_then(|arn| requested_arn(arn, &unanswered)) else {
            continue;
        };
        if reason.as_deref() == Some("MISSING") {
            unanswered.remove(asked);
            gone += 1;
        } else {
            reasons.insert(asked, reason.unwrap_or_else(|| "a failure without a reason".to_owned()));
        }
    }
    let mut left: Vec<(String, String)> = Vec::new();
    for arn in asked {
        if unanswered.contains(arn.as_str()) {
            let reason = reasons.remove(arn.as_str());
            left.push((arn.clone(), reason.unwrap_or_else(|| "missing from the answer without a failure".to_owned())));
        }
    }
    let unnamed = nameless > 0;
    let nameless = nameless.min(left.len());
    left.truncate(left.len() - nameless);
    Reconciliation { objects, gone, nameless, unnamed, unrequested, unanswered: left }
}

/// The requested ARN that a failure is about: the same, or, if the failure has a short form, the only one with that name.
fn requested_arn<'a>(failed: &str, unanswered: &HashSet<&'a str>) -> Option<&'a str> {
    if let Some(arn) = unanswered.get(failed) {
        return Some(arn);
    }
    let name = |arn: &str| arn.rsplit('/').next().map(str::to_owned);
    let mut same = unanswered.iter().filter(|arn| name(arn) == name(failed));
    match (same.next(), same.next()) {
        (Some(arn), None) => Some(arn),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::ecs::Cluster;

    fn cluster(arn: Option<&str>) -> Cluster {
        serde_json::from_value(serde_json::json!({ "clusterArn": arn })).unwrap()
    }

    fn failure(arn: &str, reason: Option<&str>) -> Failure {
        Failure { arn: Some(arn.to_owned()), reason: reason.map(str::to_owned) }
    }

    /// asked, ARNs of objects, failures -> objects, gone, nameless, unrequested, unanswered
    #[test]
    fn every_arn_asked_is_accounted_for() {
        type Case<'a> =
            (&'a [&'a str], &'a [Option<&'a str>], Vec<Failure>, (usize, usize, usize, usize, &'a [&'a str]));
        let cases: Vec<Case<'_>> = vec![
            (&["x/a", "x/b"], &[Some("x/b"), Some("x/a")], vec![], (2, 0, 0, 0, &[])),
            (&["x/a", "x/b"], &[Some("x/b")], vec![failure("x/a", Some("MISSING"))], (1, 1, 0, 0, &[])),
            (&["c/x/a"], &[], vec![failure("x/a", Some("MISSING"))], (0, 1, 0, 0, &[])),
            (&["c/a", "d/a"], &[], vec![failure("a", Some("MISSING"))], (0, 0, 0, 0, &["c/a", "d/a"])),
            (&["x/a"], &[], vec![failure("x/a", Some("INTERNAL"))], (0, 0, 0, 0, &["x/a"])),
            (&["x/a"], &[], vec![failure("x/a", None)], (0, 0, 0, 0, &["x/a"])),
            (&["x/a", "x/b"], &[Some("x/a")], vec![], (1, 0, 0, 0, &["x/b"])),
            (&["x/a", "x/b"], &[Some("x/a"), None], vec![], (1, 0, 1, 0, &[])),
            (&["x/a"], &[Some("x/a"), Some("x/a")], vec![], (1, 0, 0, 1, &[])),
            (&["x/a"], &[Some("x/z")], vec![], (0, 0, 0, 1, &["x/a"])),
            (&["x/a"], &[Some("")], vec![], (0, 0, 1, 0, &[])),
        ];
        for (asked, objects, failures, expected) in cases {
            let objects = objects.iter().map(|arn| cluster(*arn)).collect();
            let asked: Vec<String> = asked.iter().map(|arn| (*arn).to_owned()).collect();
            let reconciled = reconcile(&asked, Described { objects, failures });
            let unanswered: Vec<&str> = reconciled.unanswered.iter().map(|(arn, _)| arn.as_str()).collect();
            let found = (
                reconciled.objects.len(),
                reconciled.gone,
                reconciled.nameless,
                reconciled.unrequested,
                unanswered.as_slice(),
            );
            assert_eq!(found, expected, "asked {asked:?}");
            assert_eq!(found.0 + found.1 + found.2 + unanswered.len(), asked.len(), "asked {asked:?}");
        }
    }
}
