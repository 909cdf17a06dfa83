//! From the API's JSON to the record: the real SDK reads an answer, the product writes it, and the contract judges.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use apache_avro::Schema;
use apache_avro::writer::datum::GenericDatumWriter;
use aws_sdk_ecs::config::{BehaviorVersion, Builder as ConfigBuilder, Credentials, Region};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::retry::RetryConfig;
use ecs_sdm_producer::aws::Ecs;
use ecs_sdm_producer::contract::{Stamp, millis, rfc3339};
use ecs_sdm_producer::ecs;
use ecs_sdm_producer::ecs::{Cluster, Object, Service, Task, TaskDefinition};
use kit::oracle;
use proptest::prop_assert_eq;
use proptest::test_runner::TestCaseError;
use serde_json::{Map, Value, json};
use tokio::runtime::{Builder, Runtime};

mod any;
mod bodies;
mod golden;
mod renamed;

const REGION: &str = "eu-west-1";
const CAPTURED: i64 = 1_764_000_000_123;

/// What the product writes of one API object.
struct Written {
    /// The Kafka key.
    key: String,
    /// The record of a dry run.
    json: Value,
    /// The datum, without a frame.
    avro: Vec<u8>,
}

/// Has the real SDK read an answer with this API object, and the product write what it read.
fn written(object: &str, api: &Value, region: &str, captured: i64) -> Result<Written, String> {
    let stamp = Stamp { region: region.to_owned(), captured };
    match object {
        "EcsCluster" => write(&described::<Cluster>(&json!({"clusters": [api]})), &stamp),
        "EcsService" => write(&described::<Service>(&json!({"services": [api]})), &stamp),
        "EcsTask" => write(&described::<Task>(&json!({"tasks": [api]})), &stamp),
        "EcsTaskDefinition" => write(&described::<TaskDefinition>(&json!({"taskDefinition": api})), &stamp),
        _ => panic!("the contract has no {object}"),
    }
}

fn write<O: Object>(object: &O, stamp: &Stamp) -> Result<Written, String> {
    static SCHEMAS: LazyLock<BTreeMap<&str, Schema>> = LazyLock::new(|| {
        let schemas = ecs::schemas().into_iter();
        schemas.map(|(object, schema)| (object, Schema::parse(&schema).unwrap())).collect()
    });
    let writer = GenericDatumWriter::builder(&SCHEMAS[O::NAME]).human_readable(false).build().unwrap();
    let view = object.view(stamp);
    let [avro, again] = [(), ()].map(|()| {
        let mut datum = Vec::new();
        writer.write_ser(&mut datum, &view).map(|_| datum).map_err(|error| error.to_string())
    });
    assert_eq!(avro, again, "the same object twice");
    let json = serde_json::to_value(&view).map_err(|error| error.to_string());
    assert_eq!(json.is_ok(), avro.is_ok(), "{json:?}, {avro:?}");
    Ok(Written { key: object.arn().unwrap_or_default().to_owned(), json: json?, avro: avro? })
}

/// The one object of a Describe answer.
fn described<O: Object>(answer: &Value) -> O {
    let described = Canned::json(answer.to_string()).describe::<O>();
    described.unwrap_or_else(|fault| panic!("{fault}: {answer:#}")).into_iter().next().unwrap()
}

/// An HTTP client that always has the same answer.
#[derive(Debug, Clone)]
struct Canned {
    status: u16,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Canned {
    /// A success with a body, as ECS answers.
    fn json(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, content_type: "application/x-amz-json-1.1", body: body.into() }
    }

    /// What the product reads of it, through the real SDK.
    fn describe<O: Object>(self) -> Result<Vec<O>, String> {
        self.describe_with(|settings| settings)
    }

    fn describe_with<O: Object>(self, set: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Result<Vec<O>, String> {
        static RUNTIME: LazyLock<Runtime> =
            LazyLock::new(|| Builder::new_current_thread().enable_time().build().unwrap());
        let connector = SharedHttpConnector::new(self);
        let settings = aws_sdk_ecs::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new("id", "key", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(http_client_fn(move |_, _| connector.clone()));
        let ecs = Ecs { client: aws_sdk_ecs::Client::from_conf(set(settings).build()), page_size: 100 };
        let described = RUNTIME.block_on(O::describe(&ecs, &None, vec!["asked".to_owned()]));
        described.map(|described| described.objects).map_err(|fault| fault.to_string())
    }
}

impl HttpConnector for Canned {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let status = StatusCode::try_from(self.status).unwrap();
        let mut response = HttpResponse::new(status, SdkBody::from(self.body.clone()));
        response.headers_mut().insert("content-type", self.content_type);
        HttpConnectorFuture::ready(Ok(response))
    }
}

/// Judges both forms of the record by the second reading of the contract; gives the one with times as text.
fn judge(object: &str, schema: &Schema, api: &Value) -> Result<Value, TestCaseError> {
    let Written { key, json, avro } = written(object, api, REGION, CAPTURED).map_err(TestCaseError::fail)?;
    let record = oracle::decode(schema, &avro);
    prop_assert_eq!(&record, &oracle::expected(object, api, REGION, CAPTURED), "of {:#}", api);
    prop_assert_eq!(&in_millis(object, json.clone()), &record, "JSON and Avro of {:#}", api);
    prop_assert_eq!(key, oracle::key(&record));
    Ok(json)
}

/// Reads the times of a JSON record, which must have exactly three decimals and `Z`.
fn in_millis(object: &str, mut json: Value) -> Value {
    for attribute in oracle::attributes(object).filter(|attribute| attribute.avro.starts_with("timestamp")) {
        if let Some(text) = json[attribute.name].as_str() {
            assert_eq!((text.len(), &text[19..20], &text[23..]), (24, ".", "Z"), "{text}");
            let time = DateTime::from_str(text, Format::DateTime).unwrap();
            json[attribute.name] = json!(time.to_millis().unwrap());
        }
    }
    json
}

/// Per object and attribute: what it is where the API says nothing, then cases, the ordinary one first: members of the API
/// object, what the attribute is then, and perhaps why.
static CASES: LazyLock<Map<String, Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("fixtures/mapping.json")).unwrap());

/// In [`CASES`]: nothing can be written.
const NO_RECORD: &str = "(no record)";

#[test]
fn every_attribute_of_the_contract_has_its_cases() {
    for attribute in oracle::CONTRACT.iter() {
        let cases = CASES[attribute.object][attribute.name].as_array();
        // What the sync itself gives is never absent.
        if attribute.source.starts_with("Generated") {
            assert!(cases.is_none());
        } else {
            assert!(cases.is_some_and(|cases| cases.len() > 1), "{} {}", attribute.object, attribute.name);
        }
    }
    let rows: usize = CASES.values().map(|rows| rows.as_object().unwrap().len()).sum();
    assert_eq!(rows, 82 - 4 * 3);
}

#[test]
fn every_case_of_a_cluster() {
    check_cases("EcsCluster", "clusterArn");
}

#[test]
fn every_case_of_a_service() {
    check_cases("EcsService", "serviceArn");
}

#[test]
fn every_case_of_a_task() {
    check_cases("EcsTask", "taskArn");
}

#[test]
fn every_case_of_a_task_definition() {
    check_cases("EcsTaskDefinition", "taskDefinitionArn");
}

/// Each case three times: its members as they are, null, and not there at all.
fn check_cases(object: &str, arn: &str) {
    let schema = oracle::schema(object);
    let check = |api: &Map<String, Value>, attribute: &str, expected: &Value| {
        let api = json!(api);
        match judge(object, &schema, &api) {
            Ok(record) => assert_eq!(&record[attribute], expected, "{attribute} of {api:#}"),
            Err(error) => {
                assert_eq!(expected, NO_RECORD, "{attribute} of {api:#}: {error}");
                let reason = error.to_string();
                assert!(reason.contains("an object without an ARN has no record"), "{reason}");
            }
        }
    };
    for (attribute, row) in CASES[object].as_object().unwrap() {
        let [absent, cases @ ..] = row.as_array().unwrap().as_slice() else { panic!("{attribute} has no cases") };
        for case in cases {
            let members = case[0].as_object().unwrap();
            let mut api = Map::from_iter([
                (arn.to_owned(), json!("arn:the:object/itself")),
                ("unheardOf".to_owned(), json!({"deep": [1, null, {"more": true}]})),
            ]);
            api.retain(|member, _| !members.contains_key(member));
            check(&api, attribute, absent);
            api.extend(members.keys().map(|member| (member.clone(), Value::Null)));
            check(&api, attribute, absent);
            api.extend(members.clone());
            check(&api, attribute, &case[1]);
        }
    }
}

#[test]
fn every_record_says_where_and_when_it_was_read() {
    for (object, _) in ecs::schemas() {
        let arns = ["clusterArn", "serviceArn", "taskArn", "taskDefinitionArn"];
        let api: Value = arns.iter().map(|arn| ((*arn).to_owned(), json!("arn"))).collect();
        let record = judge(object, &oracle::schema(object), &api).unwrap();
        let generated = ["CLOUD_PROVIDER", "REGION", "LAST_CAPTURED"].map(|attribute| &record[attribute]);
        assert_eq!(generated, ["AWS", "eu-west-1", "2025-11-24T16:00:00.123Z"]);
    }
}

#[test]
fn no_environment_value_leaves_the_describe_step() {
    const CANARY: &str = "canary-8c1f";
    let environment = json!([{"name": "KEY", "value": CANARY}, {"value": CANARY}]);
    let container = json!({"name": "web", "environment": environment});
    let definition: TaskDefinition =
        described(&json!({"taskDefinition": {"containerDefinitions": [container, container]}}));
    let task: Task = described(&json!({"tasks": [{"overrides": {"containerOverrides": [container]}}]}));
    let definition = format!("{definition:?}");
    for described in [&definition, &format!("{task:?}")] {
        assert!(!described.contains(CANARY), "{described}");
    }
    assert_eq!(definition.matches("KEY").count(), 2, "the names stay");
}

#[test]
fn an_instant_is_rounded_to_the_nearest_millisecond() {
    for (seconds, nanos, expected) in [
        (0, 0, 0),
        (0, 499_999, 0),
        (0, 500_000, 1),
        (1_700_000_000, 999_499_999, 1_700_000_000_999),
        (1_700_000_000, 999_500_000, 1_700_000_001_000),
        (-1, 999_000_000, -1),
        (-1, 999_499_999, -1),
        (-1, 999_500_001, 0),
        (253_402_300_799, 999_000_000, 253_402_300_799_999),
        (i64::MAX, 0, i64::MAX),
        (i64::MIN, 0, i64::MIN),
    ] {
        assert_eq!(millis(&DateTime::from_secs_and_nanos(seconds, nanos)), expected, "{seconds} s {nanos} ns");
    }
}

#[test]
fn an_instant_in_words_has_three_decimals() {
    for (millis, expected) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_764_000_000_123, "2025-11-24T16:00:00.123Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        // No answer of the API can mean these: they are written so that they can be told.
        (-1, "-1ms"),
        (253_402_300_800_000, "253402300800000ms"),
        (i64::MAX, "9223372036854775807ms"),
        (i64::MIN, "-9223372036854775808ms"),
    ] {
        assert_eq!(rfc3339(millis), expected);
    }
}
