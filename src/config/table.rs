//! The table of all settings. Defaults, unknown keys, variables, listings, `config/connector.toml` and `docs/settings.md` follow
//! from it.

use std::sync::LazyLock;

use strsim::osa_distance;

use self::Kind::{AnyCase, Choice, Clamped, Duration, Flag, Int, List, Pairs, Properties, Ratio, Secret, Table, Text};
use super::OBJECTS;
use super::kind::{Kind, Setting};
use super::nearest::allowed;
use super::pairs::EXTENSIONS;
use super::property::PROPERTIES;
use super::rule;
use super::secret::SecretForm::{AwsKey, Pem, Text as OneLine};

/// Each object's name in the texts of a row. A row with it in its key is one setting for each object.
const EACH_OBJECT: &str = "<Object>";
/// The names of all objects in the texts of a row.
const ALL_OBJECTS: &str = "<Objects>";

/// A hundred years. Every use of it fits into 64 bits of milliseconds.
const ANY_DAYS: u64 = 36_500;
/// message.timeout.ms is a signed 32-bit number of milliseconds: 24.8 days.
const DELIVERY_DAYS: u64 = 24;
/// Requests in flight: far above what AWS's token buckets allow, far below the sockets of a process.
const MOST_REQUESTS: i64 = 1_024;
const MOST_RATE: i64 = 1_000_000;

const fn row(key: &'static str, kind: Kind, default: &'static str, meaning: &'static str) -> Setting {
    Setting { key, kind, default: Some(default), example: None, meaning }
}

const fn unset(key: &'static str, kind: Kind, example: &'static str, meaning: &'static str) -> Setting {
    Setting { key, kind, default: None, example: Some(example), meaning }
}

impl Setting {
    const fn example(self, example: &'static str) -> Setting {
        Setting { example: Some(example), ..self }
    }
}

/// Every setting, in the order of `config/connector.toml` and `docs/settings.md`.
pub(super) static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| {
    // The texts live as long as the table: until the process ends.
    let fill_in = |text: &str, object: &str| -> &'static str {
        text.replace(ALL_OBJECTS, &OBJECTS.join(",")).replace(EACH_OBJECT, object).leak()
    };
    let mut settings = Vec::new();
    for row in ROWS {
        let objects = if row.key.contains(EACH_OBJECT) { OBJECTS } else { &[""] };
        settings.extend(objects.iter().map(|object| Setting {
            key: fill_in(row.key, object),
            default: row.default.map(|text| fill_in(text, object)),
            example: row.example.map(|text| fill_in(text, object)),
            meaning: fill_in(row.meaning, object),
            ..*row
        }));
    }
    settings
});

#[rustfmt::skip]
const ROWS: &[Setting] = &[
    unset("access_key_id", Secret(AwsKey), "AKIAIOSFODNN7EXAMPLE", "The id of a static access key. Set it together with `secret_access_key`, or set neither. Without them AWS's default credential chain decides: environment, profile (SSO and credential processes too), web identity, container, instance."),
    unset("secret_access_key", Secret(AwsKey), "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "The secret part of the static access key."),
    unset("session_token", Secret(AwsKey), "IQoJb3JpZ2luX2VjEXAMPLETOKEN", "The token of a static access key that is temporary."),
    unset("default_region", Text(&rule::REGION), "eu-central-1", "The region of the base credentials, and the region that is synced where `regions` names none. Without it AWS's default region chain decides: `AWS_REGION`, then the profile, then the instance."),
    row("assume_role_arns", List(&Text(&rule::ROLE_ARN)), "[]", "Roles to assume with the base credentials. All are synced in the same sync. The base credentials are synced themselves only where no role is set. An ARN that is repeated is dropped.").example("arn:aws:iam::123456789012:role/ecs-sdm-producer"),
    row("session_duration", Int(900, 43_200, " seconds"), "3600", "How long the credentials of an assumed role hold, in seconds. Role chaining allows at most 3600. Each role has a maximum of its own in IAM."),

    row("page_size", Clamped(1, 100), "100", "Records per API request. A greater number is cut to 100, with a warning."),
    row("parallel_requests", Int(1, MOST_REQUESTS, ""), "8", "API requests in flight, over all roles and regions. Raise it with the number of roles."),
    row("maximum_retries", Int(0, 100, ""), "10", "Retries of an API request after its first try."),
    row("operation_options.EcsTask.fetchStoppedTasks", Flag, "false", "Whether EcsTask also reads stopped tasks, which ECS keeps for about an hour. The case of the letters counts here, in variables too."),
    row("name", Text(&rule::NAME), "ecs-sdm-producer", "The name of this producer. It is Kafka's `client.id`, the source of CloudEvents, the key on the sync topic, and the app name of the AWS SDK. Two producers on the same topics need different names: with the same name each one's sync would supersede the other's."),
    row("regions", List(&Text(&rule::REGION)), "[]", "Regions to sync. Without any, only the default region is synced. A region that is repeated is dropped.").example("eu-central-1,us-east-1"),
    unset("external_id", Text(&rule::EXTERNAL_ID), "an-agreed-secret-word", "AssumeRole's ExternalId, for roles that have none of their own."),
    unset("role_session_name", Text(&rule::SESSION_NAME), "ecs-sdm-producer", "AssumeRole's RoleSessionName, for roles that have none of their own."),
    row("roles", List(&Table(ROLE)), "[]", "Roles with settings of their own, joined with `assume_role_arns`. A file may also hold them as tables `[[roles]]`, which stand at its end.").example("[{ arn = 'arn:aws:iam::123456789012:role/ecs-sdm-producer', regions = ['eu-central-1', 'us-east-1'] }]"),
    row("api_share", Ratio, "0.75", "The share of each of ECS's token buckets, rate and burst, that this producer allows itself. The rest stays with your deployments. Of several roles into one account the smallest share counts."),
    row("objects", List(&Choice(OBJECTS)), ALL_OBJECTS, "Which objects to read. Task definitions cost most: one request each."),
    row("rates.cluster_read.burst", Int(1, MOST_RATE, ""), "50", "The capacity of ECS's token bucket for ListClusters and DescribeClusters, in requests. The defaults of all rates are AWS's published quotas, per account and region. Change them only where AWS has raised an account's quotas."),
    row("rates.cluster_read.per_second", Int(1, MOST_RATE, ""), "20", "The rate of this bucket, in requests per second."),
    row("rates.service_read.burst", Int(1, MOST_RATE, ""), "100", "The capacity of the bucket for ListServices and DescribeServices."),
    row("rates.service_read.per_second", Int(1, MOST_RATE, ""), "20", "The rate of this bucket, in requests per second."),
    row("rates.cluster_resource_read.burst", Int(1, MOST_RATE, ""), "100", "The capacity of the bucket for ListTasks and DescribeTasks."),
    row("rates.cluster_resource_read.per_second", Int(1, MOST_RATE, ""), "20", "The rate of this bucket, in requests per second."),
    row("rates.task_definition_read.burst", Int(1, MOST_RATE, ""), "50", "The capacity of the bucket for ListTaskDefinitions and DescribeTaskDefinition."),
    row("rates.task_definition_read.per_second", Int(1, MOST_RATE, ""), "20", "The rate of this bucket, in requests per second."),
    unset("interval", Duration(ANY_DAYS), "1h", "The period of `run`, from the start of a sync to the start of the next, at least `1s`. Each sync begins up to a twentieth of it before or after. Without it `run` syncs once and ends."),
    unset("timeout", Duration(ANY_DAYS), "30m", "A sync that takes longer stops reading, delivers what it has read, and ends `PARTIAL`. Without it a sync has no limit."),

    row("kafka.bootstrap_servers", List(&Text(&rule::BROKER)), "[]", "`host:port` of some brokers. The others are found through them. Every command that contacts Kafka needs it.").example("kafka-1.example.com:9092,kafka-2.example.com:9092"),
    row("kafka.startup_timeout", Duration(ANY_DAYS), "30s", "How long to wait for a first broker."),
    row("kafka.delivery_timeout", Duration(DELIVERY_DAYS), "15m", "How long a record may wait for its acknowledgement (librdkafka's `message.timeout.ms`), at most `24d`."),
    row("kafka.topic_prefix", Text(&rule::TOPIC_PREFIX), "sdm.ecs", "What every topic's name begins with: `sdm.ecs.cluster`, `sdm.ecs.task-definition` and so on for the objects, `sdm.ecs.sync` for events, `sdm.ecs.dlq` for dead letters."),
    row("kafka.topics_create", Choice(&["never", "if_missing"]), "never", "`never`: a topic that is missing is an error. `if_missing`: it is made, cleaned up by compaction and retention."),
    row("kafka.retention", Duration(ANY_DAYS), "7d", "How long data topics that are made keep a record. Each sync sends everything again: keep records for 3 syncs or more. The sync topic keeps its events for 30 days."),
    row("kafka.partitions", Int(1, 10_000, ""), "6", "Partitions of data topics that are made. The sync topic has one."),
    unset("kafka.replication_factor", Int(1, 100, ""), "3", "Replicas of topics that are made. Without it the broker's default counts."),
    row("kafka.headers", Choice(&["cloudevents", "none"]), "cloudevents", "Headers of every record: those of CloudEvents in binary mode, or none. Without headers readers can tell neither producers nor scopes apart, and cannot prove a snapshot whole."),
    row("kafka.traceparent", Flag, "false", "Whether records carry the id of their type's span in a header `traceparent` (W3C Trace Context). It takes effect where traces are exported, which the variables of OpenTelemetry ask for."),
    unset("kafka.topics.<Object>", Text(&rule::TOPIC), "inventory.<Object>", "The topic of `<Object>`, whatever the prefix."),
    row("kafka.security.protocol", AnyCase(&["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]), "plaintext", "How to speak to the brokers: with or without TLS, with or without SASL. The case of its letters does not count."),
    unset("kafka.security.mechanism", AnyCase(&["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"]), "SCRAM-SHA-512", "The SASL mechanism. It needs the protocol `sasl_ssl` or `sasl_plaintext`, AWS_MSK_IAM needs `sasl_ssl`."),
    unset("kafka.security.username", Text(&rule::ANY), "producer", "The user of PLAIN and SCRAM."),
    unset("kafka.security.password", Secret(OneLine), "a secret", "The password of PLAIN and SCRAM."),
    unset("kafka.security.ca", Text(&rule::ANY), "/etc/kafka/ca.pem", "Certificates of the authorities to trust: a path, or PEM text. Without it those of the system count."),
    unset("kafka.security.certificate", Text(&rule::ANY), "/etc/kafka/client.pem", "The client's certificate, with those between it and its authority: a path, or PEM text."),
    unset("kafka.security.key", Secret(Pem), "/etc/kafka/client.key", "The key of the client's certificate: a path, or PEM text."),
    unset("kafka.security.key_password", Secret(OneLine), "a secret", "The password that opens the key."),
    unset("kafka.security.aws_region", Text(&rule::REGION), "eu-central-1", "The region of AWS_MSK_IAM's tokens, where the names of the brokers do not tell it. Without it the default region counts. Tokens are signed with the base credentials."),
    unset("kafka.security.oauth.token_endpoint", Text(&rule::URL), "https://login.example.com/oauth2/token", "The URL from which OAUTHBEARER tokens are fetched, as OAuth 2.0 has it for client credentials (RFC 6749, section 4.4)."),
    unset("kafka.security.oauth.ca", Text(&rule::ANY), "/etc/login/ca.pem", "Certificates of the authorities to trust at the token endpoint: a path, or PEM text. Without it those of `AWS_CA_BUNDLE` count, and those of the system."),
    unset("kafka.security.oauth.client_id", Text(&rule::CLIENT_ID), "ecs-sdm-producer", "The client as which tokens are fetched."),
    unset("kafka.security.oauth.client_secret", Secret(OneLine), "a secret", "The secret of this client."),
    unset("kafka.security.oauth.scope", Text(&rule::LINE), "kafka", "The scope that is asked for."),
    unset("kafka.security.oauth.audience", Text(&rule::LINE), "kafka.example.com", "The audience that is asked for."),
    unset(EXTENSIONS, Pairs, "logicalCluster=lkc-1,identityPoolId=pool-1", "SASL extensions that brokers get with each token (RFC 7628, section 3.1), as Confluent Cloud wants them."),
    unset(PROPERTIES, Properties, "linger.ms = 50", "Any other property of librdkafka by its own name, nested or in quotes. In variables `_` stands for a dot: `ECS_SDM_KAFKA__PROPERTIES__linger_ms=100`. A property that contradicts a setting, or a guarantee of the producer, is refused."),

    row("schema_registry.url", List(&Text(&rule::BASE_URL)), "[]", "URLs of one registry. The next is tried where one does not answer, or answers 408, 429 or 5xx.").example("https://registry.example.com:8081"),
    row("schema_registry.mode", Choice(&["lookup", "auto"]), "lookup", "`lookup`: the schemas have to be registered (`ecs-sdm-producer schemas register` does it). `auto`: they are registered. The registry's compatibility levels are never changed."),
    row("schema_registry.subject_strategy", Choice(&["TopicName", "Record", "TopicRecord"]), "TopicName", "What a schema's subject is named after: the topic, the record, or both."),
    unset("schema_registry.username", Text(&rule::ANY), "producer", "The user of Basic authentication."),
    unset("schema_registry.password", Secret(OneLine), "a secret", "The password of Basic authentication."),
    unset("schema_registry.bearer_token", Secret(OneLine), "a secret", "A bearer token, in place of a user and password."),
    unset("schema_registry.ca", Text(&rule::ANY), "/etc/registry/ca.pem", "Certificates of the authorities to trust: a path, or PEM text. Without it those of `AWS_CA_BUNDLE` count, and those of the system."),
    unset("schema_registry.certificate", Text(&rule::ANY), "/etc/registry/client.pem", "The client's certificate: a path, or PEM text."),
    unset("schema_registry.key", Secret(Pem), "/etc/registry/client.key", "The key of the client's certificate: a path, or PEM text."),

    row("errors.tolerance", Choice(&["none", "dlq"]), "none", "`none`: a record that Kafka refuses ends its type. `dlq`: it goes to the dead letter topic, and its type goes on."),
    unset("telemetry.listen", Text(&rule::LISTEN), "0.0.0.0:7464", "The address of the health server, which `run` has with an interval, or `none`. Without it that is `127.0.0.1:7464`, as soon as nobody else has it. There is no authentication: it is for loopback, or behind a network policy."),
    row("telemetry.log_format", Choice(&["text", "json"]), "text", "`text`: for people. `json`: one object a line. Logs go to standard error."),
];

/// What holds for one of `roles` alone.
#[rustfmt::skip]
const ROLE: &[Setting] = &[
    unset("arn", Text(&rule::ROLE_ARN), "arn:aws:iam::123456789012:role/reader", "The role to assume."),
    unset("external_id", Text(&rule::EXTERNAL_ID), "an-agreed-secret-word", "AssumeRole's ExternalId."),
    unset("role_session_name", Text(&rule::SESSION_NAME), "ecs-sdm-producer", "AssumeRole's RoleSessionName."),
    unset("regions", List(&Text(&rule::REGION)), "eu-central-1", "Regions to sync with this role."),
    unset("api_share", Ratio, "0.5", "The share of ECS's token buckets for this role."),
];

/// What a key leads to.
pub(super) enum Target {
    /// A table that holds settings.
    Group,
    /// A setting, `KEY_file` of a secret, or one of librdkafka's properties: what it takes, and where figment keeps its value.
    Value { kind: Kind, path: Vec<String> },
}

/// Every setting's key, in the order of the reference.
pub fn keys() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.key)
}

pub(super) fn find(key: &str) -> Option<Target> {
    let path = |key: &str, last: Option<&str>| key.split('.').chain(last).map(str::to_owned).collect();
    let exact = |key: &str| SETTINGS.iter().find(|setting| setting.key == key);
    if key == PROPERTIES || SETTINGS.iter().any(|setting| is_under(setting.key, key)) {
        return Some(Target::Group);
    }
    if is_under(key, PROPERTIES) && !key.ends_with('.') {
        // A property's name is one key of figment's, dots and all.
        let path = path(PROPERTIES, Some(&key[PROPERTIES.len() + 1..]));
        return Some(Target::Value { kind: Kind::Property, path });
    }
    if let Some(setting) = exact(key) {
        return Some(Target::Value { kind: setting.kind, path: path(key, None) });
    }
    if is_under(key, EXTENSIONS) {
        return Some(Target::Value { kind: Kind::Pair, path: path(key, None) });
    }
    let setting = exact(key.strip_suffix("_file")?)?;
    // A key in PEM is a path already.
    let Secret(form @ (OneLine | AwsKey)) = setting.kind else { return None };
    Some(Target::Value { kind: Kind::SecretFile(form), path: path(setting.key, Some("file")) })
}

/// Whether a key lies in a table of that name.
pub(super) fn is_under(key: &str, table: &str) -> bool {
    key.strip_prefix(table).is_some_and(|rest| rest.starts_with('.'))
}

/// The key that somebody most likely meant: mistyped, or right in its last part but under another table.
pub(super) fn nearest_key(unknown: &str) -> Option<String> {
    let mut known = Vec::new();
    for Setting { key, kind, .. } in SETTINGS.iter() {
        // Tables too: `[kafak]` is one error, not one for each setting in it.
        known.extend(key.match_indices('.').map(|(at, _)| key[..at].to_owned()));
        known.push((*key).to_owned());
        if matches!(kind, Secret(OneLine | AwsKey)) {
            known.push(format!("{key}_file"));
        }
    }
    let unknown = unknown.to_lowercase();
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let far = |key: &str| {
        let key = key.to_lowercase();
        osa_distance(&key, &unknown).min(osa_distance(&last(&key), &last(&unknown)) + 1)
    };
    let nearest = known.into_iter().min_by_key(|key| far(key))?;
    (far(&nearest) <= allowed(&last(&unknown))).then_some(nearest)
}
