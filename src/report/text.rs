//! The report for people.

use std::fmt::{self, Write};

use super::{Report, State, Type};
use crate::ecs::OBJECTS;
use crate::sdm::rfc3339;

/// Lines about what is not complete; the JSON report has them all.
const NAMED: usize = 20;

/// Regions that a line names.
const REGIONS: usize = 3;

impl Report {
    /// The report for people: totals per object, then what is not complete and why.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        let seconds = (self.ended - self.started) as f64 / 1000.0;
        write!(text, "{} in {seconds:.1} s: sync {}", self.outcome, rfc3339(self.sync))?;
        write!(text, ", {} requests", self.calls.attempts)?;
        if self.calls.retried > 0 {
            write!(text, " ({} retried, {} throttled)", self.calls.retried, self.calls.throttled)?;
        }
        writeln!(text)?;
        if let Some(cut) = &self.cut {
            writeln!(text, "  {cut}")?;
        }
        if self.types.is_empty() {
            return Ok(());
        }
        let titles = ["scopes", "complete", "asked", "described", "gone", "acknowledged", "failed"];
        write!(text, "  {:<18}", "object")?;
        for title in titles {
            write!(text, " {title:>width$}", width = title.len().max(8))?;
        }
        writeln!(text)?;
        for object in OBJECTS {
            let of: Vec<&Type> = self.types.iter().filter(|one| one.object == object).collect();
            if of.is_empty() {
                continue;
            }
            let sum = |count: fn(&Type) -> u64| of.iter().map(|one| count(one)).sum::<u64>();
            let complete = of.iter().filter(|one| one.state == State::Complete).count() as u64;
            write!(text, "  {object:<18}")?;
            let counts = [
                of.len() as u64,
                complete,
                sum(|one| one.asked),
                sum(|one| one.described),
                sum(|one| one.gone),
                sum(|one| one.acknowledged),
                sum(|one| one.failed),
            ];
            for (title, count) in titles.iter().zip(counts) {
                write!(text, " {count:>width$}", width = title.len().max(8))?;
            }
            writeln!(text)?;
        }
        self.write_incomplete(text)
    }

    fn write_incomplete(&self, text: &mut String) -> fmt::Result {
        let groups = Incomplete::groups(&self.types);
        for group in groups.iter().take(NAMED) {
            group.write(text)?;
        }
        if groups.len() > NAMED {
            writeln!(text, "  and {} more lines; --report json has them all", groups.len() - NAMED)?;
        }
        Ok(())
    }
}

/// Types of one account that are incomplete for one reason: a role that fails does so in each of its regions.
struct Incomplete<'a> {
    first: &'a Type,
    objects: Vec<&'static str>,
    regions: Vec<&'a str>,
}

impl<'a> Incomplete<'a> {
    /// `types` are in the order of accounts and roles, so a group is looked for among those of the account alone.
    fn groups(types: &'a [Type]) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for one in types.iter().filter(|one| one.state != State::Complete) {
            let mut of_account = groups.iter_mut().rev().take_while(|group| group.first.account == one.account);
            let same = |group: &&mut Self| {
                let first = group.first;
                (&first.role, first.state, &first.error) == (&one.role, one.state, &one.error)
            };
            match of_account.find(same) {
                Some(group) => group.add(one),
                None => groups.push(Self { first: one, objects: vec![one.object], regions: vec![&one.region] }),
            }
        }
        groups
    }

    fn add(&mut self, one: &'a Type) {
        if !self.objects.contains(&one.object) {
            self.objects.push(one.object);
        }
        if self.regions.last() != Some(&one.region.as_str()) {
            self.regions.push(&one.region);
        }
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        let Type { account, role, state, error, .. } = self.first;
        let state = if *state == State::Denied { "denied" } else { "partial" };
        let account = account.as_deref().unwrap_or("unknown account");
        let regions = self.regions.iter().take(REGIONS).copied().collect::<Vec<_>>().join(", ");
        write!(text, "  {state}: {} of {account} in {regions}", self.objects.join(", "))?;
        if self.regions.len() > REGIONS {
            write!(text, " and {} more regions", self.regions.len() - REGIONS)?;
        }
        if let Some(role) = role {
            write!(text, " as {role}")?;
        }
        writeln!(text, ": {}", error.as_deref().unwrap_or("no reason is known"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{CallCounts, Outcome};

    fn denied(region: &str, role: &str, object: &'static str, error: &str) -> Type {
        let (account, region, role) = (Some("111".to_owned()), region.to_owned(), Some(role.to_owned()));
        let counts = (0, 0, 0, 0, 0, 0);
        let (asked, described, gone, emitted, acknowledged, failed) = counts;
        let (error, causes) = (Some(error.to_owned()), Vec::new());
        let state = State::Denied;
        Type {
            account,
            region,
            role,
            object,
            state,
            asked,
            described,
            gone,
            emitted,
            acknowledged,
            failed,
            error,
            causes,
        }
    }

    #[test]
    fn what_fails_for_one_reason_is_one_line() {
        let mut types = Vec::new();
        for region in ["eu-a", "eu-b", "eu-c", "eu-d", "eu-e"] {
            for object in ["EcsTask", "EcsService"] {
                types.push(denied(region, "arn:x", object, "AssumeRole: no"));
            }
        }
        types.push(denied("eu-a", "arn:y", "EcsTask", "AssumeRole: no"));
        let calls = CallCounts { attempts: 0, throttled: 0, retried: 0 };
        let (name, outcome) = ("n".to_owned(), Outcome::Failed);
        let report =
            Report { sync: 0, name, outcome, started: 0, ended: 0, types, calls, partitions: vec![], cut: None };
        let text = report.text();
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("denied: ")).collect();
        let expected = [
            "  denied: EcsTask, EcsService of 111 in eu-a, eu-b, eu-c and 2 more regions as arn:x: AssumeRole: no",
            "  denied: EcsTask of 111 in eu-a as arn:y: AssumeRole: no",
        ];
        assert_eq!(lines, expected);
    }
}
