//! The process: command line, settings, logs, runtime, signals and exit code. Everything else is in the library.

mod cli;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

/// The many small strings of an answer are freed on the thread that encodes it, not on the one that allocated them. For each of
/// them glibc would take a lock, which cost a quarter of all CPU (`benches/README.md`).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(message) => return cli::usage(&message),
    };
    match command {
        Command::Run(run) | Command::Sync(run) => cli::run::run(&run),
        Command::Check(settings) => cli::check::check(&settings),
        Command::Schemas { command } => cli::schemas::schemas(&command),
        Command::Completions { shell } => cli::completions(shell),
    }
}
