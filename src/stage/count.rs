//! From pages to numbers: what a plan does in place of describing.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc::Receiver;

use super::{HangUp, RowContext, describe};
use crate::contract::Parent;
use crate::ecs::{Object, Page};

/// Counts what is listed, and the batches that [`describe`](describe::describe) would pack.
pub(crate) async fn count<O: Object>(row: Arc<RowContext>, mut pages: Receiver<Page>) -> Result<(), HangUp> {
    let (size, planned) = (describe::batch_size::<O>(&row), &row.statistics.planned);
    let mut waiting: HashMap<Parent, usize> = HashMap::new();
    while let Some(Page { parent, arns, last }) = pages.recv().await {
        let arrived = waiting.entry(parent.clone()).or_default();
        *arrived += arns.len();
        planned.add_describes(*arrived / size);
        *arrived %= size;
        if last {
            planned.add_describes(usize::from(*arrived > 0));
            waiting.remove(&parent);
        }
    }
    Ok(())
}
