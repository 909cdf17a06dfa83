//! A check as text: a line for each thing, and below it what there is to say.

use std::fmt;

use super::{Check, CheckResult, Kind, OnlineCheck};
use crate::columns::columns;

impl OnlineCheck {
    /// A row for each check.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let cells = |row: &Check| {
            let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
            let role = row.role.as_deref().and_then(|role| role.rsplit('/').next()).unwrap_or("-").to_owned();
            let cells = [
                row.result.to_string(),
                row.kind.to_string(),
                shown(&row.account),
                shown(&row.region),
                role,
                shown(&row.name),
            ];
            (cells, row.error.clone())
        };
        // Writing to a String cannot fail.
        let titles = ["result", "kind", "account", "region", "role", "name"];
        let _ = columns(&mut text, titles, self.checks.iter().map(cells));
        text
    }

    /// What came of it, in one line.
    pub fn summary(&self) -> String {
        let count = |result| self.checks.iter().filter(|check| check.result == result).count();
        let results = [CheckResult::Ok, CheckResult::Unknown, CheckResult::Warning, CheckResult::Broken];
        let counts: Vec<String> = results.into_iter().map(|result| format!("{} {result}", count(result))).collect();
        let outcome = match self.exit_code {
            0 => "nothing is broken",
            1 => "a sync would be less than COMPLETED",
            _ => "nothing could be contacted",
        };
        format!("{outcome}: {}", counts.join(", "))
    }
}

impl fmt::Display for CheckResult {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Broken => "BROKEN",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Identity => "identity",
            Self::Role => "role",
            Self::Region => "region",
            Self::Action => "action",
            Self::Broker => "broker",
            Self::Topic => "topic",
            Self::Registry => "registry",
            Self::Subject => "subject",
        })
    }
}
