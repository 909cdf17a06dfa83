//! Bodies of good answers with something wrong in them, drawn from a seed and the body itself: JSON of ECS, XML of STS.

mod pieces;
mod values;
mod xml;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::CANARY;
use crate::seal::hash;

/// What is done to a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// It ends too early.
    Cut,
    /// Up to four bytes are changed, taken out, or there twice.
    Bytes,
    /// A piece is taken out, there twice, or elsewhere, or two change places.
    Pieces,
    /// A text, a number or a name is written as JSON or UTF-8 do not allow it, or only just; the body may end there.
    Token,
    /// A value is another one: null, a number, a text, a list, an object.
    Value,
    /// A value stands in the place of another one too.
    Moved,
    /// A member is missing, has another name, or is there twice.
    Member,
    /// An environment value stands in place of what is no text, so that whoever reads that place has to refuse it. In XML an element is
    /// elsewhere.
    Displaced,
    /// The body is another one altogether, or has something behind it.
    Whole,
    /// Two to four of the first seven.
    Several,
}

impl Mutation {
    /// All of them; first those that [`Mutation::Several`] is made of.
    pub const ALL: [Mutation; 10] = [
        Mutation::Cut,
        Mutation::Bytes,
        Mutation::Pieces,
        Mutation::Token,
        Mutation::Value,
        Mutation::Moved,
        Mutation::Member,
        Mutation::Displaced,
        Mutation::Whole,
        Mutation::Several,
    ];

    /// So many of [`Mutation::ALL`] are parts of [`Mutation::Several`].
    const PARTS: usize = 7;

    /// A short name, as `cut`.
    pub fn name(self) -> &'static str {
        match self {
            Mutation::Cut => "cut",
            Mutation::Bytes => "bytes",
            Mutation::Pieces => "pieces",
            Mutation::Token => "token",
            Mutation::Value => "value",
            Mutation::Moved => "moved",
            Mutation::Member => "member",
            Mutation::Displaced => "displaced",
            Mutation::Whole => "whole",
            Mutation::Several => "several",
        }
    }

    /// The bodies that this process has mutated in this way, and how many of them still were JSON.
    pub fn seen(self) -> [u64; 2] {
        SEEN[self as usize].each_ref().map(|count| count.load(Relaxed))
    }

    /// The body with something wrong. Where an environment value would come to stand for something that may be read, another mutation is
    /// drawn: then nobody could blame its reader.
    pub(crate) fn of(self, seed: u64, body: &[u8]) -> Vec<u8> {
        let draws = body.iter().fold(seed, |draw, byte| hash(draw, u64::from(*byte)));
        for attempt in 0..32 {
            let mut draw = Draw { seed: hash(draws, attempt), drawn: 0 };
            let mutated = self.once(&mut draw, body);
            // Whoever passes over a value takes more than a parser that keeps it: deep lists, and halves of surrogate pairs.
            let is_json = serde_json::from_slice::<IgnoredAny>(&mutated).is_ok();
            if mutated == body || (is_json && self != Mutation::Displaced && self.may_show_value(&mutated)) {
                continue;
            }
            let [bodies, json] = &SEEN[self as usize];
            bodies.fetch_add(1, Relaxed);
            json.fetch_add(u64::from(is_json), Relaxed);
            return mutated;
        }
        Vec::new()
    }

    /// Whether an environment value may stand where it is read, in a body that is JSON.
    fn may_show_value(self, body: &[u8]) -> bool {
        match serde_json::from_slice(body) {
            Ok(json) => shows_value(&json, false),
            // These alone can move an environment value.
            Err(_) => matches!(self, Mutation::Bytes | Mutation::Pieces | Mutation::Several),
        }
    }

    fn once(self, draw: &mut Draw, body: &[u8]) -> Vec<u8> {
        let is_xml = xml::is_xml(body);
        match self {
            Mutation::Cut => body[..draw.below(body.len())].to_vec(),
            Mutation::Bytes => pieces::bytes(draw, body.to_vec()),
            Mutation::Pieces => pieces::pieces(draw, body),
            Mutation::Whole => pieces::whole(draw, body),
            Mutation::Token if is_xml => xml::token(draw, body),
            Mutation::Value if is_xml => xml::value(draw, body),
            Mutation::Moved if is_xml => xml::moved(draw, body),
            Mutation::Displaced if is_xml => xml::displaced(draw, body),
            Mutation::Member if is_xml => xml::member(draw, body),
            Mutation::Token => values::token(draw, body),
            Mutation::Value => values::value(draw, body),
            Mutation::Moved => values::moved(draw, body),
            Mutation::Displaced => values::displaced(draw, body),
            Mutation::Member => values::member(draw, body),
            Mutation::Several => (0..2 + draw.below(3)).fold(body.to_vec(), |body, _| {
                let part = Mutation::ALL[draw.below(Mutation::PARTS)];
                part.once(draw, &body)
            }),
        }
    }
}

/// Bodies, and those that still were JSON, by mutation.
static SEEN: [[AtomicU64; 2]; Mutation::ALL.len()] = [const { [const { AtomicU64::new(0) }; 2] }; Mutation::ALL.len()];

/// Numbers of a seed.
struct Draw {
    seed: u64,
    drawn: u64,
}

impl Draw {
    /// A number below `end`, or 0.
    fn below(&mut self, end: usize) -> usize {
        self.drawn += 1;
        let draw = usize::try_from(hash(self.seed, self.drawn) >> 8).unwrap_or_default();
        draw.checked_rem(end).unwrap_or_default()
    }

    fn of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}

/// How all environment values begin, as far as needed to know them even if they are cut.
fn is_canary(text: &str) -> bool {
    text.contains(&CANARY[..8])
}

/// Whether an environment value stands where it may be read: anywhere but in the `value` of a variable.
fn shows_value(json: &Value, in_environment: bool) -> bool {
    match json {
        Value::String(text) => is_canary(text),
        Value::Array(items) => items.iter().any(|item| match item {
            Value::Object(variable) if in_environment => shows_other_than_value(variable),
            _ => shows_value(item, false),
        }),
        Value::Object(members) => {
            members.iter().any(|(name, value)| is_canary(name) || shows_value(value, name == "environment"))
        }
        _ => false,
    }
}

fn shows_other_than_value(variable: &Map<String, Value>) -> bool {
    variable.iter().any(|(name, value)| {
        let is_value = name == "value" && value.is_string();
        is_canary(name) || (!is_value && shows_value(value, false))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn body() -> Vec<u8> {
        let environment = json!([{"name": "KEY", "value": format!("{CANARY}-1")}, {"name": "OTHER", "value": CANARY}]);
        json!({"taskDefinition": {"family": "web", "revision": 7, "containerDefinitions": [{"environment": environment}]}})
            .to_string()
            .into_bytes()
    }

    #[test]
    fn each_mutation_changes_the_body_and_is_the_same_for_one_seed() {
        let body = body();
        for mutation in Mutation::ALL {
            let mut different = BTreeSet::new();
            for seed in 0..200 {
                let mutated = mutation.of(seed, &body);
                assert_ne!(mutated, body, "{mutation:?}");
                assert_eq!(mutated, mutation.of(seed, &body), "{mutation:?}");
                if let Ok(json) = serde_json::from_slice::<Value>(&mutated) {
                    assert!(mutation == Mutation::Displaced || !shows_value(&json, false), "{mutation:?}: {json}");
                }
                different.insert(mutated);
            }
            let least = if mutation == Mutation::Displaced { 6 } else { 12 };
            assert!(different.len() > least, "{mutation:?}: {}", different.len());
        }
    }

    #[test]
    fn an_environment_value_is_displaced_to_where_no_text_is_read() {
        for seed in 0..200 {
            let mutated: Value = serde_json::from_slice(&Mutation::Displaced.of(seed, &body())).expect("JSON");
            let definition = &mutated["taskDefinition"];
            assert!(mutated.is_string() || definition.is_string() || definition["family"] == "web", "{mutated}");
            assert!(mutated.to_string().contains(CANARY), "{mutated}");
        }
    }

    #[test]
    fn a_value_of_the_environment_may_stand_nowhere_else() {
        for (json, shown) in [
            (json!({"environment": [{"name": "KEY", "value": CANARY}]}), false),
            (json!({"environment": [{"name": CANARY, "value": "x"}]}), true),
            (json!({"environment": [{"name": "KEY", "value": [CANARY]}]}), true),
            (json!({"environment": [CANARY]}), true),
            (json!({"environment": CANARY}), true),
            (json!({"tags": [{"key": "a", "value": CANARY}]}), true),
            (json!({"details": [{"name": "subnetId", "value": CANARY}]}), true),
            (json!({CANARY: 1}), true),
        ] {
            assert_eq!(shows_value(&json, false), shown, "{json}");
        }
    }
}
