//! Logs that people keep on: each line names its sync and scope, storms are held back, and a quiet sidecar says little.

use std::process::Output;

use ecs_sim::{Fault, Shape, Simulator, World};
use kit::program::{code, program, text};
use kit::settings::role;
use kit::sidecar::Sidecar;
use kit::sync::SHAPE;
use kit::{ACCOUNT, REGION};
use serde_json::Value;

fn simulator(shape: Shape) -> Simulator {
    Simulator::start(World { shape, ..World::default() }).unwrap()
}

fn dry_run(simulator: &Simulator, arguments: &[&str], directives: &str) -> Output {
    let mut command = program(Some(simulator));
    command.args(["sync", "--dry-run", "--report", "json"]).args(arguments).env("RUST_LOG", directives);
    command.output().unwrap()
}

#[test]
fn a_storm_of_ten_thousand_messages_is_ten_lines_at_most_and_tells_how_many_there_were() {
    let shape = Shape { tasks: 10_000, clusters: 1, services: 0, task_definitions: 0, ..SHAPE };
    let simulator = simulator(shape);
    drop(simulator.fault(Fault::drop_objects("DescribeTasks", 100)));
    let output = dry_run(&simulator, &[], "");
    let logs = text(&output.stderr);
    assert_eq!(code(&output), 1, "{logs}");
    let lines: Vec<&str> = logs.lines().filter(|line| line.contains("an object stays unanswered")).collect();
    assert!((2..=10).contains(&lines.len()), "{logs}");
    let held_back =
        |line: &&str| line.split(' ').find_map(|word| word.strip_prefix("held_back=")?.parse::<usize>().ok());
    let counted: usize = lines.iter().map(|line| held_back(line).unwrap_or(1)).sum();
    assert_eq!(counted, 10_000, "{logs}");
}

#[test]
fn each_line_of_a_sync_names_it_and_each_line_of_a_scope_that_too() {
    let simulator = simulator(SHAPE);
    drop(simulator.fault(Fault::access_denied("ListTasks").times(1)));
    let roles = format!("assume_role_arns={},{}", role(0), role(1));
    drop(simulator.fault(Fault::access_denied("AssumeRole").role(&role(1))));
    let arguments = ["--set", &roles, "--set", "telemetry.log_format=json", "--set", "page_size=50"];
    let output = dry_run(&simulator, &arguments, "info");
    let report: Value = serde_json::from_str(text(&output.stdout).lines().last().unwrap()).unwrap();
    let lines: Vec<Value> = text(&output.stderr)
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let line = |message: &str| {
        let found = lines.iter().find(|line| line["message"] == message);
        found.unwrap_or_else(|| panic!("{message}: {lines:#?}"))
    };
    let (of_scope, of_sync) = (&line("a list did not end")["span"], &line("an identity can read nothing")["span"]);
    assert_eq!((&of_scope["sync"], &of_sync["sync"]), (&report["sync"], &report["sync"]));
    assert_eq!((&of_scope["region"], &of_scope["role"]), (&REGION.into(), &role(0).into()));
    assert_eq!(of_scope["account"].as_str().map(str::len), Some(ACCOUNT.len()), "{of_scope}");
    // The same in text, where warnings alone are wanted.
    drop(simulator.fault(Fault::access_denied("ListTasks").times(1)));
    let output = dry_run(&simulator, &["-q", "--set", &format!("assume_role_arns={}", role(0))], "");
    let logs = text(&output.stderr);
    let warning = logs.lines().find(|line| line.contains("a list did not end")).unwrap_or_else(|| panic!("{logs}"));
    let expected = format!(" region={REGION} role={}", role(0));
    assert!(warning.contains(" sync=2") && warning.contains(" account=") && warning.ends_with(&expected), "{warning}");
}

/// The SDK has spans of its own, and a wish for one module could leave out ours.
#[test]
fn whatever_is_wished_for_each_line_of_a_request_names_its_sync_and_scope() {
    for directives in ["debug", "trace", "ecs_sdm_producer::aws=debug", "off,ecs_sdm_producer::aws::answer=debug"] {
        for format in ["text", "json"] {
            let simulator = simulator(SHAPE);
            let output = dry_run(&simulator, &["--set", &format!("telemetry.log_format={format}")], directives);
            let logs = text(&output.stderr);
            let lines: Vec<&str> = logs.lines().filter(|line| line.contains("an answer of ECS")).collect();
            assert!(lines.len() > 10, "{directives}, {format}: {} lines", lines.len());
            let [sync, region] = match format {
                "text" => ["sync=2", "region=eu-west-1"],
                _ => ["\"sync\":\"2", "\"region\":\"eu-west-1\""],
            };
            let stray = lines.iter().find(|line| !(line.contains(sync) && line.contains(region)));
            assert_eq!(stray, None, "{directives}, {format}");
        }
    }
}

#[test]
fn quiet_is_warnings_verbose_is_details_of_ours_and_rust_log_rules_over_both() {
    let levels = |arguments: &[&str], directives: &str| {
        let simulator = simulator(SHAPE);
        let arguments = [&["--set", "telemetry.log_format=json"], arguments].concat();
        let logs = text(&dry_run(&simulator, &arguments, directives).stderr);
        let has = |level: &str, target: &str| {
            logs.lines().any(|line| {
                line.contains(&format!("\"level\":\"{level}\"")) && line.contains(&format!("\"target\":\"{target}"))
            })
        };
        (has("DEBUG", "ecs_sdm_producer"), has("DEBUG", "hyper"))
    };
    assert_eq!(levels(&[], ""), (false, false));
    assert_eq!(levels(&["-v"], ""), (true, false));
    assert_eq!(levels(&["-v"], "warn"), (false, false));
    assert_eq!(levels(&["-q"], "debug"), (true, true));
    let both = dry_run(&simulator(SHAPE), &["-q", "-v"], "");
    assert_eq!(code(&both), 64, "{}", text(&both.stderr));
}

const SYNCS: usize = 10;

/// A healthy sidecar, and one with a role that is denied.
#[test]
fn a_sidecar_logs_five_lines_a_sync_at_most() {
    for is_denied in [false, true] {
        let simulator = simulator(SHAPE);
        if is_denied {
            drop(simulator.fault(Fault::access_denied("AssumeRole").role(&role(1))));
        }
        let roles = format!("{},{}", role(0), role(1));
        let settings = [("assume_role_arns", roles.as_str()), ("rates.service_read.burst", "10000")];
        let mut sidecar = Sidecar::on_shared_broker(program(Some(&simulator)), "quiet", &settings);
        sidecar.wait_for_reports(1);
        for syncs in 2..=SYNCS {
            assert_eq!(sidecar.ask("POST", "/sync").0, 202);
            sidecar.wait_for_reports(syncs);
        }
        let left = sidecar.stop();
        let outcome = if is_denied { "WARN PARTIAL sync=" } else { "INFO COMPLETED sync=" };
        assert_eq!(left.logs.matches(outcome).count(), SYNCS, "{}", left.logs);
        assert!(left.logs.lines().count() <= 5 * SYNCS, "{}", left.logs);
    }
}
