//! `schemas`: the Avro schemas, as they stand in `schemas/`, and what a registry says of them.

use std::process::ExitCode;

use ecs_sdm_producer::contract::OBJECTS;
use ecs_sdm_producer::record;
use ecs_sdm_producer::registry::{Client, Compatibility, Error, Subject, subjects};

use super::settings::{read, report_errors};
use super::{SchemasCommand, SettingsArgs, USAGE, complain, print, print_then};

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
    let wanted = |name: &str| object.is_none_or(|object| object == name);
    let mut text = String::new();
    for (name, schema) in record::schemas() {
        if wanted(name) {
            text.push_str(&format!("{schema:#}\n"));
        }
    }
    if text.is_empty() {
        let object = object.unwrap_or_default();
        complain(&format!("error: there is no object {object:?}; there are {}, SyncEvent", OBJECTS.join(", ")));
        return ExitCode::from(USAGE);
    }
    print(text.as_bytes())
}

/// A line for every subject, good or bad, and an exit code for all.
fn with_registry(
    settings: &SettingsArgs,
    ask: &impl AsyncFn(&Client, &Subject) -> Result<(bool, String), Error>,
) -> ExitCode {
    let mut loaded = read(settings);
    if let Some(diagnostic) = loaded.missing_registry() {
        loaded.add(diagnostic);
    }
    for warning in &loaded.warnings {
        complain(&format!("warning: {warning}"));
    }
    let config = match loaded.config {
        Ok(config) => config,
        Err(diagnostics) => return report_errors(&diagnostics),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(format!("the runtime cannot start: {error}")),
    };
    let registry = match runtime.block_on(Client::new(&config)) {
        Ok(registry) => registry,
        Err(error) => return fail(error),
    };
    let subjects = subjects(&config);
    let width = subjects.iter().map(|subject| subject.name.len()).max().unwrap_or_default();
    let (mut text, mut code) = (String::new(), ExitCode::SUCCESS);
    for subject in &subjects {
        match runtime.block_on(ask(&registry, subject)) {
            Ok((good, message)) => {
                text.push_str(&format!("{:width$}  {message}\n", subject.name));
                if !good {
                    code = ExitCode::FAILURE;
                }
            }
            Err(error @ Error::Refused { .. }) => {
                complain(&format!("error: {error}"));
                code = ExitCode::FAILURE;
            }
            // The next subject would meet the same.
            Err(error) => {
                code = fail(error);
                break;
            }
        }
    }
    print_then(text.as_bytes(), code)
}

/// Nothing can be asked.
fn fail(reason: impl std::fmt::Display) -> ExitCode {
    complain(&format!("error: {reason}"));
    ExitCode::from(2)
}
