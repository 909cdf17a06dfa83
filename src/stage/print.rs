//! The sink of a dry run: JSON lines on standard output. What is printed counts as acknowledged.

use std::io::{self, Write};

use tokio::sync::mpsc::Receiver;

use crate::record::{EncodeError, RecordBatch};
use crate::report::Counters;

/// Prints batch after batch.
pub(crate) async fn print<W>(mut records: Receiver<RecordBatch>, mut output: W) -> io::Result<()>
where
    W: Write + Send + 'static,
{
    while let Some(batch) = records.recv().await {
        Counters::add(&batch.context.statistics.counters.emitted, batch.len());
        for EncodeError { key, reason, .. } in &batch.encode_errors {
            batch.context.statistics.issue(&None, format!("{key} cannot be encoded: {reason}"));
        }
        // A slow reader may block the write, so it must not hold a thread of the runtime.
        let written = tokio::task::spawn_blocking(move || {
            let written = output.write_all(&batch.values).and_then(|()| output.flush());
            (output, batch, written)
        });
        let (returned, batch, written) = written.await.map_err(io::Error::other)?;
        output = returned;
        if let Err(error) = written {
            batch.context.statistics.issue(&None, format!("standard output: {error}"));
            return Err(error);
        }
        Counters::add(&batch.context.statistics.counters.acknowledged, batch.len());
    }
    Ok(())
}
