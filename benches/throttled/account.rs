//! Whole accounts: one in which three buckets bind at once, and one of many small clusters.

use std::io::Write;
use std::time::Duration;

use ecs_sim::{Buckets, Refill, Shape};
use kit::bench::Result;
use kit::bench::table::{Bar, Table, grouped, write_bars};

use crate::case::{Case, Run, world};
use crate::ours::Settings;
use crate::{Scenario, Wanted};

/// Every bucket but that of the clusters needs 50 seconds.
const MIXED: Shape = Shape {
    clusters: 50,
    inactive_clusters: 0,
    services: 10_000,
    tasks: 55_000,
    stopped_tasks: 0,
    task_definitions: 1_039,
};

/// One service and one task each.
const CLUSTERS: Shape = Shape {
    clusters: 10_000,
    inactive_clusters: 0,
    services: 10_000,
    tasks: 10_000,
    stopped_tasks: 0,
    task_definitions: 0,
};

/// Ten thousand clusters would take a quarter of an hour at AWS's own rates.
const TIMES: u32 = 20;

/// Percent above the floor.
const BAR: f64 = 5.0;

/// Measures one account after the other.
pub(crate) fn bench(wanted: &Wanted, brokers: &str, out: &mut impl Write) -> Result<Vec<Bar>> {
    let mut bars = Vec::new();
    if wanted.wants(Scenario::Mixed) {
        let settings = Settings { prefix: "mixed".to_owned(), api_share: 1.0, ..Settings::default() };
        let buckets = Buckets::published(Refill::Smooth);
        let case = Case { world: world(MIXED, buckets, [50, 150]), settings };
        bars.extend(measure("three buckets at once", &case, brokers, out)?);
    }
    if wanted.wants(Scenario::Clusters) {
        let mut objects = Settings::default().objects;
        objects.retain(|object| object != "EcsTaskDefinition");
        let (parallel_requests, rates_times) = (32, TIMES);
        let prefix = "clusters".to_owned();
        let settings =
            Settings { prefix, objects, api_share: 1.0, parallel_requests, rates_times, ..Settings::default() };
        let buckets = Buckets::published(Refill::Smooth).times(TIMES);
        let case = Case { world: world(CLUSTERS, buckets, [5, 20]), settings };
        bars.extend(measure("10,000 small clusters", &case, brokers, out)?);
    }
    Ok(bars)
}

fn measure(name: &str, case: &Case, brokers: &str, out: &mut impl Write) -> Result<[Bar; 3]> {
    let run = case.run(brokers)?;
    let Shape { clusters, services, tasks, task_definitions, .. } = case.world.shape;
    let [clusters, services, tasks, task_definitions] =
        [clusters, services, tasks, task_definitions].map(|count| grouped(count as f64));
    let (parallel, times) = (case.settings.parallel_requests, case.settings.rates_times);
    let (least, most) = (case.world.latency.start().as_millis(), case.world.latency.end().as_millis());
    writeln!(
        out,
        "\n## {name}: {clusters} clusters, {services} services, {tasks} tasks, {task_definitions} revisions; \
         {least} to {most} ms, {parallel} parallel requests, rates times {times}\n"
    )?;
    table(case, &run).write(out)?;
    writeln!(out)?;
    let above = |seconds: f64| 100.0 * (seconds / account_floor(case) - 1.0);
    let bars = [
        Bar::at_most(BAR, above(run.traffic.span()), "%", format!("{name}: first to last call, above the floor")),
        Bar::beside(above(run.acknowledged), "%", format!("{name}: to the last acknowledgement, above the floor")),
        Bar::at_most(0.0, run.lost as f64, "objects", format!("{name}: lost")),
    ];
    write_bars(&bars, out)?;
    Ok(bars)
}

/// A row for each bucket, and one for all.
fn table(case: &Case, run: &Run) -> Table {
    let mut table =
        Table::new(["bucket", "calls", "floor s", "first call s", "last call s", "of the floor", "throttled", "CPU s"]);
    let since = |at: Duration| (at - run.traffic.first()).as_secs_f64();
    let ratio = |span: f64, floor: f64| if floor > 0.0 { format!("{:.3}", span / floor) } else { "-".to_owned() };
    for (category, name) in case.categories() {
        let (traffic, floor) = (run.traffic.of(category), case.floor(&case.world.shape, category));
        table.row([
            name.to_owned(),
            grouped(traffic.calls() as f64),
            format!("{floor:.2}"),
            format!("{:.2}", since(traffic.first())),
            format!("{:.2}", since(traffic.last())),
            ratio(traffic.span(), floor),
            traffic.throttled().to_string(),
            String::new(),
        ]);
    }
    let floor = account_floor(case);
    table.row([
        "all".to_owned(),
        grouped(run.traffic.calls() as f64),
        format!("{floor:.2}"),
        format!("{:.2}", 0.0),
        format!("{:.2}", run.traffic.span()),
        ratio(run.traffic.span(), floor),
        run.traffic.throttled().to_string(),
        format!("{:.1}", run.ours.cpu),
    ]);
    table
}

/// The longest of the buckets' floors: they are drawn from side by side.
fn account_floor(case: &Case) -> f64 {
    case.categories().map(|(category, _)| case.floor(&case.world.shape, category)).fold(0.0, f64::max)
}
