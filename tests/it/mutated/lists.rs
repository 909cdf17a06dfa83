//! List and STS answers that are malformed. A list may lose what nobody can miss, so what was read is not held against the truth: nothing
//! panics, every sync ends, nothing shows a session, and nothing is complete with more objects than there are.

use kit::settings::role;

use super::*;

/// Each of these is mutated alone, and none of the others.
const ACTIONS: [&str; 6] =
    ["ListClusters", "ListServices", "ListTasks", "ListTaskDefinitions", "AssumeRole", "GetCallerIdentity"];

/// What is in the answers of STS, and nowhere else: how session tokens begin, and the names of secrets.
const SESSION: [&str; 3] = ["ecs-sim/200000000000/", "SecretAccessKey>", "SessionToken>"];

/// Answers, types, and those of them that were complete, by action.
type Met = BTreeMap<&'static str, [u64; 3]>;

impl Seed {
    fn action(self) -> &'static str {
        // Each meets every mutation in the long run.
        let seed = usize::try_from(self.0).unwrap();
        ACTIONS[(seed + seed / Mutation::ALL.len()) % ACTIONS.len()]
    }

    fn lists(self) -> (&'static str, [u64; 3]) {
        let mut rng = Rng::with_seed(self.0);
        let shape = Shape {
            clusters: 12,
            inactive_clusters: 0,
            services: 30,
            tasks: 60,
            stopped_tasks: 0,
            task_definitions: 40,
        };
        let simulator = Simulator::start(World { seed: self.0, shape, ..World::default() }).unwrap();
        let mutated = Effect::Mutate(self.mutation(), self.0);
        let skip = if self.action().starts_with("List") { rng.u64(..2) } else { 0 };
        drop(simulator.fault(Fault { skip, ..Fault::new(self.action(), mutated) }));
        let mut config = config(&simulator);
        config.page_size = rng.u32(5..=20);
        config.maximum_retries = rng.u32(..2);
        // Whose credentials the base ones are is asked where no role is assumed.
        let assumes = self.action() != "GetCallerIdentity";
        config.assume_role_arns.extend(assumes.then(|| role(0)));
        let (report, printed, logs) = self.run(&config);
        let said = serde_json::to_string(&report).unwrap() + &report.text() + &printed + &logs;
        assert!(!said.contains("panic"), "{}", line_of(&said, "panic"));
        for secret in SESSION.into_iter().chain([canary()]) {
            assert!(!said.contains(secret), "a secret is shown: {}", line_of(&said, secret));
        }
        let truth = truth_of(simulator.world(), &config);
        let complete: Vec<_> = report.types.iter().filter(|one| one.state == State::Complete).collect();
        for one in &complete {
            let (read, there) = (one.counts.acknowledged, truth[one.object].len() as u64);
            assert!(read <= there, "{read} of {there} objects are read: {one:?}");
            // A mutated identity may name none, and then nothing is complete that no other ARN names.
            let is_account = |id: &String| id.len() == 12 && id.bytes().all(|digit| digit.is_ascii_digit());
            assert!(one.account.as_ref().is_some_and(is_account), "{one:?}");
        }
        let calls = simulator.counters().calls.get(self.action()).copied().unwrap_or_default();
        (self.action(), [calls.saturating_sub(skip), report.types.len() as u64, complete.len() as u64])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mutated_lists_and_sessions_end_and_show_no_secret() {
    let start = Instant::now();
    let _silent = Dispatch::new(telemetry::subscriber(LogFormat::Text, "off", io::sink, false, &Storms::default()));
    let (mut next, wanted) = (number("MUTATED_FROM", 0), number("MUTATED_ANSWERS", 1_000).div_ceil(20));
    let (mut met, mut answers) = (Met::new(), 0);
    while answers < wanted {
        let end = next + (wanted - answers).div_ceil(5);
        let sync = |seed: Seed| async move { spawn_blocking(move || seed.lists()).await.unwrap() };
        for (action, counts) in side_by_side((next..end).map(Seed).collect(), AT_ONCE, sync).await {
            answers += counts[0];
            let all = met.entry(action).or_default();
            *all = [all[0] + counts[0], all[1] + counts[1], all[2] + counts[2]];
        }
        next = end;
    }
    let counts =
        met.iter().map(|(action, [answers, types, complete])| format!("{action} {answers} {complete}/{types}"));
    let (counts, seconds) = (counts.collect::<Vec<_>>().join(", "), start.elapsed().as_secs_f64());
    writeln!(
        io::stderr(),
        "mutated: {answers} answers of lists and sessions (of each action how many, complete types: {counts}), {seconds:.0} s"
    )
    .unwrap();
}
