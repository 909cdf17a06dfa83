//! Pages to objects: packs batches, asks, and accounts for every ARN that was asked.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Once};

use tokio::sync::mpsc::{Receiver, Sender};
use tokio::task::JoinSet;

use super::{HangUp, RowContext, issue, joined};
use crate::aws::{BufferPermit, Fault, Verdict};
use crate::contract::Parent;
use crate::ecs::{Described, Failure, Object, Page};
use crate::report::{Counters, Issue};

/// Objects of one Describe answer, with the seat that holds their place.
#[derive(Debug)]
pub(crate) struct Batch<O> {
    /// At most [`Object::BATCH`] of them.
    pub(crate) objects: Vec<O>,
    /// Kept until the last record is with the sink.
    pub(crate) permit: BufferPermit,
}

/// Describes what is listed, in batches packed over the pages of each parent.
pub(crate) async fn describe<O: Object>(
    row: Arc<RowContext>,
    mut pages: Receiver<Page>,
    objects: Sender<Batch<O>>,
) -> Result<(), HangUp> {
    let size = O::BATCH.min(usize::try_from(row.scope.ecs.page_size).unwrap_or(1)).max(1);
    let mut waiting: HashMap<Parent, Vec<String>> = HashMap::new();
    let mut calls = JoinSet::new();
    while let Some(Page { parent, arns, last }) = pages.recv().await {
        let arrived = waiting.entry(parent.clone()).or_default();
        arrived.extend(arns);
        while arrived.len() >= size || (last && !arrived.is_empty()) {
            if O::BATCH == 1 && row.statistics.is_hopeless() {
                // DescribeTaskDefinition is allowed for all of them or for none (IAM knows no resource for it): thousands of
                // refused requests would only use up the bucket. The list goes on to its end.
                arrived.clear();
                break;
            }
            let batch = arrived.drain(..size.min(arrived.len())).collect();
            while calls.len() >= row.parallel {
                if let Some(ended) = calls.join_next().await {
                    joined(&row, ended)?;
                }
            }
            let (row, parent, objects) = (Arc::clone(&row), parent.clone(), objects.clone());
            calls.spawn(async move { ask::<O>(&row, &parent, batch, &objects).await });
        }
        if last {
            waiting.remove(&parent);
        }
    }
    while let Some(ended) = calls.join_next().await {
        joined(&row, ended)?;
    }
    Ok(())
}

/// Asks for one batch, and once more for what the answer left open.
async fn ask<O: Object>(
    row: &RowContext,
    parent: &Parent,
    mut arns: Vec<String>,
    objects: &Sender<Batch<O>>,
) -> Result<(), HangUp> {
    let statistics = &row.statistics;
    let action = O::ACTIONS.describe;
    let (asked, count) = (Once::new(), arns.len());
    for retried in [false, true] {
        if objects.is_closed() {
            return Err(HangUp);
        }
        let request = || {
            // What waits for a seat when reading stops was never asked.
            asked.call_once(|| Counters::add(&statistics.counters.asked, count));
            O::describe(&row.scope.ecs, parent, arns.clone())
        };
        let (answer, permit) = match row.caller.describe(row.request_context(O::CATEGORY), request).await {
            Ok(answered) => answered,
            Err(fault) => {
                // Without keys it was never sent.
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
            // There are as many places as seats, so this never waits: an answer in hand survives an abort.
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
            let error = format!("{action}: {arn}: {reason}");
            statistics.unanswered(reconciled.unanswered.len(), Issue { denied: false, parent: parent.clone(), error });
            return Ok(());
        }
        arns = reconciled.unanswered.into_iter().map(|(arn, _)| arn).collect();
    }
    Ok(())
}

/// A request that will not be answered: its ARNs are gone with their cluster, or stay unknown.
fn give_up(row: &RowContext, action: &'static str, parent: &Parent, arns: usize, fault: &Fault) {
    if fault.verdict == Verdict::NoCluster && parent.is_some() {
        tracing::debug!(action, cluster = parent.as_deref(), %fault, "the cluster is no more");
        row.statistics.answer();
        Counters::add(&row.statistics.counters.gone, arns);
    } else {
        let (region, role, cluster) = (&row.scope.region, row.scope.role.as_deref(), parent.as_deref());
        if row.statistics.unanswered(arns, issue(action, parent, fault)) {
            tracing::warn!(action, role, region, cluster, %fault, "a request is given up");
        }
    }
}

/// What an answer says of each ARN that was asked.
#[derive(Debug)]
struct Reconciliation<O> {
    /// Objects that were asked for, each once.
    objects: Vec<O>,
    /// ARNs that are no more.
    gone: usize,
    /// Objects without an ARN; each stands for one of the ARNs asked, which is not asked again.
    nameless: usize,
    /// Whether there was any such object, even one beyond what was asked.
    unnamed: bool,
    /// Objects that nobody asked for, or that came twice.
    unrequested: usize,
    /// ARNs without an answer, with the reason.
    unanswered: Vec<(String, String)>,
}

/// Holds an answer against what was asked: asked = objects + gone + nameless + open.
fn reconcile<O: Object>(asked: &[String], answer: Described<O>) -> Reconciliation<O> {
    let mut unanswered: HashSet<&str> = asked.iter().map(String::as_str).collect();
    let (mut objects, mut nameless, mut unrequested) = (answer.objects, 0, 0);
    // In place: an object is a kilobyte of members, and nearly always all of them stay.
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
    let (unnamed, nameless) = (nameless > 0, nameless.min(left.len()));
    left.truncate(left.len() - nameless);
    Reconciliation { objects, gone, nameless, unnamed, unrequested, unanswered: left }
}

/// The ARN that a failure speaks of: itself, or the one that ends with the same name where the failure uses a short form.
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
    use aws_sdk_ecs::types::Cluster;

    use super::*;

    fn cluster(arn: Option<&str>) -> Cluster {
        Cluster::builder().set_cluster_arn(arn.map(str::to_owned)).build()
    }

    fn failure(arn: &str, reason: Option<&str>) -> Failure {
        Failure { arn: Some(arn.to_owned()), reason: reason.map(str::to_owned) }
    }

    /// asked, objects' ARNs, failures -> objects, gone, nameless, strangers, open
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
