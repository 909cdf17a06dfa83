//! Syncs of random worlds under random faults, and ten syncs of one engine where AWS throttles: nothing is ever lost unsaid.
//!
//! `cargo test` draws 20 seeds. More of them, and quicker:
//!
//! ```sh
//! SOAK_SEEDS=300 cargo test --release --test it soak::
//! ```
//!
//! A seed that fails is named in the end: `SOAK_FROM=17 SOAK_SEEDS=1` draws it alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};
use std::io::{self, Write};
use std::time::{Duration, Instant};

use ecs_sdm_producer::config::{Config, Rate, Rates};
use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::report::Outcome;
use ecs_sdm_producer::report::{State, TypeReport};
use ecs_sim::{Bucket, Buckets, Category, Chaos, Effect, Foreign, Pages, Refill, Refusal, Shape, Simulator, World};
use fastrand::Rng;
use kit::cases::{number, side_by_side};
use kit::dry::{Dry, Records, truth_of};
use kit::settings::config;
use kit::{ACCOUNT, REGION};

/// One attempt. Requests that nothing happens to keep it on a busy machine too.
const TIMEOUT: Duration = Duration::from_secs(2);
const AT_ONCE: usize = 4;

const CLUSTER_GONE: &str = "ClusterNotFoundException";

/// What may happen to a request.
fn effects() -> Vec<Effect> {
    let refuse = |status, code, message: &str| Effect::Refuse(Refusal::new(status, code, message));
    vec![
        refuse(400, "ThrottlingException", "Rate exceeded"),
        refuse(500, "ServerException", "try again"),
        Effect::Unavailable,
        Effect::Close,
        Effect::Reset,
        Effect::Hang,
        Effect::Slow(TIMEOUT / 4),
        Effect::Slow(Duration::from_millis(3)),
        Effect::Cut(0),
        Effect::Cut(30),
        Effect::Replace(r#"{"message": "Rate exceeded"}"#.to_owned()),
        refuse(400, "AccessDeniedException", "not authorized"),
        refuse(400, "ExpiredTokenException", "expired"),
        refuse(400, "UnrecognizedClientException", "invalid"),
        refuse(400, "InvalidParameterException", "Invalid token"),
        refuse(400, "ClientException", "The account is blocked"),
        refuse(400, CLUSTER_GONE, "Cluster not found."),
        Effect::DropObjects(1),
        Effect::DropObjects(100),
        Effect::Fail("UNSTABLE".to_owned()),
        Effect::RepeatToken,
    ]
}

/// Everything about one sync is drawn from this.
#[derive(Clone, Copy)]
struct Seed(u64);

impl Display for Seed {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "seed {}", self.0)
    }
}

/// What came of a seed.
#[derive(Default)]
struct Seen {
    states: Vec<State>,
    faults: BTreeMap<String, u64>,
}

impl Seed {
    fn world(self, rng: &mut Rng) -> World {
        let clusters = rng.u64(0..9);
        let shape = Shape {
            clusters,
            inactive_clusters: rng.u64(0..=clusters / 2),
            services: rng.u64(0..60),
            tasks: rng.u64(0..150),
            stopped_tasks: rng.u64(0..40),
            task_definitions: rng.u64(0..40),
        };
        let effects: Vec<Effect> = effects().into_iter().filter(|_| rng.bool()).collect();
        let most = sometimes(rng, 0..30);
        let chaos = Chaos { seed: self.0, permille: *pick(rng, &[20, 80, 200, 500]), effects, actions: vec![], most };
        World {
            seed: self.0,
            shape,
            pages: *pick(rng, &[Pages::Full, Pages::Short, Pages::ShortAndEmpty]),
            latency: Duration::ZERO..=Duration::from_micros(rng.u64(0..2_000)),
            vanish_every: sometimes(rng, 2..20),
            list_twice_every: sometimes(rng, 1..9),
            repeat_every: sometimes(rng, 1..5),
            large_task_definition_every: sometimes(rng, 5..20),
            twin_services: rng.bool(),
            chaos: Some(chaos),
            ..World::default()
        }
    }

    fn set_up(rng: &mut Rng, mut config: Config) -> Config {
        config.limits.attempt_timeout = TIMEOUT;
        config.page_size = *pick(rng, &[1, 2, 7, 10, 33, 100]);
        config.parallel_requests = *pick(rng, &[1, 2, 8, 16]);
        config.maximum_retries = rng.u32(0..5);
        config.operation_options.ecs_task.fetch_stopped_tasks = rng.bool();
        config
    }

    async fn run(self) -> Seen {
        let mut rng = Rng::with_seed(self.0);
        let simulator = Simulator::start(self.world(&mut rng)).unwrap();
        let config = Seed::set_up(&mut rng, config(&simulator));
        let truth = truth_of(simulator.world(), &config);
        let dry = Dry::run(&config).await;
        let counters = simulator.counters();
        dry.assert_honest(&truth);
        for one in dry.report.types.iter().filter(|one| one.state == State::Complete) {
            assert_whole(&dry, &truth, one.object, counters.chaos.get(CLUSTER_GONE).copied().unwrap_or_default());
        }
        if counters.chaos.is_empty() {
            // What the machine alone can do to a request is to be late.
            let late = |one: &TypeReport| one.causes.iter().all(|cause| cause.error.contains("Timeout"));
            let well = |one: &TypeReport| one.state == State::Complete || late(one);
            assert!(dry.report.types.iter().all(well), "nothing happened: {}", dry.report.text());
        }
        assert_eq!(counters.breaches, Vec::<String>::new());
        Seen { states: dry.report.types.iter().map(|one| one.state).collect(), faults: counters.chaos }
    }
}

/// A complete type has all of the truth; but each time that a cluster was said to be no more, one cluster's children may be missing.
fn assert_whole(dry: &Dry, truth: &Records, object: &str, clusters_gone: u64) {
    let missing = dry.missing(truth, object);
    let clusters: BTreeSet<_> = missing.iter().map(|record| record["CLUSTER_ARN"].as_str()).collect();
    let excused = if ["EcsService", "EcsTask"].contains(&object) { clusters_gone } else { 0 };
    assert!(clusters.len() as u64 <= excused, "{object} is complete, and {} are missing: {missing:?}", missing.len());
}

fn pick<'a, T>(rng: &mut Rng, choices: &'a [T]) -> &'a T {
    &choices[rng.usize(0..choices.len())]
}

fn sometimes(rng: &mut Rng, every: std::ops::Range<u64>) -> Option<u64> {
    rng.bool().then(|| rng.u64(every))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_complete_means_whole() {
    let (start, from, count) = (Instant::now(), number("SOAK_FROM", 0), number("SOAK_SEEDS", 20));
    let seeds = (from..from + count).map(Seed).collect();
    let seen = side_by_side(seeds, AT_ONCE, Seed::run).await;
    let (mut states, mut faults) = (BTreeMap::new(), BTreeMap::new());
    for Seen { states: of_one, faults: met } in seen {
        of_one.into_iter().for_each(|state| *states.entry(format!("{state:?}")).or_insert(0) += 1);
        met.into_iter().for_each(|(name, times)| *faults.entry(name).or_insert(0) += times);
    }
    let seconds = start.elapsed().as_secs_f64();
    writeln!(io::stderr(), "soak: {count} seeds: types {states:?}, faults {faults:?}, {seconds:.1} s").unwrap();
}

/// Somebody else takes of the simulator's buckets too, and the least that throttles leave of the settings' rates is still too much:
/// so little is left that a sync is throttled however slow the machine is.
#[tokio::test(flavor = "multi_thread")]
async fn ten_syncs_under_throttling_read_the_same() {
    const SYNCS: usize = 10;
    let bucket = Bucket { capacity: 4, per_second: 15 };
    let categories =
        [Category::ClusterRead, Category::ServiceRead, Category::ClusterResourceRead, Category::TaskDefinitionRead];
    let foreign =
        |category| Foreign { account: ACCOUNT.to_owned(), region: REGION.to_owned(), category, per_second: 4.9 };
    let buckets = Buckets {
        cluster_read: bucket,
        service_read: bucket,
        cluster_resource_read: bucket,
        task_definition_read: bucket,
        refill: Refill::Smooth,
    };
    let world = World { buckets: Some(buckets), foreign: categories.map(foreign).to_vec(), ..World::default() };
    let simulator = Simulator::start(world).unwrap();
    let mut config = config(&simulator);
    config.rates = Rates::all(Rate { burst: 2_000, per_second: 1_000 });
    config.page_size = 10;
    // Many may wait for the same few tokens.
    config.maximum_retries = 50;
    config.limits.backoff_base = Duration::from_millis(20);
    config.limits.backoff_cap = Duration::from_millis(400);
    let mut engine = Engine::dry(config.clone(), REGION.to_owned());
    let truth = truth_of(simulator.world(), &config);
    let mut throttled = Vec::new();
    for _ in 0..SYNCS {
        let dry = Dry::run_with(&mut engine).await;
        assert_eq!(dry.report.outcome, Outcome::Completed, "{}", dry.report.text());
        assert_eq!(dry.records, truth);
        throttled.push(dry.report.calls.throttled);
    }
    assert!(throttled.iter().all(|count| *count > 0), "{throttled:?}");
    assert_eq!(throttled.iter().sum::<u64>(), simulator.counters().throttles);
    writeln!(io::stderr(), "soak: {SYNCS} syncs alike, throttled {throttled:?} times").unwrap();
}
