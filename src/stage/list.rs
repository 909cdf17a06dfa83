//! From parents to pages: the loop over page tokens, once for all objects, for many parents side by side.

use std::sync::Arc;

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::task::JoinSet;
use tracing::Instrument;

use super::hashes::Hashes;
use super::{HangUp, RowContext, issue, join_below};
use crate::aws::{Fault, Verdict};
use crate::contract::Parent;
use crate::ecs::{Listed, Object, Page, Pass};
use crate::report::Issue;

/// Where listed ARNs go.
#[derive(Debug, Clone)]
pub(crate) struct Outlets {
    /// To the describer of the same row. None if the row only feeds others.
    pub(crate) pages: Option<Sender<Page>>,
    /// To the listers of the rows below, for which each ARN is a parent.
    pub(crate) feeds: Vec<Sender<Parent>>,
}

/// Lists every parent that arrives, as many side by side as there are parallel requests.
pub(crate) async fn list<O: Object>(
    row: Arc<RowContext>,
    mut parents: Receiver<Parent>,
    outlets: Outlets,
) -> Result<(), HangUp> {
    let mut lists = JoinSet::new();
    while let Some(parent) = parents.recv().await {
        join_below(&row, &mut lists, row.parallel).await?;
        let row = Arc::clone(&row);
        let outlets = outlets.clone();
        lists.spawn(async move { list_parent::<O>(&row, &parent, &outlets).await }.in_current_span());
    }
    join_below(&row, &mut lists, 1).await?;
    row.statistics.listing.end();
    Ok(())
}

/// Lists one parent to its end. A fault ends the list of this parent alone.
async fn list_parent<O: Object>(row: &RowContext, parent: &Parent, outlets: &Outlets) -> Result<(), HangUp> {
    let action = O::ACTIONS.list;
    let mut seen = Hashes::default();
    let mut read = true;
    for &pass in O::passes(row.options) {
        match list_pass::<O>(row, parent, pass, &mut seen, outlets).await {
            Ok(()) => {}
            Err(ListError::HangUp) => return Err(HangUp),
            Err(ListError::Fault(fault)) if fault.verdict == Verdict::NoCluster && parent.is_some() => {
                tracing::debug!(action, cluster = parent.as_deref(), %fault, "the cluster no longer exists");
                break;
            }
            Err(ListError::Fault(fault)) => {
                read = false;
                if row.statistics.list_failed(issue(action, parent, &fault)) {
                    tracing::warn!(action, cluster = parent.as_deref(), %fault, "a list did not end");
                }
                break;
            }
        }
    }
    if read && (seen.is_empty() || outlets.pages.is_none()) {
        // Nothing will be described, so the lists are all that AWS has to answer.
        row.statistics.answer_list();
    }
    if let Some(pages) = &outlets.pages {
        // A describer that has ended needs no last page.
        let _ = pages.send(Page { parent: parent.clone(), arns: Vec::new(), last: true }).await;
    }
    Ok(())
}

/// Why a list stopped before its end.
enum ListError {
    HangUp,
    Fault(Fault),
}

/// Reads one list page by page. An `InvalidParameterException` after the first page restarts it once, since page tokens may expire.
async fn list_pass<O: Object>(
    row: &RowContext,
    parent: &Parent,
    pass: Pass,
    seen: &mut Hashes,
    outlets: &Outlets,
) -> Result<(), ListError> {
    let mut restarted = false;
    let mut token: Option<String> = None;
    let mut tokens = Hashes::default();
    loop {
        let request = || O::list(&row.scope.ecs, parent, pass, token.clone());
        let answer = row.caller.list(row.request_context(O::ACTIONS.list, O::CATEGORY), request).await;
        // One that is refused costs a request too: a cluster may be gone or inactive.
        row.statistics.planned.add_list();
        let Listed { arns, next_token } = match answer {
            Ok(listed) => listed,
            Err(fault) if fault.verdict == Verdict::Invalid && token.is_some() && !restarted => {
                tracing::info!(action = O::ACTIONS.list, %fault, "the list is started again");
                restarted = true;
                token = None;
                tokens = Hashes::default();
                continue;
            }
            Err(fault) => return Err(ListError::Fault(fault)),
        };
        if arns.iter().any(String::is_empty) {
            // As a parent it would mean the cluster named `default`, so it is left out.
            let error = format!("{}: an empty ARN", O::ACTIONS.list).into();
            row.statistics.list_failed(Issue { denied: false, parent: parent.clone(), error });
        }
        let fresh: Vec<String> = arns.into_iter().filter(|arn| !arn.is_empty() && seen.insert(arn)).collect();
        pass_on(row, parent, fresh, outlets).await.map_err(|HangUp| ListError::HangUp)?;
        match next_token.filter(|token| !token.is_empty()) {
            None => return Ok(()),
            Some(next) if !tokens.insert(&next) => {
                // The SDK's paginator would end here as if everything had been listed.
                let reason = "a page token came twice; the list has no end";
                return Err(ListError::Fault(Fault::own("RepeatedToken", reason)));
            }
            Some(next) => token = Some(next),
        }
    }
}

/// Hands new ARNs to the describer and to the rows below.
async fn pass_on(row: &RowContext, parent: &Parent, arns: Vec<String>, outlets: &Outlets) -> Result<(), HangUp> {
    let Some(first) = arns.first() else { return Ok(()) };
    row.scope.account.learn(first);
    row.statistics.planned.add_objects(arns.len());
    let mut delivered = false;
    for feed in &outlets.feeds {
        for arn in &arns {
            if send(row, feed, Some(Arc::from(arn.as_str()))).await.is_err() {
                break;
            }
        }
        delivered |= !feed.is_closed();
    }
    if let Some(pages) = &outlets.pages {
        delivered |= send(row, pages, Page { parent: parent.clone(), arns, last: false }).await.is_ok();
    }
    // A row that ended early, because Kafka refused a record of it, must not stop the others.
    if delivered { Ok(()) } else { Err(HangUp) }
}

/// Sends, and counts the time in which there is no room.
async fn send<T>(row: &RowContext, channel: &Sender<T>, item: T) -> Result<(), HangUp> {
    match channel.try_send(item) {
        Ok(()) => Ok(()),
        Err(TrySendError::Closed(_)) => Err(HangUp),
        Err(TrySendError::Full(item)) => {
            let _blocked = row.caller.blocked.list.start();
            channel.send(item).await.map_err(|_| HangUp)
        }
    }
}
