//! What an endpoint is asked for, and mistakes beside the usual ones.

use std::collections::BTreeMap;

use kit::secured::{Listener, PASSWORD, SESSION_TOKEN, USER};
use kit::server::Closed;
use kit::token_endpoint::{Reply, TokenEndpoint};
use serde_json::json;

use super::super::with_session;
use super::{Case, ENDPOINT, INVALID, Simulators, any, of_msk, run_all, secured, unsecured};

#[test]
fn a_token_is_asked_for_as_the_settings_say() {
    let form = |fields: &[(&str, &str)]| {
        let given = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        given.chain([("grant_type".to_owned(), "client_credentials".to_owned())]).collect::<BTreeMap<_, _>>()
    };
    let simulators = Simulators::start();
    for fields in [&[] as &[(&'static str, &str)], &[("scope", "kafka:write kafka:read"), ("audience", "a&b=ü")]] {
        let mut case = unsecured("asked for", TokenEndpoint::https(any()));
        for (name, value) in fields {
            case = case.set(if *name == "scope" { "oauth.scope" } else { "oauth.audience" }, value);
        }
        case.run(&simulators);
        let asked = case.endpoint.as_ref().unwrap().asked();
        assert_eq!(asked.len(), 1, "one token is enough for all clients: {asked:?}");
        assert_eq!(asked[0].form, form(fields));
        let header = |name: &str| asked[0].headers[name].to_str().unwrap();
        // CLIENT_ID, a colon and CLIENT_SECRET as they are, in base64.
        assert_eq!(header("authorization"), "Basic cHJvZHVjZXJAZXhhbXBsZS5jb206b2F1dGggY2FuYXJ5KyUyRj0m");
        assert_eq!(header("content-type"), "application/x-www-form-urlencoded");
        assert_eq!(header("accept"), "application/json");
    }
}

#[test]
fn what_is_no_endpoint_is_told() {
    let (tls, plain) = (TokenEndpoint::https(any()), TokenEndpoint::http(any()));
    let elsewhere = format!("{}/elsewhere", tls.url());
    let (tls_to_plain, plain_to_tls) = (plain.url().replace("http:", "https:"), tls.url().replace("https:", "http:"));
    let closed = Closed::new().unwrap();
    let nobody = format!("https://{}/token", closed.address().unwrap());
    let to = |name: &str, url: &str| {
        unsecured(name, TokenEndpoint::https(any())).set("oauth.token_endpoint", url).says(ENDPOINT)
    };
    let replies = |name: &str, reply| unsecured(name, TokenEndpoint::https(any().reply(reply)));
    let html = "<html>no upstream</html>";
    let cases = vec![
        to("nobody there", &nobody).says_too("Connection refused"),
        to("another path, with JSON", &elsewhere).set("oauth.ca", tls.ca()).says_too("404 Not Found"),
        to("HTTPS to HTTP", &tls_to_plain).says_too("is it http instead of https?"),
        to("HTTP to HTTPS", &plain_to_tls).unset("oauth.ca"),
        replies("a proxy without the endpoint", Reply::Status(503, "text/html", html)).says(ENDPOINT).says_too("503"),
        replies("another method", Reply::json(405, r#"{"error":"method_not_allowed"}"#)).says(ENDPOINT).says_too("405"),
    ];
    run_all(Simulators::start(), cases);
    drop(closed);
}

#[test]
fn what_is_no_token_for_these_brokers_is_told() {
    let broker = secured();
    let https = |name: &str, answers| unsecured(name, TokenEndpoint::https(answers));
    let msk = || of_msk(broker).swap_remove(0);
    let named = |name: &str, case: Case| Case { name: name.to_owned(), ..case };
    let mechanism: &[&'static str] = &["kafka.security.mechanism"];
    let cases = vec![
        https("an expired token without a signature", any().claim("exp", 1_700_000_000))
            .says(ENDPOINT)
            .says_too(INVALID)
            .says_too("expired at 2023-11-14"),
        https("extensions that are missing", any().claim("extensions", json!(["logicalCluster=lkc-1"])))
            .says(&["logicalCluster", "kafka.security.oauth.extensions"]),
        Case::new("a password where tokens are wanted", broker.at(Listener::OauthUnsecured))
            .set("protocol", "sasl_plaintext")
            .user("PLAIN", USER, PASSWORD)
            .says(mechanism)
            .says_too("OAUTHBEARER"),
        named("MSK, temporary credentials", msk()).env("AWS_SESSION_TOKEN", SESSION_TOKEN),
        named("MSK, the default region is another", msk()).env("AWS_REGION", "us-east-1").says(&[
            INVALID,
            "for us-east-1",
            "kafka.security.aws_region",
        ]),
        named("MSK, a region beside the default", msk()).env("AWS_REGION", "us-east-1").set("aws_region", "eu-west-1"),
        named("MSK at brokers without it", msk()).to(broker.at(Listener::SaslTls)).says(mechanism),
    ];
    let simulators = Simulators { asked: with_session(SESSION_TOKEN), ..Simulators::start() };
    run_all(simulators, cases);
}
