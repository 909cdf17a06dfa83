//! What mechanisms with tokens need, and what they leave unused.

use super::{Settings, as_str, assert_refused, assert_taken, borrowed, both, flags, variables};

const ENDPOINT: (&str, &str) = ("oauth.token_endpoint", "https://login.example.com/token");
const ID: (&str, &str) = ("oauth.client_id", "me");
const SECRET: (&str, &str) = ("oauth.client_secret", "canary");
const OAUTH: [(&str, &str); 5] = [("protocol", "sasl_ssl"), ("mechanism", "oauthbearer"), ENDPOINT, ID, SECRET];
const MSK: [(&str, &str); 2] = [("protocol", "sasl_ssl"), ("mechanism", "aws_msk_iam")];

fn with(base: &[(&'static str, &'static str)], more: &[(&'static str, &'static str)]) -> Settings<'static> {
    [base, more].concat()
}

#[test]
fn what_a_token_needs_is_refused_by_its_key() {
    let servers = |servers: &'static str| ("../bootstrap_servers", servers);
    let frankfurt = servers("b-1.demo.x.c2.kafka.eu-central-1.amazonaws.com:9098");
    #[rustfmt::skip]
    let table: Vec<(Settings<'_>, &[&str], Vec<&str>)> = vec![
        (with(&OAUTH[..2], &[]), &[], vec!["kafka.security.mechanism: OAUTHBEARER needs kafka.security.oauth.token_endpoint, kafka.security.oauth.client_id, kafka.security.oauth.client_secret, which are missing"]),
        (with(&OAUTH[..4], &[]), &[], vec!["kafka.security.mechanism: OAUTHBEARER needs kafka.security.oauth.client_secret, which is missing"]),
        (with(&[], &[ENDPOINT, ID, SECRET]), &[], vec!["kafka.security.oauth.token_endpoint: kafka.security.mechanism is missing", "OAUTHBEARER"]),
        (with(&[("protocol", "ssl")], &OAUTH[1..]), &[], vec!["kafka.security.mechanism: OAUTHBEARER needs SASL, and kafka.security.protocol is ssl"]),
        (with(&OAUTH, &[("oauth.ca", "/nonexistent/ca.pem")]), &[], vec!["kafka.security.oauth.ca: cannot read /nonexistent/ca.pem"]),
        (with(&OAUTH[..2], &[("oauth.token_endpoint", "https://me:canary@login.example.com/token"), ID, SECRET]), &[], vec!["kafka.security.oauth.token_endpoint", "is not a URL without a user"]),
        (with(&OAUTH[..2], &[("oauth.token_endpoint", "http://127.0.0.1:99999/x"), ID, SECRET]), &[], vec!["kafka.security.oauth.token_endpoint", "is not a URL"]),
        (with(&OAUTH[..2], &[("oauth.token_endpoint", "https://[::1/x"), ID, SECRET]), &[], vec!["kafka.security.oauth.token_endpoint", "is not a URL"]),
        (with(&OAUTH[..3], &[("oauth.client_id", "a:b"), SECRET]), &[], vec!["kafka.security.oauth.client_id", "is not a client's id", "without a colon"]),
        (with(&OAUTH, &[("oauth.scope", "a\nb")]), &[], vec!["kafka.security.oauth.scope", "takes text of one line"]),
        (with(&OAUTH, &[("oauth.extensions", "logicalCluster")]), &[], vec!["kafka.security.oauth.extensions: \"logicalCluster\" has no =", "logicalCluster=lkc-1"]),
        (with(&OAUTH, &[("oauth.extensions", "auth=canary")]), &[], vec!["kafka.security.oauth.extensions: auth is the name of the token itself"]),
        (with(&[], &[]), &["sasl.oauthbearer.token.endpoint.url=https://login"], vec!["kafka.properties.sasl.oauthbearer.token.endpoint.url", "set kafka.security.oauth.token_endpoint"]),
        (with(&[("protocol", "sasl_plaintext")], &MSK[1..]), &[], vec!["kafka.security.mechanism: AWS_MSK_IAM needs SASL over TLS, and kafka.security.protocol is sasl_plaintext", "set kafka.security.protocol to sasl_ssl"]),
        (with(&[], &[("aws_region", "eu-central-1")]), &[], vec!["kafka.security.aws_region: kafka.security.mechanism is missing", "AWS_MSK_IAM"]),
        (with(&MSK, &[("aws_region", "eu-central-1a")]), &[], vec!["kafka.security.aws_region: \"eu-central-1a\" is an availability zone", "use eu-central-1"]),
        (with(&MSK, &[("aws_region", "us-east-1"), frankfurt]), &[], vec!["kafka.security.aws_region: is us-east-1, and the broker b-1.demo.x.c2.kafka.eu-central-1.amazonaws.com:9098 is in eu-central-1", "leave it out"]),
        (with(&MSK, &[servers("b-1.x.c2.kafka.eu-central-1.amazonaws.com:9098,b-2.x.c2.kafka.us-east-1.amazonaws.com:9098")]), &[], vec!["kafka.bootstrap_servers: b-1.x.c2.kafka.eu-central-1.amazonaws.com:9098 is in eu-central-1, and b-2.x.c2.kafka.us-east-1.amazonaws.com:9098 in us-east-1"]),
    ];
    for (settings, properties, words) in table {
        assert_refused(&borrowed(&variables(&settings)), &as_str(&flags(properties)), &words);
    }
    let taken: [(Settings<'_>, &[&str]); 6] = [
        (
            with(
                &OAUTH,
                &[
                    ("oauth.scope", "a b"),
                    ("oauth.audience", "kafka"),
                    ("oauth.extensions", "logicalCluster=lkc-1,identityPoolId=p"),
                ],
            ),
            &[],
        ),
        (with(&OAUTH, &[("oauth.extensions", "{ logicalCluster = 'lkc-1' }")]), &[]),
        (with(&OAUTH[..1], &[ENDPOINT, ID, SECRET]), &["sasl.mechanism=OAUTHBEARER"]),
        (
            with(&[("protocol", "sasl_ssl")], &[]),
            &["sasl.mechanism=OAUTHBEARER", "enable.sasl.oauthbearer.unsecure.jwt=true"],
        ),
        (with(&MSK, &[]), &[]),
        (with(&MSK, &[("aws_region", "eu-central-1"), frankfurt]), &[]),
    ];
    for (settings, properties) in taken {
        assert_taken(&borrowed(&variables(&settings)), &as_str(&flags(properties)));
    }
}

#[test]
fn what_is_sent_in_clear_text_and_what_has_no_effect_is_warned_about() {
    let open = ("protocol", "sasl_plaintext");
    #[rustfmt::skip]
    let table: Vec<(Settings<'_>, &str)> = vec![
        (with(&[open, ("../bootstrap_servers", "kafka.example.com:9092")], &OAUTH[1..]), "kafka.security.mechanism: OAUTHBEARER over sasl_plaintext sends the token in clear text"),
        (with(&OAUTH[..2], &[("oauth.token_endpoint", "http://login.example.com/token"), ID, SECRET]), "kafka.security.oauth.token_endpoint: sends the client's secret in clear text"),
        (with(&OAUTH, &[("aws_region", "eu-central-1")]), "kafka.security.aws_region: has no effect"),
        (with(&OAUTH, &[("username", "me"), ("password", "canary")]), "kafka.security.password: has no effect"),
        (with(&MSK, &[ENDPOINT]), "kafka.security.oauth.token_endpoint: has no effect"),
        (with(&[open, ("mechanism", "PLAIN"), ("username", "me"), ("password", "canary")], &[("oauth.scope", "x")]), "kafka.security.oauth.scope: has no effect"),
    ];
    for (settings, warning) in table {
        let said = both(&borrowed(&variables(&settings)), &[]);
        assert!(said.warnings.iter().any(|line| line.contains(warning)), "{settings:?}: {said:?}");
    }
    let quiet =
        with(&[open], &with(&OAUTH[1..2], &[("oauth.token_endpoint", "http://127.0.0.1:8080/token"), ID, SECRET]));
    let said = both(&borrowed(&variables(&quiet)), &[]);
    let of_security = said.warnings.iter().filter(|line| line.contains("kafka.security"));
    assert_eq!(of_security.count(), 0, "{said:?}");
}
