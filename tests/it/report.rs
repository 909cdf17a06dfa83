//! The report for people.

use ecs_sdm_producer::report::{Cause, Outcome, PartitionRange, Report, State, StopReason, TypeReport};
use kit::report::completed;
use serde_json::Value;

fn empty() -> Report {
    completed(0, "EcsTask", 0, PartitionRange { topic: String::new(), partition: 0, low: 0, high: 0 })
}

fn denied(account: &str, region: &str, object: &'static str, error: &str) -> TypeReport {
    TypeReport {
        account: Some(account.to_owned()),
        region: Some(region.to_owned()),
        role: Some(format!("arn:{account}")),
        object,
        state: State::Denied,
        error: Some(error.to_owned()),
        ..empty().types.remove(0)
    }
}

#[test]
fn what_fails_for_one_reason_is_one_line() {
    let mut types = Vec::new();
    for region in ["eu-a", "eu-b", "eu-c", "eu-d", "eu-e"] {
        for object in ["EcsTask", "EcsService"] {
            types.push(denied("111", region, object, "AssumeRole: no"));
        }
    }
    types.extend((200..205).map(|account| denied(&account.to_string(), "eu-a", "EcsTask", "certificate")));
    let text = Report { types, ..empty() }.text();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("denied: ")).collect();
    let expected = [
        "  denied: EcsService, EcsTask of 111 in eu-a, eu-b, eu-c and 2 more regions as arn:111: AssumeRole: no",
        "  denied: EcsTask of 200, 201, 202 and 2 more accounts in eu-a as 5 roles: certificate",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn the_clusters_that_a_cause_is_about_are_named() {
    let cause = |cluster: Option<&str>, error: &str| Cause {
        parent: cluster.map(|name| format!("arn:aws:ecs:eu-a:111:cluster/{name}")),
        error: error.to_owned(),
    };
    let causes = ["a", "b", "c", "d", "e"].map(|name| cause(Some(name), "ListTasks: down"));
    let causes =
        causes.into_iter().chain([cause(Some("f"), "ListTasks: slow"), cause(None, "not acknowledged")]).collect();
    let tasks =
        TypeReport { state: State::Partial, role: None, causes, ..denied("111", "eu-a", "EcsTask", "ListTasks: down") };
    let text = Report { types: vec![tasks], ..empty() }.text();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("partial: ")).collect();
    let expected = [
        "  partial: EcsTask of 111 in eu-a, clusters a, b, c and 2 more clusters: ListTasks: down",
        "  partial: EcsTask of 111 in eu-a, cluster f: ListTasks: slow",
        "  partial: EcsTask of 111 in eu-a: not acknowledged",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_sync_that_failed_as_a_whole_says_why_in_json_too() {
    let error = |report: &Report| serde_json::to_value(report).unwrap()["error"].clone();
    assert_eq!(error(&empty()), Value::Null);
    let types =
        vec![denied("111", "eu-a", "EcsTask", "AssumeRole: no"), denied("222", "eu-a", "EcsTask", "not either")];
    let failed = Report { types, outcome: Outcome::Failed, ..empty() };
    assert_eq!(error(&failed), "nothing was acknowledged, and no type is complete: AssumeRole: no");
    let timed_out = Report { outcome: Outcome::Partial, stop_reason: Some(StopReason::Timeout), ..empty() };
    assert_eq!(error(&timed_out), Value::Null, "its types say so");
    let stopped = Report { outcome: Outcome::Aborted, stop_reason: Some(StopReason::Signal), ..empty() };
    assert_eq!(error(&stopped), "stopped by a signal");
}
