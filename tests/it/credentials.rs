//! Keys: roles and what is theirs alone, keys that AWS refuses, sessions shorter than a sync.

use std::fs;
use std::time::{Duration, Instant};

use ecs_sdm_producer::config::RoleConfig;
use ecs_sdm_producer::report::State::{Complete, Denied, Partial};
use ecs_sdm_producer::report::{Outcome, Report};
use ecs_sim::{Fault, RoleRule, Shape, Simulator, World};
use kit::OBJECTS;
use kit::program::{code, program, text};
use kit::report::{assert_states, one, total};
use kit::settings::{config_on_kafka, role};
use kit::sync::{SHAPE, sync, sync_with};
use tempfile::TempDir;

/// A session this short is renewed two seconds before its end: time enough for a request on its way.
const LIFE: Duration = Duration::from_secs(6);

/// Long enough for several short sessions: pages of five, each answer after 100 ms, in one list.
const LONG: Shape =
    Shape { clusters: 1, services: 0, tasks: 600, stopped_tasks: 0, task_definitions: 0, inactive_clusters: 0 };

async fn with_short_sessions(test: &str, told: Option<Duration>) -> (Report, Simulator, Duration) {
    let latency = Duration::from_millis(100);
    let world = World {
        shape: LONG,
        latency: latency..=latency,
        session_life: Some(LIFE),
        session_told: told,
        ..World::default()
    };
    let simulator = Simulator::start(world).unwrap();
    let mut config = config_on_kafka(&simulator, test);
    config.assume_role_arns = vec![role(0)];
    config.objects = vec!["EcsTask".to_owned()];
    config.page_size = 5;
    let started = Instant::now();
    let report = sync(&config).await;
    let took = started.elapsed();
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    assert_eq!(report.types[0].counts.acknowledged, 600);
    let calls = simulator.counters().calls;
    assert_eq!(
        report.calls.attempts - report.calls.retried,
        1 + 120 + 120,
        "no list was started again, and nothing asked twice: {calls:?}"
    );
    (report, simulator, took)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_renewed_before_it_ends_once_in_its_life() {
    let (_, simulator, took) = with_short_sessions("renewed", None).await;
    let issued = simulator.counters().roles[&role(0)].issued;
    // A third of its life before its end.
    let most = took.as_secs_f64() / (LIFE.as_secs_f64() / 1.5) + 1.0;
    assert!(issued >= 2 && issued as f64 <= most, "{issued} sessions in {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_in_the_middle_of_a_list_is_replaced_and_the_list_goes_on() {
    let (report, simulator, took) = with_short_sessions("replaced", Some(Duration::from_secs(3_600))).await;
    let counters = simulator.counters();
    let (issued, expired) = (counters.roles[&role(0)].issued, counters.errors["ExpiredTokenException"]);
    let most = took.as_secs_f64() / LIFE.as_secs_f64() + 1.0;
    assert!(issued >= 2 && issued as f64 <= most, "{issued} sessions in {took:?}");
    assert_eq!(report.calls.retried, expired, "each refused request was sent once more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_refused_is_denied_and_the_others_go_on() {
    let refused = "arn:aws:iam::222222222222:role/refused".to_owned();
    let (short, good) = ("arn:aws:iam::333333333333:role/short", "arn:aws:iam::444444444444:role/reader");
    let rules = [
        (refused.clone(), RoleRule { refused: true, ..RoleRule::default() }),
        (short.to_owned(), RoleRule { max_session_duration: Some(3_600), ..RoleRule::default() }),
    ];
    let simulator = Simulator::start(World { shape: SHAPE, roles: rules.into(), ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, "refused-role");
    config.assume_role_arns = vec![refused.clone(), short.to_owned(), good.to_owned()];
    config.session_duration = 7_200;
    let report = sync(&config).await;
    assert_eq!((report.outcome, report.outcome.exit_code()), (Outcome::Partial, 1));
    assert_eq!(report.types.len(), 12);
    for one in &report.types {
        let role = one.role.as_deref().unwrap();
        assert_eq!(one.account.as_deref(), role.split(':').nth(4));
        assert_eq!(one.state, if role == good { Complete } else { Denied }, "{one:?}");
        let error = one.error.as_deref().unwrap_or_default();
        if role == refused {
            assert!(error.starts_with("AssumeRole: AccessDenied: "), "{error}");
        } else if role == short {
            assert!(error.contains("MaxSessionDuration") && error.contains("session_duration is 7200 s"), "{error}");
        }
    }
    assert_eq!(total(&report, "EcsTask", |one| one.counts.acknowledged), 330);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_aws_does_not_know_deny_everything_and_fail_the_sync() {
    let faults = OBJECTS.map(|_| Fault {
        action: None,
        ..Fault::refuse(
            "",
            400,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
    });
    let (report, _) = sync_with("unknown-keys", faults).await;
    assert_states(&report, [Denied; 4]);
    assert_eq!((report.outcome, report.outcome.exit_code()), (Outcome::Failed, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_credentials_are_resolved_anew() {
    let role = "arn:aws:iam::222222222222:role/reader".to_owned();
    let simulator = Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, "expired");
    config.assume_role_arns = vec![role.clone()];
    let expired = Fault::refuse(
        "DescribeServices",
        400,
        "ExpiredTokenException",
        "The security token included in the request is expired",
    );
    drop(simulator.fault(expired.times(1)));
    let report = sync(&config).await;
    assert_states(&report, [Complete; 4]);
    assert_eq!(simulator.counters().roles[&role].calls, 2);
    assert_eq!(report.calls.retried, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_may_have_regions_and_an_external_id_of_its_own() {
    let (own, plain) = ("arn:aws:iam::222222222222:role/own", "arn:aws:iam::333333333333:role/plain");
    let guarded = RoleRule { external_id: Some("ours".to_owned()), ..RoleRule::default() };
    let roles = [(own.to_owned(), guarded)].into();
    let simulator = Simulator::start(World { shape: SHAPE, roles, ..World::default() }).unwrap();
    let mut config = config_on_kafka(&simulator, "roles-table");
    config.assume_role_arns = vec![plain.to_owned()];
    config.roles = vec![RoleConfig {
        arn: own.to_owned(),
        external_id: Some("ours".to_owned()),
        role_session_name: Some("nightly".to_owned()),
        regions: vec!["us-east-1".to_owned(), "us-west-2".to_owned()],
        api_share: None,
    }];
    let report = sync(&config).await;
    assert_eq!(report.outcome, Outcome::Completed, "{}", report.text());
    let mut scopes: Vec<(&str, &str)> =
        report.types.iter().map(|one| (one.role.as_deref().unwrap(), one.region.as_deref().unwrap())).collect();
    scopes.dedup();
    assert_eq!(scopes, [(own, "us-east-1"), (own, "us-west-2"), (plain, "eu-west-1")]);
    let counters = simulator.counters();
    assert_eq!(counters.roles[own].session_name.as_deref(), Some("nightly"));
    assert_eq!(counters.roles[plain].external_id, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_caller_identity_the_first_arn_tells_the_account() {
    let refused = Fault::refuse("GetCallerIdentity", 403, "AccessDenied", "not today");
    let (report, _) = sync_with("first-arn", [refused]).await;
    assert_states(&report, [Complete; 4]);
    assert!(report.types.iter().all(|one| one.account.as_deref() == Some("111111111111")), "{}", report.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_renewed_are_told_as_such_and_once() {
    let role = "arn:aws:iam::222222222222:role/reader";
    let simulator = Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap();
    drop(simulator.fault(Fault::refuse("AssumeRole", 403, "AccessDenied", "no\nmore").skip(1)));
    let expired = Fault::refuse("DescribeTaskDefinition", 400, "ExpiredTokenException", "it has expired");
    drop(simulator.fault(expired.skip(5)));
    let mut config = config_on_kafka(&simulator, "not-renewed");
    config.assume_role_arns = vec![role.to_owned()];
    let report = sync(&config).await;
    let definitions = one(&report, "EcsTaskDefinition");
    assert_eq!((definitions.state, definitions.counts.acknowledged), (Partial, 5), "{definitions:?}");
    let error = definitions.error.as_deref().unwrap();
    assert!(error.starts_with("DescribeTaskDefinition: AssumeRole: AccessDenied: no more; allow"), "{error}");
    assert_eq!(definitions.causes.len(), 1);
    assert_eq!(simulator.counters().roles[role].calls, 2, "a refusal is not asked for again at once");
}

/// A profile whose credentials come from a process that fails so often before it answers.
fn process(failures: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let script = format!(
        "echo x >> {tries}\n[ $(wc -l < {tries}) -gt {failures} ] || {{ echo broken >&2; exit 1; }}\n\
         echo '{{\"Version\": 1, \"AccessKeyId\": \"AKIAIOSFODNN7EXAMPLE\", \"SecretAccessKey\": \"secret\"}}'\n",
        tries = path("tries")
    );
    fs::write(path("script"), script).unwrap();
    fs::write(path("config"), format!("[profile p]\ncredential_process = sh {}\n", path("script"))).unwrap();
    folder
}

#[test]
fn a_source_of_base_credentials_that_fails_once_denies_nobody() {
    let simulator = Simulator::start(World { shape: SHAPE, ..World::default() }).unwrap();
    let run = |failures: usize, retries: &str| {
        let folder = process(failures);
        let mut command = program(Some(&simulator));
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        command
            .env("AWS_CONFIG_FILE", folder.path().join("config"))
            .env("AWS_PROFILE", "p")
            .env("PATH", "/usr/bin:/bin");
        command.env("ECS_SDM_ASSUME_ROLE_ARNS", [role(0), role(1)].join(","));
        let output = command.args(["sync", "--dry-run", "--set", retries]).output().unwrap();
        let tries = fs::read_to_string(folder.path().join("tries")).unwrap().lines().count();
        (code(&output), tries, text(&output.stderr))
    };
    let (ended, tries, logs) = run(1, "maximum_retries=10");
    assert_eq!((ended, tries), (0, 2), "{logs}");
    let warning = logs.lines().find(|line| line.contains("credentials could not be resolved")).unwrap();
    assert!(warning.contains("WARN") && warning.contains("credential_process"), "{warning}");
    let (ended, tries, logs) = run(9, "maximum_retries=1");
    assert_eq!((ended, tries), (2, 2), "{logs}");
}
