//! The schema registry, and each subject: whether a sync gets an id there. Nothing is registered.

use super::{Kind, Row, Section};
use crate::config::{Config, RegistryMode};
use crate::registry::{Client, Compatibility, Error, Subject, subjects};
use crate::web;

pub(super) async fn check(config: &Config) -> Section {
    let settings = &config.schema_registry;
    if settings.url.is_empty() {
        return Section::default();
    }
    let urls: Vec<String> = settings.url.iter().map(|url| web::named(url)).collect();
    let registry = Row::new(Kind::Registry, urls.join(", "));
    let mut rows = Vec::new();
    let mut subjects = subjects(config).into_iter();
    let failed = match Client::new(config).await {
        Err(error) => Some(error),
        Ok(client) => loop {
            let Some(subject) = subjects.next() else { break None };
            match ask(&client, &subject, settings.mode).await {
                Ok(row) => rows.push(row),
                Err(error) => {
                    rows.push(not_asked(&subject));
                    break Some(error);
                }
            }
        },
    };
    let is_contacted = !matches!(failed, Some(Error::Unreachable { .. } | Error::Setting { .. } | Error::Bundle(_)));
    rows.extend(subjects.map(|subject| not_asked(&subject)));
    let registry = match failed {
        None => registry,
        Some(error) => registry.broken(error.to_string()),
    };
    rows.insert(0, registry);
    Section { rows, is_contacted }
}

fn not_asked(subject: &Subject) -> Row {
    Row::new(Kind::Subject, &subject.name).unknown("not asked: see the registry")
}

/// The row of a subject, or an error that is one of the registry as a whole.
async fn ask(client: &Client, subject: &Subject, mode: RegistryMode) -> Result<Row, Error> {
    let row = Row::new(Kind::Subject, &subject.name);
    let absent = match client.look_up(subject).await {
        Ok(_) => return Ok(row),
        Err(error @ Error::Refused { status: 404, .. }) => error,
        Err(error) => return of_subject(row, error),
    };
    Ok(match client.test(subject).await {
        Ok(Compatibility::Incompatible(reasons)) => row.broken(format!(
            "the schema is not compatible with those of the subject: {}; give the topic another name or \
             schema_registry.subject_strategy, or have the subject's compatibility level changed",
            reasons.join("; ")
        )),
        Ok(Compatibility::New | Compatibility::Compatible) => match mode {
            RegistryMode::Auto => Row { error: Some("a sync registers it".to_owned()), ..row },
            RegistryMode::Lookup => row.broken(absent.to_string()),
        },
        Err(error) => of_subject(row, error)?,
    })
}

fn of_subject(row: Row, error: Error) -> Result<Row, Error> {
    match error {
        Error::Refused { status: 401, .. } => Err(error),
        Error::Refused { .. } => Ok(row.broken(error.to_string())),
        error => Err(error),
    }
}
