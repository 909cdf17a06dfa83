//! From objects to records: each batch of objects becomes a batch of encoded records.

use std::borrow::Cow;
use std::sync::Arc;

use tokio::sync::mpsc::{Receiver, Sender};

use super::describe::Batch;
use super::hashes::Hashes;
use super::{HangUp, RowContext};
use crate::aws::scope::Scope;
use crate::contract::Stamp;
use crate::ecs::Object;
use crate::record::{Encoder, RecordBatch, cloud_events};

/// Encodes what is described. It ends early only if the sink has ended, or Kafka refused a record of this row.
pub(crate) async fn map<O: Object>(
    row: Arc<RowContext>,
    stamp: Stamp,
    encoder: Arc<Encoder>,
    mut objects: Receiver<Batch<O>>,
    records: Sender<RecordBatch>,
) -> Result<(), HangUp> {
    let mut context = None;
    let mut shared_arns = Hashes::default();
    // Batches are much alike, so a buffer a little larger than the last one seldom grows.
    let mut capacity = [0; 2];
    while let Some(Batch { objects, permit }) = objects.recv().await {
        if row.statistics.has_ended_by_refusal() {
            return Err(HangUp);
        }
        // Not earlier, because the account may become known by the first ARN.
        let context = context.get_or_insert_with(|| {
            let Scope { account, region, role, .. } = &*row.scope;
            let source = cloud_events::source(&row.name, account.get(), region, role.as_deref());
            Arc::new(encoder.context(source, Arc::clone(&row.statistics), row.token.clone(), row.trace.clone()))
        });
        warn_of_duplicates(&mut shared_arns, &objects);
        let mut batch = RecordBatch::new(Arc::clone(context), Some(permit), objects.len(), capacity);
        for object in &objects {
            // The describer has left out objects without an ARN.
            let Some(arn) = object.arn() else { continue };
            encoder.write(&mut batch, arn, object.event_id(arn), &object.view(&stamp));
        }
        capacity = batch.size().map(|bytes| bytes + bytes / 8);
        if !batch.is_empty() || !batch.encode_errors.is_empty() {
            records.send(batch).await.map_err(|_| HangUp)?;
        }
    }
    Ok(())
}

/// Warns if two objects have the same ARN, and so the same key. Services of several clusters may share an ARN of the old format.
/// Both records are sent.
fn warn_of_duplicates<O: Object>(shared_arns: &mut Hashes, objects: &[O]) {
    for (object, arn) in objects.iter().filter_map(|object| Some((object, object.arn()?))) {
        let may_be_shared = matches!(object.event_id(arn), Cow::Owned(_));
        if may_be_shared && !shared_arns.insert(arn) {
            tracing::warn!(object = O::NAME, arn, "two objects share this ARN; their records share its key");
        }
    }
}
