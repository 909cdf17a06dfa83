//! The command line: commands, flags and their help, and what goes to standard output and standard error.

mod begun;
pub(crate) mod check;
pub(crate) mod healthcheck;
pub(crate) mod logs;
pub(crate) mod plan;
pub(crate) mod process;
mod progress;
pub(crate) mod run;
pub(crate) mod schemas;
mod serve;
pub(crate) mod settings;
mod systemd;
mod terminal;

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::LazyLock;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use ecs_sdm_producer::kafka::client;
use serde::Serialize;

use self::logs::LogArgs;
use self::terminal::Lines;

/// The exit code for wrong settings or flags: `EX_USAGE` of sysexits.h. Nothing was contacted.
pub(crate) const USAGE: u8 = 64;

/// What this program was built from. It comes from `build.rs`.
const COMMIT: &str = env!("COMMIT");

/// What a report of a bug needs, on one line.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let librdkafka = client::librdkafka_version();
    format!("{} (commit {COMMIT}, librdkafka {librdkafka})", env!("CARGO_PKG_VERSION"))
});

/// Streams the Amazon ECS inventory of one or many AWS accounts to Kafka as Avro records, one topic per object type.
#[derive(Debug, Parser)]
#[command(version = VERSION.as_str(), arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  See what would be sent, without Kafka:
    ecs-sdm-producer sync --dry-run --set default_region=eu-central-1
  One sync, from a settings file:
    ecs-sdm-producer sync --config connector.toml
  One sync of two roles, with the report as JSON:
    ecs-sdm-producer sync --report json --set kafka.bootstrap_servers=localhost:9092 \\
      --set assume_role_arns=arn:aws:iam::111111111111:role/a,arn:aws:iam::222222222222:role/a

Settings: defaults < TOML file (--config) < environment (ECS_SDM_...) < --set. `ecs-sdm-producer check` shows them all.
Exit codes of one sync: 0 completed, 1 partial or aborted, 2 failed, 64 wrong settings or flags.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs as settings say: with `interval` a sync every period until it is stopped, else one sync
    #[command(after_help = RUN)]
    Run(RunArgs),
    /// Runs one sync, whatever `interval` says
    #[command(after_help = "Example:\n  ecs-sdm-producer sync --dry-run --set objects=EcsTask | jq .value.TASK_ARN")]
    Sync(RunArgs),
    /// Checks the settings and shows each with where it comes from; with --online, whether AWS, Kafka and the registry allow a sync
    #[command(after_help = CHECK)]
    Check(CheckArgs),
    /// Lists everything and tells what a sync would take: calls, and time at the allowed rates; describes nothing, needs no Kafka
    #[command(after_help = PLAN)]
    Plan(PlanArgs),
    /// Prints the Avro schemas, registers them, or tests whether they may be registered
    Schemas {
        #[command(subcommand)]
        command: SchemasCommand,
    },
    /// Asks the sidecar that runs here whether it is alive, for images without a shell; exits with 0 or 1
    #[command(after_help = HEALTHCHECK)]
    Healthcheck(HealthcheckArgs),
    /// Prints a completion script for a shell
    #[command(after_help = "Example:\n  ecs-sdm-producer completions bash > /etc/bash_completion.d/ecs-sdm-producer")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

const RUN: &str = "\
Examples:
  A sync every hour, until the program is stopped:
    ecs-sdm-producer run --config connector.toml --set interval=1h
  How it is, and a sync now:
    curl localhost:7464/status
    curl -X POST localhost:7464/sync

With `interval` a health server listens at telemetry.listen (127.0.0.1:7464): / is a page for a browser; /livez, /readyz, /status,
/metrics, POST /sync.
Exit codes with `interval`: 0 stopped by a signal, 1 ended at once by a second one, 2 telemetry.listen is taken, 64 wrong settings or flags.";

const HEALTHCHECK: &str = "\
Examples:
  In a task definition of Amazon ECS, which ignores the HEALTHCHECK of an image as Kubernetes does:
    \"healthCheck\": {\"command\": [\"CMD\", \"/usr/local/bin/ecs-sdm-producer\", \"healthcheck\"]}
  Whether syncs can begin:
    ecs-sdm-producer healthcheck --ready --address 127.0.0.1:7464

It reads telemetry.listen and name from the settings, and judges nothing else of them. It takes 3 seconds at most.
Exit codes: 0 yes, 1 no, or no answer of this program.";

#[derive(Debug, Args)]
pub(crate) struct HealthcheckArgs {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    /// Asks whether syncs can begin: topics, schemas and the producer are there
    #[arg(long)]
    pub(crate) ready: bool,
    /// Asks at this address instead of telemetry.listen
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) address: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    #[command(flatten)]
    pub(crate) logs: LogArgs,
    /// Prints records as JSON lines on standard output instead of producing them; needs no broker
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How the report is given at the end: text on standard error, or JSON as the last line of standard output
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub(crate) report: ReportFormat,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    #[command(flatten)]
    pub(crate) logs: LogArgs,
    /// Checks for a dry run, which needs no broker
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Asks AWS, Kafka and the schema registry whether a sync has all that it needs; writes, makes and registers nothing
    #[arg(long)]
    pub(crate) online: bool,
    /// How the result of --online is given on standard output: as a table, or as JSON
    #[arg(long, value_enum, default_value_t = ReportFormat::Text, requires = "online")]
    pub(crate) report: ReportFormat,
}

const CHECK: &str = "\
Examples:
  The settings that hold, without contacting anybody:
    ecs-sdm-producer check --config connector.toml
  Whether identity, roles, actions, brokers, topics, rights and subjects are as a sync needs them:
    ecs-sdm-producer check --online --config connector.toml

Exit codes: 0 nothing is wrong, 1 something would make a sync less than COMPLETED, 2 nothing could be contacted, 64 wrong settings or flags.";

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    #[command(flatten)]
    pub(crate) logs: LogArgs,
    /// How the plan is given on standard output: as tables, or as JSON
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub(crate) report: ReportFormat,
}

const PLAN: &str = "\
Example:
  ecs-sdm-producer plan --set default_region=eu-central-1 --set api_share=0.5

Exit codes: 0 all listed, 1 something denied or not listed to its end, 2 AWS could not be contacted, 64 wrong settings or flags.";

#[derive(Debug, Args)]
pub(crate) struct SettingsArgs {
    /// A TOML file; config/connector.toml has every setting at its default
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// A setting, for example kafka.bootstrap_servers=localhost:9092; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchemasCommand {
    /// Prints the schema of one object, or of all
    #[command(after_help = "Example:\n  ecs-sdm-producer schemas print EcsTask")]
    Print {
        /// The name of an object, such as EcsTask, or SyncEvent of the sync topic
        object: Option<String>,
    },
    /// Registers the schemas of the wanted objects and of the sync topic under their subjects, and prints their ids
    #[command(after_help = REGISTER)]
    Register(SettingsArgs),
    /// Asks the registry whether the schemas may be registered under their subjects; registers nothing
    #[command(after_help = TEST)]
    Test(SettingsArgs),
}

const REGISTER: &str = "\
Example:
  ecs-sdm-producer schemas register --set schema_registry.url=http://localhost:8081

Exit codes: 0 all registered, 1 one refused, 2 no registry, 64 wrong settings or flags.";

const TEST: &str = "\
The registry judges by the compatibility level that it has for each subject. A pipeline may stop on the exit code.

Example:
  ecs-sdm-producer schemas test --config connector.toml

Exit codes: 0 all compatible, 1 one not compatible or refused, 2 no registry, 64 wrong settings or flags.";

/// Prints what clap answers to help and version, or its error about a wrong flag.
pub(crate) fn usage(message: &clap::Error) -> ExitCode {
    // If even this cannot be written, nobody can be told.
    let _ = message.print();
    if message.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
}

pub(crate) fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ecs-sdm-producer", &mut script);
    print(&script)
}

pub(crate) fn print(text: &[u8]) -> ExitCode {
    print_then(text, ExitCode::SUCCESS)
}

/// Writes to standard output, and returns `code` if that succeeds. A closed pipe is the reader's choice, and no error.
pub(crate) fn print_then(text: &[u8], code: ExitCode) -> ExitCode {
    let mut output = io::stdout().lock();
    match output.write_all(text).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => fail(1, format_args!("standard output: {error}")),
        _ => code,
    }
}

/// Writes something to standard output as one line of JSON, and returns `code` if that succeeds.
pub(crate) fn print_json(value: &impl Serialize, what: &str, code: ExitCode) -> ExitCode {
    match serde_json::to_string(value) {
        Ok(json) => print_then(format!("{json}\n").as_bytes(), code),
        Err(error) => fail(2, format_args!("the {what} cannot be written: {error}")),
    }
}

/// Writes an error to standard error, and returns its exit code.
pub(crate) fn fail(code: u8, error: impl Display) -> ExitCode {
    complain(&format!("error: {error}"));
    ExitCode::from(code)
}

/// Writes a warning to standard error. Settings are read before the logs are set up, whose format is itself a setting.
pub(crate) fn warn(warning: &str) {
    complain(&format!("warning: {warning}"));
}

/// Writes a line to standard error.
pub(crate) fn complain(line: &str) {
    let _ = Lines.write_all(format!("{line}\n").as_bytes());
}
