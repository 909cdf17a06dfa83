//! A plan as text: a line for each type, a line for each bucket, and what to do with it.

use std::fmt::{self, Write};
use std::time::Duration;

use super::{Plan, PlannedBucket, PlannedRequests};
use crate::columns::columns;
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
            let error =
                (one.state != State::Complete).then(|| one.error.as_deref().unwrap_or("not complete").to_owned());
            let cells = [
                place(&one.account, &one.region),
                one.role.as_deref().and_then(|role| role.rsplit('/').next()).unwrap_or("-").to_owned(),
                one.object.to_owned(),
                one.objects.to_string(),
                one.lists.to_string(),
                one.describes.to_string(),
                minutes(one.time),
            ];
            (cells, error)
        });
        columns(text, ["account/region", "role", "object", "objects", "lists", "describes", "time"], types)?;
        writeln!(text)?;
        let buckets = self.buckets.iter().map(|bucket| {
            let PlannedBucket { account, region, lists, describes, burst, per_second, time, .. } = bucket;
            let cells = [
                place(account, region),
                bucket.bucket.to_owned(),
                (lists + describes).to_string(),
                format!("{burst:.0} + {per_second:.1}/s"),
                minutes(*time),
                if bucket.binds { "<- takes longest".to_owned() } else { String::new() },
            ];
            (cells, None)
        });
        columns(text, ["account/region", "bucket", "calls", "allowed", "time", ""], buckets)?;
        writeln!(text)?;
        let PlannedRequests { parallel, calls, latency, time, bind } = &self.requests;
        let binds = if *bind && time.as_secs() > 0 { ", which is longer than any bucket takes" } else { "" };
        let latency = latency.as_millis();
        writeln!(text, "A sync sends {calls} requests and takes {} from full buckets.", minutes(self.time))?;
        writeln!(text, "  {parallel} parallel requests of {latency} ms each take {}{binds}.", minutes(*time))?;
        let of_shares = self.alternatives.iter().filter_map(|one| Some((one.api_share?.to_string(), one.time)));
        let of_parallel = self.alternatives.iter().filter(|one| one.api_share.is_none());
        let of_parallel = of_parallel.map(|one| (one.parallel_requests.to_string(), one.time));
        writeln!(text, "  By api_share: {}.", listed(of_shares))?;
        writeln!(text, "  By parallel_requests: {}.", listed(of_parallel))?;
        let (own, full_again) = (self.own_calls, minutes(self.full_again));
        writeln!(text, "This plan has sent {own} requests. The buckets are full again in {full_again}.")
    }
}

fn listed(alternatives: impl Iterator<Item = (String, Duration)>) -> String {
    let one = |(setting, time)| format!("{setting} -> {}", minutes(time));
    alternatives.map(one).collect::<Vec<_>>().join(", ")
}

fn place(account: &Option<String>, region: &Option<String>) -> String {
    let known = |text: &Option<String>| text.as_deref().unwrap_or("unknown").to_owned();
    format!("{}/{}", known(account), known(region))
}

fn minutes(time: Duration) -> String {
    let seconds = time.as_millis().saturating_add(500) / 1000;
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {:02} s", seconds / 60, seconds % 60) }
}
