//! What is shown of what was given: one line, not for ever, without secrets that stand where none belongs.

use std::borrow::Cow;

/// What PEM text begins with (RFC 7468).
pub(crate) const PEM: &str = "-----BEGIN ";

/// What stands in the place of a secret.
pub(super) const REDACTED: &str = "<redacted>";

/// More of a text that is quoted tells nobody anything.
const MOST_QUOTED: usize = 100;

/// More of a key, a place or a reason is no line that anybody reads.
const MOST_SHOWN: usize = 480;

/// What may stand before a user. Anything else there may be part of a password.
const SCHEMES: [&str; 6] = ["http", "https", "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];

/// What may follow a secret's key without being the secret: `_file`, mistyped.
const ENDING: usize = 5;

/// A text in one line, which does nothing to a terminal.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    let text = cut(text.trim_end_matches(['\n', '\r']), MOST_SHOWN);
    if !text.contains(char::is_control) {
        return text;
    }
    let escaped = |letter: char| {
        if letter.is_control() { letter.escape_default().to_string() } else { letter.to_string() }
    };
    // An escape is longer than its letter.
    let text: String = text.chars().map(escaped).collect();
    cut(&text, MOST_SHOWN).into_owned().into()
}

/// A text in quotes, without a user, and without a key in PEM.
pub(super) fn quoted(text: &str) -> String {
    if is_private(text) {
        return format!("{REDACTED:?}");
    }
    format!("{:?}", cut(&without_user(text), MOST_QUOTED))
}

/// The path of a file that cannot be used. Text in its place may be the content itself.
pub(super) fn path(path: &str) -> &str {
    let is_path = !path.contains(['\n', '\r']) && !path.contains(PEM) && !is_private(path);
    if is_path { path } else { "the file that it names" }
}

/// Whether a text holds a private key in PEM, or what is left of one.
pub(super) fn is_private(text: &str) -> bool {
    text.contains("PRIVATE KEY")
}

/// The start of a URL that may have a user and password in it. What stands after an `@` may be the rest of a password, so that nothing
/// of it is shown, nor of any other text with an `@`.
fn without_user(text: &str) -> Cow<'_, str> {
    if text.starts_with("arn:") {
        // A role's name may hold an @.
        return text.into();
    }
    let Some((before, _)) = text.rsplit_once('@') else { return text.into() };
    let scheme = before.split_once("://").map(|(scheme, _)| scheme).filter(|scheme| SCHEMES.contains(scheme));
    let scheme = scheme.map(|scheme| format!("{scheme}://")).unwrap_or_default();
    format!("{scheme}{REDACTED}").into()
}

fn cut(text: &str, most: usize) -> Cow<'_, str> {
    cut_to(text, most, most)
}

/// A text of more than so many letters, to so many.
pub(super) fn cut_to(text: &str, most: usize, left: usize) -> Cow<'_, str> {
    match (text.char_indices().nth(most), text.char_indices().nth(left)) {
        (Some(_), Some((at, _))) => format!("{}…", &text[..at]).into(),
        _ => text.into(),
    }
}

/// Whether a key begins with that of a secret, and goes on with what may be the secret.
pub(super) fn goes_on(key: &str, secret: &str) -> bool {
    let begins = key.get(..secret.len()).is_some_and(|head| head.eq_ignore_ascii_case(secret));
    begins && key[secret.len()..].chars().count() > ENDING
}
