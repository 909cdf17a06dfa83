//! `run` and `sync`: one sync, its report, its exit code.

use std::future::Future;
use std::io::{self, IsTerminal};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::report::{Report, StopReason};
use ecs_sdm_producer::sync::{RunHandle, Sink};
use ecs_sdm_producer::telemetry;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracing_subscriber::util::SubscriberInitExt;

use super::process::{PANICKED, Process, Signals, beside};
use super::{ReportFormat, RunArgs, USAGE, complain, fail, print_then, settings};

/// How long a sync may take to end after a signal: 15 s to deliver what was read, 2 s to give up the rest, 3 s to publish the outcome,
/// and some more. A sync that takes longer is left where it is, and reported as it stands.
const STOP: Duration = Duration::from_secs(22);

/// How long it may take to write the report after a signal. A pipe that nobody reads blocks.
const REPORT: Duration = Duration::from_secs(2);

/// The report of a sync, or the exit code of an error that was told.
type Ended = Result<Report, ExitCode>;

/// Runs one sync. `not_begun` is the exit code if a signal comes before the settings are read.
pub(crate) fn run(args: RunArgs, process: Process, not_begun: u8) -> ExitCode {
    let format = args.report;
    process.supervise(async |mut signals| {
        let (begin, mut begun) = oneshot::channel();
        let mut ended = pin!(async { beside(move || sync(&args, begin)).await.unwrap_or(Err(PANICKED.into())) });
        let first = tokio::select! {
            biased;
            ended = &mut ended => Some(ended),
            () = signals.next() => None,
        };
        let is_stopped = first.is_none();
        let ended = match first {
            Some(ended) => ended,
            None => {
                // From now on no sync can begin.
                begun.close();
                let Ok(handle) = begun.try_recv() else {
                    let report = Report::not_begun(StopReason::Signal);
                    return write(report, format, Some(not_begun), is_stopped, signals).await;
                };
                tokio::select! {
                    biased;
                    ended = stop(&handle, ended) => ended,
                    () = signals.next() => return second_signal(),
                }
            }
        };
        match ended {
            Ok(report) => write(report, format, None, is_stopped, signals).await,
            Err(code) => code,
        }
    })
}

/// One sync, on a thread and a runtime of its own. It gives `begin` its handle.
fn sync(args: &RunArgs, begin: oneshot::Sender<RunHandle>) -> Ended {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| fail(2, format_args!("the runtime cannot start: {error}")))?;
    let ended = runtime.block_on(async {
        let (config, region) = settings::for_sync(&args.settings, args.dry_run).await?;
        let directives = std::env::var("RUST_LOG").unwrap_or_default();
        let is_terminal = io::stderr().is_terminal();
        telemetry::subscriber(config.telemetry.log_format, &directives, io::stderr, is_terminal).init();
        let engine = if args.dry_run { Ok(Engine::dry(config, region)) } else { Engine::new(config, region) };
        let mut engine = engine.map_err(|error| fail(USAGE, error))?;
        let run = engine.start(if args.dry_run { Sink::Print(Box::new(io::stdout())) } else { Sink::Kafka });
        // A signal has come first, and its report is written already.
        begin.send(run.handle()).map_err(|_| ExitCode::FAILURE)?;
        Ok(Box::pin(run.finish()).await)
    });
    // A blocking call of it, such as one to a broker that does not answer, keeps nobody waiting.
    runtime.shutdown_background();
    ended
}

/// Stops a sync, and waits for its end as long as that may take.
async fn stop(handle: &RunHandle, ended: impl Future<Output = Ended>) -> Ended {
    handle.stop(StopReason::Signal);
    timeout(STOP, ended).await.unwrap_or_else(|_| {
        complain(&format!("error: the sync has not ended {} s after a signal; it is left as it is", STOP.as_secs()));
        Ok(handle.report(Some(StopReason::Signal)))
    })
}

/// Writes the report. It is not waited for without end once there was a signal.
async fn write(
    report: Report,
    format: ReportFormat,
    code: Option<u8>,
    is_stopped: bool,
    mut signals: Signals,
) -> ExitCode {
    let mut written = pin!(beside(move || write_report(&report, format, code)));
    if !is_stopped {
        tokio::select! {
            biased;
            code = &mut written => return code.unwrap_or(PANICKED.into()),
            () = signals.next() => {}
        }
    }
    tokio::select! {
        biased;
        code = written => code.unwrap_or(PANICKED.into()),
        () = signals.next() => second_signal(),
        () = sleep(REPORT) => fail(1, "the report cannot be written: nobody reads it"),
    }
}

fn second_signal() -> ExitCode {
    fail(1, "ended at once by a second signal; what was not acknowledged is lost")
}

/// Writes the report, and returns its exit code or, if there is one, `code`.
fn write_report(report: &Report, format: ReportFormat, code: Option<u8>) -> ExitCode {
    if report.stop_reason == Some(StopReason::Closed) {
        // The reader of a dry run has seen enough.
        return ExitCode::SUCCESS;
    }
    let code = ExitCode::from(code.unwrap_or(report.outcome.exit_code()));
    match format {
        ReportFormat::Text => {
            complain(report.text().trim_end());
            code
        }
        ReportFormat::Json => {
            if let Some(stop_reason) = &report.stop_reason {
                complain(&format!("error: {stop_reason}"));
            }
            match serde_json::to_string(report) {
                Ok(json) => print_then(format!("{json}\n").as_bytes(), code),
                Err(error) => fail(2, format_args!("the report cannot be written: {error}")),
            }
        }
    }
}
