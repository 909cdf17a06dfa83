//! The schema registry, and each subject: whether a sync gets an id there. Nothing is registered.

use super::{Check, Kind, Section};
use crate::config::{Config, RegistryMode};
use crate::registry::{Client, Compatibility, Error, Subject, subjects};
use crate::web;

pub(super) async fn check(config: &Config) -> Section {
    let settings = &config.schema_registry;
    if settings.url.is_empty() {
        return Section::default();
    }
    let urls: Vec<String> = settings.url.iter().map(|url| web::named(url)).collect();
    let registry = Check::new(Kind::Registry, urls.join(", "));
    let mut of_subjects = Vec::new();
    let failed = ask_all(config, &mut of_subjects).await.err();
    let is_silent = matches!(failed, Some(Error::Unreachable { .. } | Error::Setting { .. } | Error::Bundle(_)));
    let is_contacted = !is_silent || !of_subjects.is_empty();
    let not_known = subjects(config)
        .into_iter()
        .skip(of_subjects.len())
        .map(|subject| Check::new(Kind::Subject, subject.name).unknown("not known: see the registry"));
    let not_known: Vec<Check> = not_known.collect();
    let registry = match failed {
        None => registry,
        Some(error) => registry.broken(error.to_string()),
    };
    Section { checks: std::iter::once(registry).chain(of_subjects).chain(not_known).collect(), is_contacted }
}

/// Asks about all subjects, until an error is one of the registry as a whole.
async fn ask_all(config: &Config, checks: &mut Vec<Check>) -> Result<(), Error> {
    let client = Client::new(config).await?;
    for subject in subjects(config) {
        checks.push(ask(&client, &subject, config.schema_registry.mode).await?);
    }
    Ok(())
}

/// The check of a subject, or an error that is one of the registry as a whole.
async fn ask(client: &Client, subject: &Subject, mode: RegistryMode) -> Result<Check, Error> {
    let check = Check::new(Kind::Subject, &subject.name);
    let absent = match client.look_up(subject).await {
        Ok(_) => return Ok(check),
        Err(error @ Error::Refused { status: 404, .. }) => error,
        Err(error) => return of_subject(check, error),
    };
    let tested = match client.test(subject).await {
        // A sync does not test. Whoever may not do so may register all the same.
        Err(Error::Refused { message, .. }) => Err(message),
        Err(error) => return Err(error),
        Ok(tested) => Ok(tested),
    };
    Ok(match (tested, mode) {
        (Ok(Compatibility::Incompatible(reasons)), _) => check.broken(format!(
            "the schema is not compatible with those of the subject: {}; give the topic another name or \
             schema_registry.subject_strategy, or have the subject's compatibility level changed",
            reasons.join("; ")
        )),
        (_, RegistryMode::Lookup) => check.broken(absent.to_string()),
        (Err(message), RegistryMode::Auto) => check
            .unknown(format!("absent; a sync registers it, and whether it is compatible may not be asked ({message})")),
        (Ok(_), RegistryMode::Auto) => match client.mode(subject).await {
            Some(mode) if mode != "READWRITE" => check.broken(format!(
                "absent, and the registry's mode is {mode}; have that changed, or the schema registered"
            )),
            _ => Check { error: Some("absent; a sync registers it".to_owned()), ..check },
        },
    })
}

fn of_subject(check: Check, error: Error) -> Result<Check, Error> {
    match error {
        Error::Refused { status: 401, .. } => Err(error),
        Error::Refused { .. } => Ok(check.broken(error.to_string())),
        error => Err(error),
    }
}
