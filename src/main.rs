//! The process: command line, settings, logs, runtime, signals, exit code. What it all means stands in the library.

mod cli;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

/// An answer's many small texts are freed on whatever thread has encoded it. glibc takes the lock of the thread that allocated
/// them for each, which cost a quarter of all CPU (`benches/README.md`).
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
