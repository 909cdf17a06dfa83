//! The real program: its commands, their answers and exit codes.

mod input;
mod output;

use std::process::Command;

use kit::program::{code, program, text};

#[test]
fn wrong_flags_are_usage_errors_and_help_is_an_answer() {
    for args in [&["sync", "--nonsense"][..], &["dance"], &[], &["sync", "--report", "xml"]] {
        let output = program(None).args(args).output().unwrap();
        assert_eq!(code(&output), 64, "{args:?}");
        assert_eq!(text(&output.stdout), "", "{args:?}");
    }
    for args in [&["--help"][..], &["--version"], &["help", "sync"], &["sync", "--help"], &["check", "--help"]] {
        let output = program(None).args(args).output().unwrap();
        assert_eq!((code(&output), text(&output.stderr)), (0, String::new()), "{args:?}");
        let answer = text(&output.stdout);
        assert!(args.contains(&"--version") || answer.contains("Example"), "{args:?}: {answer}");
    }
}

#[test]
fn version_says_version_commit_and_librdkafka_on_one_line() {
    let answers = ["--version", "-V"].map(|flag| text(&program(None).arg(flag).output().unwrap().stdout));
    assert_eq!(answers[0], answers[1]);
    let answer = answers[0].strip_suffix('\n').unwrap();
    let parts = answer
        .strip_prefix(concat!("ecs-sdm-producer ", env!("CARGO_PKG_VERSION"), " (commit "))
        .and_then(|rest| rest.strip_suffix(')'))
        .and_then(|rest| rest.split_once(", librdkafka "));
    let (commit, librdkafka) = parts.unwrap_or_else(|| panic!("{answer}"));
    let (_, linked) = rdkafka::util::get_rdkafka_version();
    assert_eq!(librdkafka, linked);

    let folder = env!("CARGO_MANIFEST_DIR");
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).current_dir(folder).output().ok()?;
        output.status.success().then(|| text(&output.stdout).trim().to_owned())
    };
    // Sources without a repository of their own have what was given to the build.
    if git(&["rev-parse", "--show-prefix"]).is_some_and(|prefix| prefix.is_empty()) {
        let head = git(&["rev-parse", "--short=12", "HEAD"]).unwrap();
        assert_eq!(commit.strip_suffix("-dirty").unwrap_or(commit), head);
    }
}

#[test]
fn check_shows_every_setting_with_its_origin_and_hides_secrets() {
    let output = program(None)
        .args(["check", "--set", "page_size=50", "--set", "secret_access_key=hunter2", "--set", "access_key_id=AKIA2"])
        .env("ECS_SDM_KAFKA__BOOTSTRAP_SERVERS", "localhost:9092")
        .env("AWS_REGION", "eu-west-1")
        .output()
        .unwrap();
    let listing = text(&output.stdout);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let line = |key: &str| {
        listing
            .lines()
            .find(|line| line.starts_with(&format!("{key} = ")))
            .unwrap_or_else(|| panic!("{key}: {listing}"))
    };
    assert!(line("page_size").contains("50") && line("page_size").contains("# --set page_size"));
    assert!(line("kafka.bootstrap_servers").contains("# variable ECS_SDM_KAFKA__BOOTSTRAP_SERVERS"));
    assert!(line("parallel_requests").ends_with("# default"));
    assert!(line("secret_access_key").contains("<redacted>"));
    assert!(!listing.contains("hunter2") && !listing.contains("AKIA2"));
}

#[test]
fn check_hides_secrets_among_the_properties() {
    for name in ["sasl.oauthbearer.config", "sasl.oauthbearer.assertion.private.key.passphrase", "sasl.password"] {
        let set = format!("kafka.properties={{\"{name}\"=\"hunter2\"}}");
        let output = program(None).args(["check", "--set", &set]).output().unwrap();
        assert!(!text(&output.stdout).contains("hunter2"), "{name}");
        assert!(!text(&output.stderr).contains("hunter2"), "{name}: {}", text(&output.stderr));
    }
}

#[test]
fn schemas_print_equals_the_checked_in_files() {
    for object in ["EcsCluster", "EcsService", "EcsTask", "EcsTaskDefinition"] {
        let output = program(None).args(["schemas", "print", object]).output().unwrap();
        let file = std::fs::read_to_string(format!("{}/schemas/{object}.avsc", env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert_eq!(text(&output.stdout), file);
    }
    let output = program(None).args(["schemas", "print", "EcsTusk"]).output().unwrap();
    assert_eq!(code(&output), 64);
    assert!(text(&output.stderr).contains("EcsTask"));
}

#[test]
fn completions_are_made_for_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let output = program(None).args(["completions", shell]).output().unwrap();
        assert!(code(&output) == 0 && text(&output.stdout).contains("ecs-sdm-producer"), "{shell}");
    }
}
