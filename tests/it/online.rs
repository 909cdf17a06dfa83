//! `check --online` as a user runs it: a set-up that is whole, many of which one thing is broken, and what it takes to see that.

mod amazon;
mod broken;
mod setup;

use std::collections::BTreeSet;

use ecs_sim::{Shape, World};
use kit::program::{code, program, text};
use kit::secured::Operation;
use kit::server::Closed;
use kit::settings::account;
use kit::topic::read;
use kit::{REGION, registry};
use serde_json::Value;

use self::setup::{ROLE, Setup};
use crate::signing_in::least::{quotes, rights};
use crate::signing_in::secured;

/// Every thing of a set-up that is whole, in the order of the rows.
fn things(setup: &Setup) -> Vec<(&'static str, String)> {
    let actions = ["Clusters", "Services", "Tasks"].into_iter();
    let actions = actions.flat_map(|of| [format!("List{of}"), format!("Describe{of}")]);
    let last = ["ListTaskDefinitions", "DescribeTaskDefinition"].map(str::to_owned);
    let topics = setup.topics();
    let one = |kind: &'static str, name: String| [(kind, name)].into_iter();
    one("identity", "arn:aws:iam::111111111111:user/ecs-sim".to_owned())
        .chain(one("role", format!("arn:aws:sts::{}:assumed-role/reader/ecs-sdm-producer", account(0))))
        .chain(one("region", REGION.to_owned()))
        .chain(actions.chain(last).map(|name| ("action", name)))
        .chain(one("broker", setup.servers()))
        .chain(topics.iter().map(|topic| ("topic", topic.clone())))
        .chain(one("registry", registry::url().unwrap().to_owned()))
        .chain(topics.iter().map(|topic| ("subject", format!("{topic}-value"))))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_whole_set_up_every_thing_is_ok_and_nothing_is_changed() {
    let setup = Setup::whole(World::default()).await;
    let before = setup.subjects();
    let checked = setup.check();
    assert_eq!(checked.exit, 0, "{checked:?}");
    let found: Vec<_> = checked.rows.iter().map(|row| (row.kind.as_str(), row.name.clone())).collect();
    assert_eq!(found, things(&setup));
    assert!(checked.rows.iter().all(|row| row.result == "ok" && row.error.is_none()), "{checked:?}");
    for row in checked.rows.iter().filter(|row| ["region", "action"].contains(&row.kind.as_str())) {
        let place = (row.account.as_deref(), row.region.as_deref(), row.role.as_deref());
        assert_eq!(place, (Some(account(0).as_str()), Some(REGION), Some(ROLE.as_str())), "{row:?}");
    }
    let counters = setup.simulator.counters();
    assert_eq!(counters.calls.values().sum::<u64>(), 10, "one request for each: {:?}", counters.calls);
    assert!(counters.breaches.is_empty(), "{:?}", counters.breaches);
    for topic in setup.topics() {
        assert!(read(&setup.plain(), &topic).is_empty(), "{topic} has a record");
    }
    assert_eq!(setup.subjects(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_rights_are_enough_and_without_the_last_settings_are_unknown() {
    let mut setup = Setup::whole(World::default()).await;
    let guest = setup.becomes_guest(&[]);
    secured().grant(&guest, &rights("Every sync", &setup.prefix));
    let checked = setup.check();
    let unknown = checked.rows.iter().filter(|row| row.result == "unknown");
    assert_eq!(unknown.clone().map(|row| row.name.clone()).collect::<Vec<_>>(), setup.topics(), "{checked:?}");
    let words: Vec<_> = quotes(Operation::DescribeConfigs)[1].split('…').collect();
    for row in unknown {
        let error = row.error.as_deref().unwrap_or_default();
        assert!(words.iter().all(|part| error.contains(part)), "{words:?} is not in {error}");
    }
    assert_eq!(checked.exit, 0);
    secured().grant(&guest, &rights("Checks before a sync", &setup.prefix));
    assert!(setup.check().rows.iter().all(|row| row.result == "ok"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_has_the_rows_of_the_json() {
    let mut setup = Setup::whole(World::default()).await;
    setup.set("kafka.bootstrap_servers", &Closed::new().unwrap().address().unwrap().to_string());
    let rows = setup.check().rows;
    let output = setup.program(&["check", "--online"]).output().unwrap();
    let (table, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(code(&output), 1, "{table} {said}");
    let mut lines = table.lines().skip(1);
    for row in &rows {
        let line = lines.next().unwrap();
        let result = if row.result == "broken" { "BROKEN" } else { &row.result };
        assert!(line.starts_with(result) && line.contains(&row.kind) && line.ends_with(&row.name), "{row:?}: {line}");
        if let Some(error) = &row.error {
            assert_eq!(lines.next().map(str::trim), Some(error.as_str()));
        }
    }
    assert_eq!(lines.next(), None);
    assert!(said.contains("a sync would be less than COMPLETED"), "{said}");
}

#[test]
fn nothing_that_could_be_contacted_is_another_exit_code() {
    let closed = Closed::new().unwrap();
    let address = closed.address().unwrap();
    let url = format!("http://{address}");
    let check = |more: &[&str], env: &[(&str, &str)]| {
        let mut command = program(None);
        command.args(["check", "--online", "--report", "json", "--set", "kafka.startup_timeout=1s"]);
        command.args(["--set", &format!("kafka.bootstrap_servers={address}")]).args(more);
        command.envs([("AWS_REGION", REGION), ("AWS_ENDPOINT_URL", &url)]).envs(env.iter().copied());
        let output = command.output().unwrap();
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["exit"], code(&output), "{json}");
        (code(&output), json)
    };
    let keys = [("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    for env in [&[] as &[_], &keys] {
        let (exit, json) = check(&["--set", &format!("schema_registry.url={url}")], env);
        assert_eq!(exit, 2, "{json}");
    }
    let reached = registry::url().unwrap();
    let (exit, json) = check(&["--set", &format!("schema_registry.url={reached}")], &[]);
    assert_eq!(exit, 1, "the registry was there: {json}");
}

#[test]
fn a_dry_run_needs_aws_alone_and_wanted_objects_their_own_actions() {
    let simulator = ecs_sim::Simulator::start(World { shape: Shape::empty(), ..World::default() }).unwrap();
    let actions = |objects: &str| {
        let mut command = program(Some(&simulator));
        command.args(["check", "--online", "--dry-run", "--report", "json", "--set", &format!("objects={objects}")]);
        let output = command.output().unwrap();
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(code(&output), 0, "{json}");
        let rows = json["checks"].as_array().unwrap().clone();
        let kinds: BTreeSet<_> = rows.iter().map(|row| row["kind"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["action", "identity", "region"]);
        let actions = rows.iter().filter(|row| row["kind"] == "action");
        actions.map(|row| row["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(actions("EcsTask"), ["ListClusters", "ListTasks", "DescribeTasks"]);
    assert_eq!(actions("EcsTaskDefinition"), ["ListTaskDefinitions", "DescribeTaskDefinition"]);
    assert_eq!(actions("EcsCluster"), ["ListClusters", "DescribeClusters"]);
}

#[test]
fn wrong_settings_are_told_as_ever() {
    let output = program(None).args(["check", "--online", "--set", "page_size=many"]).output().unwrap();
    assert_eq!((code(&output), text(&output.stdout).as_str()), (64, ""));
    assert!(text(&output.stderr).contains("page_size"));
}
