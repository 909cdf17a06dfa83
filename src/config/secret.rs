//! Secrets: kept out of every output, and read again where they come from a file.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;

use serde::Deserialize;

/// What every output shows instead of a secret.
pub(super) const REDACTED: &str = "<redacted>";

/// A secret setting, from `KEY` or from the file that `KEY_file` names.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "SecretSource")]
pub enum Secret {
    /// The secret itself.
    Inline(String),
    /// A file that holds it; read for each sync, so that a rotated secret is taken up.
    File(PathBuf),
}

/// The two forms in which `layer` hands a secret on.
#[derive(Deserialize)]
#[serde(untagged)]
enum SecretSource {
    Inline(String),
    File { file: PathBuf },
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

impl From<SecretSource> for Secret {
    fn from(source: SecretSource) -> Self {
        match source {
            SecretSource::Inline(secret) => Secret::Inline(secret),
            SecretSource::File { file } => Secret::File(file),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// librdkafka's own properties by name. Some are secrets, told by their names.
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
    let words = ["password", "passphrase", "secret", "key.pem", "jaas", "token", "oauthbearer.config"];
    words.iter().any(|word| name.contains(word))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_newline_is_trimmed_and_a_rotated_secret_is_read_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let secret = Secret::File(file.path().to_owned());
        for (source, read) in [("one\n", "one"), ("two\r\n", "two"), ("three", "three"), (" four \n\n", " four \n")] {
            std::fs::write(file.path(), source).unwrap();
            assert_eq!(secret.read().unwrap(), read);
        }
        std::fs::write(file.path(), "\n").unwrap();
        assert!(matches!(secret.read(), Err(SecretError::Empty { .. })));
        assert!(matches!(Secret::File("/no/such/file".into()).read(), Err(SecretError::Unreadable { .. })));
    }

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::Inline("hunter2".to_owned());
        assert_eq!(
            format!("{secret} {secret:?} {:#?}", Some(&secret)),
            "<redacted> <redacted> Some(\n    <redacted>,\n)"
        );
    }
}
