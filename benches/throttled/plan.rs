//! What `plan` foretells beside what a sync then takes, for accounts of which different buckets bind.

use std::io::Write;
use std::thread;

use ecs_sim::{Buckets, Refill, Shape, Simulator, World};
use kit::bench::Result;
use kit::bench::table::{Bar, Table, write_bars};
use kit::program::{program, text};
use serde_json::Value;

use super::{Scenario, Wanted};

/// How far the time may be from what was foretold.
const APART: f64 = 0.05;

/// An account, and how it is read.
struct Account {
    name: &'static str,
    shape: Shape,
    page_size: u32,
    /// The bucket that takes longest there.
    bucket: &'static str,
}

/// What came of one.
struct Course {
    /// Calls and seconds that the plan said, and those that arrived.
    calls: [u64; 2],
    seconds: [f64; 2],
    bucket: String,
}

const ACCOUNTS: [Account; 3] = [
    Account {
        name: "many revisions",
        shape: Shape { clusters: 3, task_definitions: 700, ..Shape::empty() },
        page_size: 100,
        bucket: "task_definition_read",
    },
    Account {
        name: "many services",
        shape: Shape { clusters: 20, services: 3_000, ..Shape::empty() },
        page_size: 5,
        bucket: "service_read",
    },
    Account {
        name: "many tasks",
        shape: Shape { clusters: 20, services: 20, tasks: 3_000, ..Shape::empty() },
        page_size: 5,
        bucket: "cluster_resource_read",
    },
];

pub(crate) fn bench(wanted: &Wanted, out: &mut impl Write) -> Result<Vec<Bar>> {
    if !wanted.wants(Scenario::Plan) {
        return Ok(Vec::new());
    }
    let courses: Vec<Result<Course>> = thread::scope(|scope| {
        let running = ACCOUNTS.map(|account| scope.spawn(move || account.course()));
        running.into_iter().map(|one| one.join().map_err(|_| "a course panicked")?).collect()
    });
    let mut table =
        Table::new(["account", "calls foretold", "arrived", "s foretold", "s taken", "taken / foretold", "binds"]);
    let mut bars = Vec::new();
    for (account, course) in ACCOUNTS.iter().zip(courses) {
        let Course { calls, seconds, bucket } = course?;
        if calls[0] != calls[1] || bucket != account.bucket {
            return Err(format!("{}: {calls:?} calls, and {bucket} binds", account.name).into());
        }
        let ratio = seconds[1] / seconds[0];
        table.row([
            account.name.to_owned(),
            calls[0].to_string(),
            calls[1].to_string(),
            format!("{:.1}", seconds[0]),
            format!("{:.1}", seconds[1]),
            format!("{ratio:.3}"),
            bucket,
        ]);
        let apart = (ratio - 1.0).abs();
        bars.push(Bar::at_most(APART, apart, "apart", format!("plan, {}: time from what was foretold", account.name)));
    }
    writeln!(out, "\nPlans:\n")?;
    table.write(out)?;
    writeln!(out)?;
    write_bars(&bars, out)?;
    Ok(bars)
}

impl Account {
    /// A plan against one simulator, then a sync against another one, whose buckets are full.
    fn course(&self) -> Result<Course> {
        let buckets = Some(Buckets::published(Refill::Smooth));
        let world = World { shape: self.shape, buckets, record_arrivals: true, ..World::default() };
        let (planned, synced) = (Simulator::start(world.clone())?, Simulator::start(world)?);
        let page_size = format!("page_size={}", self.page_size);
        let run = |simulator: &Simulator, args: &[&str]| -> Result<String> {
            let output = program(Some(simulator)).args(args).args(["--set", &page_size]).output()?;
            if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr).into()) }
        };
        let plan: Value = serde_json::from_str(&run(&planned, &["plan", "--report", "json"])?)?;
        run(&synced, &["sync", "--dry-run"])?;
        let arrivals = synced.arrivals();
        let (first, last) = (arrivals.first().ok_or("no arrivals")?.at, arrivals.last().ok_or("no arrivals")?.at);
        let buckets = plan["buckets"].as_array().ok_or("no buckets")?;
        let binding = buckets.iter().find(|one| one["binds"] == true).and_then(|one| one["bucket"].as_str());
        Ok(Course {
            calls: [plan["requests"]["calls"].as_u64().ok_or("no calls")?, arrivals.len() as u64],
            seconds: [plan["seconds"].as_f64().ok_or("no seconds")?, (last - first).as_secs_f64()],
            bucket: binding.unwrap_or("none").to_owned(),
        })
    }
}
