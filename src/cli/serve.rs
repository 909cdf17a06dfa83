//! `run` with an interval: the sidecar, its health server, and a report of each sync.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TrySendError, sync_channel};
use std::time::Duration;

use ecs_sdm_producer::config::{Config, Listen, LogFormat, Otel};
use ecs_sdm_producer::contract::rfc3339;
use ecs_sdm_producer::report::Report;
use ecs_sdm_producer::service::health::{MetricsText, Server, serve_when_free};
use ecs_sdm_producer::service::{Service, ServiceHandle};
use ecs_sdm_producer::telemetry::{RunKind, Telemetry};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::begun::{Begin, Begun};
use super::process::on_thread;
use super::progress::{self, Progress};
use super::terminal::{self, Lines};
use super::{COMMIT, ReportFormat, RunArgs, fail, systemd};

/// Reports that may wait for whoever reads them.
const REPORTS: usize = 64;

/// How long the last of them may take at the end.
const LAST_REPORTS: Duration = Duration::from_secs(2);

/// Runs a sidecar until it is stopped.
pub(super) async fn serve(
    config: Config,
    region: String,
    interval: Duration,
    args: &RunArgs,
    begin: Begin,
) -> Result<(), ExitCode> {
    let listen = config.telemetry.listen.unwrap_or_default();
    let server = match listen {
        Listen::At(address) => Some(Server::bind(address).map_err(|error| {
            fail(2, format_args!("telemetry.listen: the health server cannot listen on {address}: {error}; set another address, or none"))
        })?),
        // Where the default is taken, it is told, and tried again.
        Listen::Default => listen.address().and_then(|address| Server::bind(address).ok()),
        Listen::Nowhere => None,
    };
    let (reports, ended) = sync_channel::<Report>(REPORTS);
    let (format, is_for_people) = (args.report, config.telemetry.log_format == LogFormat::Text && terminal::is_rich());
    let writer = on_thread(move || write_all(&ended, format, is_for_people));
    let on_report = Box::new(move |report: Report| {
        systemd::status(format!("the last sync, {}: {}", rfc3339(report.sync), report.outcome));
        if let Err(TrySendError::Full(_)) = reports.try_send(report) {
            tracing::warn!("nobody takes the reports from the output, and one is lost");
        }
    });
    let is_shown = progress::is_wanted(args, &config);
    let kind = RunKind { is_single: false, is_dry: args.dry_run, commit: COMMIT };
    let telemetry = Arc::new(Telemetry::start(&config, &Otel::from_process().0, kind).await);
    let (observers, follower) = (telemetry.observers().clone(), telemetry.follower());
    let service = Service::new(config, region, interval, args.dry_run, on_report, observers, follower);
    let handle = service.handle();
    telemetry.watch(&handle);
    let told = Arc::clone(&telemetry);
    let metrics: MetricsText = Arc::new(move || told.text());
    // If a signal has come first, the process ends without this.
    begin.send(Begun::Service(handle.clone())).map_err(|_| ExitCode::FAILURE)?;
    systemd::ready();
    let running = handle.clone();
    let progress = is_shown.then(|| Progress::show(move || running.run()));
    // They run in tasks of their own, whatever the scheduler does.
    let mut beside = JoinSet::new();
    let watched = handle.clone();
    beside.spawn(async move { match systemd::feed_watchdog(&watched).await {} });
    beside.spawn(async move { health(server, listen, &handle, &metrics).await });
    Box::pin(service.run()).await;
    drop(beside);
    if let Some(progress) = progress {
        progress.end().await;
    }
    let written = async {
        match timeout(LAST_REPORTS, writer).await {
            Ok(_) => Ok(()),
            Err(_) => Err(fail(1, "the last reports were not taken in time")),
        }
    };
    tokio::join!(written, telemetry.end()).0
}

/// Writes the report of each sync: as JSON, or as text where a terminal shows it to people. Elsewhere a line of the log is enough.
fn write_all(reports: &Receiver<Report>, format: ReportFormat, is_for_people: bool) {
    let mut is_told = false;
    for report in reports {
        let written = match format {
            ReportFormat::Json => write_json(&report),
            ReportFormat::Text if is_for_people => Lines.write_all(report.text().as_bytes()),
            ReportFormat::Text => Ok(()),
        };
        if let Err(error) = written
            && !std::mem::replace(&mut is_told, true)
        {
            tracing::warn!(%error, "the report of a sync cannot be written, and is lost; so may be those that follow");
        }
    }
}

fn write_json(report: &Report) -> io::Result<()> {
    let mut output = io::stdout().lock();
    serde_json::to_writer(&mut output, report)?;
    writeln!(output)?;
    output.flush()
}

async fn health(server: Option<Server>, listen: Listen, service: &ServiceHandle, metrics: &MetricsText) {
    match (server, listen.address()) {
        (Some(server), _) => {
            tracing::info!(address = %server.address(), "the health server listens");
            match server.serve(service, metrics).await {}
        }
        (None, Some(address)) => match serve_when_free(address, service, metrics).await {},
        (None, None) => std::future::pending().await,
    }
}
