//! Mutations of what a body means. A body that is no JSON, as after others, stays as it is.

use serde_json::{Map, Value, json};

use super::{Draw, is_canary};

/// Stands for what serde_json cannot write. No body has it, and serde_json writes it as it is.
const MARK: char = '\u{7F}';

pub(super) fn value(draw: &mut Draw, body: &[u8]) -> Vec<u8> {
    edited(body, |json| {
        for _ in 0..=draw.below(2) {
            with_any(draw, json, |draw, value| *value = odd_value(draw));
        }
    })
}

pub(super) fn moved(draw: &mut Draw, body: &[u8]) -> Vec<u8> {
    edited(body, |json| {
        let mut moved = Value::Null;
        with_any(draw, json, |_, value| moved = value.clone());
        if !is_canary(&moved.to_string()) {
            with_any(draw, json, |_, value| *value = moved);
        }
    })
}

pub(super) fn displaced(draw: &mut Draw, body: &[u8]) -> Vec<u8> {
    edited(body, |json| {
        // A null may be the null of a text.
        let is_free = |value: &Value| !value.is_string() && !value.is_null();
        let mut left = draw.below(count(json, &is_free));
        change(json, &mut left, &is_free, &mut |value| *value = json!(crate::CANARY));
    })
}

pub(super) fn member(draw: &mut Draw, body: &[u8]) -> Vec<u8> {
    let body = edited(body, |json| {
        for _ in 0..=draw.below(2) {
            let mut left = draw.below(count(json, &Value::is_object));
            change(json, &mut left, &Value::is_object, &mut |value| {
                if let Value::Object(members) = value {
                    change_member(draw, members);
                }
            });
        }
    });
    // An object of serde_json has no member twice.
    unmarked(&body, b"")
}

/// Takes a member out, gives it another name, or lets it be there twice.
fn change_member(draw: &mut Draw, members: &mut Map<String, Value>) {
    let Some(name) = members.keys().nth(draw.below(members.len())).cloned() else { return };
    match draw.below(4) {
        0 => _ = members.remove(&name),
        1 => {
            let moved = members.remove(&name).unwrap_or_default();
            members.insert(format!("{name}X"), moved);
        }
        2 => _ = members.insert(format!("{name}{MARK}"), members[&name].clone()),
        _ => _ = members.insert(format!("{name}{MARK}"), odd_value(draw)),
    }
}

pub(super) fn token(draw: &mut Draw, body: &[u8]) -> Vec<u8> {
    const INNER: [&[u8]; 16] = [
        b"cut \\",
        b"cut \\u",
        b"cut \\u12",
        b"\\ud800",
        b"\\udc00\\ud800",
        b"\\ud83d\\u0041",
        b"\\ud83d\\ude80",
        b"\\u0000",
        b"\\/",
        b"\\x41",
        b"\x01",
        b"\n",
        b"\xC3",
        b"\xED\xA0\x80",
        b"\xF0\x9F\x9A",
        b"\xC0\xAF",
    ];
    const NUMBERS: [&[u8]; 12] = [
        b"-",
        b"-0",
        b"01",
        b"1.",
        b".5",
        b"1e",
        b"1e999",
        b"-1e999",
        b"1e-999",
        b"NaN",
        b"99999999999999999999999",
        b"+1",
    ];
    let is_name = draw.below(4) == 0;
    let marked = edited(body, |json| {
        if !is_name {
            return with_any(draw, json, |_, value| *value = MARK.to_string().into());
        }
        let mut left = draw.below(count(json, &Value::is_object));
        change(json, &mut left, &Value::is_object, &mut |value| {
            if let Some(members) = value.as_object_mut() {
                members.insert(MARK.to_string(), json!(1));
            }
        });
    });
    if !marked.contains(&(MARK as u8)) {
        return marked;
    }
    let written = match draw.below(2) {
        0 if !is_name => NUMBERS[draw.below(NUMBERS.len())].to_vec(),
        _ => [b"\"", INNER[draw.below(INNER.len())], b"\""].concat(),
    };
    if draw.below(6) == 0 {
        let before = marked.iter().take_while(|byte| **byte != MARK as u8).count();
        return [&marked[..before], &written[..written.len() - 1]].concat();
    }
    let quoted = String::from_utf8_lossy(&marked).replace(&format!("\"{MARK}\""), &MARK.to_string());
    unmarked(quoted.as_bytes(), &written)
}

fn unmarked(body: &[u8], written: &[u8]) -> Vec<u8> {
    body.split(|byte| *byte == MARK as u8).collect::<Vec<_>>().join(written)
}

fn edited(body: &[u8], edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let Ok(before) = serde_json::from_slice::<Value>(body) else { return body.to_vec() };
    let mut json = before.clone();
    edit(&mut json);
    // Unchanged, it stays as it was written.
    if json == before { body.to_vec() } else { json.to_string().into_bytes() }
}

/// How many values of an answer are chosen.
fn count(value: &Value, chosen: &impl Fn(&Value) -> bool) -> usize {
    usize::from(chosen(value))
        + match value {
            Value::Array(items) => items.iter().map(|item| count(item, chosen)).sum(),
            Value::Object(members) => members.values().map(|value| count(value, chosen)).sum(),
            _ => 0,
        }
}

/// Changes the chosen value that has so many chosen ones before it. Says whether it was there.
fn change(
    value: &mut Value,
    left: &mut usize,
    chosen: &impl Fn(&Value) -> bool,
    with: &mut impl FnMut(&mut Value),
) -> bool {
    if chosen(value) {
        if *left == 0 {
            with(value);
            return true;
        }
        *left -= 1;
    }
    match value {
        Value::Array(items) => items.iter_mut().any(|item| change(item, left, chosen, with)),
        Value::Object(members) => members.values_mut().any(|value| change(value, left, chosen, with)),
        _ => false,
    }
}

fn with_any(draw: &mut Draw, json: &mut Value, with: impl FnOnce(&mut Draw, &mut Value)) {
    let mut left = draw.below(count(json, &|_| true));
    let mut with = Some(with);
    change(json, &mut left, &|_| true, &mut |value| {
        if let Some(with) = with.take() {
            with(draw, value);
        }
    });
}

fn odd_value(draw: &mut Draw) -> Value {
    match draw.below(16) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(2_147_483_648_u64),
        4 => json!(u64::MAX),
        5 => json!(1e300),
        6 => json!(0.5),
        7 => json!(""),
        8 => json!("MISSING"),
        9 => json!("\u{0}\u{FFFF}\"\\"),
        10 => json!("é".repeat(300)),
        11 => json!([]),
        12 => json!([null]),
        13 => json!({}),
        14 => json!([[]]),
        _ => (0..200).fold(json!(1), |inner, _| json!([inner])),
    }
}
