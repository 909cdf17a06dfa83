//! What is shown of a key that is unknown: a secret may stand in its place, or follow it.

use std::borrow::Cow;

use super::kind::Kind;
use super::property::{PROPERTIES, shown_name};
use super::shown::{cut_to, goes_on};
use super::table::{self, SETTINGS, Target, is_under};

/// The longest text in place of a flag's key that no one takes for a secret.
const LONGEST_WORD: usize = 16;

/// What tells a longer one from others.
const WORD_START: usize = 4;

/// A key that is unknown, and the known one that is nearest. It is cut where a secret may follow its key, or stand in its place.
pub(super) fn key<'k>(key: &'k str, is_flag: bool, near: Option<&str>) -> Cow<'k, str> {
    let is_letter = |letter: char| letter.is_alphanumeric() || "_.-".contains(letter);
    let word = key.split(|letter| !is_letter(letter)).next().unwrap_or_default();
    if !is_flag {
        // A file has it as a key, and a variable as its name.
        return key.into();
    }
    if let Some(secret) = secret_before(word).filter(|secret| near.is_none_or(|near| near.starts_with(secret))) {
        return format!("{secret}…").into();
    }
    if let Some(name) = word.strip_prefix(PROPERTIES).and_then(|rest| rest.strip_prefix('.')) {
        return format!("{PROPERTIES}.{}", shown_name(name)).into();
    }
    match near {
        _ if word.len() < key.len() && table::find(word).is_some() => format!("{word}…").into(),
        _ if word.len() < key.len() => start(word, 0).into(),
        None => start(word, LONGEST_WORD).into(),
        Some(_) => word.into(),
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
fn secret_before(key: &str) -> Option<&'static str> {
    let secrets = SETTINGS.iter().filter(|setting| matches!(setting.kind, Kind::Secret(_)));
    secrets.map(|setting| setting.key).filter(|secret| goes_on(key, secret)).max_by_key(|secret| secret.len())
}
