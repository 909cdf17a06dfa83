//! Ticks, syncs that take longer than the interval, and what comes after a failure.

use kit::settings::role;
use serde_json::json;

use super::*;

#[test]
fn ticks_that_are_due_while_a_sync_runs_are_skipped_and_none_overlap() {
    let simulator = simulator();
    let gate = simulator.fault(Fault::hold("DescribeTasks"));
    let mut sidecar = sidecar(&simulator, "slow", &[("interval", "1s")]);
    let held = sidecar.wait_for("a sync is held", |status| status["phase"] == "reading")["sync"].clone();
    let amid = sidecar.wait_for("five ticks have passed", |status| status["skipped"].as_u64() >= Some(5));
    assert_eq!((&amid["sync"], &amid["phase"]), (&held, &json!("reading")), "{amid}");
    assert!(amid["next"].as_str() > held.as_str(), "{amid}");
    assert_eq!(simulator.counters().calls["ListClusters"], 1, "one sync alone has listed");
    gate.release();
    let reports = sidecar.wait_for_reports(2);
    for pair in reports.windows(2) {
        assert!(pair[0]["ended"].as_str() <= pair[1]["started"].as_str(), "they overlap: {pair:?}");
    }
    assert_eq!(sidecar.stop().status.code(), Some(0));
}

#[test]
fn a_sync_that_fails_is_followed_by_the_next() {
    let simulator = simulator();
    drop(simulator.fault(Fault::refuse("AssumeRole", 403, "AccessDenied", "not trusted yet").times(2)));
    let settings = [("interval", "1s"), ("assume_role_arns", &role(0)), ("maximum_retries", "0")];
    let mut sidecar = sidecar(&simulator, "failing", &settings);
    let reports = sidecar.wait_for_reports(3);
    assert_eq!(reports[0]["outcome"], "FAILED", "{}", reports[0]);
    assert_eq!(of(&reports[0], "EcsTask")["state"], "denied");
    assert!(reports[1..].iter().any(|report| report["outcome"] == "COMPLETED"), "{reports:?}");
    assert_eq!(
        sidecar.ask("GET", "/readyz").1["ready"],
        json!(true),
        "the outcome of a sync is no matter of readiness"
    );
    let left = sidecar.stop();
    assert!(left.logs.contains("FAILED"), "{}", left.logs);
}

#[test]
fn a_time_out_ends_a_sync_and_not_the_sidecar() {
    let simulator = simulator();
    let gate = simulator.fault(Fault::hold("DescribeTasks").times(1));
    let mut sidecar = sidecar(&simulator, "timed", &[("interval", "2s"), ("timeout", "1s")]);
    let reports = sidecar.wait_for_reports(1);
    assert_eq!(reports[0]["outcome"], "PARTIAL", "{}", reports[0]);
    assert_eq!(of(&reports[0], "EcsTask")["error"], "stopped by timeout", "{}", reports[0]);
    gate.release();
    sidecar.wait_for_reports(2);
}
