//! A plan as text: a line for each type, a line for each bucket, and what to do with it.

use std::fmt::{self, Write};
use std::time::Duration;

use super::{Plan, PlannedBucket, PlannedRequests};
use crate::report::State;

impl Plan {
    /// The plan as tables.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        let types = self.types.iter().map(|one| {
            let state = if one.state == State::Complete { "" } else { one.error.as_deref().unwrap_or("not complete") };
            [
                place(&one.account, &one.region),
                one.role.as_deref().and_then(|role| role.rsplit('/').next()).unwrap_or("-").to_owned(),
                one.object.to_owned(),
                one.objects.to_string(),
                one.lists.to_string(),
                one.describes.to_string(),
                state.to_owned(),
            ]
        });
        table(text, ["account/region", "role", "object", "objects", "lists", "describes", ""], types)?;
        writeln!(text)?;
        let buckets = self.buckets.iter().map(|bucket| {
            let PlannedBucket { account, region, lists, describes, burst, per_second, time, with_all, .. } = bucket;
            [
                place(account, region),
                bucket.bucket.to_owned(),
                (lists + describes).to_string(),
                format!("{burst:.0} + {per_second:.1}/s"),
                minutes(*time),
                minutes(*with_all),
                if bucket.binds { "<- takes longest".to_owned() } else { String::new() },
            ]
        });
        table(text, ["account/region", "bucket", "calls", "allowed", "time", "with api_share = 1", ""], buckets)?;
        writeln!(text)?;
        let PlannedRequests { parallel, latency, time, with_twice, bind, .. } = &self.requests;
        let binds = if *bind { ", which takes longest" } else { "" };
        writeln!(
            text,
            "{parallel} parallel requests of {} ms each take {}{binds}; {} would take {}.",
            latency.as_millis(),
            minutes(*time),
            2 * parallel,
            minutes(*with_twice)
        )?;
        writeln!(text, "A sync takes {} at the allowed rates, from full buckets.", minutes(self.time))?;
        writeln!(text, "They are full again {} after this plan, whose own lists took tokens.", minutes(self.full_again))
    }
}

fn place(account: &Option<String>, region: &Option<String>) -> String {
    let known = |text: &Option<String>| text.as_deref().unwrap_or("unknown").to_owned();
    format!("{}/{}", known(account), known(region))
}

fn minutes(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {:02} s", seconds / 60, seconds % 60) }
}

/// Columns as wide as their widest cell; numbers stand to the right.
fn table<const N: usize>(text: &mut String, titles: [&str; N], rows: impl Iterator<Item = [String; N]>) -> fmt::Result {
    let rows: Vec<[String; N]> = std::iter::once(titles.map(str::to_owned)).chain(rows).collect();
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let is_number = cell.starts_with(|letter: char| letter.is_ascii_digit()) && !cell.contains('/');
            match is_number {
                true => write!(line, "{cell:>width$}  ")?,
                false => write!(line, "{cell:<width$}  ")?,
            }
        }
        writeln!(text, "{}", line.trim_end())?;
    }
    Ok(())
}
