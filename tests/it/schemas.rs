//! `schemas register` and `schemas test`, as a pipeline runs them: what they print, and the exit codes it stops on.

use std::process::Output;

use kit::program::{code, program, text};
use kit::registry;
use kit::server::Closed;
use kit::settings::unique;

/// Runs `schemas` with subjects of the test's own.
fn schemas(command: &str, prefix: &str, sets: &[&str]) -> Output {
    let mut program = program(None);
    program.args(["schemas", command, "--set", &format!("kafka.topic_prefix={prefix}")]);
    sets.iter().for_each(|set| _ = program.args(["--set", set]));
    program.output().unwrap()
}

fn at_registry() -> String {
    format!("schema_registry.url={}", registry::url().unwrap())
}

#[test]
fn a_pipeline_tests_registers_and_tests_again() {
    let (prefix, url) = (unique("schemas"), at_registry());
    let subjects = ["cluster", "service", "task", "task-definition", "sync"].map(|one| format!("{prefix}.{one}-value"));
    let said = |command: &str| {
        let output = schemas(command, &prefix, &[&url]);
        assert_eq!((code(&output), text(&output.stderr).as_str()), (0, ""), "{command}");
        let lines: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
        let words = lines.iter().map(|line| line.split_once(' ').unwrap());
        let (names, words): (Vec<&str>, Vec<&str>) = words.map(|(name, words)| (name, words.trim())).unzip();
        assert_eq!(names, subjects);
        words.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(said("test").iter().all(|words| words == "compatible: the subject has no schema yet"));
    let ids = said("register");
    assert!(ids.iter().all(|words| words.strip_prefix("id ").is_some_and(|id| id.parse::<u32>().is_ok())), "{ids:?}");
    assert!(said("test").iter().all(|words| words == "compatible"));
    assert_eq!(said("register"), ids, "what is registered is found");
}

#[test]
fn an_incompatible_schema_stops_a_pipeline_and_the_others_are_still_judged() {
    let prefix = unique("incompatible");
    registry::occupy(&format!("{prefix}.task-value"));
    let tested = schemas("test", &prefix, &[&at_registry()]);
    assert_eq!(code(&tested), 1);
    let lines = text(&tested.stdout);
    assert!(lines.contains(&format!("{prefix}.task-value")) && lines.contains("NOT COMPATIBLE: "), "{lines}");
    assert!(lines.contains("/fields"), "with the registry's reasons: {lines}");
    assert_eq!(lines.lines().filter(|line| line.contains("no schema yet")).count(), 4, "{lines}");

    let registered = schemas("register", &prefix, &[&at_registry()]);
    assert_eq!(code(&registered), 1);
    let said = text(&registered.stderr);
    assert!(said.contains("409 Conflict") && said.contains("the producer never changes it"), "{said}");
    assert_eq!(text(&registered.stdout).lines().count(), 4, "the others are registered");
}

#[test]
fn without_a_registry_there_is_one_error() {
    let none = schemas("test", "any", &[]);
    assert_eq!(code(&none), 64);
    assert!(text(&none.stderr).starts_with("error: schema_registry.url: is missing"), "{}", text(&none.stderr));

    let port = Closed::new().unwrap();
    let closed = schemas("test", "any", &[&format!("schema_registry.url=http://{}", port.address().unwrap())]);
    assert_eq!(code(&closed), 2);
    let said = text(&closed.stderr);
    assert!(said.contains("Connection refused") && said.contains("see schema_registry.url"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");

    let elsewhere = registry::url().unwrap().replace("/apis/ccompat/v7", "/nowhere");
    let elsewhere = schemas("test", "any", &[&format!("schema_registry.url={elsewhere}")]);
    assert_eq!(code(&elsewhere), 2);
    let said = text(&elsewhere.stderr);
    assert!(said.contains("no schema registry answers there: 404 Not Found") && said.lines().count() == 1, "{said}");
}
