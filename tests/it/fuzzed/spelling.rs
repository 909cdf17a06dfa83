//! Settings as their sources spell them.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter, Write};

use fastrand::Rng;

use super::good::{Given, Source};

/// What the program is given.
#[derive(Default)]
pub(super) struct Case {
    /// Nothing in it: no file.
    pub(super) file: Vec<u8>,
    pub(super) env: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) sets: Vec<Vec<u8>>,
    /// What the secret's file holds.
    pub(super) secret: Vec<u8>,
}

impl Display for Case {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "file {:?}", String::from_utf8_lossy(&self.file))?;
        for (name, value) in &self.env {
            writeln!(formatter, "{:?}={:?}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))?;
        }
        for set in &self.sets {
            writeln!(formatter, "--set {:?}", String::from_utf8_lossy(set))?;
        }
        write!(formatter, "secret {:?}", String::from_utf8_lossy(&self.secret))
    }
}

/// Variables that are none of the program's settings.
const FOREIGN: &[(&str, &str)] = &[
    ("ECS_SDM_PRODUCER_SERVICE_HOST", "10.0.0.1"),
    ("ECS_SDM_PRODUCER_PORT", "tcp://10.0.0.1:8080"),
    ("ECS_SDM_PRODUCER_PORT_8080_TCP_ADDR", "10.0.0.1"),
    ("ECS_SDM_PAGE_SIZE", ""),
    ("PATH", "/bin"),
    ("ECS_SD", "M"),
];

/// Tables that one variable or flag can hold as a whole.
const TABLES: &[&str] = &["kafka.security", "kafka.properties", "schema_registry", "kafka.security.oauth", "kafka"];

impl Case {
    /// Settings in their sources. An excerpt is a file of its own.
    pub(super) fn spelled(rng: &mut Rng, given: &[Given], excerpt: String) -> Case {
        let mut case = Case { secret: b"CANARYCANARYCANARYCANARY\n".to_vec(), ..Case::default() };
        let of = |source: Source| given.iter().filter(move |one| one.source == source).cloned().collect();
        if excerpt.is_empty() {
            case.file = file(rng, of(Source::File)).into_bytes();
        } else {
            case.file = excerpt.into_bytes();
        }
        for Given { key, value, .. } in joined(rng, of(Source::Variable)) {
            case.env.push((variable(rng, &key).into_bytes(), plain(rng, &value).into_bytes()));
        }
        for (name, value) in FOREIGN.iter().filter(|_| rng.u8(..8) == 0) {
            if case.env.iter().all(|(other, _)| !other.eq_ignore_ascii_case(name.as_bytes())) {
                case.env.push((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
            }
        }
        for Given { key, value, .. } in joined(rng, of(Source::Flag)) {
            case.sets.push(format!("{key}={}", plain(rng, &value)).into_bytes());
        }
        case
    }
}

/// Perhaps all settings of one table as a table.
fn joined(rng: &mut Rng, given: Vec<Given>) -> Vec<Given> {
    let table = TABLES[rng.usize(..TABLES.len())];
    let under = |one: &Given| one.key.strip_prefix(table).and_then(|rest| rest.strip_prefix('.')).map(str::to_owned);
    let Some(source) = given.iter().find(|one| under(one).is_some()).map(|one| one.source) else { return given };
    if rng.bool() {
        return given;
    }
    let inline = |one: &Given| under(one).map(|rest| format!("{rest} = {}", one.value));
    let value = format!("{{ {} }}", given.iter().filter_map(inline).collect::<Vec<_>>().join(", "));
    let mut joined: Vec<Given> = given.into_iter().filter(|one| under(one).is_none()).collect();
    joined.push(Given { key: table.to_owned(), value, source });
    joined
}

fn file(rng: &mut Rng, given: Vec<Given>) -> String {
    let mut text = if rng.u8(..16) == 0 { "\u{feff}".to_owned() } else { String::new() };
    // A table can be written but once, so that only where there is no other beside it.
    let given = if given.iter().all(|one| one.key.starts_with("kafka.security.")) { joined(rng, given) } else { given };
    let mut sections: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let in_sections = rng.bool();
    for Given { key, value, .. } in given {
        let (section, name) = key.rsplit_once('.').filter(|_| in_sections).unwrap_or(("", &key));
        sections.entry(section.to_owned()).or_default().push(format!("{name} = {value}"));
    }
    for (section, lines) in sections {
        if !section.is_empty() {
            _ = writeln!(text, "[{section}]");
        }
        for line in lines {
            let comment = ["", "# a comment\n", "\n", ""][rng.usize(..4)];
            _ = writeln!(text, "{comment}{line}{}", ["", " # words"][rng.usize(..2)]);
        }
    }
    if rng.u8(..8) == 0 { text.replace('\n', "\r\n") } else { text }
}

/// The variable of a key.
fn variable(rng: &mut Rng, key: &str) -> String {
    if let Some(option) = key.strip_prefix("operation_options.") {
        return format!("ECS_SDM_OPERATION_OPTIONS__{}", option.replace('.', "__"));
    }
    let name = match key.strip_prefix("kafka.properties.") {
        Some(property) => format!("ECS_SDM_kafka__properties__{}", property.replace('.', "_")),
        None => format!("ECS_SDM_{}", key.replace('.', "__")),
    };
    if rng.u8(..4) == 0 { name.to_lowercase() } else { name.to_uppercase() }
}

/// A value as variables and flags spell it: text without quotes, a list perhaps with commas alone.
fn plain(rng: &mut Rng, value: &str) -> String {
    let unquoted = |text: &str| {
        let inner = text.strip_prefix('"')?.strip_suffix('"')?;
        Some(inner.replace("\\n", "\n").replace("\\\"", "\""))
    };
    let list =
        || value.strip_prefix('[')?.strip_suffix(']').filter(|inner| !inner.is_empty() && !inner.contains(['{', '[']));
    match (unquoted(value), list()) {
        (Some(text), _) => text,
        (None, Some(inner)) if rng.bool() => inner.replace('"', ""),
        _ => value.to_owned(),
    }
}
