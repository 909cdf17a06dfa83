//! Objects to records: each batch of described objects becomes a batch of encoded records.

use std::borrow::Cow;
use std::sync::Arc;

use tokio::sync::mpsc::{Receiver, Sender};

use super::describe::Batch;
use super::hashes::Hashes;
use super::{HangUp, RowContext};
use crate::contract::Stamp;
use crate::ecs::Object;
use crate::record::{Encoder, RecordBatch, cloud_events};

/// Encodes what is described. It ends early only when the sink is gone or has refused a record of this row.
pub(crate) async fn map<O: Object>(
    row: Arc<RowContext>,
    stamp: Stamp,
    encoder: Arc<Encoder>,
    mut objects: Receiver<Batch<O>>,
    records: Sender<RecordBatch>,
) -> Result<(), HangUp> {
    let (mut context, mut duplicates) = (None, DuplicateKeys::default());
    // Batches are much alike: a buffer of the last one's size need not grow.
    let mut capacity = [0; 2];
    while let Some(Batch { objects, permit }) = objects.recv().await {
        if row.statistics.has_ended_by_refusal() {
            return Err(HangUp);
        }
        // The account may be known only from the first ARN.
        let context = context.get_or_insert_with(|| {
            let source =
                cloud_events::source(&row.name, row.scope.account.get(), &row.scope.region, row.scope.role.as_deref());
            Arc::new(encoder.context(source, Arc::clone(&row.statistics), row.token.clone()))
        });
        duplicates.warn(&objects);
        let mut batch = RecordBatch::new(Arc::clone(context), Some(permit), objects.len(), capacity);
        for object in &objects {
            // The describer has kept objects without an ARN to itself: none comes here.
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

/// ARNs that do not name one object alone: the short ones of old services, which several clusters may share.
#[derive(Default)]
struct DuplicateKeys(Hashes);

impl DuplicateKeys {
    /// Warns where a second object has the same ARN, and so the same key. Both are sent.
    fn warn<O: Object>(&mut self, objects: &[O]) {
        for (object, arn) in objects.iter().filter_map(|object| Some((object, object.arn()?))) {
            let shared = matches!(object.event_id(arn), Cow::Owned(_));
            if shared && !self.0.insert(arn) {
                tracing::warn!(object = O::NAME, arn, "two objects share this ARN; their records share its key");
            }
        }
    }
}
