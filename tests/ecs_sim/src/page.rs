//! Cuts a list into pages and makes the opaque tokens between them.

use std::ops::Range;

use crate::refusal::Refusal;
use crate::seal::{Seal, hash};
use crate::world::{Pages, World};

/// One page: which positions of the list it holds, and the token of the next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) positions: Range<u64>,
    pub(crate) next_token: Option<String>,
}

/// Where a page begins; a token is this as a number.
#[derive(Debug, Clone, Copy)]
struct Place {
    position: u64,
    /// Whether an empty page was already given here.
    rested: bool,
    /// Pages with ARNs since the list began or an ARN was repeated; 0 if none ever is.
    since: u64,
}

impl Place {
    /// Positions have 47 bits.
    const SINCE: u32 = 48;
    const MOST_SINCE: u64 = u16::MAX as u64;

    fn number(self) -> u64 {
        self.since << Place::SINCE | self.position << 1 | u64::from(self.rested)
    }

    fn numbered(number: u64) -> Place {
        let position = (number & ((1 << Place::SINCE) - 1)) >> 1;
        Place { position, rested: number & 1 == 1, since: number >> Place::SINCE }
    }
}

/// Sets the tokens of stuck lists apart from the list's own.
const STUCK: u64 = 1;

/// The page of a list of `length` that `token` stands for. `list` seals the tokens of this one list, so that a
/// token of another list, or an invented one, is refused.
pub(crate) fn page(world: &World, list: Seal, length: u64, token: Option<&str>, most: u64) -> Result<Page, Refusal> {
    let number = match token {
        None => 0,
        Some(token) => list.open(token).ok_or_else(|| Refusal::invalid_parameter("Invalid token."))?,
    };
    let place = Place::numbered(number);
    let start = place.position.min(length);
    let token = |place: Place| Some(list.close(place.number()));
    let draw = hash(list.0, start);
    let empty_pages = world.pages == Pages::ShortAndEmpty;

    if empty_pages && !place.rested && draw.is_multiple_of(3) {
        let next = Place { position: start, rested: true, ..place };
        return Ok(Page { positions: start..start, next_token: token(next) });
    }
    let is_due = |every: u64| place.since >= every.clamp(1, Place::MOST_SINCE);
    let repeats = start > 0 && most > 1 && world.repeat_every.is_some_and(is_due);
    let first = start - u64::from(repeats);
    let size = if world.pages == Pages::Full { most } else { 1 + (draw >> 8) % most };
    // Beside what it repeats a page has something new, or a list would never end.
    let end = length.min(first + size.max(1 + u64::from(repeats)));
    let empty_end = empty_pages && start < length && (draw >> 40).is_multiple_of(2);
    let since = match world.repeat_every {
        None => 0,
        Some(_) if repeats => 1,
        Some(_) => Place::MOST_SINCE.min(place.since + 1),
    };
    let next = Place { position: end, rested: false, since };
    let next_token = if end < length || empty_end { token(next) } else { None };
    Ok(Page { positions: first..end, next_token })
}

/// As [`page`], for a list that may be stuck: with `stick` a page hands out the token that asked for it. A first page
/// has none, so its token is one that every later page hands out again. Such a token works without `stick` too.
pub(crate) fn page_of_list(
    world: &World,
    list: Seal,
    length: u64,
    token: Option<&str>,
    most: u64,
    stick: bool,
) -> Result<Page, Refusal> {
    let stuck = Seal(hash(list.0, STUCK));
    let stuck_at = token.and_then(|token| stuck.open(token));
    let proper = stuck_at.map(|number| list.close(number));
    let mut page = page(world, list, length, proper.as_deref().or(token), most)?;
    match token {
        Some(token) if stick || stuck_at.is_some() => page.next_token = Some(token.to_owned()),
        None if stick => {
            let next = Place { position: page.positions.end, rested: false, since: 0 };
            page.next_token = Some(stuck.close(next.number()));
        }
        _ => {}
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTS: [(u64, u64); 7] = [(0, 100), (1, 1), (99, 100), (100, 100), (101, 100), (1_000, 7), (1_000, 1)];

    #[test]
    fn every_kind_of_page_covers_each_position_once() {
        for pages in [Pages::Full, Pages::Short, Pages::ShortAndEmpty] {
            let (mut short, mut empty, mut empty_end) = (0, 0, 0);
            let world = World { pages, ..World::default() };
            for (length, most) in LISTS {
                let list = Seal(length * 1_000 + most);
                let (mut seen, mut tokens) = (0, Vec::new());
                loop {
                    let page = page(&world, list, length, tokens.last().map(String::as_str), most).expect("a page");
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

    #[test]
    fn pages_repeat_the_last_arn_of_the_one_before() {
        for (pages, every) in [(Pages::Full, 1), (Pages::Full, 3), (Pages::Short, 2), (Pages::ShortAndEmpty, 1)] {
            let world = World { pages, repeat_every: Some(every), ..World::default() };
            for (length, most) in LISTS {
                let (mut seen, mut token, mut with_arns, mut repeated) = (0, None, 0, Vec::new());
                loop {
                    let page = page(&world, Seal(length), length, token.as_deref(), most).expect("a page");
                    assert!(page.positions.end - page.positions.start <= most);
                    if page.positions.start < seen {
                        assert_eq!(page.positions.start, seen - 1);
                        assert!(page.positions.end > seen || page.next_token.is_none(), "it goes on");
                        repeated.push(with_arns);
                    }
                    with_arns += u64::from(!page.positions.is_empty());
                    seen = page.positions.end;
                    token = page.next_token;
                    if token.is_none() {
                        break;
                    }
                }
                let due = (1..with_arns).filter(|page| most > 1 && page % every == 0);
                assert_eq!((seen, repeated), (length, due.collect::<Vec<_>>()), "{pages:?} {length} by {most}");
            }
        }
    }

    #[test]
    fn a_stuck_list_gives_one_token_twice() {
        let world = World::default();
        let ask = |token: Option<&str>, length, stick| {
            let page = page_of_list(&world, Seal(7), length, token, 10, stick).expect("a page");
            (page.positions, page.next_token)
        };
        let (positions, next) = ask(None, 35, false);
        assert_eq!((positions, ask(next.as_deref(), 35, true)), (0..10, (10..20, next.clone())));
        assert_eq!(ask(next.as_deref(), 35, false).0, 10..20, "the token goes on once it is not stuck");
        for length in [0, 10, 35] {
            let (positions, stuck) = ask(None, length, true);
            assert_eq!(positions, 0..length.min(10));
            assert!(stuck.is_some() && stuck != next);
            for _ in 0..2 {
                assert_eq!(ask(stuck.as_deref(), length, false).1, stuck, "for ever");
            }
        }
        let (_, stuck) = ask(None, 35, true);
        assert!(page_of_list(&world, Seal(8), 35, stuck.as_deref(), 10, false).is_err(), "of this list alone");
    }
}
