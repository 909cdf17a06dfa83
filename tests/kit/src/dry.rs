//! Dry runs in process, for tests of many syncs: what was printed, what it must be, and what holds of every sync whatever happened
//! to it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use ecs_sdm_producer::config::{Config, LogFormat};
use ecs_sdm_producer::contract::rfc3339;
use ecs_sdm_producer::engine::Engine;
use ecs_sdm_producer::report::State;
use ecs_sdm_producer::report::{Counts, Outcome, Report};
use ecs_sdm_producer::sync::Sink;
use ecs_sdm_producer::telemetry::{self, Storms};
use ecs_sim::World;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing_subscriber::util::SubscriberInitExt;

use crate::program::text;
use crate::truth::{event_id, truth};
use crate::wait::PATIENCE;
use crate::{ACCOUNT, OBJECTS, REGION, oracle};

/// The records of each object under their names: `ce_source`, and `ce_id` without its instant. They lack LAST_CAPTURED too, so that
/// those of two syncs can be compared.
pub type Records = BTreeMap<&'static str, BTreeMap<(String, String), Value>>;

/// A sync that published nothing.
pub struct Dry {
    /// What the sync says of itself.
    pub report: Report,
    /// What it printed.
    pub records: Records,
}

/// What a dry run or a log writes to, and a test may watch.
#[derive(Clone, Default)]
pub struct Paper(Arc<watch::Sender<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.send_modify(|written| written.extend_from_slice(text));
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    /// Has logs of this thread written on it, until what it gives is dropped.
    pub fn logs(&self) -> impl Sized + use<> {
        let paper = self.clone();
        telemetry::subscriber(LogFormat::Text, "info", move || paper.clone(), false, &Storms::default()).set_default()
    }

    /// Waits until so many records stand there, those of one object left out.
    pub async fn wait_for_records(&self, count: usize, without: &str) {
        let left_out = format!(r#""ce_type":"sdm.ecs.{without}""#);
        let counted = |written: &Vec<u8>| text(written).lines().filter(|line| !line.contains(&left_out)).count();
        // The sender lives as long as this paper, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|written| counted(written) >= count).await;
    }

    /// Waits until a line stands there that has all these words.
    ///
    /// # Panics
    /// There is none after [`PATIENCE`].
    pub async fn wait_for_line(&self, words: &[&str]) {
        let is_it = |line: &str| words.iter().all(|word| line.contains(word));
        let mut paper = self.0.subscribe();
        let line = paper.wait_for(|written| text(written).lines().any(is_it));
        assert!(timeout(PATIENCE, line).await.is_ok(), "no line with {words:?}: {}", self.text());
    }

    /// All that stands there.
    pub fn text(&self) -> String {
        text(&self.0.borrow())
    }
}

impl Dry {
    /// One sync to its end.
    pub async fn run(config: &Config) -> Dry {
        Dry::run_with(&mut Engine::dry(config.clone(), REGION.to_owned())).await
    }

    /// One sync of an engine that has more to do.
    pub async fn run_with(engine: &mut Engine) -> Dry {
        let paper = Paper::default();
        let report = engine.start(Sink::Print(Box::new(paper.clone()))).finish().await;
        let records = read(&paper.text(), &rfc3339(report.sync));
        Dry { report, records }
    }

    /// What `truth` has of an object and this sync has not.
    pub fn missing<'a>(&self, truth: &'a Records, object: &str) -> Vec<&'a Value> {
        let found = &self.records[object];
        truth[object].iter().filter(|(name, _)| !found.contains_key(*name)).map(|(_, record)| record).collect()
    }

    /// What holds whatever happened: no record is invented or altered, every object asked for is accounted for, what is not
    /// complete says why, and the outcome is what the states amount to.
    pub fn assert_honest(&self, truth: &Records) {
        let Dry { report, records } = self;
        for one in &report.types {
            for (name, record) in &records[one.object] {
                assert_eq!(Some(record), truth[one.object].get(name), "{name:?}");
            }
            let Counts { asked, described, gone, emitted, acknowledged, failed, .. } = one.counts;
            let printed = records[one.object].len() as u64;
            assert_eq!((described, emitted, acknowledged), (printed, printed, printed), "{one:?}");
            assert_eq!(asked, described + gone + failed, "{one:?}");
            let complete = one.state == State::Complete;
            assert!(!complete || failed == 0, "{one:?}");
            assert_eq!(complete, one.error.is_none(), "{one:?}");
            assert_eq!(complete, one.causes.is_empty(), "{one:?}");
            assert_eq!(one.error.as_ref(), one.causes.first().map(|cause| &cause.error), "{one:?}");
            assert!(one.state != State::Denied || asked == failed, "something of it was read: {one:?}");
        }
        let complete = report.types.iter().filter(|one| one.state == State::Complete).count();
        let nothing = complete == 0 && report.types.iter().all(|one| one.counts.acknowledged == 0);
        let outcome = match complete {
            _ if nothing => Outcome::Failed,
            all if all == report.types.len() => Outcome::Completed,
            _ => Outcome::Partial,
        };
        assert_eq!(report.outcome, outcome, "{}", report.text());
    }
}

/// Reads what was printed. A name that comes twice is a duplicate.
fn read(printed: &str, time: &str) -> Records {
    let mut records: Records = OBJECTS.iter().map(|object| (*object, BTreeMap::new())).collect();
    for line in printed.lines() {
        let mut line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["key"], line["value"]["UID"]);
        assert_eq!(line["timestamp"], time);
        assert_eq!(line["value"].as_object_mut().unwrap().remove("LAST_CAPTURED").unwrap(), time);
        let header = |name: &str| line["headers"][name].as_str().unwrap().to_owned();
        let id = header("ce_id").strip_suffix(&format!("@{time}")).unwrap().to_owned();
        let (name, kind) = ((header("ce_source"), id), header("ce_type"));
        let object = kind.strip_prefix("sdm.ecs.").unwrap();
        let twice = records.get_mut(object).unwrap().insert(name, line["value"].take());
        assert_eq!(twice, None, "a record came twice");
    }
    records
}

/// The records that a whole sync of the base account has.
pub fn truth_of(world: &World, config: &Config) -> Records {
    let source = format!("/{}/{ACCOUNT}/{REGION}", config.name);
    let stopped = config.operation_options.ecs_task.fetch_stopped_tasks;
    let named = |object| {
        move |api| {
            let mut record = oracle::expected(object, &api, REGION, 0);
            record.as_object_mut().unwrap().remove("LAST_CAPTURED");
            for attribute in oracle::attributes(object).filter(|attribute| attribute.avro == "timestamp-millis?") {
                if let Some(time) = record[attribute.name].as_i64() {
                    record[attribute.name] = rfc3339(time).into();
                }
            }
            (event_id(object, &record), record)
        }
    };
    let all = |object| truth(world, object, ACCOUNT, REGION, stopped).into_iter().map(named(object));
    let sourced = |object| all(object).map(|(id, record)| ((source.clone(), id), record)).collect();
    OBJECTS.iter().map(|object| (*object, sourced(object))).collect()
}
