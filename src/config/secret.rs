//! Secrets: kept out of every output, and read again where they come from a file.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{PemObject, SectionKind};
use serde::{Deserialize, Deserializer};

use super::diagnostics::Diagnostics;
use super::shown::{self, PEM, REDACTED};
use super::value::Origin;

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
    #[error("cannot read {}", shown(path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It holds nothing.
    #[error("{} is empty", shown(path))]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It holds what is no secret of this form.
    #[error("{}: the secret {reason}", shown(path))]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, without the secret.
        reason: &'static str,
    },
}

/// What a secret may look like. One that holds a line break would be cut or refused by whoever takes it, for a reason that names
/// neither the secret nor its setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SecretForm {
    /// Text of one line.
    Text,
    /// A part of an AWS access key: printable ASCII without blanks and quotes.
    AwsKey,
    /// PEM text, or the path of a file that holds it.
    Pem,
}

impl SecretForm {
    /// Judges a secret: an error where it has a fault, a warning where it is quoted.
    pub(super) fn judge(
        self,
        key: &str,
        secret: &str,
        origin: &Origin,
        diagnostics: &mut Diagnostics,
    ) -> Result<(), &'static str> {
        if let Some(fault) = self.fault(secret) {
            return Err(fault);
        }
        if is_quoted(secret) {
            diagnostics.warning(key, format_args!("the secret stands in quotes, which belong to it ({origin})"));
        }
        Ok(())
    }

    /// What is wrong with a secret, if anything is.
    fn fault(self, secret: &str) -> Option<&'static str> {
        if self == Self::Pem && secret.contains(PEM) {
            return (!is_pem(secret)).then_some("is not whole PEM text");
        }
        if secret.contains(['\n', '\r']) {
            Some("holds a line break")
        } else if secret.contains(char::is_control) {
            Some("holds a control character")
        } else if secret.trim() != secret {
            Some("begins or ends with a blank")
        } else if self == Self::AwsKey
            && !secret.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'`".contains(&byte))
        {
            Some("holds a blank, a quote or a character beyond ASCII")
        } else {
            None
        }
    }
}

/// Warns of a secret that stands in a flag itself, and not in a file that the flag names.
pub(super) fn warn_of_flag(key: &str, origin: &Origin, diagnostics: &mut Diagnostics) {
    if origin.is_flag() {
        let why = "the list of processes shows a secret that is given by --set; use a variable or a file";
        diagnostics.warning(key, why);
    }
}

/// Whether each block of a PEM text can be read (RFC 7468). The headers of an encrypted key (RFC 1421), which have a colon, are passed
/// over.
pub(super) fn is_pem(text: &str) -> bool {
    let blocks: String = text.lines().filter(|line| !line.contains(':')).flat_map(|line| [line, "\n"]).collect();
    <(SectionKind, Vec<u8>)>::pem_slice_iter(blocks.as_bytes()).all(|block| block.is_ok())
}

/// Whether a secret stands in a pair of quotes, which most likely belong to the place that it comes from.
fn is_quoted(secret: &str) -> bool {
    ['"', '\''].iter().any(|quote| secret.len() > 1 && secret.starts_with(*quote) && secret.ends_with(*quote))
}

/// The path of a secret's file. The secret itself may stand in its place.
fn shown(path: &Path) -> String {
    shown::path(&path.to_string_lossy()).to_owned()
}

impl SecretError {
    /// Why, with the cause.
    pub(crate) fn with_cause(&self) -> String {
        match self {
            SecretError::Unreadable { source, .. } => format!("{self}: {source}"),
            SecretError::Empty { .. } | SecretError::Malformed { .. } => self.to_string(),
        }
    }
}

impl Secret {
    /// The secret as of now, without the one newline that editors leave at the end of a file.
    ///
    /// # Errors
    /// When its file cannot be read as UTF-8, is empty, or holds what is no secret.
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
        if secret.trim().is_empty() {
            return Err(SecretError::Empty { path: path.clone() });
        }
        // PEM text is the only secret of several lines.
        let form = if secret.contains(PEM) { SecretForm::Pem } else { SecretForm::Text };
        match form.fault(&secret) {
            Some(reason) => Err(SecretError::Malformed { path: path.clone(), reason }),
            None => Ok(secret),
        }
    }
}

/// Certificates or a key: PEM text as it is, else what the file of that name holds.
///
/// # Errors
/// When the file cannot be read as UTF-8, or is empty.
pub fn pem(text_or_path: &str) -> Result<String, SecretError> {
    if text_or_path.contains(PEM) {
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
