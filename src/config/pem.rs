//! Certificates and private keys in PEM, given as text or as a path: what they hold, and what is wrong with them.

use std::fs;

use super::secret::is_pem;
use super::shown::{self, PEM};

/// What a PEM text has to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// One certificate or several.
    Certificates,
    /// A private key.
    Key,
}

impl Content {
    /// What to do where the text or the file cannot be used.
    pub fn way_out(self) -> &'static str {
        match self {
            Self::Certificates => "name a file of certificates in PEM, or give their text",
            Self::Key => "name a file with the private key in PEM, or give its text",
        }
    }

    /// How the label of a block of this content ends.
    fn label(self) -> &'static str {
        match self {
            Self::Certificates => "CERTIFICATE",
            Self::Key => "PRIVATE KEY",
        }
    }
}

/// PEM text as it is, else what the file of that name holds.
///
/// # Errors
/// Why it cannot be used. A key is never shown. Text that names no file may be a key without its frame, so it is not shown either.
pub fn read_pem(content: Content, text_or_path: &str) -> Result<String, String> {
    if text_or_path.contains(PEM) {
        return judge(content, text_or_path.to_owned(), "it");
    }
    let bytes = fs::read(text_or_path).map_err(|error| match content {
        Content::Certificates => format!("cannot read {}: {error}", shown::path(text_or_path)),
        Content::Key => format!("cannot read the file that it names: {error}"),
    })?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{} is not PEM", shown::path(text_or_path)))?;
    judge(content, text, shown::path(text_or_path))
}

fn judge(content: Content, text: String, shown: &str) -> Result<String, String> {
    let holds = |content: Content| labels(&text).any(|label| label.ends_with(content.label()));
    if labels(&text).next().is_none() {
        return Err(format!("{shown} is not PEM"));
    }
    if !is_pem(&text) {
        return Err(format!("{shown} is not whole PEM text"));
    }
    match content {
        content if holds(content) => Ok(text),
        Content::Certificates if holds(Content::Key) => Err(format!("{shown} holds a private key, and no certificate")),
        Content::Certificates => Err(format!("{shown} holds no certificate")),
        Content::Key if holds(Content::Certificates) => Err(format!("{shown} holds a certificate, and no private key")),
        Content::Key => Err(format!("{shown} holds no private key")),
    }
}

/// Whether a private key wants a password: PKCS #8, or the headers of older keys (RFC 1421).
pub(super) fn is_encrypted(key: &str) -> bool {
    labels(key).any(|label| label == "ENCRYPTED PRIVATE KEY") || key.contains("Proc-Type: 4,ENCRYPTED")
}

/// What each block says that it is.
fn labels(text: &str) -> impl Iterator<Item = &str> {
    text.split(PEM).skip(1).filter_map(|rest| rest.split_once("-----")).map(|(label, _)| label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(label: &str) -> String {
        format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n")
    }

    #[test]
    fn a_text_is_judged_by_what_its_blocks_hold() {
        let (certificate, key) = (block("CERTIFICATE"), block("PRIVATE KEY"));
        let older =
            block("RSA PRIVATE KEY").replace("\nAAAA", "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA");
        let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        #[rustfmt::skip]
        let table: [(Content, &str, Option<&str>); 11] = [
            (Content::Certificates, &certificate, None),
            (Content::Certificates, &certificate.repeat(3), None),
            (Content::Certificates, &format!("# ours\n{certificate}{key}"), None),
            (Content::Certificates, &key, Some("it holds a private key, and no certificate")),
            (Content::Certificates, &block("PUBLIC KEY"), Some("it holds no certificate")),
            (Content::Certificates, cut, Some("it is not whole PEM text")),
            (Content::Key, &key, None),
            (Content::Key, &older, None),
            (Content::Key, &block("ENCRYPTED PRIVATE KEY"), None),
            (Content::Key, &certificate, Some("it holds a certificate, and no private key")),
            (Content::Key, "MIGHAgEA", Some("cannot read the file that it names: No such file or directory (os error 2)")),
        ];
        for (content, text, fault) in table {
            assert_eq!(read_pem(content, text).err().as_deref(), fault, "{content:?} {text}");
        }
        assert!(is_encrypted(&older) && is_encrypted(&block("ENCRYPTED PRIVATE KEY")) && !is_encrypted(&key));
    }
}
