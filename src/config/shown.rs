//! What is shown of what was given: one line, not for ever, without secrets that stand where none belongs.

use std::borrow::Cow;

use super::kind::Kind;
use super::property::PROPERTIES;
use super::secret::{PEM, REDACTED};
use super::table::{self, SETTINGS, Target, is_under};

/// More of a text that is quoted tells nobody anything.
const MOST_QUOTED: usize = 100;

/// More of a key, a place or a reason is no line that anybody reads.
const MOST_SHOWN: usize = 480;

/// What may follow a secret's key without being the secret: `_file`, mistyped.
const ENDING: usize = 5;

/// The longest text in place of a flag's key that no one takes for a secret.
const LONGEST_WORD: usize = 16;

/// What tells a longer one from others.
const WORD_START: usize = 4;

/// The properties that librdkafka's CONFIGURATION.md calls sensitive.
const SENSITIVE: &[&str] = &[
    "sasl.password",
    "sasl.jaas.config",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
];

/// A text in one line, which does nothing to a terminal.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
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

/// A key that is unknown, and the known one that is nearest. It is cut where a secret may follow its key, or stand in its place.
pub(super) fn key<'k>(key: &'k str, is_flag: bool, near: Option<&str>) -> Cow<'k, str> {
    let is_letter = |letter: char| letter.is_alphanumeric() || "_.-".contains(letter);
    let word = if is_flag { key.split(|letter| !is_letter(letter)).next().unwrap_or_default() } else { key };
    if let Some(secret) = secret_before(word).filter(|secret| near.is_none_or(|near| near.starts_with(secret))) {
        return format!("{secret}…").into();
    }
    if is_flag && let Some(name) = word.strip_prefix(PROPERTIES).and_then(|rest| rest.strip_prefix('.')) {
        // librdkafka's names have no other letters.
        let end = name.find(|letter: char| !letter.is_ascii_lowercase() && !"._".contains(letter));
        return end.map_or(word.into(), |end| format!("{PROPERTIES}.{}…", &name[..end]).into());
    }
    match (is_flag, near) {
        _ if word.len() < key.len() && table::find(word).is_some() => word.into(),
        (true, _) if word.len() < key.len() => start(word, 0).into(),
        (true, None) => start(word, LONGEST_WORD).into(),
        _ => word.into(),
    }
}

/// A flag's key as far as it is known to be one, and what follows where that is short.
fn start(word: &str, longest: usize) -> String {
    let ends = word.match_indices('.').map(|(at, _)| at).rev();
    let known = ends.into_iter().find(|end| matches!(table::find(&word[..*end]), Some(Target::Group)));
    let (table, rest) = word.split_at(known.map_or(0, |end| end + 1));
    format!("{table}{}", cut_to(rest, longest.max(WORD_START), WORD_START))
}

/// Whether a text is a key, or near enough to one.
pub(super) fn is_like_a_key(text: &str) -> bool {
    table::find(text).is_some() || table::nearest_key(text).is_some()
}

/// What is shown of a flag's key.
pub(super) fn flag(text: &str) -> Cow<'_, str> {
    match table::find(text) {
        Some(_) if is_under(text, PROPERTIES) => key(text, true, None),
        Some(_) => text.into(),
        None => key(text, true, table::nearest_key(text).as_deref()),
    }
}

/// The secret's key with which another key begins.
fn secret_before(key: &str) -> Option<String> {
    let settings = SETTINGS.iter().filter(|setting| matches!(setting.kind, Kind::Secret(_)));
    let properties = SENSITIVE.iter().map(|name| format!("{PROPERTIES}.{name}"));
    let secrets = settings.map(|setting| setting.key.to_owned()).chain(properties);
    let follows = |secret: &String| {
        let head = key.get(..secret.len()).is_some_and(|head| head.eq_ignore_ascii_case(secret));
        head && key[secret.len()..].chars().count() > ENDING
    };
    secrets.filter(follows).max_by_key(String::len)
}

/// A URL without the user and password that may stand in it. An address like `a:b@c` is cut too, which does no harm.
pub(super) fn without_user(text: &str) -> Cow<'_, str> {
    let Some((before, host)) = text.rsplit_once('@').filter(|(before, _)| before.contains(':')) else {
        return text.into();
    };
    let scheme = before.split_once("://").map(|(scheme, _)| format!("{scheme}://")).unwrap_or_default();
    format!("{scheme}{REDACTED}@{host}").into()
}

fn cut(text: &str, most: usize) -> Cow<'_, str> {
    cut_to(text, most, most)
}

/// A text of more than so many letters, to so many.
fn cut_to(text: &str, most: usize, left: usize) -> Cow<'_, str> {
    match (text.char_indices().nth(most), text.char_indices().nth(left)) {
        (Some(_), Some((at, _))) => format!("{}…", &text[..at]).into(),
        _ => text.into(),
    }
}
