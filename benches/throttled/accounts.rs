//! Fifty accounts, one of them a hundred times as large: the small ones shall not notice it.

use std::io::Write;

use ecs_sim::{Buckets, Category, Refill, Shape};
use kit::REGION;
use kit::bench::Result;
use kit::bench::table::{Bar, Table, grouped, write_bars};

use crate::case::{Case, Run, world};
use crate::ours::Settings;
use crate::{Scenario, Wanted};

const ACCOUNTS: u64 = 50;

const SMALL: Shape =
    Shape { clusters: 1, inactive_clusters: 0, services: 10, tasks: 40, stopped_tasks: 0, task_definitions: 10 };

/// A hundred times as large.
const HUGE: Shape = Shape {
    clusters: 100,
    inactive_clusters: 0,
    services: 1_000,
    tasks: 4_000,
    stopped_tasks: 0,
    task_definitions: 1_000,
};

const BAR: f64 = 1.5;

/// Measures the small ones alone, then beside the large one.
pub(crate) fn bench(wanted: &Wanted, brokers: &str, out: &mut impl Write) -> Result<Vec<Bar>> {
    if !wanted.wants(Scenario::Huge) {
        return Ok(Vec::new());
    }
    let Settings { parallel_requests: parallel, api_share, .. } = Settings::default();
    writeln!(
        out,
        "\n## {} small accounts, without and with one a hundred times as large; 50 to 250 ms, {parallel} parallel requests, \
         share {api_share:.2}\n",
        ACCOUNTS - 1
    )?;
    let (without, with) = (case("alone", 1), case("beside", 0));
    let (alone, beside) = (without.run(brokers)?, with.run(brokers)?);
    let floor = with.floor(&HUGE, Category::TaskDefinitionRead);
    let mut table = Table::new([
        "small accounts",
        "calls",
        "last call of a small one s",
        "the large one's calls until then",
        "its last call s",
        "its floor s",
        "throttled",
        "lost",
    ]);
    for (name, run) in [("alone", &alone), ("beside the large one", &beside)] {
        let first = run.traffic.first();
        let huge = run.traffic.only(|arrival| arrival.account == account(0));
        let until = huge.only(|arrival| (arrival.at - first).as_secs_f64() <= small(run)).calls();
        let of_huge = |text: String| if huge.calls() > 0 { text } else { "-".to_owned() };
        table.row([
            name.to_owned(),
            grouped(run.traffic.calls() as f64),
            format!("{:.2}", small(run)),
            of_huge(format!("{until} of {}", grouped(huge.calls() as f64))),
            of_huge(format!("{:.2}", huge.last().saturating_sub(first).as_secs_f64())),
            of_huge(format!("{floor:.2}")),
            run.traffic.throttled().to_string(),
            run.lost.to_string(),
        ]);
    }
    table.write(out)?;
    writeln!(out)?;
    let bars = vec![
        Bar::at_most(BAR, small(&beside) / small(&alone), "x", "the small accounts: their time, of that alone"),
        Bar::at_most(0.0, (alone.lost + beside.lost) as f64, "objects", "the small accounts and the large one: lost"),
    ];
    write_bars(&bars, out)?;
    Ok(bars)
}

/// All accounts from the given one on; the first one is the large one.
fn case(prefix: &str, from: u64) -> Case {
    let roles = (from..ACCOUNTS).map(|n| format!("arn:aws:iam::{}:role/reader", account(n))).collect();
    let mut world = world(SMALL, Buckets::published(Refill::Smooth), [50, 250]);
    world.shapes.insert((account(0), REGION.to_owned()), HUGE);
    Case { world, settings: Settings { prefix: prefix.to_owned(), roles, ..Settings::default() } }
}

fn account(n: u64) -> String {
    format!("{:012}", 100_000_000_000 + n)
}

/// Seconds from the first call of all to the last one of a small account.
fn small(run: &Run) -> f64 {
    let small = run.traffic.only(|arrival| arrival.account != account(0));
    (small.last() - run.traffic.first()).as_secs_f64()
}
