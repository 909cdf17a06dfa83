//! The CronJob: what becomes of it with each exit code, by the rules of Kubernetes for `podFailurePolicy`, and with the real program.

use ecs_sim::Fault;
use kit::broker;
use kit::settings::{role, unique};
use serde_json::json;

use super::kubernetes::File;
use super::*;

/// How a Pod has ended.
#[derive(Clone, Copy)]
struct Ended {
    code: u64,
    /// Its node was drained, or it was evicted: condition DisruptionTarget.
    disrupted: bool,
}

/// What becomes of the Job then.
#[derive(Debug, PartialEq)]
enum Fate {
    Done,
    /// Another Pod, and whether this one counts towards `backoffLimit`.
    Again {
        counted: bool,
    },
    Failed,
}

/// What Kubernetes does after a Pod has ended, with so many counted before it. The first rule that fits decides; without one a Pod counts.
fn fate(job: &Value, ended: Ended, counted: u64) -> Fate {
    if ended.code == 0 {
        return Fate::Done;
    }
    let fits = |rule: &&Value| {
        if let Some(conditions) = rule["onPodConditions"].as_array() {
            return ended.disrupted
                && conditions.iter().any(|one| one["type"] == "DisruptionTarget" && one["status"] == "True");
        }
        let codes = &rule["onExitCodes"];
        let listed = codes["values"].as_array().unwrap().contains(&ended.code.into());
        match codes["operator"].as_str().unwrap() {
            "In" => listed,
            "NotIn" => !listed,
            other => panic!("no operator: {other}"),
        }
    };
    let rules = job["podFailurePolicy"]["rules"].as_array().unwrap();
    match rules.iter().find(fits).map_or("Count", |rule| rule["action"].as_str().unwrap()) {
        "Ignore" => Fate::Again { counted: false },
        "FailJob" => Fate::Failed,
        "Count" if counted < job["backoffLimit"].as_u64().unwrap() => Fate::Again { counted: true },
        "Count" => Fate::Failed,
        other => panic!("no action: {other}"),
    }
}

/// How many Pods a Job has, and what becomes of it, if each ends like this.
fn pods(job: &Value, mut pod: impl FnMut() -> Ended) -> (u64, Fate) {
    let mut counted = 0;
    for pods in 1..100 {
        match fate(job, pod(), counted) {
            Fate::Again { counted: counts } => counted += u64::from(counts),
            end => return (pods, end),
        }
    }
    panic!("it has no end");
}

fn job(file: &File) -> &Value {
    &file.kind("CronJob")["spec"]["jobTemplate"]["spec"]
}

#[test]
fn the_cron_job_holds_and_repeats_only_what_a_repeat_may_mend() {
    let file = File::read("kubernetes-cronjob.yaml");
    let (cron, job) = (&file.kind("CronJob")["spec"], job(&file));
    let pod = &job["template"]["spec"];
    let [ours] = &pod["containers"].as_array().unwrap()[..] else { panic!("one container") };
    let (_, settings) = file.assert_ours(pod, ours);
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        assert!(ours[probe].is_null(), "{probe}: a sync has no health server");
    }
    assert_eq!((&cron["concurrencyPolicy"], &pod["restartPolicy"]), (&json!("Forbid"), &json!("Never")));
    for rule in job["podFailurePolicy"]["rules"].as_array().unwrap() {
        let named = &rule["onExitCodes"]["containerName"];
        assert!(named.is_null() || *named == ours["name"], "{named}");
    }
    let seconds = |key: &str| humantime::parse_duration(settings.get(key).unwrap()).unwrap().as_secs();
    let deadline = job["activeDeadlineSeconds"].as_u64().unwrap();
    assert!(seconds("timeout") + seconds("kafka.delivery_timeout") <= deadline, "a slow sync ends by itself");
    assert!(deadline < 3600, "it ends before the next start");

    for (code, disrupted, expected) in [
        (0, false, Fate::Done),
        (1, false, Fate::Failed),
        (2, false, Fate::Again { counted: true }),
        (64, false, Fate::Failed),
        (101, false, Fate::Failed),
        (137, false, Fate::Failed),
        (1, true, Fate::Again { counted: false }),
        (137, true, Fate::Again { counted: false }),
    ] {
        assert_eq!(fate(job, Ended { code, disrupted }, 0), expected, "exit code {code}, disrupted: {disrupted}");
    }
    assert_eq!(pods(job, || Ended { code: 2, disrupted: false }), (3, Fate::Failed), "also this has an end");
}

/// The program itself ends with the codes that the rules are for.
#[test]
fn a_denied_role_fails_the_job_at_once_and_an_absent_broker_does_not() {
    let file = File::read("kubernetes-cronjob.yaml");
    let job = job(&file);
    let (simulator, prefix) = (simulator(), unique("cron"));
    drop(simulator.fault(Fault::refuse("AssumeRole", 403, "AccessDenied", "not yours").role(&role(1))));
    let roles = format!("assume_role_arns={},{}", role(0), role(1));
    let kafka = format!("kafka.bootstrap_servers={}", broker::bootstrap_servers().unwrap());
    let topics = format!("kafka.topic_prefix={prefix}");
    let sync = |settings: &[&str]| {
        let mut command = program(Some(&simulator));
        command.args(["sync", "--set", &topics, "--set", "kafka.topics_create=if_missing"]);
        for setting in settings {
            command.args(["--set", setting]);
        }
        let output = command.output().unwrap();
        Ended { code: u64::try_from(code(&output)).unwrap(), disrupted: false }
    };
    let away = "kafka.bootstrap_servers=127.0.0.1:1";
    for (what, settings, expected, count, end) in [
        ("all is well", &[kafka.as_str()][..], 0, 1, Fate::Done),
        ("a denied role", &[kafka.as_str(), roles.as_str()][..], 1, 1, Fate::Failed),
        ("no broker", &[away, "kafka.startup_timeout=1s"][..], 2, 3, Fate::Failed),
        ("a wrong setting", &[kafka.as_str(), "page_size=many"][..], 64, 1, Fate::Failed),
    ] {
        let mut codes = Vec::new();
        let became = pods(job, || {
            let ended = sync(settings);
            codes.push(ended.code);
            ended
        });
        assert!(codes.iter().all(|code| *code == expected), "{what}: {codes:?}");
        assert_eq!(became, (count, end), "{what}");
    }
}
