//! What the records' figures come to: ratios, tables, bars.

use kit::bench::meter::Cost;
use kit::bench::table::{Bar, Table, grouped, median};

use super::{CLUSTERS, Floors, JUDGED, Measured, Together};
use crate::subject::ours;

const CPU_BAR: f64 = 0.9;
const WALL_BAR: f64 = 1.0;
/// Where the wall is judged: below it the handshake decides.
const WALL_JUDGED: u64 = 1_000_000;
const MEMORY_BAR: f64 = 64.0;
/// What a tenth of the records may hold less, or more.
const FLAT_BAR: f64 = 6.4;
/// What a task of a single cluster may hold.
const TASK_BAR: f64 = 40.0;
const MIB: f64 = 1_048_576.0;

impl Floors {
    /// Describing and librdkafka, one after the other.
    fn cpu(&self) -> f64 {
        self.sdk.describes.cpu + self.librdkafka.cost.cpu
    }

    fn cpu_with_lists(&self) -> f64 {
        self.sdk.lists.cpu + self.cpu()
    }

    /// What describing costs whoever reads no body, and librdkafka.
    fn least_cpu(&self) -> f64 {
        self.received.describes.cpu + self.librdkafka.cost.cpu
    }

    /// The longer one.
    fn wall_with_lists(&self) -> f64 {
        (self.sdk.lists + self.sdk.describes).wall.max(self.librdkafka.cost.wall)
    }
}

impl Together {
    /// The wall from the common start to the later end.
    fn cost(&self) -> Cost {
        let sdk = self.sdk.lists + self.sdk.describes;
        let librdkafka = self.librdkafka.cost;
        Cost { wall: sdk.wall.max(librdkafka.wall), cpu: sdk.cpu + librdkafka.cpu }
    }
}

impl Measured {
    /// The median of a figure of ours.
    fn ours_median(&self, figure: fn(&ours::Figures) -> f64) -> f64 {
        median(self.rounds.iter().map(|round| figure(&round.ours)))
    }

    /// The median of a figure that is made of ours and the floors; not a number without floors.
    fn median(&self, figure: impl Fn(Cost, &Floors) -> f64) -> f64 {
        median(self.rounds.iter().filter_map(|round| Some(figure(round.ours.cost, round.floors.as_ref()?))))
    }

    /// The same with both floors at once.
    fn median_together(&self, figure: impl Fn(Cost, &Floors, Cost) -> f64) -> f64 {
        median(self.rounds.iter().filter_map(|round| {
            let floors = round.floors.as_ref()?;
            Some(figure(round.ours.cost, floors, floors.together.as_ref()?.cost()))
        }))
    }

    /// The least and the most of the CPU ratio: one round alone proves little.
    fn cpu_spread(&self) -> String {
        let ratios = || self.rounds.iter().filter_map(|round| Some(round.ours.cost.cpu / round.floors.as_ref()?.cpu()));
        format!("{:.2}..{:.2}", ratios().fold(f64::MAX, f64::min), ratios().fold(0.0, f64::max))
    }

    fn cpu_ratio(&self) -> f64 {
        self.median(|ours, floors| ours.cpu / floors.cpu())
    }

    fn least_ratio(&self) -> f64 {
        self.median(|ours, floors| ours.cpu / floors.least_cpu())
    }

    fn wall_ratio_with_lists(&self) -> f64 {
        self.median(|ours, floors| ours.wall / floors.wall_with_lists())
    }

    /// How near librdkafka alone, or the SDK alone, a program would come that only did both at once.
    fn together_of_floor(&self) -> f64 {
        self.median_together(|_, floors, together| together.wall / floors.wall_with_lists())
    }

    fn wall_of_together(&self) -> f64 {
        self.median_together(|ours, _, together| ours.wall / together.wall)
    }

    fn name(&self) -> String {
        let clusters = if self.clusters == 1 { "1 cluster".to_owned() } else { format!("{} clusters", self.clusters) };
        format!("{} in {clusters}", grouped(self.tasks as f64))
    }
}

/// Ours alone.
pub(super) fn costs(measured: &[Measured]) -> Table {
    let mut table = Table::new([
        "tasks",
        "rounds",
        "records",
        "wall s",
        "records/s",
        "CPU s",
        "records/CPU-s",
        "peak RSS above start MiB",
        "calls",
    ]);
    for one in measured {
        let records = (one.tasks + one.clusters) as f64;
        let Cost { wall, cpu } =
            Cost { wall: one.ours_median(|ours| ours.cost.wall), cpu: one.ours_median(|ours| ours.cost.cpu) };
        table.row([
            one.name(),
            one.rounds.len().to_string(),
            grouped(records),
            format!("{wall:.2}"),
            grouped(records / wall),
            format!("{cpu:.2}"),
            grouped(records / cpu),
            format!("{:.1}", one.ours_median(|ours| ours.peak)),
            grouped(median(one.rounds.iter().map(|round| round.calls as f64))),
        ]);
    }
    table
}

/// CPU beside the floors.
pub(super) fn cpu(measured: &[Measured]) -> Table {
    let mut table = Table::new([
        "CPU s",
        "ours",
        "SDK describing",
        "receiving",
        "SDK listing",
        "librdkafka",
        "its MB",
        "together",
        "ratio",
        "in the rounds",
        "with lists",
        "of receiving + librdkafka",
    ]);
    for one in beside_floors(measured) {
        table.row([
            one.name(),
            figure(one.median(|ours, _| ours.cpu)),
            figure(one.median(|_, floors| floors.sdk.describes.cpu)),
            figure(one.median(|_, floors| floors.received.describes.cpu)),
            figure(one.median(|_, floors| floors.sdk.lists.cpu)),
            figure(one.median(|_, floors| floors.librdkafka.cost.cpu)),
            grouped(one.median(|_, floors| floors.librdkafka.bytes as f64 / 1e6)),
            figure(one.median_together(|_, _, together| together.cpu)),
            figure(one.cpu_ratio()),
            one.cpu_spread(),
            figure(one.median(|ours, floors| ours.cpu / floors.cpu_with_lists())),
            figure(one.least_ratio()),
        ]);
    }
    table
}

/// Walls beside the floors.
pub(super) fn walls(measured: &[Measured]) -> Table {
    let mut table = Table::new([
        "wall s",
        "ours",
        "SDK describing",
        "SDK listing",
        "librdkafka",
        "together",
        "ours / together",
        "ours / longer floor",
        "together / longer floor",
    ]);
    for one in beside_floors(measured) {
        table.row([
            one.name(),
            figure(one.median(|ours, _| ours.wall)),
            figure(one.median(|_, floors| floors.sdk.describes.wall)),
            figure(one.median(|_, floors| floors.sdk.lists.wall)),
            figure(one.median(|_, floors| floors.librdkafka.cost.wall)),
            figure(one.median_together(|_, _, together| together.wall)),
            figure(one.wall_of_together()),
            figure(one.wall_ratio_with_lists()),
            figure(one.together_of_floor()),
        ]);
    }
    table
}

/// All figures that have a bar, and what is reachable beside them.
pub(super) fn bars(measured: &[Measured]) -> Vec<Bar> {
    let mut bars = Vec::new();
    for one in beside_floors(measured).filter(|one| one.tasks >= JUDGED) {
        let name = one.name();
        let what = |what: &str| format!("{name}: {what}");
        let wall = what("wall, of that of both floors together");
        bars.extend([
            Bar::at_most(CPU_BAR, one.cpu_ratio(), "x", what("CPU, of SDK describing + librdkafka")),
            Bar::beside(one.least_ratio(), "x", what("CPU, of receiving without reading + librdkafka; the aim is 2")),
            if one.tasks >= WALL_JUDGED {
                Bar::at_most(WALL_BAR, one.wall_of_together(), "x", wall)
            } else {
                Bar::beside(one.wall_of_together(), "x", wall)
            },
            Bar::at_most(MEMORY_BAR, one.ours_median(|ours| ours.peak), "MiB", what("peak RSS")),
        ]);
    }
    let peak = |tasks: u64, clusters: u64| {
        let one = measured.iter().find(|one| (one.tasks, one.clusters) == (tasks, clusters))?;
        Some(one.ours_median(|ours| ours.peak))
    };
    if let (Some(many), Some(few)) = (peak(1_000_000, CLUSTERS), peak(100_000, CLUSTERS)) {
        bars.push(Bar::at_most(FLAT_BAR, (many - few).abs(), "MiB", "peak RSS, from 100,000 tasks to a million"));
    }
    if let (Some(many), Some(one)) = (peak(1_000_000, CLUSTERS), peak(1_000_000, 1)) {
        let each = (one - many) * MIB / 1e6;
        bars.push(Bar::at_most(TASK_BAR, each, "B", "a task of a single cluster of a million, beyond 200 clusters"));
    }
    bars
}

fn beside_floors(measured: &[Measured]) -> impl Iterator<Item = &Measured> {
    measured.iter().filter(|one| one.rounds.iter().any(|round| round.floors.is_some()))
}

/// Two decimals; a dash for what was not measured.
fn figure(figure: f64) -> String {
    if figure.is_nan() { "-".to_owned() } else { format!("{figure:.2}") }
}
