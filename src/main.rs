//! The process: command line, settings, logs, runtime, signals, exit code. What it all means stands in the library.

mod cli;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

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
