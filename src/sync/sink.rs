//! Where the records of all rows go.

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;

use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::kafka::Producer;
use crate::record::RecordBatch;
use crate::report::StopReason;
use crate::stage::{print, produce};

/// Where records go.
pub enum Sink {
    /// Onto their topics.
    Kafka,
    /// As JSON lines to this writer: a dry run.
    Print(Box<dyn Write + Send>),
    /// Nowhere: nothing is described, and what is listed is counted.
    Count,
}

/// Why a sink ends before the rows do.
#[derive(Debug, thiserror::Error)]
enum SinkError {
    #[error("an engine for dry runs has no Kafka")]
    NoKafka,
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
    #[error("the sink panicked; this is a bug of ours")]
    Panicked,
}

/// The task of the sink, in which all rows end.
#[derive(Debug)]
pub(super) struct SinkTask(JoinSet<Option<StopReason>>);

impl SinkTask {
    pub(super) fn spawn(sink: Sink, producer: Option<&Arc<Producer>>, batches: Receiver<RecordBatch>) -> Self {
        let mut task = JoinSet::new();
        match (sink, producer.cloned()) {
            (Sink::Print(output), _) => {
                let printing = async move {
                    let error = print::print(batches, output).await.err()?;
                    Some(match error.kind() {
                        ErrorKind::BrokenPipe => StopReason::Closed,
                        _ => StopReason::failure(SinkError::Output(error)),
                    })
                };
                task.spawn(printing.in_current_span())
            }
            (Sink::Kafka, Some(producer)) => {
                let producing = async move { produce::produce(producer, batches).await.err().map(StopReason::failure) };
                task.spawn(producing.in_current_span())
            }
            // No row ends in it.
            (Sink::Count, _) => task.spawn(async move {
                let mut batches = batches;
                while batches.recv().await.is_some() {}
                None
            }),
            (Sink::Kafka, None) => task.spawn(async { Some(StopReason::failure(SinkError::NoKafka)) }),
        };
        Self(task)
    }

    /// Waits until the sink has ended. The stop reason is there if it ended early.
    pub(super) async fn ended(&mut self) -> Option<StopReason> {
        let ended = self.0.join_next().await?;
        ended.unwrap_or_else(|_| Some(StopReason::failure(SinkError::Panicked)))
    }

    pub(super) async fn shutdown(&mut self) {
        self.0.shutdown().await;
    }
}
