//! Describe answers that are malformed: nothing panics, nothing quotes a body, and nothing is complete that was not read. `lists` has
//! those of List actions and STS.
//!
//! `cargo test` draws few. A million of them, and quicker:
//!
//! ```sh
//! MUTATED_ANSWERS=1000000 cargo test --release --test it mutated:: -- --nocapture
//! ```
//!
//! A seed that fails is named in the end: `MUTATED_FROM=17 MUTATED_ANSWERS=1` draws it alone.

mod lists;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};
use std::io::{self, Write};
use std::time::Instant;

use ecs_sdm_producer::config::{Config, LogFormat};
use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::report::{Report, State};
use ecs_sdm_producer::sync::Sink;
use ecs_sdm_producer::telemetry::{self, Storms};
use ecs_sim::{CANARY, Chaos, Effect, Fault, Mutation, Shape, Simulator, World};
use fastrand::Rng;
use kit::REGION;
use kit::cases::{number, side_by_side};
use kit::dry::{Paper, Records, truth_of};
use kit::program::{program, text};
use kit::settings::config;
use kit::wait::PATIENCE;
use serde_json::Value;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::Dispatch;

const AT_ONCE: usize = 4;

/// Each sync has more answers than this, unless its seed has it meet few.
const ANSWERS: u64 = 150;

/// The most that the logs can be asked for.
const TRACE: &str = "trace,aws_smithy_runtime=trace,hyper=trace,h2=trace";

/// What all environment values begin with.
fn canary() -> &'static str {
    &CANARY[..13]
}

/// Everything about one sync is drawn from this.
#[derive(Clone, Copy)]
struct Seed(u64);

impl Display for Seed {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "seed {}", self.0)
    }
}

/// What came of seeds.
#[derive(Default)]
struct Seen {
    answers: u64,
    /// Objects that were read in syncs where every answer was mutated, of those that were asked for, by mutation.
    read: BTreeMap<&'static str, [u64; 2]>,
    states: BTreeMap<&'static str, u64>,
}

impl Seed {
    /// Every answer is mutated in the same way, so that it shows what of it is still read.
    fn mutation(self) -> Mutation {
        Mutation::ALL[usize::try_from(self.0).unwrap() % Mutation::ALL.len()]
    }

    /// So few answers are mutated that most types are complete.
    fn is_light(self) -> bool {
        self.0 % 11 == 10
    }

    /// This is by far slower. In the long run each mutation is logged.
    fn is_logged(self) -> bool {
        self.0 % 7 == 6
    }

    /// The effects, and how many of a thousand answers meet one.
    fn chaos(self) -> (Vec<Effect>, u32) {
        if self.is_light() { (self.all(), 3) } else { (vec![Effect::Mutate(self.mutation(), self.0)], 1_000) }
    }

    fn all(self) -> Vec<Effect> {
        Mutation::ALL.map(|mutation| Effect::Mutate(mutation, self.0)).to_vec()
    }

    fn simulator(self, shape: Shape, (effects, permille): (Vec<Effect>, u32)) -> Simulator {
        let chaos = Chaos { seed: self.0, permille, effects, actions: vec![], most: None };
        Simulator::start(World { seed: self.0, shape, chaos: Some(chaos), ..World::default() }).unwrap()
    }

    fn sync(self) -> Seen {
        let mut rng = Rng::with_seed(self.0);
        let page = rng.u64(1..=3);
        let shape = Shape {
            clusters: rng.u64(1..=4),
            inactive_clusters: 0,
            services: 50 * page,
            tasks: 60 * page,
            stopped_tasks: 0,
            task_definitions: 70,
        };
        let simulator = self.simulator(shape, self.chaos());
        let mut config = config(&simulator);
        config.page_size = u32::try_from(page).unwrap();
        config.maximum_retries = 0;
        config.parallel_requests = 16;
        let (report, printed, logs) = self.run(&config);
        judge(&report, &printed, &truth_of(simulator.world(), &config));
        if self.is_logged() {
            for word in ["DEBUG", "hyper_util", "aws_smithy_runtime", "ecs_sdm_producer"] {
                assert!(logs.contains(word), "the logs do speak: {word}");
            }
            assert!(!logs.contains("panic"), "{logs}");
            assert!(!logs.contains(canary()), "an environment value is in the logs: {}", line_of(&logs, canary()));
        }
        let mut seen = Seen { answers: simulator.counters().chaos.values().sum(), ..Seen::default() };
        for one in &report.types {
            if !self.is_light() {
                let [read, asked] = seen.read.entry(self.mutation().name()).or_default();
                *read += one.counts.acknowledged;
                *asked += one.counts.asked;
            }
            let state = if one.state == State::Complete { "complete" } else { "partial" };
            *seen.states.entry(state).or_default() += 1;
        }
        seen
    }

    /// All on this thread, so that what is logged is this sync's own.
    fn run(self, config: &Config) -> (Report, String, String) {
        let (paper, logs) = (Paper::default(), Paper::default());
        let kept = logs.clone();
        let subscriber = telemetry::subscriber(LogFormat::Text, TRACE, move || kept.clone(), false, &Storms::default());
        let _logged = self.is_logged().then(|| tracing::subscriber::set_default(subscriber));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut engine = Engine::dry(config.clone(), REGION.to_owned());
        let run = engine.start(Sink::Print(Box::new(paper.clone())));
        let report = runtime.block_on(async { timeout(PATIENCE, run.finish()).await }).expect("every sync ends");
        (report, paper.text(), logs.text())
    }
}

fn line_of<'a>(text: &'a str, word: &str) -> &'a str {
    text.lines().find(|line| line.contains(word)).unwrap_or_default()
}

fn judge(report: &Report, printed: &str, truth: &Records) {
    let said = serde_json::to_string(report).unwrap() + &report.text();
    assert!(!said.contains("panic"), "{said}");
    assert!(!said.contains(canary()), "an environment value is in the report: {said}");
    assert!(!printed.contains(canary()), "an environment value is printed: {}", line_of(printed, canary()));
    for one in &report.types {
        let counts = one.counts;
        let kind = format!(r#""sdm.ecs.{}""#, one.object);
        let records: Vec<&str> = printed.lines().filter(|line| line.contains(&kind)).collect();
        assert_eq!(records.len() as u64, counts.acknowledged, "{one:?}");
        // All lists are whole, and all that is listed is there. So whatever is not read has failed.
        assert_eq!(counts.asked, truth[one.object].len() as u64, "{one:?}");
        assert_eq!((counts.asked, counts.gone), (counts.acknowledged + counts.failed, 0), "{one:?}");
        assert_eq!(one.state == State::Complete, counts.failed == 0 && one.causes.is_empty(), "{one:?}");
        if one.state == State::Complete {
            let key = |line: &str| serde_json::from_str::<Value>(line).unwrap()["key"].clone();
            let read: BTreeSet<String> = records.into_iter().map(|line| key(line).to_string()).collect();
            let listed = truth[one.object].values().map(|record| record["UID"].to_string()).collect();
            assert_eq!(read, listed, "{one:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mutated_answers_are_refused_or_read_and_never_quoted() {
    let start = Instant::now();
    // With a single subscriber, a place in the code that a thread without it comes to first is never logged at all (`tracing-core`,
    // `callsite.rs`). So there is always a second one.
    let _silent = Dispatch::new(telemetry::subscriber(LogFormat::Text, "off", io::sink, false, &Storms::default()));
    let (mut next, wanted) = (number("MUTATED_FROM", 0), number("MUTATED_ANSWERS", 1_800));
    let mut all = Seen::default();
    while all.answers < wanted.max(1) {
        let end = next + (wanted - all.answers).div_ceil(ANSWERS).max(1);
        let seeds = (next..end).map(Seed).collect();
        // A runtime cannot run another one on the same thread.
        let sync = |seed: Seed| async move { spawn_blocking(move || seed.sync()).await.unwrap() };
        for seen in side_by_side(seeds, AT_ONCE, sync).await {
            all.answers += seen.answers;
            seen.states.into_iter().for_each(|(state, count)| *all.states.entry(state).or_default() += count);
            for (mutation, [read, asked]) in seen.read {
                let [all_read, all_asked] = all.read.entry(mutation).or_default();
                *all_read += read;
                *all_asked += asked;
            }
        }
        next = end;
    }
    let share = |[part, of]: [u64; 2]| format!("{:.1} %", 100.0 * part as f64 / of.max(1) as f64);
    let shares = Mutation::ALL.map(|mutation| {
        let read = all.read.get(mutation.name()).copied().unwrap_or_default();
        let [bodies, json] = mutation.seen();
        assert!(bodies > 0 || wanted < ANSWERS, "{mutation:?}");
        format!("{} {bodies} {} {}", mutation.name(), share([json, bodies]), share(read))
    });
    let Seen { answers, states, .. } = all;
    let seconds = start.elapsed().as_secs_f64();
    let shares = shares.join(", ");
    writeln!(
        io::stderr(),
        "mutated: {answers} answers (of each kind how many, still JSON, objects read: {shares}), types {states:?}, {seconds:.0} s"
    )
    .unwrap();
}

/// What the program itself writes, whatever its logs are asked for.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_logged_of_a_mutated_answer() {
    let (from, syncs) = (number("MUTATED_FROM", 0), number("MUTATED_ANSWERS", 0) / 20_000);
    side_by_side((from..=from + syncs).map(Seed).collect(), 1, |seed: Seed| async move { seed.program() }).await;
}

impl Seed {
    fn program(self) {
        let shape = Shape {
            clusters: 4,
            inactive_clusters: 0,
            services: 30,
            tasks: 60,
            stopped_tasks: 0,
            task_definitions: 60,
        };
        let simulator = self.simulator(shape, (self.all(), 1_000));
        let mut command = program(Some(&simulator));
        command.args(["sync", "--dry-run", "--report", "json", "--set", "maximum_retries=0", "--set", "page_size=1"]);
        for category in ["cluster_read", "service_read", "cluster_resource_read", "task_definition_read"] {
            command.args(["--set", &format!("rates.{category}={{burst=1000000,per_second=100000}}")]);
        }
        let output = command.env("RUST_LOG", TRACE).output().unwrap();
        for said in [text(&output.stdout), text(&output.stderr)] {
            assert!(!said.contains("panic"), "{}", line_of(&said, "panic"));
            assert!(!said.contains(canary()), "an environment value is shown: {}", line_of(&said, canary()));
        }
        assert!(text(&output.stderr).contains("DEBUG"), "the logs do speak");
    }
}
