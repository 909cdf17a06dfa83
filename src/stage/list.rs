//! Parents to pages: the token loop, once for all objects, with many parents side by side.

use std::sync::Arc;

use tokio::sync::mpsc::{Receiver, Sender};
use tokio::task::JoinSet;

use super::hashes::Hashes;
use super::{HangUp, Lane, joined};
use crate::aws::{Fault, Verdict};
use crate::object::{Listed, Object, Page, Parent, Pass};

/// Where listed ARNs go.
#[derive(Debug, Clone)]
pub struct Outlets {
    /// The describer of the same row; none where the row only feeds others.
    pub pages: Option<Sender<Page>>,
    /// The listers of the rows below: each ARN is a parent for them.
    pub feeds: Vec<Sender<Parent>>,
}

/// Lists every parent that comes, as many side by side as requests may be in flight.
pub async fn list<O: Object>(lane: Arc<Lane>, mut parents: Receiver<Parent>, outlets: Outlets) -> Result<(), HangUp> {
    let mut lists = JoinSet::new();
    while let Some(parent) = parents.recv().await {
        while lists.len() >= lane.parallel {
            if let Some(ended) = lists.join_next().await {
                joined(&lane, ended)?;
            }
        }
        let (lane, outlets) = (Arc::clone(&lane), outlets.clone());
        lists.spawn(async move { list_parent::<O>(&lane, &parent, &outlets).await });
    }
    while let Some(ended) = lists.join_next().await {
        joined(&lane, ended)?;
    }
    lane.tally.listing.end();
    Ok(())
}

/// Lists one parent to its end. A fault ends this parent alone, and is noted.
async fn list_parent<O: Object>(lane: &Lane, parent: &Parent, outlets: &Outlets) -> Result<(), HangUp> {
    let mut seen = Hashes::default();
    let mut read = true;
    for &pass in O::passes(lane.options) {
        match list_pass::<O>(lane, parent, pass, &mut seen, outlets).await {
            Ok(()) => {}
            Err(Stopped::HangUp) => return Err(HangUp),
            Err(Stopped::NoCluster(fault)) => {
                tracing::debug!(action = O::ACTIONS.list, cluster = parent.as_deref(), %fault, "the cluster has no children");
                break;
            }
            Err(Stopped::Fault(fault)) => {
                read = false;
                let (region, role) = (&lane.scope.region, lane.scope.role.as_deref());
                let (action, cluster) = (O::ACTIONS.list, parent.as_deref());
                if lane.tally.list_failed(action, parent, &fault) {
                    tracing::warn!(action, role, region, cluster, %fault, "a list did not end");
                }
                break;
            }
        }
    }
    if read && (seen.is_empty() || outlets.pages.is_none()) {
        // Nothing is left to describe: this was the whole answer.
        lane.tally.answer();
    }
    if let Some(pages) = &outlets.pages {
        // A describer that is gone needs no last page.
        let _ = pages.send(Page { parent: parent.clone(), arns: Vec::new(), last: true }).await;
    }
    Ok(())
}

/// Why a list stopped before its end.
enum Stopped {
    HangUp,
    NoCluster(Fault),
    Fault(Fault),
}

/// One list, page by page. An `InvalidParameterException` in its middle restarts it once: page tokens may lapse.
async fn list_pass<O: Object>(
    lane: &Lane,
    parent: &Parent,
    pass: Pass,
    seen: &mut Hashes,
    outlets: &Outlets,
) -> Result<(), Stopped> {
    let mut restarted = false;
    let mut token: Option<String> = None;
    let mut tokens = Hashes::default();
    loop {
        let request = || O::list(&lane.scope.ecs, parent, pass, token.clone());
        let Listed { arns, next_token } = match lane.caller.list(lane.way(O::CATEGORY), request).await {
            Ok(listed) => listed,
            Err(fault) if fault.verdict == Verdict::NoCluster && parent.is_some() => {
                return Err(Stopped::NoCluster(fault));
            }
            Err(fault) if fault.verdict == Verdict::Invalid && token.is_some() && !restarted => {
                tracing::info!(action = O::ACTIONS.list, %fault, "the list is started again");
                restarted = true;
                token = None;
                tokens = Hashes::default();
                continue;
            }
            Err(fault) => return Err(Stopped::Fault(fault)),
        };
        if arns.iter().any(String::is_empty) {
            // An empty cluster would be taken for the one named `default`.
            lane.tally.trouble(parent, format!("{}: an empty ARN", O::ACTIONS.list));
        }
        let fresh: Vec<String> = arns.into_iter().filter(|arn| !arn.is_empty() && seen.insert(arn)).collect();
        pass_on(lane, parent, fresh, outlets).await.map_err(|HangUp| Stopped::HangUp)?;
        match next_token.filter(|token| !token.is_empty()) {
            None => return Ok(()),
            Some(next) if !tokens.insert(&next) => {
                // The SDK's paginator would end here as if all had been listed.
                return Err(Stopped::Fault(Fault::own(
                    "RepeatedToken",
                    "a page token came twice; the list has no end",
                )));
            }
            Some(next) => token = Some(next),
        }
    }
}

/// Hands new ARNs to the describer and to the rows below.
async fn pass_on(lane: &Lane, parent: &Parent, arns: Vec<String>, outlets: &Outlets) -> Result<(), HangUp> {
    let Some(first) = arns.first() else { return Ok(()) };
    lane.scope.account.learn(first);
    let mut heard = false;
    for feed in &outlets.feeds {
        for arn in &arns {
            if feed.send(Some(Arc::from(arn.as_str()))).await.is_err() {
                break;
            }
        }
        heard |= !feed.is_closed();
    }
    if let Some(pages) = &outlets.pages {
        heard |= pages.send(Page { parent: parent.clone(), arns, last: false }).await.is_ok();
    }
    // A row that has ended early, refused by Kafka, must not stop the others.
    if heard { Ok(()) } else { Err(HangUp) }
}
