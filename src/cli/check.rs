//! `check`: the effective settings, each with where it comes from, or what is asked of others with `--online`.

use std::fmt::Write;
use std::process::ExitCode;

use ecs_sdm_producer::online::OnlineCheck;
use tokio::runtime::Builder;

use super::process::CommandRuntime;
use super::settings::{self, judge, read, report_errors};
use super::{CheckArgs, ReportFormat, complain, print, print_json, print_then, warn};

pub(crate) fn check(args: &CheckArgs) -> ExitCode {
    if args.online { check_online(args) } else { check_settings(args) }
}

/// Asks AWS, Kafka and the registry, and prints a row for each thing.
fn check_online(args: &CheckArgs) -> ExitCode {
    let runtime = match CommandRuntime::new(Builder::new_multi_thread()) {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    runtime.block_on(async {
        let (config, region) = match settings::for_sync(&args.settings, args.dry_run).await {
            Ok(read) => read,
            Err(code) => return code,
        };
        let _logs = args.logs.start(&config);
        let check = Box::pin(OnlineCheck::run(&config, region, args.dry_run)).await;
        let code = ExitCode::from(check.exit_code);
        match args.report {
            ReportFormat::Text => {
                let code = print_then(check.text().as_bytes(), code);
                complain(&check.summary());
                code
            }
            ReportFormat::Json => print_json(&check, "check", code),
        }
    })
}

/// Prints the valid settings, then what is wrong with the others. It contacts nothing, and judges as a sync does.
fn check_settings(args: &CheckArgs) -> ExitCode {
    let mut loaded = read(&args.settings);
    match CommandRuntime::new(Builder::new_current_thread()) {
        Ok(runtime) => _ = runtime.block_on(judge(&mut loaded, args.dry_run, false)),
        Err(code) => return code,
    }
    let mut listing = String::new();
    let effective = loaded.effective();
    let width = effective.iter().map(|one| one.key.len() + one.value.len() + 3).filter(|width| *width <= 64).max();
    for one in effective {
        let setting = format!("{} = {}", one.key, one.value);
        // Writing to a String cannot fail.
        let _ = writeln!(listing, "{setting:<width$}  # {}", one.origin, width = width.unwrap_or(0));
    }
    let printed = print(listing.as_bytes());
    loaded.warnings.iter().for_each(|warning| warn(warning));
    match &loaded.config {
        Ok(_) => printed,
        Err(diagnostics) => report_errors(diagnostics),
    }
}
