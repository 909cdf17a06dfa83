//! The report as text.

use std::collections::{BTreeSet, HashMap};
use std::fmt::{self, Write};

use super::{Counts, Report, State, TypeReport};
use crate::contract::{OBJECTS, rfc3339};

/// How many lines about incomplete types there are at most. The JSON report has them all.
const NAMED: usize = 20;

/// How many accounts or regions a line names at most.
const SHOWN: usize = 3;

impl Report {
    /// The report as text: a total for each object, then what is not complete and why.
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
        if let Some(stop_reason) = &self.stop_reason {
            writeln!(text, "  {stop_reason}")?;
        }
        if self.types.is_empty() {
            return Ok(());
        }
        self.write_totals(text)?;
        self.write_incomplete(text)
    }

    /// A row for each object, in columns as narrow as they may be: up to millions of objects fit into a terminal of 80.
    fn write_totals(&self, text: &mut String) -> fmt::Result {
        let titles = ["object", "scopes", "complete", "asked", "described", "gone", "acknowledged", "failed"];
        let mut rows = vec![titles.map(str::to_owned)];
        for object in OBJECTS {
            let of: Vec<&TypeReport> = self.types.iter().filter(|one| one.object == object).collect();
            if of.is_empty() {
                continue;
            }
            let Counts { asked, described, gone, acknowledged, failed, .. } = TypeReport::total(object, &of).counts;
            let complete = of.iter().filter(|one| one.state == State::Complete).count() as u64;
            let [scopes, complete, asked, described, gone, acknowledged, failed] =
                [of.len() as u64, complete, asked, described, gone, acknowledged, failed]
                    .map(|count| count.to_string());
            rows.push([object.to_owned(), scopes, complete, asked, described, gone, acknowledged, failed]);
        }
        let width = |at: usize| rows.iter().map(|row| row[at].len()).max().unwrap_or_default();
        for row in &rows {
            write!(text, "  {:<width$}", row[0], width = width(0))?;
            for (at, cell) in row.iter().enumerate().skip(1) {
                write!(text, " {cell:>width$}", width = width(at))?;
            }
            writeln!(text)?;
        }
        Ok(())
    }

    fn write_incomplete(&self, text: &mut String) -> fmt::Result {
        let groups = Incomplete::groups(&self.types);
        for (reason, group) in groups.iter().take(NAMED) {
            group.write(*reason, text)?;
        }
        if groups.len() > NAMED {
            writeln!(text, "  and {} more lines; --report json has them all", groups.len() - NAMED)?;
        }
        Ok(())
    }
}

/// Types that are incomplete for one reason. A role may fail in each of its regions, and a wrong certificate fails every role.
#[derive(Default)]
struct Incomplete<'a> {
    objects: BTreeSet<&'a str>,
    accounts: BTreeSet<&'a str>,
    regions: BTreeSet<&'a str>,
    roles: BTreeSet<&'a str>,
    /// The names of the clusters whose children are missing.
    clusters: BTreeSet<&'a str>,
}

/// Whether AWS denied the type, and the error.
type Reason<'a> = (bool, &'a str);

impl<'a> Incomplete<'a> {
    /// The incomplete types by reason, in the order in which the reasons first occur.
    fn groups(types: &'a [TypeReport]) -> Vec<(Reason<'a>, Self)> {
        let mut groups: Vec<(Reason<'_>, Self)> = Vec::new();
        let mut known = HashMap::new();
        for one in types.iter().filter(|one| one.state != State::Complete) {
            let first = one.error.as_deref().unwrap_or("no reason is known");
            let causes = one.causes.iter().map(|cause| (cause.parent.as_deref(), cause.error.as_str()));
            // A total and a type that was left unfinished have an error without causes.
            let alone = one.causes.is_empty().then_some((None, first));
            for (cluster, error) in causes.chain(alone) {
                let reason = (one.state == State::Denied, error);
                let at = *known.entry(reason).or_insert_with(|| {
                    groups.push((reason, Self::default()));
                    groups.len() - 1
                });
                let group = &mut groups[at].1;
                group.objects.insert(one.object);
                group.accounts.insert(one.account.as_deref().unwrap_or("unknown account"));
                group.regions.extend(one.region.as_deref());
                group.roles.extend(one.role.as_deref());
                group.clusters.extend(cluster.map(|arn| arn.rsplit('/').next().unwrap_or(arn)));
            }
        }
        groups
    }

    fn write(&self, (denied, error): Reason<'_>, text: &mut String) -> fmt::Result {
        let state = if denied { "denied" } else { "partial" };
        let objects: Vec<&str> = OBJECTS.into_iter().filter(|object| self.objects.contains(object)).collect();
        let accounts = some(&self.accounts, "accounts");
        let regions = some(&self.regions, "regions");
        write!(text, "  {state}: {} of {accounts} in {regions}", objects.join(", "))?;
        match self.roles.first() {
            Some(role) if self.roles.len() == 1 => write!(text, " as {role}")?,
            Some(_) => write!(text, " as {} roles", self.roles.len())?,
            None => {}
        }
        if !self.clusters.is_empty() {
            let title = if self.clusters.len() == 1 { "cluster" } else { "clusters" };
            write!(text, ", {title} {}", some(&self.clusters, "clusters"))?;
        }
        writeln!(text, ": {error}")
    }
}

/// The first few, and how many more there are.
fn some(texts: &BTreeSet<&str>, what: &str) -> String {
    let shown = texts.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if texts.len() > SHOWN { format!("{shown} and {} more {what}", texts.len() - SHOWN) } else { shown }
}
