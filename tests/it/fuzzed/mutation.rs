//! What goes wrong with good settings: with their keys and values, or with the bytes of what is given.

use fastrand::Rng;

use super::good::{self, CANARY, FINCH, Given, SOURCES};
use super::spelling::Case;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mutation {
    /// Nothing: good settings load.
    Good,
    /// Nothing but what is drawn wrong, such as a password in a URL.
    Refused,
    /// A value is of another type.
    Type,
    /// A value is that of another setting.
    Value,
    /// A key is another one.
    Key,
    /// A setting is given twice, in one source or in several, or beside something in a table of its name.
    Clash,
    /// Some bytes are others, and maybe no text.
    Bytes,
    /// A text ends early, or begins late.
    Cut,
    /// Lines, variables or flags are there twice, in another place, or missing.
    Lines,
    /// Something stands in a text that means something there.
    Token,
    /// Two to four of the others.
    Several,
}

/// What means something in TOML, in variables or flags, or to a terminal.
#[rustfmt::skip]
const TOKENS: &[&str] = &[
    "\"", "'", "\"\"\"", "'''", "[", "]", "[[", "]]", "{", "}", ".", "..", ",", ",,", "=", "==", " = ", ":", "#", "\\", "\\u0000", "\\u009b",
    "\\uD800", "\\n", "\n", "\r", "\r\n", "\t", " ", "\0", "\u{1b}[31m", "\u{7f}", "\u{85}", "\u{9b}", "\u{2028}", "\u{202e}", "\u{feff}",
    "\u{e9}", "\u{1f600}", "e\u{301}", "\u{130}", "_", "__", "-", "--", "+", "@", "://", "/", "%", "$", "_file", "_FILE", "0", "-0", "-1", "1e400", "nan",
    "inf", "99999999999999999999", "0x10", "1_000", "true", "null", "1979-05-27T07:32:00Z", "5s", "1ms", "99999999999y", "-----BEGIN ",
    "-----END ", "[kafka]\n", "[[roles]]\n", "\nkafka = 5\n", "kafka.security.", "<redacted>", "FOLDER/secret",
];

/// Values of every type. Where the value was a secret, it is in the one that has a `?`.
#[rustfmt::skip]
const VALUES: &[&str] = &[
    "5", "-0", "-1", "0", "0.5", "1e400", "nan", "-inf", "9223372036854775807", "-9223372036854775808", "4294967296", "true", "1979-05-27T07:32:00Z",
    "07:32:00", "[]", "{}", "\"\"", "\" \"", "[[], [1]]", "[1, \"a\", true]", "{ a = 1 }", "{ a.b.c = [{ d = 1 }] }", "[\"?\"]", "[[\"?\"]]",
    "{ a = \"?\" }", "{ file = \"?\" }", "\"?\\n\"", "\" ? \"", "\"'?'\"", "\"\\\"?\\\"\"", "\"\\u0000?\"", "\"\\u009b?\"", "[{ arn = \"?\" }]",
    "\"?,?\"", "\"-----BEGIN PRIVATE KEY-----\\n?\"", "\"-----BEGIN CERTIFICATE-----\\n?\\n-----END CERTIFICATE-----\"", "\"\u{1f600}?\"", "\"a=?\"",
];

impl Mutation {
    /// All of them; last those that [`Mutation::Several`] is made of.
    pub(super) const ALL: [Mutation; 11] = [
        Mutation::Good,
        Mutation::Refused,
        Mutation::Several,
        Mutation::Type,
        Mutation::Value,
        Mutation::Key,
        Mutation::Clash,
        Mutation::Bytes,
        Mutation::Cut,
        Mutation::Lines,
        Mutation::Token,
    ];

    /// So many of [`Mutation::ALL`], from the third on, are parts of [`Mutation::Several`].
    const PARTS: usize = 8;

    pub(super) fn name(self) -> &'static str {
        match self {
            Mutation::Good => "good",
            Mutation::Refused => "refused",
            Mutation::Type => "type",
            Mutation::Value => "value",
            Mutation::Key => "key",
            Mutation::Clash => "clash",
            Mutation::Bytes => "bytes",
            Mutation::Cut => "cut",
            Mutation::Lines => "lines",
            Mutation::Token => "token",
            Mutation::Several => "several",
        }
    }

    /// What it is made of.
    pub(super) fn parts(self, rng: &mut Rng) -> Vec<Mutation> {
        match self {
            Mutation::Several => {
                (0..rng.usize(2..5)).map(|_| Mutation::ALL[3 + rng.usize(..Mutation::PARTS)]).collect()
            }
            one => vec![one],
        }
    }

    /// Changes settings before they are spelled.
    pub(super) fn of_settings(self, rng: &mut Rng, given: &mut Vec<Given>) {
        if given.is_empty() {
            return;
        }
        let at = rng.usize(..given.len());
        let one = &mut given[at];
        let has_secret = one.value.contains(CANARY) || one.value.contains(FINCH);
        match self {
            Mutation::Type => {
                let secret = if has_secret { one.value.trim_matches('"').to_owned() } else { "x".to_owned() };
                one.value = VALUES[rng.usize(..VALUES.len())].replace('?', &secret);
            }
            // A secret is nowhere but in the place of a secret, where nobody may show it.
            Mutation::Value if one.key.ends_with("certificate") && has_secret => one.value = good::KEY.to_owned(),
            Mutation::Value if has_secret => one.value = good::secret(rng).to_owned(),
            Mutation::Value => one.value = good::value(rng),
            Mutation::Key => one.key = key(rng, &one.key, has_secret),
            Mutation::Clash => {
                let mut other = one.clone();
                other.source = SOURCES[rng.usize(..3)];
                match rng.u8(..5) {
                    0 if !has_secret => other.value = good::value(rng),
                    1 => other.key += ".x",
                    2 => {
                        other.key =
                            other.key.rsplit_once('.').map_or("kafka".to_owned(), |(table, _)| table.to_owned());
                    }
                    3 if !has_secret => other.key += "_file",
                    _ => {}
                }
                given.push(other);
            }
            _ => {}
        }
    }

    /// Changes the bytes of what is given.
    pub(super) fn of_bytes(self, rng: &mut Rng, case: &mut Case) {
        if self == Mutation::Lines {
            return lines(rng, case);
        }
        let Some(text) = place(rng, case) else { return };
        let at = rng.usize(..=text.len());
        match self {
            Mutation::Bytes => {
                for _ in 0..rng.usize(1..4) {
                    let at = rng.usize(..=text.len());
                    match (text.get_mut(at), rng.u8(..4)) {
                        (Some(byte), 0) => *byte ^= 1 << rng.u8(..8),
                        (Some(byte), 1) => *byte = rng.u8(b' '..=b'~'),
                        (Some(_), 2) => _ = text.remove(at),
                        _ => text.insert(at, rng.u8(..)),
                    }
                }
            }
            Mutation::Cut if rng.u8(..3) == 0 => _ = text.drain(..at),
            Mutation::Cut => text.truncate(at),
            Mutation::Token => {
                let token = TOKENS[rng.usize(..TOKENS.len())];
                let times = if rng.u8(..100) == 0 { rng.usize(100..1_000) } else { 1 };
                let token = token.repeat(times);
                let end = if rng.u8(..3) == 0 { (at + rng.usize(..8)).min(text.len()) } else { at };
                text.splice(at..end, token.bytes());
            }
            _ => {}
        }
    }
}

/// A text that is given, of each source as often as of the others.
fn place<'c>(rng: &mut Rng, case: &'c mut Case) -> Option<&'c mut Vec<u8>> {
    let Case { file, env, sets, secret } = case;
    if rng.u8(..20) == 0 {
        return Some(secret);
    }
    let present = [!file.is_empty(), !env.is_empty(), !sets.is_empty()];
    let count = present.iter().filter(|is_there| **is_there).count();
    let drawn = rng.usize(..count.max(1));
    let (source, _) = present.into_iter().enumerate().filter(|(_, is_there)| *is_there).nth(drawn)?;
    match source {
        0 => Some(file),
        1 => {
            let at = rng.usize(..env.len());
            let (name, value) = &mut env[at];
            Some(if rng.u8(..3) == 0 { name } else { value })
        }
        _ => {
            let at = rng.usize(..sets.len());
            Some(&mut sets[at])
        }
    }
}

fn lines(rng: &mut Rng, case: &mut Case) {
    let mut lines: Vec<Vec<u8>> = case.file.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    match rng.u8(..3) {
        0 if !lines.is_empty() => moved(rng, &mut lines),
        1 if !case.env.is_empty() => moved(rng, &mut case.env),
        _ if !case.sets.is_empty() => moved(rng, &mut case.sets),
        _ => moved(rng, &mut lines),
    }
    case.file = lines.concat();
}

/// One of these is missing, there twice, or in another place.
fn moved<T: Clone>(rng: &mut Rng, all: &mut Vec<T>) {
    if all.is_empty() {
        return;
    }
    let at = rng.usize(..all.len());
    let one = if rng.bool() { all.remove(at) } else { all[at].clone() };
    if rng.u8(..3) > 0 {
        all.insert(rng.usize(..=all.len()), one);
    }
}

/// A key that is mistyped, lies elsewhere, or is part of another.
fn key(rng: &mut Rng, key: &str, has_secret: bool) -> String {
    let letters: Vec<char> = key.chars().collect();
    if letters.is_empty() {
        // Another mutation has left nothing of it.
        return TOKENS[rng.usize(..TOKENS.len())].to_owned();
    }
    let at = rng.usize(..letters.len());
    let (before, after): (String, String) = (letters[..at].iter().collect(), letters[at + 1..].iter().collect());
    let token = TOKENS[rng.usize(..TOKENS.len())];
    match rng.u8(..13) {
        0 => format!("{before}{after}"),
        1 => format!("{before}{}{after}", rng.lowercase()),
        2 => format!("{before}{}{}{after}", letters[at], letters[at]),
        3 => key.to_uppercase(),
        4 => key.replace('_', "-"),
        5 => key.replacen('.', "_", 1),
        6 => key.split_once('.').map_or_else(|| format!("kafka.{key}"), |(_, last)| last.to_owned()),
        7 => key.rsplit_once('.').map_or_else(|| format!("{key}."), |(table, _)| table.to_owned()),
        8 => format!("{key}.x"),
        9 if !has_secret => format!("{key}_file"),
        10 => format!("\"{key}\""),
        11 => format!("\"{before}{}{after}\"", token.replace(['"', '\n'], "")),
        _ => format!("{before}{token}{after}"),
    }
}
