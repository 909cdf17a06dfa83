//! The API objects as JSON, with the odd cases that real records show. Which object has which odd case follows
//! from its ordinal alone, with periods without a common divisor, so that the cases also meet each other.

mod attachment;
mod cluster;
mod large;
mod service;
mod task;
mod task_definition;

use crate::json::Json;
use crate::seal::{hash, pick};

/// Stands in every environment value that the simulator hands out; it must never be seen beyond the describe step.
pub const CANARY: &str = "canary-7c1e50-environment-value";

/// 2023-11-14 22:13:20 UTC, in steps of 0.1 ms.
const EPOCH: u64 = 17_000_000_000_000;
/// A minute in the same steps.
const MINUTE: u64 = 600_000;

/// An instant within a year of the epoch; some fall between two milliseconds, some just before a second ends.
fn instant(draw: u64, ordinal: u64) -> u64 {
    let at = EPOCH + hash(draw, ordinal) % (525_600 * MINUTE);
    match ordinal % 8 {
        3 => at / 10_000 * 10_000 + 4_567,
        5 => at / 10_000 * 10_000 + 9_996,
        _ => at / 10 * 10,
    }
}

/// Tags as include=TAGS shows them; without it the API sends an empty list.
fn tags(json: &mut Json, ordinal: u64, included: bool) {
    if !included || ordinal % 6 == 1 {
        json.texts("tags", &[]);
        return;
    }
    if ordinal % 6 == 4 {
        return;
    }
    json.list("tags", |tags| {
        let mut tag = |key: &str, value: &str| tags.record(&[("key", key), ("value", value)]);
        tag("team", pick(&["platform", "payments", "growth"], ordinal / 2));
        tag("aws:cloudformation:stack-name", "ecs-estate");
        match ordinal % 7 {
            0 => tag("größe", "Zürich 🚀 支払い"),
            1 => tag("empty", ""),
            2 => tag("note", "\"quoted\" \\ and\ttabbed\u{2028}"),
            3 => tags.record(&[("key", "without-value")]),
            4 => tags.item(|tag| {
                tag.text("key", "null-value");
                tag.null("value");
            }),
            _ => tag("Cost Center/2026", "k=v,w"),
        }
    });
}

/// A member that this version of any client does not know.
fn unknown_members(json: &mut Json, ordinal: u64) {
    if ordinal % 11 == 2 {
        json.object("quantumProfile", |profile| {
            profile.number("qubits", 128);
            profile.null("phase");
            profile.texts("entangledWith", &["left", "right"]);
        });
    }
}
