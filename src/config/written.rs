//! What was written, in one shape for all sources, and where.

use std::fmt;
use std::path::PathBuf;

/// Where a setting was written.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Default,
    /// File and line, and the column where that says more.
    File(PathBuf, Option<(usize, Option<usize>)>),
    Variable(String),
    /// The key alone: the value may be a secret.
    Set(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Default => f.write_str("default"),
            Place::File(path, None) => write!(f, "{}", path.display()),
            Place::File(path, Some((line, None))) => write!(f, "{}:{line}", path.display()),
            Place::File(path, Some((line, Some(column)))) => {
                write!(f, "{}:{line}:{column}", path.display())
            }
            Place::Variable(name) => write!(f, "variable {name}"),
            Place::Set(key) => write!(f, "--set {key}"),
        }
    }
}

/// A value as it was written.
pub(super) struct Written {
    pub(super) node: Node,
    pub(super) place: Place,
}

/// The shapes of values.
pub(super) enum Node {
    /// From the environment or a flag: the setting's type says what it is.
    Word(String),
    Text(String),
    Int(i64),
    Float(f64),
    Flag(bool),
    Time(String),
    List(Vec<Written>),
    Table(Vec<(String, Written)>),
}
