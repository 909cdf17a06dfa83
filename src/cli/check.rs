//! `check`: the effective settings, each with where it comes from.

use std::fmt::Write;
use std::process::ExitCode;

use tokio::runtime::Builder;

use super::process::CommandRuntime;
use super::settings::{judge, read, report_errors};
use super::{CheckArgs, print, warn};

/// Prints the valid settings, then what is wrong with the others. It contacts nothing, and judges as a sync does.
pub(crate) fn check(args: &CheckArgs) -> ExitCode {
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
