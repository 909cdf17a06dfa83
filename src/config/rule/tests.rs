use super::super::{Config, OBJECTS};
use super::*;

#[test]
#[rustfmt::skip]
fn rules_hold_for_what_aws_and_kafka_take() {
    let table: [(&Rule, &[&str], &[&str]); 10] = [
        (&ROLE_ARN,
            &["arn:aws:iam::123456789012:role/reader", "arn:aws-us-gov:iam::123456789012:role/path/to/a+b=c,d.e@f-g_h"],
            &["arn:aws:iam::12:role/x", "arn:aws:iam::123456789012:user/x", "arn:aws:iam::123456789012:role/", "arn:aws:iam::123456789012:role/x/", "arn:gcp:iam::123456789012:role/x", "arn:aws:iam::123456789012:role/a b", "arn:aws:sts::123456789012:assumed-role/x/y"]),
        (&REGION, &["eu-central-1", "us-gov-west-1"], &["EU-central-1", "eu_central_1", "-eu", "eu-"]),
        (&EXTERNAL_ID, &["12", "a+=,.@:/-_b"], &["1", "a b"]),
        (&SESSION_NAME, &["me", "a+=,.@-_b"], &["m", "a/b", "a:b"]),
        (&NAME, &["ecs-sdm-producer", "a!#$%&'*+-.^_`|~"], &["a b", "a/b", "ä"]),
        (&BROKER, &["localhost:9092", "10.0.0.1:1", "[::1]:9092", "b-1.msk_x.eu:65535"], &["localhost", ":9092", "a:0", "a:65536", "::1:9092", "PLAINTEXT://a:9092", "a b:9092"]),
        (&TOPIC, &["sdm.ecs.task-definition", "_x"], &[".", "..", "a/b", "a b"]),
        (&LISTEN, &["0.0.0.0:9464", "[::]:0"], &[":9464", "localhost", "9464"]),
        (&URL, &["http://a", "https://a:8081/path?a=b"], &["a:8081", "https://", "ftp://a", "http:///a", "http://a b", "http://u:p@a"]),
        (&BASE_URL, &["https://a:8081/path"], &["http://u:p@a", "http://a?b", "http://a#b"]),
    ];
    for (rule, good, bad) in table {
        for text in good {
            assert!((rule.holds)(text), "{text} is {}", rule.noun);
        }
        for text in bad {
            assert!(!(rule.holds)(text), "{text} is not {}", rule.noun);
        }
    }
    for (rule, longest) in [(&EXTERNAL_ID, 1_224), (&SESSION_NAME, 64), (&NAME, 50), (&TOPIC, 249), (&TOPIC_PREFIX, 233)] {
        assert!((rule.holds)(&"a".repeat(longest)) && !(rule.holds)(&"a".repeat(longest + 1)), "{}", rule.noun);
    }
}

#[test]
fn the_longest_prefix_makes_a_legal_topic() {
    let mut kafka = Config::default().kafka;
    kafka.topic_prefix = "a".repeat(233);
    assert!(OBJECTS.iter().all(|object| (TOPIC.holds)(&kafka.topic(object))));
}
