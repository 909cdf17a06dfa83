//! What the lines of a sync's progress say.

use std::time::Duration;

use console::style;
use ecs_sdm_producer::sync::{Phase, Totals, TypeTotal};
use indicatif::HumanCount;

/// From which age on unacknowledged records are worth a line.
const SLOW: Duration = Duration::from_secs(2);

/// Waits for AWS that are shorter are not told.
const SHORT: Duration = Duration::from_secs(1);

/// The line of the whole sync.
pub(super) fn of_sync(totals: &Totals, since: Duration) -> String {
    let Totals { phase, scopes, calls, unacknowledged, .. } = totals;
    let since = time(since);
    let doing = match phase {
        Phase::Starting => return format!("Starting: asks AWS, Kafka and the registry, {since}"),
        Phase::Reading => format!("Reading: {} of {} scopes read", scopes.ended, scopes.asked),
        Phase::Delivering => format!("Delivering: {} records not acknowledged yet", HumanCount(*unacknowledged as u64)),
    };
    let throttled = if calls.throttled > 0 {
        style(format!(", {} throttled", HumanCount(calls.throttled))).bold().for_stderr().to_string()
    } else {
        String::new()
    };
    format!("{doing}, {} requests{throttled}, {since}", HumanCount(calls.attempts))
}

/// The line of Kafka, where it is slow.
pub(super) fn of_kafka(totals: &Totals) -> Option<String> {
    let oldest = totals.oldest.filter(|oldest| *oldest >= SLOW)?;
    let records = HumanCount(totals.unacknowledged as u64);
    let words = format!("  Kafka has not acknowledged {records} records, the oldest for {}", time(oldest));
    Some(style(words).red().for_stderr().to_string())
}

/// How many of the listed objects are through, those included that AWS has not answered for.
pub(super) fn done(total: &TypeTotal) -> u64 {
    total.counts.acknowledged + total.counts.gone + total.counts.failed
}

/// How many are through, and of how many, as far as that is known.
pub(super) fn of_counts(total: &TypeTotal) -> String {
    let more = if total.is_listed { " " } else { "+" };
    format!("{} of {}{more}", HumanCount(done(total)), HumanCount(total.listed))
}

pub(super) fn rate(per_second: f64) -> String {
    match per_second {
        none if none < 0.05 => String::new(),
        few if few < 99.95 => format!("{few:.1}/s"),
        // A rate is no more than a billion.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        many => format!("{}/s", HumanCount(many as u64)),
    }
}

/// How it stands with a type: when it will be through, once that can be told, and how long it has waited for AWS's limit.
pub(super) fn of_state(total: &TypeTotal, totals: &Totals, eta: Duration, is_wide: bool) -> String {
    let waited = totals.waited(total.object);
    let mut said = Vec::new();
    if total.incomplete > 0 {
        let of = || format!(" in {} of {} scopes", total.incomplete, totals.scopes.asked);
        let words = format!("incomplete{}", if is_wide { of() } else { String::new() });
        said.push(style(words).red().bold().for_stderr().to_string());
    } else if total.has_ended {
        said.push("done".to_owned());
    }
    if total.is_listed && !total.has_ended && done(total) < total.listed && !eta.is_zero() {
        // The second that has begun counts.
        said.push(format!("ETA {}", time(eta + Duration::from_secs(1))));
    }
    if waited >= SHORT {
        let what = if is_wide { " for AWS's limit" } else { "" };
        said.push(format!("waited {}{what}", time(waited)));
    }
    if said.is_empty() {
        said.push("listing".to_owned());
    }
    said.join(", ")
}

/// A time in its two largest units.
fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ecs_sdm_producer::report::{CallCounts, Counts, DeliveryCounts};
    use ecs_sdm_producer::sync::ScopeCounts;

    use super::*;

    fn total(listed: u64, acknowledged: u64, is_listed: bool) -> TypeTotal {
        let counts = Counts { acknowledged, gone: 1, ..Counts::default() };
        TypeTotal {
            object: "EcsCluster",
            listed,
            counts,
            deliveries: DeliveryCounts::default(),
            is_listed,
            has_ended: false,
            incomplete: 0,
        }
    }

    fn totals(waited: Duration) -> Totals {
        Totals {
            phase: Phase::Reading,
            scopes: ScopeCounts { asked: 12, ended: 3 },
            types: Vec::new(),
            waited: vec![waited],
            calls: CallCounts { attempts: 1_234, throttled: 0, retried: 0 },
            categories: Default::default(),
            free: [0; 2],
            channels: BTreeMap::default(),
            unacknowledged: 20_000,
            oldest: Some(Duration::from_secs(1)),
        }
    }

    #[test]
    fn a_type_says_when_it_will_be_through_only_once_all_is_listed() {
        let eta = Duration::from_secs(64);
        let waited = Duration::from_secs(3_725);
        let cases = [
            (total(10, 2, false), Duration::ZERO, "3 of 10+", "listing"),
            (total(5_300, 1_203, false), waited, "1,204 of 5,300+", "waited 1h02m"),
            (total(5_300, 1_203, true), Duration::ZERO, "1,204 of 5,300 ", "ETA 1m05s"),
            (total(5_300, 1_203, true), waited, "1,204 of 5,300 ", "ETA 1m05s, waited 1h02m"),
            (TypeTotal { has_ended: true, ..total(4, 3, true) }, waited, "4 of 4 ", "done, waited 1h02m"),
        ];
        for (total, waited, counts, state) in cases {
            let said = of_state(&total, &totals(waited), eta, false);
            assert_eq!((of_counts(&total).as_str(), said.as_str()), (counts, state));
        }
        let said = of_state(&total(10, 2, false), &totals(waited), eta, true);
        assert_eq!(said, "waited 1h02m for AWS's limit");
        let incomplete = TypeTotal { incomplete: 1, has_ended: true, ..total(4, 0, true) };
        let said = of_state(&incomplete, &totals(Duration::ZERO), eta, true);
        assert!(said.contains("incomplete in 1 of 12 scopes"), "{said}");
    }

    #[test]
    fn rates_are_short() {
        let rates = [(0.0, ""), (0.04, ""), (15.0, "15.0/s"), (99.9, "99.9/s"), (1_234.5, "1,234/s")];
        rates.iter().for_each(|(per_second, text)| assert_eq!(rate(*per_second), *text));
    }

    #[test]
    fn the_sync_says_what_it_does_and_kafka_has_a_line_only_while_it_is_slow() {
        let mut totals = totals(Duration::ZERO);
        let since = Duration::from_secs(42);
        assert_eq!(of_sync(&totals, since), "Reading: 3 of 12 scopes read, 1,234 requests, 42s");
        assert_eq!(of_kafka(&totals), None);
        totals.oldest = Some(Duration::from_secs(34));
        assert!(of_kafka(&totals).unwrap_or_default().contains("20,000 records, the oldest for 34s"));
        totals.phase = Phase::Delivering;
        assert!(of_sync(&totals, since).starts_with("Delivering: 20,000 records not acknowledged yet, "));
    }
}
