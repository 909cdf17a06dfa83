//! Bodies as they may come: what each is taken for. Every body goes through the real SDK client.

use aws_sdk_ecs::operation::describe_tasks::DescribeTasksOutput;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef, Error, Output,
};
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse, SharedResponseDeserializer};
use aws_smithy_types::config_bag::ConfigBag;

use super::*;

const MALFORMED: &str = "Response: the answer was cut or malformed";

/// What is written of the one task of a body, or why nothing is.
fn written_of(body: impl Into<Vec<u8>>) -> Result<Written, String> {
    let task: Task = Canned::json(body).describe()?.into_iter().next().ok_or("no task")?;
    write(&task, &Stamp { region: REGION.to_owned(), captured: CAPTURED })
}

fn attribute(body: impl Into<Vec<u8>>, name: &str) -> Result<Value, String> {
    Ok(written_of(body)?.json[name].clone())
}

/// A body of one task with these members, which begin with a comma.
fn task(members: &str) -> String {
    format!(r#"{{"tasks":[{{"taskArn":"arn"{members}}}],"failures":[]}}"#)
}

fn assert_malformed<O: Object + std::fmt::Debug>(body: impl Into<Vec<u8>>, why: &str) {
    assert_eq!(Canned::json(body).describe::<O>().unwrap_err(), MALFORMED, "{why}");
}

#[test]
fn an_answer_without_its_list_is_malformed() {
    for body in ["", " \n", "{}", "null", r#"{"failures":[]}"#, r#"{"Tasks":[]}"#, r#"{"tasks":null}"#, "[]", "7"] {
        assert_malformed::<Task>(body, body);
    }
    let no_content = Canned { status: 204, ..Canned::json("") };
    assert_eq!(no_content.describe::<Task>().unwrap_err(), MALFORMED);
    for body in ["{}", r#"{"clusters":null}"#] {
        assert_malformed::<Cluster>(body, body);
    }
    for body in ["{}", r#"{"services":null}"#] {
        assert_malformed::<Service>(body, body);
    }
    assert_eq!(Canned::json(r#"{"tasks":[]}"#).describe::<Task>().unwrap().len(), 0, "an empty list is one");
}

#[test]
fn an_answer_without_its_task_definition_is_asked_again() {
    for body in ["{}", r#"{"taskDefinition":null}"#, r#"{"tags":[]}"#] {
        assert_eq!(Canned::json(body).describe::<TaskDefinition>().unwrap().len(), 0, "{body}");
    }
    for body in ["", " ", "null"] {
        assert_malformed::<TaskDefinition>(body, body);
    }
}

#[test]
fn every_cut_of_an_answer_is_malformed() {
    let body = task(r#","cpu":"256","createdAt":1700000000.123,"containers":[{"image":"a\u00e9\n🚢"}],"stopped":true"#);
    assert!(Canned::json(body.clone()).describe::<Task>().is_ok());
    for end in 0..body.len() {
        assert_malformed::<Task>(&body.as_bytes()[..end], &format!("cut after {end} bytes"));
    }
}

#[test]
fn what_is_read_must_be_right() {
    for (members, why) in [
        (r#","cpu":"1","cpu":"2""#, "a member twice"),
        (r#","cpu":256"#, "a number for a text"),
        (r#","cpu":["256"]"#, "a list for a text"),
        (r#","cpu":true"#, "a truth value for a text"),
        (",\"cpu\":\"a\tb\"", "a raw control character in a text"),
        (r#","cpu":"\ud800""#, "half a surrogate pair"),
        (r#","cpu":"\q""#, "an escape that is none"),
        (r#","containers":{}"#, "an object for a list"),
        (r#","containers":[null]"#, "null in a list"),
        (r#","containers":["image"]"#, "a text for an object"),
        (r#","createdAt":"2025-11-24T16:00:00Z""#, "a text for a time; awsJson 1.1 has numbers"),
        (r#","createdAt":"1700000000""#, "a text for a time"),
        (r#","createdAt":{}"#, "an object for a time"),
        (r#","createdAt":[1]"#, "a list for a time"),
        (r#","createdAt":true"#, "a truth value for a time"),
        (r#","createdAt":9223372036854775808"#, "a whole number beyond i64"),
        (r#","createdAt":99999999999999999999"#, "a whole number beyond u64"),
        (r#","createdAt":-9223372036854775809"#, "a whole number below i64"),
        (r#","createdAt":1e400"#, "a number beyond a double"),
        (r#","createdAt":01"#, "a number that is none"),
        (r#","createdAt":1."#, "a number that is none"),
        (r#","createdAt":NaN"#, "a word for a number"),
    ] {
        assert_malformed::<Task>(task(members), why);
    }
    for (count, why) in [
        ("2147483648", "beyond i32"),
        ("-2147483649", "below i32"),
        ("1.0", "a fraction"),
        ("1e2", "an exponent"),
        (r#""1""#, "a text"),
        ("true", "a truth value"),
    ] {
        let body = format!(r#"{{"clusters":[{{"clusterArn":"arn","runningTasksCount":{count}}}]}}"#);
        assert_malformed::<Cluster>(body, why);
        let body = format!(r#"{{"taskDefinition":{{"taskDefinitionArn":"arn","revision":{count}}}}}"#);
        assert_malformed::<TaskDefinition>(body, why);
    }
    assert_malformed::<Task>(task("") + "x", "trailing bytes");
    assert_malformed::<Task>(task("") + "{}", "a second answer");
    assert_malformed::<Task>("<html><body>Sorry</body></html>", "a page");
    assert_malformed::<Task>(r#"{"tasks":[],"failures":{}}"#, "an object for the failures");
    assert_malformed::<Task>([&b"\xEF\xBB\xBF"[..], task("").as_bytes()].concat(), "a byte order mark");
}

#[test]
fn what_nobody_reads_may_be_anything_of_json() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for unread in [
        r#""connectivityAt":"yesterday""#,
        r#""version":99999999999999999999"#,
        r#""version":1e400"#,
        r#""healthStatus":{"a":[1,{"b":null}]}"#,
        r#""overrides":[1,2]"#,
        r#""unheardOf":1,"unheardOf":2"#,
        r#""ephemeralStorage":"\ud800""#,
        &format!(r#""unheardOf":{deep}"#),
    ] {
        let read = attribute(task(&format!(r#","cpu":"256",{unread}"#)), "CPU");
        assert_eq!(read, Ok(json!("256")), "{unread}");
    }
}

#[test]
fn bytes_that_are_no_text_are_malformed_wherever_they_stand() {
    for member in ["cpu", "unheardOf"] {
        let mut body = task(&format!(r#","{member}":"?""#)).into_bytes();
        assert!(Canned::json(body.clone()).describe::<Task>().is_ok());
        let at = body.iter().position(|byte| *byte == b'?').unwrap();
        body[at] = 0xFF;
        assert_malformed::<Task>(body, member);
    }
}

#[test]
fn escapes_are_read_in_texts_and_in_names() {
    assert_eq!(attribute(task(r#","\u0063pu":"\u00e9\ud83d\udea2\/\"""#), "CPU"), Ok(json!("é🚢/\"")));
}

/// serde takes a list for an object if it has all members in order. Nothing harmful can come of it: an object that was not asked for is
/// left out.
#[test]
fn a_list_may_stand_for_an_object() {
    let body = r#"{"tasks":[{"taskArn":"arn","containers":[["web:1"]]}]}"#;
    assert_eq!(attribute(body, "CONTAINER_IMAGES"), Ok(json!(["web:1"])));
    assert_malformed::<Task>(r#"{"tasks":[{"taskArn":"arn","containers":[["web:1","more"]]}]}"#, "too long");
}

#[test]
fn times_are_read_to_the_nearest_millisecond() {
    let schema = oracle::schema("EcsTask");
    for (seconds, expected) in [
        ("0", 0),
        ("-0", 0),
        ("1700000000", 1_700_000_000_000),
        ("1.7E9", 1_700_000_000_000),
        ("1.764000000123E9", 1_764_000_000_123),
        ("1700000000.123", 1_700_000_000_123),
        ("1700000000.1234", 1_700_000_000_123),
        ("1700000000.9996", 1_700_000_001_000),
        ("1700000000.123456789", 1_700_000_000_123),
        ("-1.5", -1_500),
        ("9223372036854775807", i64::MAX),
    ] {
        let written = written_of(task(&format!(r#","createdAt":{seconds}"#))).unwrap();
        let record = oracle::decode(&schema, &written.avro);
        assert_eq!(record["FIRST_SEEN"], json!(expected), "{seconds}");
    }
}

/// ECS may move to the protocol Smithy RPC v2, whose bodies are CBOR. The SDK reads any other type as JSON, and so does the product.
#[test]
fn a_body_in_another_encoding_is_told() {
    for content_type in ["application/cbor", "Application/CBOR", "application/cbor; v=1", "application/aws+cbor"] {
        let said = Canned { content_type, ..Canned::json(task("")) }.describe::<Task>().unwrap_err();
        assert!(said.starts_with(&format!("Encoding: the answer is {content_type}, and")), "{said}");
    }
    for content_type in ["application/json", "text/html", "application/octet-stream", ""] {
        assert!(Canned { content_type, ..Canned::json(task("")) }.describe::<Task>().is_ok(), "{content_type}");
    }
}

#[test]
fn an_answer_that_is_no_success_is_the_sdks() {
    let refused = |status, body: &str| Canned { status, ..Canned::json(body) }.describe::<Task>().unwrap_err();
    let body = r#"{"__type":"ClusterNotFoundException","message":"Cluster not found."}"#;
    assert_eq!(refused(400, body), "ClusterNotFoundException: Cluster not found.");
    assert_eq!(refused(503, "<html>"), "HTTP 503: an answer without an error code");
    assert_eq!(refused(301, &task("")), "HTTP 301: an answer without an error code", "a redirect is no answer");
}

/// An SDK that would read the answers of Describe itself.
#[derive(Debug)]
struct Past;

impl Intercept for Past {
    fn name(&self) -> &'static str {
        "Past"
    }

    fn read_before_deserialization(
        &self,
        _: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        bag.interceptor_state().store_put(SharedResponseDeserializer::new(Past));
        Ok(())
    }
}

impl DeserializeResponse for Past {
    fn deserialize_nonstreaming_with_config(
        &self,
        _: &HttpResponse,
        _: &ConfigBag,
    ) -> Result<Output, OrchestratorError<Error>> {
        Ok(Output::erase(DescribeTasksOutput::builder().build()))
    }
}

#[test]
fn an_answer_that_the_sdk_reads_itself_is_an_error() {
    let past = Canned::json(r#"{"tasks":[]}"#).describe_with::<Task>(|settings| settings.interceptor(Past));
    assert_eq!(past.unwrap_err(), "Decoder: the AWS SDK has not let this program read the answer");
}
