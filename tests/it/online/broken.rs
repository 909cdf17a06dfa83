//! Set-ups of which one thing is broken: it is found and named, nothing else is, and what its line says mends it.

/// A case: what breaks a set-up and what is found then, and what mends it. A closure cannot be async and borrow what it is given.
macro_rules! case {
    ($name:literal, |$broken:ident| $wreck:expr, |$mended:ident| $mend:expr) => {
        Case {
            name: $name,
            wreck: |$broken| Box::pin(async move { $wreck }),
            mend: |$mended| Box::pin(async move { $mend }),
        }
    };
}

mod amazon;
mod brokers;
mod subjects;
mod topics;

use std::fmt;
use std::pin::Pin;

use ecs_sim::World;
use kit::cases::side_by_side;
use kit::server::Closed;

use super::setup::{Checked, Row, Setup};

/// A region that the account has not enabled.
const NOT_ENABLED: &str = "ap-east-1";

/// What is said of a topic that a sync makes.
const TO_BE_MADE: &str = "absent; a sync makes it";

type Step<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a check finds of one thing.
struct Finding {
    kind: &'static str,
    name: String,
    result: &'static str,
    words: &'static str,
}

struct Case {
    name: &'static str,
    /// Breaks the set-up, and says what is to be found.
    wreck: for<'a> fn(&'a mut Setup) -> Step<'a, Vec<Finding>>,
    /// Does what the line says.
    mend: for<'a> fn(&'a mut Setup) -> Step<'a, ()>,
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

fn found(kind: &'static str, name: impl Into<String>, result: &'static str, words: &'static str) -> Vec<Finding> {
    vec![Finding { kind, name: name.into(), result, words }]
}

fn broken(kind: &'static str, name: impl Into<String>, words: &'static str) -> Vec<Finding> {
    found(kind, name, "broken", words)
}

/// The same finding of some topics.
fn of_topics(setup: &Setup, names: &[&str], result: &'static str, words: &'static str) -> Vec<Finding> {
    names.iter().flat_map(|name| found("topic", setup.topic(name), result, words)).collect()
}

fn closed() -> String {
    // It stays closed until the process ends.
    let closed: &'static Closed = Box::leak(Box::new(Closed::new().unwrap()));
    closed.address().unwrap().to_string()
}

impl Case {
    async fn run(self) {
        let mut setup =
            Setup::whole(World { disabled_regions: [NOT_ENABLED.to_owned()].into(), ..World::default() }).await;
        let findings = (self.wreck)(&mut setup).await;
        self.judge(&setup.check(), &findings);
        (self.mend)(&mut setup).await;
        let mended = setup.check();
        assert_eq!(mended.exit, 0, "{self}, mended: {mended:?}");
        let is_good =
            |row: &Row| row.result == "ok" || row.error.as_deref().is_some_and(|error| error.starts_with(TO_BE_MADE));
        assert!(mended.rows.iter().all(is_good), "{self}, mended: {mended:?}");
    }

    /// Everything of it is found, and nothing else. What hangs on it is not known, and says so.
    fn judge(&self, checked: &Checked, findings: &[Finding]) {
        let is_broken = findings.iter().any(|finding| finding.result == "broken");
        assert_eq!(checked.exit, i32::from(is_broken), "{self}: {checked:?}");
        let mut left: Vec<&Finding> = findings.iter().collect();
        for row in checked.rows.iter().filter(|row| row.result != "ok") {
            let error = row.error.as_deref().unwrap_or_default();
            let not_known = error.strip_prefix("not known: see the ").filter(|_| row.result == "unknown");
            if let Some(cause) = not_known {
                assert!(findings.iter().any(|finding| finding.kind == cause), "{self}: {row:?}");
                continue;
            }
            let place = left.iter().position(|finding| (finding.kind, &finding.name) == (&row.kind, &row.name));
            let place = place.unwrap_or_else(|| panic!("{self}: nothing is wrong with {row:?}"));
            let finding = left.remove(place);
            assert_eq!(row.result, finding.result, "{self}: {row:?}");
            assert!(error.contains(finding.words), "{self}: {:?} is not in {error}", finding.words);
        }
        let left: Vec<_> = left.iter().map(|finding| (finding.kind, &finding.name)).collect();
        assert!(left.is_empty(), "{self}: {left:?} is not found: {checked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_broken_thing_is_found_nothing_else_is_and_what_its_line_says_mends_it() {
    let cases = [amazon::cases(), brokers::cases(), subjects::cases(), topics::cases()].into_iter().flatten().collect();
    side_by_side(cases, 4, Case::run).await;
}
