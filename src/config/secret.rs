//! Secrets: kept out of every output, and read again where they come from a file.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer};

/// What every output shows instead of a secret.
pub(super) const REDACTED: &str = "<redacted>";

/// A secret setting, from `KEY` or from the file that `KEY_file` names. It has no `Display`, so that nothing prints it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Secret {
    /// The secret itself.
    Inline(String),
    /// A file that holds it; read for each sync, so that a rotated secret is taken up.
    #[serde(deserialize_with = "file")]
    File(PathBuf),
}

/// A secret's file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It holds nothing.
    #[error("{} is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl SecretError {
    /// Why, with the cause.
    pub(super) fn with_cause(&self) -> String {
        match self {
            SecretError::Unreadable { source, .. } => format!("{self}: {source}"),
            SecretError::Empty { .. } => self.to_string(),
        }
    }
}

impl Secret {
    /// The secret as of now, without the one newline that editors leave at the end of a file.
    ///
    /// # Errors
    /// When its file cannot be read as UTF-8, or is empty.
    pub fn read(&self) -> Result<String, SecretError> {
        let path = match self {
            Secret::Inline(secret) => return Ok(secret.clone()),
            Secret::File(path) => path,
        };
        let mut secret =
            std::fs::read_to_string(path).map_err(|source| SecretError::Unreadable { path: path.clone(), source })?;
        if secret.ends_with('\n') {
            secret.pop();
            if secret.ends_with('\r') {
                secret.pop();
            }
        }
        if secret.is_empty() { Err(SecretError::Empty { path: path.clone() }) } else { Ok(secret) }
    }
}

/// Certificates or a key: PEM text as it is, else what the file of that name holds.
///
/// # Errors
/// When the file cannot be read as UTF-8, or is empty.
pub fn pem(text_or_path: &str) -> Result<String, SecretError> {
    if text_or_path.contains("-----BEGIN ") {
        return Ok(text_or_path.to_owned());
    }
    Secret::File(PathBuf::from(text_or_path)).read()
}

/// `KEY_file` is the table `{ file = … }` among the merged settings.
fn file<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
    let mut table = BTreeMap::<String, PathBuf>::deserialize(from)?;
    table.remove("file").ok_or_else(|| serde::de::Error::missing_field("file"))
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// librdkafka's own properties by name. Some are secrets, as their names say.
#[derive(Clone, Default, Deserialize)]
pub struct Properties(pub BTreeMap<String, String>);

impl Deref for Properties {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.iter().map(|(name, value)| (name, if is_secret_property(name) { REDACTED } else { value }));
        f.debug_map().entries(shown).finish()
    }
}

/// Whether one of librdkafka's properties holds a secret.
pub(super) fn is_secret_property(name: &str) -> bool {
    let secrets = ["password", "passphrase", "secret", "key.pem", "jaas", "token", "oauthbearer.config"];
    secrets.iter().any(|part| name.contains(part))
}
