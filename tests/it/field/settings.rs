//! Settings: what is refused or passed over before anything is contacted, by `check` in the words of `sync`.

use std::path::Path;

use kit::program::{code, program, text};

/// What a command says.
#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) exit: i32,
    pub(crate) errors: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

pub(crate) type Set<'a> = &'a [(&'a str, &'a str)];

/// Runs `sync` and `check` with these variables and flags, and holds that they agree.
pub(crate) fn both(env: Set<'_>, flags: &[&str]) -> Said {
    let run = |args: &[&str]| {
        let mut command = program(None);
        command.args(args).envs([("AWS_REGION", "eu-west-1"), ("ECS_SDM_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")]);
        command.args(["--set", "kafka.startup_timeout=1ms"]).envs(env.iter().copied());
        command.args(flags.iter().flat_map(|flag| ["--set", flag]));
        let output = command.output().unwrap();
        let lines = text(&output.stderr);
        let lines = |kind: &str| lines.lines().filter(|line| line.starts_with(kind)).map(str::to_owned).collect();
        Said { exit: code(&output), errors: lines("error: "), warnings: lines("warning: ") }
    };
    let (check, mut sync) = (run(&["check"]), run(&["sync"]));
    if sync.exit != 64 {
        // It has come to the broker, which is not there.
        assert_eq!(sync.exit, 2, "{env:?} {flags:?}: {sync:?}");
        (sync.exit, sync.errors) = (0, Vec::new());
    }
    assert_eq!(check, sync, "{env:?} {flags:?}");
    check
}

pub(crate) fn assert_refused(env: Set<'_>, flags: &[&str], words: &[&str]) {
    let said = both(env, flags);
    assert_eq!((said.exit, said.errors.len()), (64, 1), "{env:?} {flags:?}: {said:?}");
    for word in words {
        assert!(said.errors[0].contains(word), "{word:?} is not in: {}", said.errors[0]);
    }
}

pub(crate) fn assert_taken(env: Set<'_>, flags: &[&str]) {
    let said = both(env, flags);
    assert_eq!((said.exit, said.errors), (0, Vec::new()), "{env:?} {flags:?}");
}

#[test]
fn row_14_a_secret_that_holds_what_none_does_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let id = ("ECS_SDM_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
    let url = ("ECS_SDM_SCHEMA_REGISTRY__URL", "http://127.0.0.1:1");
    let user = ("ECS_SDM_SCHEMA_REGISTRY__USERNAME", "me");
    let key = "secret_access_key";
    for (value, fault) in [
        ("s\n", "holds a line break"),
        ("s\u{7}s", "holds a control character"),
        (" s", "begins or ends with a blank"),
        ("s s", "holds a blank, a quote"),
        ("\"s\"", "holds a blank, a quote"),
        ("sé", "character beyond ASCII"),
        ("   ", "is empty"),
    ] {
        assert_refused(&[id, ("ECS_SDM_SECRET_ACCESS_KEY", value)], &[], &[key, fault, "ECS_SDM_SECRET_ACCESS_KEY"]);
        let path = file("secret", &format!("{value}\n"));
        assert_refused(&[id, ("ECS_SDM_SECRET_ACCESS_KEY_FILE", &path)], &[], &[key, &path, fault]);
    }
    assert_refused(&[("ECS_SDM_ACCESS_KEY_ID", "A\n"), ("ECS_SDM_SECRET_ACCESS_KEY", "s")], &[], &["access_key_id"]);
    let token = ("ECS_SDM_SCHEMA_REGISTRY__BEARER_TOKEN", "t\n");
    assert_refused(&[url, token], &[], &["schema_registry.bearer_token", "line break"]);
    let password = ("ECS_SDM_SCHEMA_REGISTRY__PASSWORD", "p\t");
    assert_refused(&[url, user, password], &[], &["schema_registry.password", "control character"]);
    let property = "kafka.properties.sasl.password=p\r\n";
    assert_refused(&[], &[property], &["kafka.properties.sasl.password", "line break"]);
    // What is inside of others is theirs.
    assert_taken(&[url, user, ("ECS_SDM_SCHEMA_REGISTRY__PASSWORD", "p p\"é")], &[]);
    assert_taken(&[id, ("ECS_SDM_SECRET_ACCESS_KEY_FILE", &file("good", "wJalrXUtnFEMI/K7+=\n"))], &[]);
}

#[test]
fn row_14_what_is_wrapped_in_quotes_and_what_everybody_sees_is_warned_about() {
    let url = ("ECS_SDM_SCHEMA_REGISTRY__URL", "http://127.0.0.1:1");
    let said = both(&[url, ("ECS_SDM_SCHEMA_REGISTRY__BEARER_TOKEN", "'t'")], &[]);
    assert!(said.exit == 0 && said.warnings.iter().any(|line| line.contains("in quotes")), "{said:?}");
    let said = both(&[url], &["schema_registry.bearer_token=t"]);
    assert!(said.exit == 0 && said.warnings.iter().any(|line| line.contains("list of processes")), "{said:?}");
    // The path of a secret is none.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "t").unwrap();
    let said = both(&[url], &[&format!("schema_registry.bearer_token_file={}", file.path().display())]);
    assert_eq!((said.exit, said.warnings), (0, Vec::new()));
}

#[test]
fn row_14_a_private_key_is_a_path_or_whole_pem_text() {
    let url = ("ECS_SDM_SCHEMA_REGISTRY__URL", "https://127.0.0.1:1");
    let certificate =
        ("ECS_SDM_SCHEMA_REGISTRY__CERTIFICATE", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----");
    let cut = "-----BEGIN PRIVATE KEY-----\nAA==\n";
    let whole = &format!("{cut}-----END PRIVATE KEY-----\n");
    let name = "ECS_SDM_SCHEMA_REGISTRY__KEY";
    assert_refused(&[url, certificate, (name, cut)], &[], &["schema_registry.key", "not whole PEM"]);
    assert_taken(&[url, certificate, (name, whole)], &[]);
    assert_refused(&[url, certificate, (name, "/nonexistent/key.pem")], &[], &["schema_registry.key", "No such file"]);
    let escaped = whole.replace('\n', "\\n");
    assert_refused(&[url, certificate, (name, &escaped)], &[], &["schema_registry.key", "not whole PEM"]);
    // Where a path is asked for, a key is not shown.
    let said = both(&[], &[&format!("kafka.properties.ssl.key.location={whole}")]);
    assert!(said.exit == 64 && said.errors.iter().all(|line| !line.contains("AA==")), "{said:?}");
}

#[test]
fn row_15_a_zone_is_no_region() {
    for (zone, what, region) in [
        ("eu-west-1a", "an availability zone", "eu-west-1"),
        ("us-gov-west-1b", "an availability zone", "us-gov-west-1"),
        ("us-west-2-lax-1a", "a local zone", "us-west-2"),
    ] {
        let way_out = format!("use {region}");
        assert_refused(&[], &[&format!("default_region={zone}")], &["default_region", what, &way_out]);
        assert_refused(&[], &[&format!("regions={zone}")], &["regions[0]", what, &way_out]);
        assert_refused(&[("AWS_REGION", zone)], &[], &["default_region", what, &way_out]);
    }
    assert_refused(&[], &["default_region=EU-WEST-1"], &["not a region"]);
    for region in ["eu-west-1", "us-gov-west-1", "ap-southeast-10", "us-isob-east-1", "eusc-de-east-1", "local"] {
        assert_taken(&[], &[&format!("default_region={region}")]);
    }
}

#[test]
fn row_16_variables_of_a_service_are_passed_over() {
    for service in ["", "PRODUCER_", "INVENTORY_2_"] {
        let names = [
            "SERVICE_HOST",
            "SERVICE_PORT",
            "SERVICE_PORT_HTTP",
            "PORT",
            "PORT_80_TCP",
            "PORT_80_TCP_PROTO",
            "PORT_80_TCP_PORT",
            "PORT_80_TCP_ADDR",
            "PORT_53_UDP",
            "PORT_53_UDP_ADDR",
        ];
        for name in names {
            assert_taken(&[(&format!("ECS_SDM_{service}{name}"), "tcp://10.0.0.1:80")], &[]);
        }
    }
    for name in [
        "ECS_SDM_SERVICE_HOSTS",
        "ECS_SDM_PORTS",
        "ECS_SDM_PORT_TCP",
        "ECS_SDM_PRODUCER_PAGE_SIZE",
        "ECS_SDM_KAFKA__PORT",
    ] {
        assert_refused(&[(name, "1")], &[], &["unknown setting", name]);
    }
}

#[test]
fn row_17_a_variable_that_is_set_to_nothing_is_not_set() {
    let names =
        ["SESSION_TOKEN", "ACCESS_KEY_ID_FILE", "PAGE_SIZE", "ROLES", "KAFKA__PROPERTIES__linger_ms", "NO_SETTING"];
    for name in names {
        assert_taken(&[(&format!("ECS_SDM_{name}"), "")], &[]);
    }
    assert_refused(&[], &["page_size="], &["page_size"]);
}

#[test]
fn row_18_librdkafka_judges_its_whole_configuration_for_both() {
    let absent = "/nonexistent/ca.pem";
    for location in ["ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.keystore.location"] {
        let flag = format!("kafka.properties.{location}={absent}");
        let key = format!("kafka.properties.{location}");
        assert_refused(&[], &[&flag], &[&key, absent, "No such file"]);
    }
    assert_refused(
        &[],
        &["kafka.properties.max.in.flight.requests.per.connection=10"],
        &["max.in.flight", "kafka.properties"],
    );
    let sasl = ["kafka.properties.security.protocol=sasl_plaintext", "kafka.properties.sasl.mechanism=AWS_MSK_IAM"];
    assert_refused(&[], &sasl, &["kafka.properties", "AWS_MSK_IAM"]);
    let broken = tempfile::NamedTempFile::new().unwrap();
    let path: &Path = broken.path();
    let certificate = format!("kafka.properties.ssl.ca.location={}", path.display());
    assert_refused(&[], &["kafka.properties.security.protocol=ssl", &certificate], &["ssl.ca.location"]);
}

#[test]
fn row_17_a_variable_of_aws_that_is_set_to_nothing_is_refused() {
    for name in ["AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_WEB_IDENTITY_TOKEN_FILE"] {
        assert_refused(&[(name, "")], &[], &[name, "is empty", "unset it"]);
    }
}
