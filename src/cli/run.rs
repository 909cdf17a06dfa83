//! `run` and `sync`: one sync, its report, its exit code.

use std::io;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::report::{Report, StopReason};
use ecs_sdm_producer::sync::{RunHandle, Sink};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use super::process::{CommandRuntime, PANICKED, Process, Signals, fail_soon, on_thread};
use super::{ReportFormat, RunArgs, USAGE, complain, fail, print_json, settings};

/// How long a stop may take in all, from the signal to the end of the process. One second is left for what the machine does beside.
const STOP_TIMEOUT: Duration = Duration::from_secs(24);

/// The report of a sync, or the exit code of an error that was told.
type SyncResult = Result<Report, ExitCode>;

/// Runs one sync. `unread` is the exit code if a signal comes before the settings are read.
pub(crate) fn run(args: RunArgs, process: Process, unread: u8) -> ExitCode {
    let format = args.report;
    process.supervise(async |mut signals| {
        let (begin, mut begun) = oneshot::channel();
        let name = Arc::new(OnceLock::new());
        let sync = {
            let name = Arc::clone(&name);
            on_thread(move || sync(&args, &name, begin))
        };
        let mut sync = pin!(async { sync.await.unwrap_or(Err(PANICKED.into())) });
        let finished = tokio::select! {
            biased;
            finished = &mut sync => Some(finished),
            () = signals.next() => None,
        };
        if let Some(finished) = finished {
            return match finished {
                Ok(report) => write(report, format, None, None, signals).await,
                Err(code) => code,
            };
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        // From now on no sync can begin.
        begun.close();
        let Ok(handle) = begun.try_recv() else {
            let (name, code) = name.get().map_or((None, unread), |name: &String| (Some(name.clone()), 1));
            return write(Report::not_begun(name, StopReason::Signal), format, Some(code), Some(deadline), signals)
                .await;
        };
        handle.stop(StopReason::Signal);
        let finished = tokio::select! {
            biased;
            finished = timeout(handle.stop_timeout(), sync) => finished,
            () = signals.next() => return second_signal().await,
        };
        match finished {
            Ok(Ok(report)) => write(report, format, None, Some(deadline), signals).await,
            Ok(Err(code)) => code,
            Err(_) => {
                let report = handle.abandon();
                fail_soon(1, "the sync does not end, and is left unfinished").await;
                write(report, format, None, Some(deadline), signals).await
            }
        }
    })
}

/// One sync, on a runtime of its own. It tells its `name` once the settings are read, and gives `begin` its handle.
fn sync(args: &RunArgs, name: &OnceLock<String>, begin: oneshot::Sender<RunHandle>) -> SyncResult {
    let runtime = CommandRuntime::new(tokio::runtime::Builder::new_multi_thread())?;
    runtime.block_on(async {
        let (config, region) = settings::for_sync(&args.settings, args.dry_run).await?;
        // It is set once.
        let _ = name.set(config.name.clone());
        settings::start_logs(&config);
        let engine = if args.dry_run { Ok(Engine::dry(config, region)) } else { Engine::new(config, region) };
        let mut engine = engine.map_err(|error| fail(USAGE, error))?;
        let run = engine.start(if args.dry_run { Sink::Print(Box::new(io::stdout())) } else { Sink::Kafka });
        // If a signal has come first, the process ends without this sync.
        begin.send(run.handle()).map_err(|_| ExitCode::FAILURE)?;
        Ok(Box::pin(run.finish()).await)
    })
}

/// Writes the report. After a signal it is waited for until `deadline`, since a pipe that nobody reads blocks.
async fn write(
    report: Report,
    format: ReportFormat,
    code: Option<u8>,
    deadline: Option<Instant>,
    mut signals: Signals,
) -> ExitCode {
    let mut written = pin!(on_thread(move || write_report(&report, format, code)));
    let deadline = match deadline {
        Some(deadline) => deadline,
        None => tokio::select! {
            biased;
            code = &mut written => return code.unwrap_or(PANICKED.into()),
            () = signals.next() => Instant::now() + STOP_TIMEOUT,
        },
    };
    tokio::select! {
        biased;
        code = timeout_at(deadline, written) => match code {
            Ok(code) => code.unwrap_or(PANICKED.into()),
            Err(_) => fail_soon(1, "the report was not taken in time").await,
        },
        () = signals.next() => second_signal().await,
    }
}

async fn second_signal() -> ExitCode {
    fail_soon(1, "ended at once by a second signal; what was not acknowledged is lost").await
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
            print_json(report, "report", code)
        }
    }
}
