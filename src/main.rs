//! The process: signals, command line, and the exit code of a command. Everything else is in the library.

mod cli;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::process::Process;
use crate::cli::{Cli, Command};

/// The many small strings of an answer are freed on the thread that encodes it, not on the one that allocated them. For each of
/// them glibc would take a lock, which cost a quarter of all CPU (`benches/README.md`). Building jemalloc takes minutes, so that only
/// releases have it.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let process = match Process::new() {
        Ok(process) => process,
        Err(error) => return cli::fail(2, format_args!("the process cannot be prepared for signals: {error}")),
    };
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(message) => return cli::usage(&message),
    };
    match command {
        Command::Run(run) => cli::run::run(run, process, true),
        Command::Sync(run) => cli::run::run(run, process, false),
        Command::Check(check) => process.run(move || cli::check::check(&check)),
        Command::Plan(plan) => process.run(move || cli::plan::plan(&plan)),
        Command::Schemas { command } => process.run(move || cli::schemas::schemas(&command)),
        Command::Healthcheck(health) => process.run(move || cli::healthcheck::healthcheck(&health)),
        Command::Completions { shell } => process.run(move || cli::completions(shell)),
    }
}
