//! `schemas`: the Avro schemas, as they stand in `schemas/`.

use std::process::ExitCode;

use ecs_sdm_producer::{ecs, event};

use super::{Schemas, USAGE, complain, print};

/// Prints what is asked for.
pub(crate) fn schemas(command: &Schemas) -> ExitCode {
    let Schemas::Print { object } = command;
    let wanted = |name: &str| object.as_deref().is_none_or(|object| object == name);
    let mut text = String::new();
    for (name, schema) in ecs::schemas().into_iter().chain([(event::NAME, event::schema())]) {
        if wanted(name) {
            text.push_str(&format!("{schema:#}\n"));
        }
    }
    if text.is_empty() {
        let object = object.as_deref().unwrap_or_default();
        complain(&format!(
            "error: there is no object {object:?}; there are {}, {}",
            ecs::OBJECTS.join(", "),
            event::NAME
        ));
        return ExitCode::from(USAGE);
    }
    print(text.as_bytes())
}
