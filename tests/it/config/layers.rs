//! File, environment and flags: which wins, what its text becomes, and secrets in files.

use super::*;

#[test]
fn a_later_source_wins_and_says_so() {
    let (_, file) =
        from_file("page_size = 10\nparallel_requests = 3\nmaximum_retries = 1\n[kafka.properties.linger]\nms = 5\n");
    let loaded = load(&Sources {
        file: Some(file.path().to_owned()),
        sets: vec!["page_size=30".to_owned(), "page_size=31".to_owned()],
        ..env(&[
            ("ECS_SDM_PAGE_SIZE", "20"),
            ("ecs_sdm_Parallel_Requests", "4"),
            ("ECS_SDM_KAFKA__PROPERTIES__BATCH_SIZE", "9"),
        ])
    });
    let config = good(&loaded);
    assert_eq!((config.page_size, config.parallel_requests, config.maximum_retries), (31, 4, 1));
    assert_eq!(origin(&loaded, "page_size"), ("31".to_owned(), "--set page_size".to_owned()));
    assert_eq!(origin(&loaded, "parallel_requests"), ("4".to_owned(), "variable ecs_sdm_Parallel_Requests".to_owned()));
    assert_eq!(origin(&loaded, "maximum_retries").1, format!("{}:3", file.path().display()));
    assert_eq!(origin(&loaded, "session_duration").1, "default");
    // Properties of several sources come together.
    assert_eq!(origin(&loaded, "kafka.properties.linger.ms").1, format!("{}:5", file.path().display()));
    assert_eq!(origin(&loaded, "kafka.properties.batch.size").1, "variable ECS_SDM_KAFKA__PROPERTIES__BATCH_SIZE");
}

#[test]
fn a_flags_key_may_have_the_quotes_of_toml() {
    let loaded = load(&set(&["kafka.properties.\"linger.ms\"=5", "\"page_size\"=7", "kafka . 'headers'=none"]));
    assert_eq!(good(&loaded).page_size, 7);
    let linger = ("\"5\"".to_owned(), "--set kafka.properties.linger.ms".to_owned());
    assert_eq!(origin(&loaded, "kafka.properties.linger.ms"), linger);
    assert_eq!(origin(&loaded, "kafka.headers").1, "--set kafka.headers");
}

#[test]
fn text_is_converted_by_the_settings_type() {
    let loaded = load(&env(&[
        ("ECS_SDM_ASSUME_ROLE_ARNS", &format!(" {ROLE} ,, {ROLE},")),
        ("ECS_SDM_REGIONS", "[\"eu-west-1\", 'eu-west-2']"),
        ("ECS_SDM_ROLES", &format!("[{{ arn = '{ROLE}', external_id = 'own', regions = 'us-east-1' }}]")),
        ("ECS_SDM_EXTERNAL_ID", "123"),
        ("ECS_SDM_OPERATION_OPTIONS__EcsTask__fetchStoppedTasks", "true"),
        ("ECS_SDM_TIMEOUT", "1h 30m"),
        ("ECS_SDM_KAFKA__TOPICS__ECSTASK", "tasks"),
        ("ECS_SDM_KAFKA__TOPICS", "{ EcsCluster = 'clusters' }"),
        ("ECS_SDM_KAFKA__TOPICS_CREATE", "if_missing"),
        ("ECS_SDM_KAFKA__PROPERTIES", "{ \"ssl.key.password\" = 'hunter2', debug = 'msg', retries = 3 }"),
        ("ECS_SDM_PRODUCER_SERVICE_HOST", "10.0.0.1"),
        ("ECS_SDM_PRODUCER_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("PATH", "/bin"),
    ]));
    let config = good(&loaded);
    assert_eq!(config.assume_role_arns, [ROLE]);
    assert_eq!(config.regions, ["eu-west-1", "eu-west-2"]);
    assert_eq!(config.external_id.as_deref(), Some("123"));
    assert!(config.operation_options.ecs_task.fetch_stopped_tasks);
    assert_eq!(config.timeout, Some(Duration::from_secs(5_400)));
    assert_eq!(config.kafka.topic("EcsTask"), "tasks");
    assert_eq!(config.kafka.topic("EcsCluster"), "clusters");
    assert_eq!(config.kafka.topic("EcsTaskDefinition"), "sdm.ecs.task-definition");
    assert_eq!(config.kafka.topics_create, TopicsCreate::IfMissing);
    assert_eq!(config.kafka.properties["retries"], "3");
    assert_eq!(origin(&loaded, "kafka.properties.ssl.key.password").0, "\"<redacted>\"");
    assert!(!format!("{config:?} {:?}", loaded.effective()).contains("hunter2"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn properties_are_one_list_however_they_are_written() {
    let (loaded, _file) = from_file("[kafka.properties]\n'a.b' = 1\nc.d = true\n[kafka.properties.e.f]\ng = 'h'\n");
    let properties: Vec<_> =
        good(&loaded).kafka.properties.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(properties, ["a.b=1", "c.d=true", "e.f.g=h"]);
    let loaded = load(&set(&["kafka.properties.linger.ms=5"]));
    assert_eq!(good(&loaded).kafka.properties["linger.ms"], "5");
}

#[test]
fn what_is_listed_can_be_set_again() {
    for text in ["plain", "a \"b\" \\ c", "line\nline\ttab\u{7f}", "ä"] {
        let listed = origin(&load(&set(&[&format!("schema_registry.username={text}")])), "schema_registry.username").0;
        assert!(!listed.contains('\n'), "{listed}");
        let (loaded, _file) = from_file(&format!("schema_registry = {{ username = {listed}, password = 'a' }}"));
        assert_eq!(good(&loaded).schema_registry.username.as_deref(), Some(text));
    }
    let loaded = load(&Sources::default());
    let listing: Vec<_> = loaded.effective().iter().map(|one| format!("{}={}", one.key, one.value)).collect();
    // A text in quotes is the text with its quotes in a flag, but not in a list or table.
    let sets: Vec<_> = listing.iter().map(String::as_str).filter(|set| !set.contains("=\"")).collect();
    assert_eq!(format!("{:?}", good(&load(&set(&sets)))), format!("{:?}", Config::default()));
}

#[test]
fn a_variable_spelled_two_ways_is_an_error() {
    let found = errors(&load(&env(&[("ECS_SDM_PAGE_SIZE", "1"), ("ecs_sdm_page_size", "2")])));
    assert_eq!(
        found,
        ["page_size: variable ECS_SDM_PAGE_SIZE means the same (variable ecs_sdm_page_size); keep one of the two"]
    );
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_is_an_error() {
    use std::os::unix::ffi::OsStringExt;
    let env =
        vec![("ECS_SDM_NAME".into(), OsString::from_vec(vec![0xff])), ("OTHER".into(), OsString::from_vec(vec![0xff]))];
    assert_eq!(errors(&load(&Sources { env, ..Sources::default() })), ["name: is not UTF-8 (variable ECS_SDM_NAME)"]);
}

#[test]
fn secrets_come_from_files_and_are_never_shown() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"hunter2\n").unwrap();
    let path = file.path().to_str().unwrap();
    let loaded = load(&env(&[("ECS_SDM_ACCESS_KEY_ID", "hunter1"), ("ECS_SDM_SECRET_ACCESS_KEY_FILE", path)]));
    let config = good(&loaded);
    assert_eq!(config.access_key_id.as_ref().unwrap().read().unwrap(), "hunter1");
    assert_eq!(config.secret_access_key.as_ref().unwrap().read().unwrap(), "hunter2");
    assert!(loaded.has("secret_access_key"));
    assert_eq!(origin(&loaded, "secret_access_key_file").1, "variable ECS_SDM_SECRET_ACCESS_KEY_FILE");
    assert!(!format!("{config:?} {:?}", loaded.effective()).contains("hunter"));

    let both = set(&[
        "session_token=hunter3",
        &format!("session_token_file={path}"),
        "access_key_id=a",
        "secret_access_key=b",
    ]);
    let found = errors(&load(&both));
    assert_eq!(
        found,
        [
            "session_token: session_token_file (--set session_token_file) is set too (--set session_token); keep one of the two"
        ]
    );

    let found = errors(&load(&set(&["access_key_id_file=/no/such/file", "secret_access_key=b"])));
    assert_eq!(
        found,
        [
            "access_key_id_file: cannot read /no/such/file: No such file or directory (os error 2) (--set access_key_id_file); it takes the path of a file that holds the secret"
        ]
    );
}

#[test]
fn one_newline_is_trimmed_and_a_rotated_secret_is_read_again() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let secret = Secret::File(file.path().to_owned());
    for (source, read) in [("one\n", "one"), ("two\r\n", "two"), ("three", "three")] {
        std::fs::write(file.path(), source).unwrap();
        assert_eq!(secret.read().unwrap(), read);
    }
    std::fs::write(file.path(), "four\n\n").unwrap();
    assert!(matches!(secret.read(), Err(SecretError::Malformed { .. })));
    std::fs::write(file.path(), "\n").unwrap();
    assert!(matches!(secret.read(), Err(SecretError::Empty { .. })));
    assert!(matches!(Secret::File("/no/such/file".into()).read(), Err(SecretError::Unreadable { .. })));
    let secret = Secret::Inline("hunter2".to_owned());
    assert_eq!(format!("{secret:?} {:#?}", Some(&secret)), "<redacted> Some(\n    <redacted>,\n)");
}

#[test]
fn an_unreadable_file_is_one_line() {
    let loaded = load(&Sources { file: Some("/no/such.toml".into()), ..set(&["page_size=0"]) });
    assert_eq!(
        errors(&loaded),
        [
            "/no/such.toml: cannot be read: No such file or directory (os error 2); give --config a readable file, or leave it out",
            "page_size: 0 is out of range (--set page_size); it takes 1 to 100",
        ]
    );
}
