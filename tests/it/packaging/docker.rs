//! The image, and what `docker run` is given.

use super::*;

/// The lines of a Dockerfile, each with what it goes on with, without comments.
fn instructions() -> Vec<String> {
    let text = fs::read_to_string(repository().join("Dockerfile")).unwrap();
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    joined.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn the_image_is_what_the_examples_take_it_for() {
    let all = instructions();
    let last = all.iter().rposition(|line| line.starts_with("FROM ")).unwrap();
    let image = &all[last..];
    assert!(image[0].ends_with(" AS producer"), "what docker build makes without --target");
    let the = |name: &str| image.iter().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}"));
    assert_eq!(the("ENTRYPOINT "), format!(r#"["{PROGRAM}"]"#));
    assert!(the("COPY --from=build ").starts_with(PROGRAM));
    assert_eq!(the("CMD "), r#"["run"]"#);
    assert_eq!(the("USER "), format!("{USER}:{USER}"), "Kubernetes cannot tell from a name whether it is root");
    assert_eq!(the("ARG VERSION="), env!("CARGO_PKG_VERSION"));
    let labels = the("LABEL ");
    for label in ["title", "description", "licenses", "version", "revision"] {
        assert!(labels.contains(&format!("org.opencontainers.image.{label}=")), "{label}");
    }
    assert!(labels.contains(&format!(r#".description="{}""#, env!("CARGO_PKG_DESCRIPTION"))));
    assert!(!all.iter().any(|line| line.starts_with("HEALTHCHECK")), "Amazon ECS and Kubernetes ignore it");
}

#[test]
fn what_the_dockerfile_copies_is_there() {
    let all = instructions();
    let mut copied = 0;
    for line in all.iter().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--from=")) {
        let words: Vec<_> = line.split_whitespace().collect();
        for source in &words[..words.len() - 1] {
            assert!(repository().join(source).exists(), "COPY {source}");
            copied += 1;
        }
    }
    assert!(copied > 5, "{copied}");
    let stages: Vec<_> = all.iter().filter_map(|line| Some(line.split_once(" AS ")?.1)).collect();
    for from in all.iter().filter_map(|line| line.strip_prefix("COPY --from=")) {
        assert!(stages.contains(&from.split_once(' ').unwrap().0), "{from}");
    }
}

#[test]
fn the_env_file_is_read_as_docker_reads_it() {
    let text = example("docker.env");
    let head: Vec<_> =
        text.lines().take_while(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#')).collect();
    let joined = head.join("\n").replace("\\\n", " ");
    let command = joined.lines().find(|line| line.trim_start().starts_with("docker run ")).unwrap();
    let words: Vec<_> = command.split_whitespace().collect();
    let value =
        |flag: &str| words[words.iter().position(|word| *word == flag).unwrap_or_else(|| panic!("no {flag}")) + 1];
    assert!(repository().join(value("--env-file")).ends_with("config/examples/docker.env"));
    assert!(value("--stop-timeout").parse::<u64>().unwrap() >= STOP);
    assert_eq!(value("--user"), USER.to_string());
    assert!(words.contains(&"--read-only"));
    let folder = value("--volume").split(':').nth(1).unwrap();
    assert_eq!(words[words.len() - 2], "ecs-sdm-producer", "the image, before what it runs");

    // Nothing but whole lines is a comment, and nothing is trimmed from a value. A name alone takes what the shell has.
    let lines = text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let variables: Vec<_> = lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let place = Place::with(&[(format!("{folder}/kafka-password"), "a secret".to_owned())]);
    let settings = place.assert_runs(&[words[words.len() - 1].to_owned()], &variables);
    settings.listen();
}
