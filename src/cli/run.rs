//! `run` and `sync`: one sync, its report, its exit code; or a sidecar.

use std::io;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ecs_sdm_producer::config::{Config, Otel};
use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::report::{Report, StopReason};
use ecs_sdm_producer::sync::Sink;
use ecs_sdm_producer::telemetry::{RunKind, Telemetry};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use super::begun::{Begin, Begun};
use super::process::{CommandRuntime, PANICKED, Process, Signals, fail_soon, on_thread};
use super::progress::{self, Progress};
use super::serve::serve;
use super::{COMMIT, ReportFormat, RunArgs, USAGE, complain, fail, print_json, settings, systemd};

/// How long a stop may take in all, from the signal to the end of the process. One second is left for what the machine does beside.
const STOP_TIMEOUT: Duration = Duration::from_secs(24);

/// How long a stop may take beyond what it stops, for the last metrics and spans. They have three seconds, and so the slack of a stop
/// that takes all its time.
const LAST_EXPORTS: Duration = Duration::from_secs(2);

/// The report of a sync, none of a sidecar that ended, or the exit code of an error that was told.
type Ended = Result<Option<Report>, ExitCode>;

/// What is known of a run before it begins: its name, and whether it is a sidecar.
type Settings = OnceLock<(String, bool)>;

/// Runs one sync, or with `serves` and an interval a sidecar.
pub(crate) fn run(args: RunArgs, process: Process, serves: bool) -> ExitCode {
    let format = args.report;
    process.supervise(async |mut signals| {
        let (begin, mut begun) = oneshot::channel();
        let settings = Arc::new(Settings::new());
        let work = {
            let settings = Arc::clone(&settings);
            on_thread(move || work(&args, serves, &settings, begin))
        };
        let mut work = pin!(async { work.await.unwrap_or(Err(PANICKED.into())) });
        let ended = tokio::select! {
            biased;
            ended = &mut work => Some(ended),
            () = signals.next() => None,
        };
        if let Some(ended) = ended {
            return match ended {
                Ok(Some(report)) => write(report, format, None, None, signals).await,
                Ok(None) => ExitCode::SUCCESS,
                Err(code) => code,
            };
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        systemd::stopping();
        // From now on nothing can begin.
        begun.close();
        let Ok(begun) = begun.try_recv() else {
            let (name, is_sidecar) = settings.get().cloned().unzip();
            // A sidecar that is stopped has done what was asked of it, a single sync has not.
            let code = u8::from(!is_sidecar.unwrap_or(serves));
            return write(Report::not_begun(name, StopReason::Signal), format, Some(code), Some(deadline), signals)
                .await;
        };
        let time = begun.stop() + LAST_EXPORTS;
        let ended = tokio::select! {
            biased;
            ended = timeout(time, work) => ended,
            () = signals.next() => return second_signal().await,
        };
        match (ended, begun.abandon()) {
            (Ok(Ok(Some(report))), _) => write(report, format, None, Some(deadline), signals).await,
            (Ok(Ok(None)), _) => ExitCode::SUCCESS,
            (Ok(Err(code)), _) => code,
            (Err(_), report) => {
                let code = fail_soon(1, "the sync does not end, and is left unfinished").await;
                match report {
                    Some(report) => write(report, format, None, Some(deadline), signals).await,
                    None => code,
                }
            }
        }
    })
}

/// One sync or a sidecar, on a runtime of its own. It tells its settings once they are read, and what begins.
fn work(args: &RunArgs, serves: bool, known: &Settings, begin: Begin) -> Ended {
    let runtime = CommandRuntime::new(tokio::runtime::Builder::new_multi_thread())?;
    runtime.block_on(async {
        let (config, region) = settings::for_sync(&args.settings, args.dry_run).await?;
        let interval = config.interval.filter(|_| serves);
        // It is set once.
        let _ = known.set((config.name.clone(), interval.is_some()));
        let _logs = args.logs.start(&config);
        match interval {
            Some(interval) => Box::pin(serve(config, region, interval, args, begin)).await.map(|()| None),
            None => Box::pin(sync(config, region, args, begin)).await.map(Some),
        }
    })
}

async fn sync(config: Config, region: String, args: &RunArgs, begin: Begin) -> Result<Report, ExitCode> {
    let dry_run = args.dry_run;
    let is_shown = progress::is_wanted(args, &config);
    let kind = RunKind { is_single: true, is_dry: dry_run, commit: COMMIT };
    let telemetry = Telemetry::start(&config, &Otel::from_process().0, kind).await;
    let (observers, follower) = (telemetry.observers(), telemetry.follower());
    let engine = if dry_run {
        Ok(Engine::dry_observed(config, region, observers))
    } else {
        Engine::observed(config, region, observers)
    };
    let mut engine = engine.map_err(|error| fail(USAGE, error))?;
    let run = engine.start(if dry_run { Sink::Print(Box::new(io::stdout())) } else { Sink::Kafka });
    // If a signal has come first, the process ends without this sync.
    begin.send(Begun::Sync(run.handle())).map_err(|_| ExitCode::FAILURE)?;
    systemd::ready();
    let handle = run.handle();
    let shown = handle.clone();
    let progress = is_shown.then(|| Progress::show(move || Some(shown.clone())));
    follower.begin(&handle);
    let report = run.finish().await;
    follower.end(&report, handle.has_begun());
    if let Some(progress) = progress {
        progress.end().await;
    }
    telemetry.end().await;
    Ok(report)
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
