//! Numbers as opaque ids that prove themselves, and the hash that all generated data is drawn from.
//!
//! A sealed number is 128 bits: an invertible mix of the number, and a check that only the same key gives. So an
//! id is decoded without a table, and one that was invented or belongs elsewhere is known as such.

use std::fmt::{self, Write as _};

const FIRST: u64 = 0x9E37_79B9_7F4A_7C15;
const SECOND: u64 = 0xD6E8_FEB8_6659_FD93;

/// Seals numbers under one key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seal(pub(crate) u64);

impl Seal {
    /// 32 hexadecimal digits, as in the ids of tasks.
    pub(crate) fn close(self, number: u64) -> String {
        let mut text = String::with_capacity(32);
        // Writing to a String cannot fail.
        let _ = write!(text, "{}{}", Hex::<16>(mix(number ^ self.0)), Hex::<16>(hash(self.0, number)));
        text
    }

    /// The number, if `text` is what [`Seal::close`] gives for it.
    pub(crate) fn open(self, text: &str) -> Option<u64> {
        let number = unmix(u64::from_str_radix(text.get(..16)?, 16).ok()?) ^ self.0;
        (self.close(number) == text).then_some(number)
    }
}

/// Shows a number as so many hexadecimal digits: every task has a dozen such, and a format with a width pads them digit
/// by digit.
pub(crate) struct Hex<const DIGITS: usize>(pub(crate) u64);

impl<const DIGITS: usize> fmt::Display for Hex<DIGITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [b'0'; DIGITS];
        let mut rest = self.0;
        for digit in digits.iter_mut().rev() {
            let [low, ..] = (rest & 15).to_le_bytes();
            *digit = low + if low < 10 { b'0' } else { b'a' - 10 };
            rest >>= 4;
        }
        f.write_str(str::from_utf8(&digits).unwrap_or_default())
    }
}

/// A key from another key and texts; it matters where one text ends and the next begins.
pub(crate) fn key(seed: u64, texts: &[&str]) -> u64 {
    texts.iter().fold(mix(seed), |key, text| {
        let bytes = text.bytes().fold(key, |key, byte| (key ^ u64::from(byte)).wrapping_mul(FIRST));
        hash(bytes, text.len() as u64)
    })
}

/// A well-mixed value that depends on the key and the number alone.
pub(crate) fn hash(key: u64, number: u64) -> u64 {
    mix(mix(key ^ SECOND).wrapping_add(number.wrapping_mul(FIRST)))
}

/// The element that a number falls on.
pub(crate) fn pick<T: Copy>(of: &[T], number: u64) -> T {
    of[usize::try_from(number % of.len() as u64).unwrap_or_default()]
}

fn mix(number: u64) -> u64 {
    let number = number.wrapping_mul(FIRST);
    let number = (number ^ (number >> 32)).wrapping_mul(SECOND);
    number ^ (number >> 32)
}

fn unmix(number: u64) -> u64 {
    let number = (number ^ (number >> 32)).wrapping_mul(inverse(SECOND));
    (number ^ (number >> 32)).wrapping_mul(inverse(FIRST))
}

/// The inverse of an odd number modulo 2^64, by Newton's method: each step doubles the right bits, from three.
const fn inverse(odd: u64) -> u64 {
    let mut inverse = odd;
    let mut step = 0;
    while step < 5 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)));
        step += 1;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_numbers_open_under_their_own_key_only() {
        for draw in 0..10_000 {
            let number = hash(7, draw) >> (draw % 64);
            let text = Seal(draw).close(number);
            assert_eq!(Seal(draw).open(&text), Some(number));
            assert_eq!(Seal(draw + 1).open(&text), None);
        }
    }

    #[test]
    fn digits_are_those_of_a_format() {
        for draw in 0..1_000 {
            let number = hash(7, draw) >> (draw % 64);
            assert_eq!(Hex::<16>(number).to_string(), format!("{number:016x}"));
            assert_eq!(Hex::<32>(number).to_string(), format!("{number:032x}"));
        }
    }

    #[test]
    fn texts_that_were_never_sealed_do_not_open() {
        let text = Seal(1).close(5);
        let flipped = format!("{}{}", &text[..31], if text.ends_with('0') { '1' } else { '0' });
        for wrong in [
            "",
            "0",
            "+123456789abcdef0123456789abcdef",
            "ünïcödé-ünïcödé-ünïcödé",
            &text[1..],
            &text.to_uppercase(),
            &flipped,
        ] {
            assert_eq!(Seal(1).open(wrong), None, "{wrong}");
        }
    }
}
