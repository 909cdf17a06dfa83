//! The account of a scope that nobody tells, and types that are denied.

use ecs_sdm_producer::report::State::{Complete, Denied, Partial};
use ecs_sdm_producer::report::TypeReport;
use ecs_sim::{Fault, Shape, Simulator, World};
use kit::program::{code, text};
use kit::report::one;
use kit::settings::config_on_kafka;
use kit::sync::sync;

use super::super::settings::Set;
use super::{Home, SMALL, run};

const NOBODY: Shape =
    Shape { clusters: 0, services: 0, tasks: 0, stopped_tasks: 0, task_definitions: 0, inactive_clusters: 0 };

/// A dry run that may not ask who it is.
fn sync_unknown(shape: Shape, home: &Home, env: Set<'_>) -> (i32, String, String) {
    let simulator = Simulator::start(World { shape, ..World::default() }).unwrap();
    drop(simulator.fault(Fault::refuse("GetCallerIdentity", 403, "AccessDenied", "not today")));
    let output = run(&simulator, home, env, &[]);
    (code(&output), text(&output.stderr), text(&output.stdout))
}

#[test]
fn row_13_nothing_of_an_account_that_nobody_knows_is_complete() {
    let keys: Set<'_> = &[("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    let with = |more: Set<'static>| [keys, more].concat();
    let home = Home::new("[profile p]\naws_account_id = 111111111111\n");
    let (ended, said, _) = sync_unknown(NOBODY, &home, keys);
    assert_eq!(ended, 2, "{said}");
    assert!(said.contains("account") && said.contains("not today") && said.contains("set AWS_ACCOUNT_ID"), "{said}");
    // What it says helps, and so does the profile.
    for env in [with(&[("AWS_ACCOUNT_ID", "111111111111")]), with(&[("AWS_PROFILE", "p")])] {
        let (ended, said, _) = sync_unknown(NOBODY, &home, &env);
        assert_eq!(ended, 0, "{said}");
    }
    // What the variable says of keys that may ask who they are is held against the answer.
    let simulator = Simulator::start(World { shape: NOBODY, ..World::default() }).unwrap();
    let said = text(&run(&simulator, &home, &with(&[("AWS_ACCOUNT_ID", "999999999999")]), &[]).stderr);
    assert!(said.contains("WARN") && said.contains("999999999999"), "{said}");
    // An ARN tells it too, and rules over a variable.
    for (env, warned) in [(with(&[]), false), (with(&[("AWS_ACCOUNT_ID", "999999999999")]), true)] {
        let (ended, said, records) = sync_unknown(SMALL, &home, &env);
        assert_eq!(ended, 0, "{said}");
        let warning = said.lines().any(|line| line.contains("WARN") && line.contains("999999999999"));
        assert_eq!(warning, warned, "{said}");
        let source = "\"ce_source\":\"/ecs-sdm-producer/111111111111/eu-west-1\"";
        assert!(!records.is_empty() && records.lines().all(|line| line.contains(source)), "{records}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn row_21_a_type_is_denied_where_every_describe_was() {
    // Some clusters have no services, and nobody needs to describe theirs.
    let shape =
        Shape { clusters: 4, services: 2, tasks: 8, task_definitions: 2, stopped_tasks: 0, inactive_clusters: 0 };
    let run = async |test: &str, faults: Vec<Fault>| -> TypeReport {
        let simulator = Simulator::start(World { shape, ..World::default() }).unwrap();
        faults.into_iter().for_each(|fault| drop(simulator.fault(fault)));
        one(&sync(&config_on_kafka(&simulator, test)).await, "EcsService").clone()
    };
    let denied = run("denied-describes", vec![Fault::access_denied("DescribeServices")]).await;
    assert_eq!((denied.state, denied.counts.asked), (Denied, 2), "{denied:?}");
    let denied = run("denied-lists", vec![Fault::access_denied("ListServices")]).await;
    assert_eq!(denied.state, Denied, "{denied:?}");
    // One cluster allowed it.
    let partial = run("some-lists", vec![Fault::access_denied("ListServices").skip(1)]).await;
    assert_eq!(partial.state, Partial, "{partial:?}");
    let partial = run("some-describes", vec![Fault::access_denied("DescribeServices").skip(1)]).await;
    assert_eq!((partial.state, partial.counts.acknowledged), (Partial, 1), "{partial:?}");
    let complete = run("no-denial", Vec::new()).await;
    assert_eq!(complete.state, Complete, "{complete:?}");
}
