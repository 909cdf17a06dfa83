//! What docs/consumers.md shows to readers of the topics stands in programs that are run.

use std::collections::BTreeSet;
use std::fs;

use ecs_sdm_producer::contract::rfc3339;
use kit::topic::read;

use super::{Synced, python, url};

const DOCUMENT: &str = include_str!("../../../docs/consumers.md");

/// The document with addresses and topics as they are anywhere, the programs with those that they are given.
const GIVEN: [(&str, &str); 2] =
    [(r#""http://localhost:8080/apis/registry/v2""#, "registry"), (r#""sdm.ecs.task""#, "topic")];

const JAVA: [&str; 2] =
    [include_str!("../../interop/java/Consumer.java"), include_str!("../../interop/java/Counts.java")];

const SQL: [&str; 1] = [include_str!("../../interop/flink/tasks.sql")];

/// The blocks of one language in the section for readers.
fn blocks(language: &str) -> Vec<&'static str> {
    let section = DOCUMENT.split("\n## ").find(|section| section.starts_with("For readers of the topics\n"));
    let blocks = section.expect("docs/consumers.md has the section").split("\n```").skip(1).step_by(2);
    blocks.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect()
}

/// Whether a program has these lines in this order, however they are indented.
fn holds(program: &str, block: &str) -> bool {
    let mut lines = program.lines().map(str::trim);
    block.lines().map(str::trim).filter(|line| !line.is_empty()).all(|line| lines.any(|other| other == line))
}

#[test]
fn its_java_and_its_sql_are_what_is_run() {
    for (language, programs, count) in [("java", &JAVA[..], 2), ("sql", &SQL[..], 1)] {
        let blocks = blocks(language);
        assert_eq!(blocks.len(), count, "blocks in {language}");
        for block in blocks {
            let block = GIVEN.iter().fold(block.to_owned(), |block, (shown, given)| block.replace(shown, given));
            assert!(programs.iter().any(|program| holds(program, &block)), "no program has these lines:\n{block}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python's packages: tests/interop/run"]
async fn its_python_runs() {
    let Synced { config, report, .. } = Synced::start("readme").await;
    let (folder, topic) = (tempfile::tempdir().unwrap(), config.kafka.topic("EcsTask"));
    let servers = &config.kafka.bootstrap_servers[0];
    let [block] = blocks("python")[..] else { panic!("one block in Python") };
    let program = block
        .replace("http://localhost:8080/apis/ccompat/v7", &url())
        .replace("localhost:9092", servers)
        .replace("sdm.ecs.task", &topic);
    let file = folder.path().join("readme.py");
    fs::write(&file, program).unwrap();
    let printed = python(&file, &[]);

    let second = rfc3339(report.sync)[..19].replace('T', " ");
    let (mut keys, mut lines) = (BTreeSet::new(), 0);
    for line in printed.lines() {
        let (key, rest) = line.split_once(' ').unwrap();
        assert!(rest.starts_with(&second) && rest.contains("+00:00 {"), "an instant in UTC and a dict: {line}");
        keys.insert(key);
        lines += 1;
    }
    let landed = read(servers, &topic);
    assert_eq!(lines, landed.len());
    assert!(keys.into_iter().eq(landed.iter().map(|record| record.key.as_str()).collect::<BTreeSet<_>>()));
}
