//! Settings that are malformed: nothing panics, nothing shows a secret, all that is said is one line, and what loads is listed as it is.
//!
//! `cargo test` draws few. Ten millions of them:
//!
//! ```sh
//! FUZZED_SETTINGS=10000000 cargo test --release --test it fuzzed:: -- --nocapture
//! ```
//!
//! A seed that fails is named in the end: `FUZZED_FROM=17 FUZZED_SETTINGS=1` draws it alone.

mod good;
mod judge;
mod mutation;
mod places;
mod spelling;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

use fastrand::Rng;
use kit::cases::number;

use self::judge::Seen;
use self::mutation::Mutation;
use self::spelling::Case;

/// So many failures are enough to see what is wrong.
const ENOUGH: usize = 20;

/// A worker takes so many seeds at once.
const AT_ONCE: u64 = 50;

/// What is listed is loaded again for one of so many.
const AGAIN: u64 = 3;

/// librdkafka makes a client, and threads with it, for one of so many.
const CLIENTS: u64 = 20_011;

/// Everything about one case is drawn from this.
#[derive(Clone, Copy)]
struct Seed(u64);

/// What came of seeds.
#[derive(Default)]
struct All {
    /// Cases that load, and all, by mutation.
    loaded: BTreeMap<&'static str, [u64; 2]>,
    lines: u64,
    open: u64,
    failures: Vec<String>,
}

impl All {
    fn join(&mut self, other: All) {
        for (name, [loaded, all]) in other.loaded {
            let counts = self.loaded.entry(name).or_default();
            *counts = [counts[0] + loaded, counts[1] + all];
        }
        self.lines += other.lines;
        self.open += other.open;
        self.failures.extend(other.failures);
    }
}

impl Seed {
    fn mutation(self) -> Mutation {
        Mutation::ALL[usize::try_from(self.0).unwrap() % Mutation::ALL.len()]
    }

    /// The case, and whether it has to load.
    fn case(self) -> (Case, bool) {
        let mut rng = Rng::with_seed(self.0);
        let mutation = self.mutation();
        // A password in a URL meets every mutation.
        let is_refused = match mutation {
            Mutation::Refused => true,
            Mutation::Good => false,
            _ => rng.u8(..4) == 0,
        };
        let mut given = good::settings(&mut rng, is_refused);
        let has_excerpt = rng.u8(..8) == 0;
        let (excerpt, is_good) = if has_excerpt { good::excerpt(&mut rng) } else { (String::new(), true) };
        let parts = mutation.parts(&mut rng);
        parts.iter().for_each(|part| part.of_settings(&mut rng, &mut given));
        // What stands in a file beside an excerpt is left out, and may be what others need.
        let is_whole = !has_excerpt || given.iter().all(|one| one.source != good::Source::File);
        let mut case = Case::spelled(&mut rng, &given, excerpt);
        parts.iter().for_each(|part| part.of_bytes(&mut rng, &mut case));
        (case, is_good && is_whole && mutation == Mutation::Good)
    }

    fn judge(self, folder: &Path) -> Result<Seen, String> {
        let (case, is_good) = self.case();
        let client = self.0.is_multiple_of(CLIENTS);
        let judged = catch_unwind(AssertUnwindSafe(|| case.judge(folder, client, self.0.is_multiple_of(AGAIN))));
        let fault = match judged {
            Ok(Ok(seen)) if seen.loads || !is_good || client => return Ok(seen),
            Ok(Ok(_)) => "good settings are refused".to_owned(),
            Ok(Err(fault)) => fault,
            Err(panic) => {
                let texts = (panic.downcast_ref::<String>().map(String::as_str), panic.downcast_ref::<&str>());
                format!("panic: {}", texts.0.or(texts.1.copied()).unwrap_or_default())
            }
        };
        Err(format!("seed {} ({}): {fault}\n{case}\n", self.0, self.mutation().name()))
    }
}

/// Judges seeds until there are no more.
fn work(next: &AtomicU64, end: u64) -> All {
    // Where the disk has no part in it.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let fixture = |name: &str| format!("{}/tests/it/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::copy(fixture("key.pem"), folder.path().join("key.pem")).unwrap();
    let certificate = "-----BEGIN CERTIFICATE-----\nAAAAAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(folder.path().join("certificate.pem"), certificate).unwrap();
    let mut all = All::default();
    while all.failures.len() < ENOUGH {
        let start = next.fetch_add(AT_ONCE, Relaxed);
        if start >= end {
            break;
        }
        for seed in (start..end.min(start + AT_ONCE)).map(Seed) {
            match seed.judge(folder.path()) {
                Ok(seen) => {
                    let [loaded, count] = all.loaded.entry(seed.mutation().name()).or_default();
                    *loaded += u64::from(seen.loads);
                    *count += 1;
                    all.lines += seen.lines;
                    all.open += seen.open;
                }
                Err(failure) => all.failures.push(failure),
            }
        }
    }
    all
}

#[test]
fn fuzzed_settings_are_refused_in_lines_without_secrets_or_listed_as_they_are() {
    let start = Instant::now();
    let (from, wanted) = (number("FUZZED_FROM", 0), number("FUZZED_SETTINGS", 1_100));
    let (next, workers) = (AtomicU64::new(from), thread::available_parallelism().map_or(2, usize::from));
    let mut all = All::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(|| work(&next, from + wanted))).collect();
        workers.into_iter().for_each(|worker| all.join(worker.join().unwrap()));
    });
    let All { loaded, lines, open, failures } = all;
    let share = |[part, of]: [u64; 2]| format!("{:.1} %", 100.0 * part as f64 / of.max(1) as f64);
    let of_all = loaded.values().fold([0, 0], |sum, [part, of]| [sum[0] + part, sum[1] + of]);
    let shares: Vec<_> =
        loaded.iter().map(|(name, counts)| format!("{name} {} {}", counts[1], share(*counts))).collect();
    let (shares, count, loads) = (shares.join(", "), of_all[1], share(of_all));
    let seconds = start.elapsed().as_secs_f64();
    writeln!(
        io::stderr(),
        "fuzzed: {count} settings, {loads} load (of each kind how many, and which load: {shares}), {lines} lines judged, \
         {open} with a secret in place of what is none, {seconds:.0} s"
    )
    .unwrap();
    assert!(failures.is_empty(), "{} failed: {}", failures.len(), failures.concat());
}
