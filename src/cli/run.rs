//! `run` and `sync`: one sync, its report, its exit code.

use std::io::{self, IsTerminal};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use ecs_sdm_producer::config::Config;
use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::report::{Report, StopReason};
use ecs_sdm_producer::sync::Sink;
use ecs_sdm_producer::telemetry;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::util::SubscriberInitExt;

use super::{ReportFormat, RunArgs, USAGE, complain, fail, print_then, settings};

/// How long blocking calls may take at the end, such as one to a broker that does not answer.
const SHUTDOWN: Duration = Duration::from_millis(200);

/// How long it may take to write the report after a signal. Before that, a stop takes up to 15 s to deliver what was read, and 3 s
/// to publish the outcome.
const REPORT_TIME: Duration = Duration::from_secs(2);

pub(crate) fn run(run: &RunArgs) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(2, format_args!("the runtime cannot start: {error}")),
    };
    let code = runtime.block_on(async {
        match settings::for_sync(&run.settings, run.dry_run).await {
            Ok((config, region)) => Box::pin(sync(run, config, region)).await,
            Err(code) => code,
        }
    });
    runtime.shutdown_timeout(SHUTDOWN);
    code
}

async fn sync(run: &RunArgs, config: Config, region: String) -> ExitCode {
    let directives = std::env::var("RUST_LOG").unwrap_or_default();
    let logs = telemetry::subscriber(config.telemetry.log_format, &directives, io::stderr, io::stderr().is_terminal());
    logs.init();
    let (mut first, mut second) = match (Signals::new(), Signals::new()) {
        (Ok(first), Ok(second)) => (first, second),
        (Err(error), _) | (_, Err(error)) => {
            return fail(2, format_args!("the handlers of SIGTERM and SIGINT cannot be installed: {error}"));
        }
    };
    let engine = if run.dry_run { Ok(Engine::dry(config, region)) } else { Engine::new(config, region) };
    let mut engine = match engine {
        Ok(engine) => engine,
        Err(error) => return fail(USAGE, error),
    };
    let format = run.report;
    let sink = if run.dry_run { Sink::Print(Box::new(io::stdout())) } else { Sink::Kafka };
    let run = engine.start(sink);
    let handle = run.handle();
    let answered = async {
        let (mut finished, mut signalled) = (pin!(run.finish()), false);
        let report = loop {
            tokio::select! {
                biased;
                report = &mut finished => break report,
                () = first.next() => {
                    signalled = true;
                    handle.stop(StopReason::Signal);
                }
            }
        };
        // A pipe that nobody reads may block, so the report is written beside the signals, and for a limited time after one.
        let written = tokio::task::spawn_blocking(move || write_report(format, &report));
        let late = async {
            if !signalled {
                first.next().await;
            }
            tokio::time::sleep(REPORT_TIME).await;
        };
        tokio::select! {
            code = written => code.unwrap_or(ExitCode::FAILURE),
            () = late => ExitCode::FAILURE,
        }
    };
    tokio::select! {
        code = answered => code,
        () = async { second.next().await; second.next().await } => {
            fail(1, "ended at once by a second signal; what was not acknowledged is lost")
        }
    }
}

fn write_report(format: ReportFormat, report: &Report) -> ExitCode {
    if report.stop_reason == Some(StopReason::Closed) {
        // The reader of a dry run has seen enough.
        return ExitCode::SUCCESS;
    }
    let code = ExitCode::from(report.outcome.exit_code());
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

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
