//! The name that somebody most likely meant.

use strsim::osa_distance;

/// The nearest of some names, if near enough to be meant.
pub(super) fn nearest_of<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let far = |known: &str| osa_distance(&known.to_lowercase(), &name.to_lowercase());
    names.map(|known| (far(known), known)).min().filter(|(far, _)| *far <= allowed(name)).map(|(_, known)| known)
}

/// How many letters may be wrong: a third of them, two in short names.
pub(super) fn allowed(name: &str) -> usize {
    (name.len() / 3).max(2)
}
