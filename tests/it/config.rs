//! Settings: every bad input is one clear line, all are reported together, and the reference equals the code.

#![allow(clippy::unwrap_used)]

mod layers;
mod reference;
mod shown;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use ecs_sdm_producer::config::{self, Config, Loaded, RoleConfig, Secret, SecretError, Sources, TopicsCreate, load};

const ROLE: &str = "arn:aws:iam::123456789012:role/reader";

fn env(variables: &[(&str, &str)]) -> Sources {
    let env = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
    Sources { env, ..Sources::default() }
}

fn set(sets: &[&str]) -> Sources {
    Sources { sets: sets.iter().map(|set| (*set).to_owned()).collect(), ..Sources::default() }
}

/// Loads a file; its name in messages is `FILE`.
fn from_file(text: &str) -> (Loaded, tempfile::NamedTempFile) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    (load(&Sources { file: Some(file.path().to_owned()), ..Sources::default() }), file)
}

fn errors(loaded: &Loaded) -> Vec<String> {
    loaded.config.as_ref().err().into_iter().flatten().map(ToString::to_string).collect()
}

fn good(loaded: &Loaded) -> &Config {
    loaded.config.as_ref().unwrap_or_else(|_| panic!("{:#?}", errors(loaded)))
}

fn file_errors(text: &str) -> Vec<String> {
    let (loaded, file) = from_file(text);
    let path = file.path().display().to_string();
    errors(&loaded).into_iter().map(|line| line.replace(&path, "FILE")).collect()
}

fn origin(loaded: &Loaded, key: &str) -> (String, String) {
    let line =
        loaded.effective().into_iter().find(|line| line.key == key).unwrap_or_else(|| panic!("{key} is not listed"));
    (line.value, line.origin)
}

#[test]
fn errors_in_a_file_are_one_line_each() {
    #[rustfmt::skip]
    let table = [
        ("page_sise = 5", "page_sise: unknown setting (FILE:1); did you mean page_size?"),
        ("bootstrap_servers = []", "bootstrap_servers: unknown setting (FILE:1); did you mean kafka.bootstrap_servers?"),
        ("[kafak]\nbootstrap_servers = []", "kafak: unknown setting (FILE:1); did you mean kafka?"),
        ("[kafka]\n\ntopic_prefx = 'a'", "kafka.topic_prefx: unknown setting (FILE:3); did you mean kafka.topic_prefix?"),
        ("'Page-Size' = 1", "Page-Size: unknown setting (FILE:1); did you mean page_size?"),
        ("kafka.topic = 'a'", "kafka.topic: unknown setting (FILE:1); did you mean kafka.topics?"),
        ("kafka.topics.EcsTusk = 'a'", "kafka.topics.EcsTusk: unknown setting (FILE:1); did you mean kafka.topics.EcsTask?"),
        ("kafka.log_format = 'json'", "kafka.log_format: unknown setting (FILE:1); did you mean telemetry.log_format?"),
        ("acess_key_id_file = 'a'", "acess_key_id_file: unknown setting (FILE:1); did you mean access_key_id_file?"),
        ("name_file = 'a'", "name_file: unknown setting (FILE:1); config/connector.toml has every setting"),
        ("fetchStoppedTasks = true", "fetchStoppedTasks: unknown setting (FILE:1); did you mean operation_options.EcsTask.fetchStoppedTasks?"),
        ("rates.cluster_read.pre_second = 1", "rates.cluster_read.pre_second: unknown setting (FILE:1); did you mean rates.cluster_read.per_second?"),
        ("zzzzzz = 1", "zzzzzz: unknown setting (FILE:1); config/connector.toml has every setting"),
        ("page_size = 0", "page_size: 0 is out of range (FILE:1); it takes 1 to 100"),
        ("page_size = 'ten'", "page_size: \"ten\" is not a whole number (FILE:1); it takes 1 to 100"),
        ("page_size = '10'", "page_size: \"10\" is text, not a whole number (FILE:1); it takes 1 to 100"),
        ("page_size = [1]", "page_size: an array is not a whole number (FILE:1); it takes 1 to 100"),
        ("maximum_retries = -1", "maximum_retries: -1 is out of range (FILE:1); it takes 0 to 100"),
        ("session_duration = 60", "session_duration: 60 is out of range (FILE:1); it takes 900 to 43200 seconds"),
        ("kafka = 5", "kafka: is a table of settings, not a setting (FILE:1); it takes a table such as { name = \"value\" }"),
        ("kafka.security.oauth.client_secret = 5", "kafka.security.oauth.client_secret: is not text (FILE:1); it takes text, or leave it out"),
        ("name = 'ä'", "name: \"ä\" is not a name (FILE:1); it takes 1 to 50 ASCII letters, digits and !#$%&'*+-.^_`|~"),
        ("default_region = ''", "default_region: is empty (FILE:1); it looks like eu-central-1"),
        ("regions = ['eu-central-1', 'Ireland']", "regions[1]: \"Ireland\" is not a region (FILE:1); it looks like eu-central-1"),
        ("objects = ['EcsTask', 'EcsTasks']", "objects[1]: \"EcsTasks\" is not an object (FILE:1); did you mean EcsTask?"),
        ("objects = []", "objects: is empty (FILE:1); it takes one or more of EcsCluster, EcsService, EcsTask, EcsTaskDefinition"),
        ("timeout = '15'", "timeout: \"15\" is not a duration (FILE:1); it takes a duration such as 30s, 15m or 1h, 1ms to 36500d"),
        ("timeout = '0s'", "timeout: 0s is out of range (FILE:1); it takes a duration such as 30s, 15m or 1h, 1ms to 36500d"),
        ("timeout = 15", "timeout: 15 is not a duration (FILE:1); it takes a duration such as 30s, 15m or 1h, 1ms to 36500d"),
        ("kafka.topics_create = 'if-missing'", "kafka.topics_create: \"if-missing\" is not a choice (FILE:1); did you mean if_missing?"),
        ("kafka.headers = 'everything'", "kafka.headers: \"everything\" is not a choice (FILE:1); it takes one of cloudevents, none"),
        ("kafka.topic_prefix = 'sdm/ecs'", "kafka.topic_prefix: \"sdm/ecs\" is not the beginning of a topic name (FILE:1); it takes 1 to 233 ASCII letters, digits and ._-"),
        ("kafka.topics.EcsTask = 'sdm.ecs.service'", "kafka.topics.EcsTask: topic sdm.ecs.service would hold both EcsTask and EcsService (FILE:1); give each a topic of its own"),
        ("kafka.topics.EcsTask = 'sdm.ecs.sync'", "kafka.topics.EcsTask: topic sdm.ecs.sync would hold both EcsTask and the producer's own records (FILE:1); give each a topic of its own"),
        ("kafka.topics.EcsTask = 'sdm.ecs_service'", "kafka.topics.EcsTask: topic sdm.ecs_service collides with sdm.ecs.service: Kafka takes dots and underscores for the same here (FILE:1); give one of them another name"),
        ("schema_registry.subject_strategy = 'Record'\nkafka.topics.EcsTask = 'sdm_ecs_sync'", "kafka.topics.EcsTask: topic sdm_ecs_sync collides with sdm.ecs.sync: Kafka takes dots and underscores for the same here (FILE:2); give one of them another name"),
        ("kafka.properties.client.id = 'me'", "kafka.properties.client.id: contradicts the setting name (FILE:1); set name instead"),
        ("[kafka.properties]\n'acks' = 1", "kafka.properties.acks: is not open to change: what the producer guarantees rests on it (FILE:2); leave it out or set it to all"),
        ("kafka.properties.transactional.id = 'a'", "kafka.properties.transactional.id: is not open to change: what the producer guarantees rests on it (FILE:1); leave it out"),
        ("kafka.properties.partitioner = 'random'", "kafka.properties.partitioner: is not open to change: what the producer guarantees rests on it (FILE:1); leave it out or set it to murmur2_random"),
        ("kafka.properties.debug = ['msg']", "kafka.properties.debug: is not text, a number or a switch (FILE:1); write the value as text"),
        ("operation_options.EcsTask.fetchstoppedtasks = true", "operation_options.EcsTask.fetchstoppedtasks: unknown setting (FILE:1); did you mean operation_options.EcsTask.fetchStoppedTasks?"),
        ("operation_options.EcsTask.fetchStoppedTasks = 'True'", "operation_options.EcsTask.fetchStoppedTasks: \"True\" is not true or false (FILE:1); it takes true or false, in lower case"),
        ("access_key_id = 'a'", "access_key_id: secret_access_key is missing (FILE:1); set both, or neither to use AWS's default credential chain"),
        ("session_token = 'a'", "session_token: access_key_id and secret_access_key are missing (FILE:1); set all three, or none to use AWS's default credential chain"),
        ("[[roles]]\nexternal_id = 'abc'", "roles[0].arn: is missing (FILE:1); it looks like arn:aws:iam::123456789012:role/NAME"),
        ("page_size = \"ten", "FILE:1:17: is not TOML: invalid basic string, expected `\"`"),
        ("interval = '1ms'", "interval: is less than 1s (FILE:1); set 1s or more, and rather minutes: each sync reads everything"),
        ("telemetry.listen = 'localhost:1'", "telemetry.listen: \"localhost:1\" is not an address or none (FILE:1); it looks like 0.0.0.0:7464"),
        ("interval = 'soon'", "interval: \"soon\" is not a duration (FILE:1); it takes a duration such as 30s, 15m or 1h, 1ms to 36500d"),
        ("api_share = 1.5", "api_share: 1.5 is out of range (FILE:1); it takes a number from 0.01 to 1"),
        ("api_share = 1e-21", "api_share: 0.000000000000000000001 is out of range (FILE:1); it takes a number from 0.01 to 1"),
        ("schema_registry.url = 'http://user:secret@host'", "schema_registry.url[0]: \"http://<redacted>\" is not a URL without a user or query (FILE:1); it looks like https://host:port"),
        ("schema_registry.url = 'http://user:p@ss@host'", "schema_registry.url[0]: \"http://<redacted>\" is not a URL without a user or query (FILE:1); it looks like https://host:port"),
        ("schema_registry.url = 'user:pass@host:8081'", "schema_registry.url[0]: \"<redacted>\" is not a URL without a user or query (FILE:1); it looks like https://host:port"),
        ("schema_registry.ca = '/no/such/file'", "schema_registry.ca: cannot read /no/such/file: No such file or directory (os error 2) (FILE:1); name a file of certificates in PEM, or give their text"),
        ("schema_registry.username = 'a'", "schema_registry.username: schema_registry.password is missing (FILE:1); set both, or neither"),
        ("schema_registry.certificate = '-----BEGIN CERTIFICATE-----'", "schema_registry.certificate: schema_registry.key is missing (FILE:1); set both, or neither"),
        ("schema_registry = {username = 'a', password = 'b', bearer_token = 'c'}", "schema_registry.bearer_token: schema_registry.username (FILE:1) is set too (FILE:1); keep a token, or a username and password"),
    ];
    for (text, line) in table {
        assert_eq!(file_errors(text), [line], "{text}");
    }
}

#[test]
fn an_element_of_a_list_is_named_with_its_own_line() {
    let text = format!(
        "assume_role_arns = [\n  '{ROLE}',\n  'arn:aws-cn:iam::123456789012:role/a/b',\n  'arn:aws:iam::12:role/x',\n]"
    );
    assert_eq!(
        file_errors(&text),
        [
            "assume_role_arns[2]: \"arn:aws:iam::12:role/x\" is not a role ARN (FILE:4); it looks like arn:aws:iam::123456789012:role/NAME"
        ]
    );
    let text = format!(
        "[[roles]]\narn = '{ROLE}'\n\n[[roles]]\narn = '{ROLE}'\nexternalid = 'abc'\nregions = 'US'\napi_share = 2"
    );
    assert_eq!(
        file_errors(&text),
        [
            "roles[1].externalid: unknown setting (FILE:6); did you mean external_id?",
            "roles[1].regions[0]: \"US\" is not a region (FILE:7); it looks like eu-central-1",
            "roles[1].api_share: 2 is out of range (FILE:8); it takes a number from 0.01 to 1",
        ]
    );
}

#[test]
fn a_role_stands_once_in_roles() {
    let text = format!("roles = [{{ arn = '{ROLE}' }}, {{ arn = '{ROLE}' }}]");
    assert_eq!(
        file_errors(&text),
        [format!("roles[1].arn: {ROLE} stands in more than one of roles (FILE:1); join the two tables")]
    );
}

#[test]
fn errors_in_variables_and_flags_are_one_line_each() {
    #[rustfmt::skip]
    let variables = [
        ("ECS_SDM_PAGE_SISE", "5", "page_sise: unknown setting (variable ECS_SDM_PAGE_SISE); did you mean ECS_SDM_PAGE_SIZE?"),
        ("ECS_SDM_PAGE_SIZE", "ten", "page_size: \"ten\" is not a whole number (variable ECS_SDM_PAGE_SIZE); it takes 1 to 100"),
        ("ECS_SDM_SESSION_DURATION", "60", "session_duration: 60 is out of range (variable ECS_SDM_SESSION_DURATION); it takes 900 to 43200 seconds"),
        ("ECS_SDM_OPERATION_OPTIONS__EcsTask__fetchstoppedtasks", "true", "operation_options.EcsTask.fetchstoppedtasks: unknown setting (variable ECS_SDM_OPERATION_OPTIONS__EcsTask__fetchstoppedtasks); did you mean ECS_SDM_OPERATION_OPTIONS__EcsTask__fetchStoppedTasks?"),
        ("ECS_SDM_OPERATION_OPTIONS__EcsTask__fetchStoppedTasks", "True", "operation_options.EcsTask.fetchStoppedTasks: \"True\" is not true or false (variable ECS_SDM_OPERATION_OPTIONS__EcsTask__fetchStoppedTasks); it takes true or false, in lower case"),
        ("ECS_SDM_KAFKA__BOOTSTRAP_SERVERS", "a:9092, b", "kafka.bootstrap_servers[1]: \"b\" is not a host:port (variable ECS_SDM_KAFKA__BOOTSTRAP_SERVERS); it looks like kafka.example.com:9092"),
        ("ECS_SDM_ROLES", "[{", "roles: is not TOML: "),
        ("ECS_SDM_KAFKA__PROPERTIES", "linger.ms=5", "kafka.properties: is not TOML: "),
        ("ECS_SDM_KAFKA__SECURITY__OAUTH__CLIENT_SECRET", "hunter2", "kafka.security.oauth.client_secret: kafka.security.mechanism is missing (variable ECS_SDM_KAFKA__SECURITY__OAUTH__CLIENT_SECRET); set it to OAUTHBEARER, as the brokers have it"),
    ];
    for (name, value, line) in variables {
        let found = errors(&load(&env(&[(name, value)])));
        assert!(found.len() == 1 && found[0].starts_with(line), "{name}: {found:#?}");
        assert!(!found[0].contains('\n'));
    }
    #[rustfmt::skip]
    let flags = [
        ("page_size", "--set page_size: has no value; it takes KEY=VALUE"),
        ("page_size=0", "page_size: 0 is out of range (--set page_size); it takes 1 to 100"),
        ("kafka.security.protocol=SASL_SSL", "kafka.security.protocol: kafka.security.mechanism is missing (--set kafka.security.protocol); set it to SCRAM-SHA-512, SCRAM-SHA-256, PLAIN, OAUTHBEARER or AWS_MSK_IAM, as the brokers have it"),
        ("kafka.security.key_file=x", "kafka.security.key_file: unknown setting (--set kafka.security.key_file); config/connector.toml has every setting"),
        ("access_key_id: hunter2", "--set access_key_id: has no value; it takes KEY=VALUE"),
        ("kafka.bootstrap.servers=a:1", "kafka.bootstrap.servers: unknown setting (--set kafka.bootstrap.servers); did you mean kafka.bootstrap_servers?"),
        ("=5", ": unknown setting"),
    ];
    for (flag, line) in flags {
        let found = errors(&load(&set(&[flag])));
        assert!(found.len() == 1 && found[0].contains(line.trim_start_matches(':')), "{flag}: {found:#?}");
    }
}

#[test]
fn all_errors_are_reported_together() {
    let (_, file) = from_file("page_sise = 1\nsession_duration = 60\n");
    let sources = Sources {
        file: Some(file.path().to_owned()),
        sets: vec!["objects=EcsTaks".to_owned(), "secret_access_key=s".to_owned()],
        ..env(&[("ECS_SDM_PAGE_SIZE", "0"), ("ECS_SDM_NOPE", "1")])
    };
    let loaded = load(&sources);
    let keys: Vec<_> = loaded.config.as_ref().unwrap_err().iter().map(|error| error.key.as_str()).collect();
    assert_eq!(keys, ["page_sise", "session_duration", "nope", "page_size", "objects[0]", "secret_access_key"]);
    assert!(loaded.missing_brokers().is_some());
    // What is right is still listed.
    assert_eq!(
        origin(&loaded, "secret_access_key"),
        ("\"<redacted>\"".to_owned(), "--set secret_access_key".to_owned())
    );
    assert_eq!(origin(&loaded, "page_size"), ("100".to_owned(), "default".to_owned()));
    assert!(loaded.has("session_duration") && !loaded.has("regions"));
}

#[test]
fn brokers_are_missed_only_by_those_who_ask() {
    let loaded = load(&Sources::default());
    assert!(loaded.config.is_ok());
    let error = loaded.missing_brokers().unwrap().to_string();
    assert_eq!(
        error,
        "kafka.bootstrap_servers: is missing (default); name a broker, as in --set kafka.bootstrap_servers=localhost:9092 or ECS_SDM_KAFKA__BOOTSTRAP_SERVERS"
    );
    assert!(load(&set(&["kafka.bootstrap_servers=localhost:9092,[::1]:9092"])).missing_brokers().is_none());
    assert!(load(&set(&["kafka.bootstrap_servers=localhost"])).missing_brokers().is_none(), "one error is enough");
    assert!(load(&set(&["kafka.bootstrap_servers="])).missing_brokers().is_some());
}

#[test]
fn roles_are_joined_and_filled_in() {
    let other = "arn:aws:iam::210987654321:role/other";
    let third = "arn:aws:iam::333333333333:role/third";
    let (loaded, _file) = from_file(&format!(
        "assume_role_arns = ['{ROLE}', '{other}', '{ROLE}']\nexternal_id = 'shared'\ndefault_region = 'eu-west-1'\n\
         [[roles]]\narn = '{third}'\nregions = ['us-east-1']\n[[roles]]\narn = '{ROLE}'\nexternal_id = 'own'\n"
    ));
    let role = |arn: &str, external_id: &str, region: &str| RoleConfig {
        arn: arn.to_owned(),
        external_id: Some(external_id.to_owned()),
        regions: vec![region.to_owned()],
        ..RoleConfig::default()
    };
    let joined =
        [role(ROLE, "own", "eu-west-1"), role(other, "shared", "eu-west-1"), role(third, "shared", "us-east-1")];
    assert_eq!(good(&loaded).roles(), joined);
    assert!(Config::default().roles().is_empty());
}

#[test]
fn what_has_no_effect_is_a_warning() {
    let loaded = load(&set(&["page_size=500", "external_id=abc", "kafka.partitions=3", "session_duration=3600"]));
    assert_eq!(good(&loaded).page_size, 100);
    assert_eq!(
        loaded.warnings,
        [
            "page_size: more than 100 (--set page_size); 100 is used",
            "external_id: has no effect (--set external_id) without assume_role_arns or roles",
            "kafka.partitions: has no effect (--set kafka.partitions) without kafka.topics_create = \"if_missing\"",
        ]
    );
}

#[test]
fn properties_that_say_what_the_producer_does_are_accepted() {
    let sets = ["acks=all", "acks=-1", "enable.idempotence=true", "security.protocol=ssl", "linger.ms=5"];
    for set_property in sets.map(|property| format!("kafka.properties.{property}")) {
        let loaded = load(&set(&[&set_property]));
        assert_eq!(good(&loaded).kafka.properties.len(), 1, "{set_property}");
    }
}

#[test]
fn what_is_no_key_is_unknown() {
    for key in ["kafka.properties.", "", "page_size.x", "page_size_file", "Page_Size"] {
        let errors = errors(&load(&set(&[&format!("{key}=1")])));
        assert!(errors.len() == 1 && errors[0].contains("unknown setting"), "{key:?}: {errors:?}");
    }
}
