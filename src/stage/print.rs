//! The sink of a dry run: JSON lines on standard output. What is printed counts as acknowledged.

use std::io::{self, Write};

use tokio::sync::mpsc::Receiver;

use crate::record::{Encoded, Spoilt};
use crate::tally::Tally;

/// Prints what comes, a batch at a time.
///
/// # Errors
/// The first error of writing, such as a closed pipe: the rows above find their door closed and end.
pub async fn print<W>(mut records: Receiver<Encoded>, mut output: W) -> io::Result<()>
where
    W: Write + Send + 'static,
{
    while let Some(encoded) = records.recv().await {
        Tally::add(&encoded.line.tally.emitted, encoded.len());
        for Spoilt { key, reason, .. } in &encoded.spoilt {
            encoded.line.tally.trouble(&None, format!("{key} cannot be encoded: {reason}"));
        }
        // A slow reader may block the write: not a thread that others need.
        let written = tokio::task::spawn_blocking(move || {
            let written = output.write_all(&encoded.values).and_then(|()| output.flush());
            (output, encoded, written)
        });
        let (returned, encoded, written) = written.await.map_err(io::Error::other)?;
        output = returned;
        if let Err(error) = written {
            encoded.line.tally.trouble(&None, format!("standard output: {error}"));
            return Err(error);
        }
        Tally::add(&encoded.line.tally.acknowledged, encoded.len());
    }
    Ok(())
}
