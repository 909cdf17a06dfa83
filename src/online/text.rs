//! A check as text: a line for each thing, and below it what there is to say.

use std::fmt;

use super::{Kind, OnlineCheck, Row, Verdict};
use crate::columns::columns;

impl OnlineCheck {
    /// The rows as a table.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let cells = |row: &Row| {
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
        let count = |verdict| self.checks.iter().filter(|row| row.result == verdict).count();
        let verdicts = [Verdict::Ok, Verdict::Unknown, Verdict::Warning, Verdict::Broken];
        let counts: Vec<String> = verdicts.into_iter().map(|verdict| format!("{} {verdict}", count(verdict))).collect();
        let outcome = match self.exit_code {
            0 => "nothing keeps a sync from COMPLETED",
            1 => "a sync would be less than COMPLETED",
            _ => "nothing could be contacted",
        };
        format!("{outcome}: {}", counts.join(", "))
    }
}

impl fmt::Display for Verdict {
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
