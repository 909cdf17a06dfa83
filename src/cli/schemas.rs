//! `schemas`: prints the Avro schemas, as in `schemas/`, registers them, or asks the registry about them.

use std::process::ExitCode;

use ecs_sdm_producer::contract::OBJECTS;
use ecs_sdm_producer::record;
use ecs_sdm_producer::registry::{Client, Compatibility, Error, Subject, subjects};

use tokio::runtime::Builder;

use super::process::CommandRuntime;
use super::settings::{network, read, report_errors};
use super::{SchemasCommand, SettingsArgs, USAGE, fail, print, print_then, warn};

pub(crate) fn schemas(command: &SchemasCommand) -> ExitCode {
    match command {
        SchemasCommand::Print { object } => show(object.as_deref()),
        SchemasCommand::Register(settings) => with_registry(settings, &async |registry, subject| {
            registry.register(subject).await.map(|id| (true, format!("id {id}")))
        }),
        SchemasCommand::Test(settings) => with_registry(settings, &async |registry, subject| {
            Ok(match registry.test(subject).await? {
                Compatibility::New => (true, "compatible: the subject has no schema yet".to_owned()),
                Compatibility::Compatible => (true, "compatible".to_owned()),
                Compatibility::Incompatible(reasons) => (false, format!("NOT COMPATIBLE: {}", reasons.join("; "))),
            })
        }),
    }
}

fn show(object: Option<&str>) -> ExitCode {
    let wanted = record::schemas().filter(|(name, _)| object.is_none_or(|object| object == *name));
    let text: String = wanted.map(|(_, schema)| format!("{schema:#}\n")).collect();
    if text.is_empty() {
        let object = object.unwrap_or_default();
        return fail(USAGE, format_args!("there is no object {object:?}; there are {}, SyncEvent", OBJECTS.join(", ")));
    }
    print(text.as_bytes())
}

/// Asks the registry about each subject. Prints a line for each, and returns one exit code for all.
fn with_registry(
    settings: &SettingsArgs,
    ask: &impl AsyncFn(&Client, &Subject) -> Result<(bool, String), Error>,
) -> ExitCode {
    let mut loaded = read(settings);
    if let Some(diagnostic) = loaded.missing_registry() {
        loaded.add(diagnostic);
    }
    let runtime = match CommandRuntime::new(Builder::new_current_thread()) {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    // The registry is asked through the same proxy, and may trust the same bundle.
    runtime.block_on(network(&mut loaded, false));
    loaded.warnings.iter().for_each(|warning| warn(warning));
    let config = match loaded.config {
        Ok(config) => config,
        Err(diagnostics) => return report_errors(&diagnostics),
    };
    let registry = match runtime.block_on(Client::new(&config)) {
        Ok(registry) => registry,
        Err(error) => return fail(2, error),
    };
    let subjects = subjects(&config);
    let width = subjects.iter().map(|subject| subject.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    let mut code = ExitCode::SUCCESS;
    for subject in &subjects {
        match runtime.block_on(ask(&registry, subject)) {
            Ok((good, message)) => {
                text.push_str(&format!("{:width$}  {message}\n", subject.name));
                if !good {
                    code = ExitCode::FAILURE;
                }
            }
            Err(error @ Error::Refused { .. }) => code = fail(1, error),
            // The next subject would fail with the same error.
            Err(error) => {
                code = fail(2, error);
                break;
            }
        }
    }
    print_then(text.as_bytes(), code)
}
