//! The sink of a dry run: JSON lines on standard output. What is printed counts as acknowledged.

use std::io::{ErrorKind, Write};

use tokio::sync::mpsc::Receiver;

use super::HangUp;
use crate::record::Encoded;
use crate::tally::Tally;

/// Prints what comes, a batch at a time.
///
/// # Errors
/// [`HangUp`] once nobody reads any more (a closed pipe): the rows above end with it.
pub async fn print<W>(mut records: Receiver<Encoded>, mut output: W) -> Result<(), HangUp>
where
    W: Write + Send + 'static,
{
    while let Some(encoded) = records.recv().await {
        Tally::add(&encoded.line.tally.emitted, encoded.len());
        // A slow reader may block the write: not a thread that others need.
        let written = tokio::task::spawn_blocking(move || {
            let written = output.write_all(&encoded.values).and_then(|()| output.flush());
            (output, encoded, written)
        });
        let Ok((returned, encoded, written)) = written.await else {
            return Err(HangUp);
        };
        output = returned;
        match written {
            Ok(()) => Tally::add(&encoded.line.tally.acknowledged, encoded.len()),
            Err(error) => {
                if error.kind() != ErrorKind::BrokenPipe {
                    tracing::error!(%error, "standard output cannot be written");
                }
                encoded.line.tally.trouble(&None, format!("standard output: {error}"));
                return Err(HangUp);
            }
        }
    }
    Ok(())
}
