//! Cuts a list into pages and makes the opaque tokens between them.

use std::ops::Range;

use crate::refusal::Refusal;
use crate::seal::{Seal, hash};
use crate::world::Pages;

/// One page: which positions of the list it holds, and the token of the next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) positions: Range<u64>,
    pub(crate) next_token: Option<String>,
}

/// The page of a list of `length` that `token` stands for. `list` seals the tokens of this one list, so that a
/// token of another list, or an invented one, is refused.
pub(crate) fn page(pages: Pages, list: Seal, length: u64, token: Option<&str>, most: u64) -> Result<Page, Refusal> {
    // A token is the position, and whether an empty page was already given there.
    let number = match token {
        None => 0,
        Some(token) => list.open(token).ok_or_else(|| Refusal::invalid_parameter("Invalid token."))?,
    };
    let (start, rested) = ((number >> 1).min(length), number & 1 == 1);
    let token = |position: u64, rested: bool| Some(list.close(position << 1 | u64::from(rested)));
    let draw = hash(list.0, start);
    let empty_pages = pages == Pages::ShortAndEmpty;

    if empty_pages && !rested && draw.is_multiple_of(3) {
        return Ok(Page { positions: start..start, next_token: token(start, true) });
    }
    let size = if pages == Pages::Full { most } else { 1 + (draw >> 8) % most };
    let end = length.min(start + size);
    let empty_end = empty_pages && start < length && (draw >> 40).is_multiple_of(2);
    let next_token = if end < length || empty_end { token(end, false) } else { None };
    Ok(Page { positions: start..end, next_token })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_page_covers_each_position_once() {
        for pages in [Pages::Full, Pages::Short, Pages::ShortAndEmpty] {
            let (mut short, mut empty, mut empty_end) = (0, 0, 0);
            for (length, most) in [(0, 100), (1, 1), (99, 100), (100, 100), (101, 100), (1_000, 7), (1_000, 1)] {
                let list = Seal(length * 1_000 + most);
                let (mut seen, mut tokens) = (0, Vec::new());
                loop {
                    let page = page(pages, list, length, tokens.last().map(String::as_str), most).expect("a page");
                    assert_eq!(page.positions.start, seen, "in order, nothing twice");
                    let size = page.positions.end - page.positions.start;
                    assert!(size <= most);
                    seen = page.positions.end;
                    match page.next_token {
                        Some(token) => {
                            assert!(!tokens.contains(&token), "no token repeats");
                            tokens.push(token);
                            short += u64::from(size > 0 && size < most);
                            empty += u64::from(size == 0);
                        }
                        None => {
                            empty_end += u64::from(size == 0 && length > 0);
                            break;
                        }
                    }
                }
                assert_eq!(seen, length);
            }
            assert_eq!(
                (short > 0, empty > 0, empty_end > 0),
                match pages {
                    Pages::Full => (false, false, false),
                    Pages::Short => (true, false, false),
                    Pages::ShortAndEmpty => (true, true, true),
                }
            );
        }
    }
}
