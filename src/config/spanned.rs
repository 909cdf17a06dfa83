//! What was written, in one shape for all sources, and where.

use std::fmt;
use std::path::PathBuf;

/// Where a setting was written.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    Default,
    /// File and line, and the column where that says more.
    File(PathBuf, Option<(usize, Option<usize>)>),
    Variable(String),
    /// The key alone: the value may be a secret.
    Set(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path, None) => write!(f, "{}", path.display()),
            Origin::File(path, Some((line, None))) => write!(f, "{}:{line}", path.display()),
            Origin::File(path, Some((line, Some(column)))) => {
                write!(f, "{}:{line}:{column}", path.display())
            }
            Origin::Variable(name) => write!(f, "variable {name}"),
            Origin::Set(key) => write!(f, "--set {key}"),
        }
    }
}

/// A value as it was written.
pub(super) struct SpannedValue {
    pub(super) raw: RawValue,
    pub(super) origin: Origin,
}

/// The shapes of values.
pub(super) enum RawValue {
    /// From the environment or a flag: the setting's type says what it is.
    Untyped(String),
    Text(String),
    Int(i64),
    Float(f64),
    Flag(bool),
    Time(String),
    List(Vec<SpannedValue>),
    Table(Vec<(String, SpannedValue)>),
}
