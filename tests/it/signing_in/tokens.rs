//! Signing in with tokens: from an endpoint over HTTPS, and signed for Amazon MSK.

mod asked;
mod renewed;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use ecs_sdm_producer::config::{OauthConfig, Secret};
use kit::certificates::Authority;
use kit::jwt::Key;
use kit::secured::{Listener, SECRET_KEY, SESSION_TOKEN, Secured};
use kit::token_endpoint::{Answers, CLIENT_ID, CLIENT_SECRET, ExpiresIn, Reply, Signature, TokenEndpoint};
use serde_json::json;

use super::{Case, Simulators, run_all, secured};

/// The settings that lead to an endpoint over HTTPS.
pub(super) fn oauth_of(endpoint: &TokenEndpoint) -> OauthConfig {
    OauthConfig {
        token_endpoint: Some(endpoint.url().to_owned()),
        ca: Some(endpoint.ca().to_owned()),
        client_id: Some(CLIENT_ID.to_owned()),
        client_secret: Some(Secret::Inline(CLIENT_SECRET.to_owned())),
        ..OauthConfig::default()
    }
}

const CLIENT: &[&str] = &["kafka.security.oauth.client_id", "kafka.security.oauth.client_secret"];
const ENDPOINT: &[&str] = &["kafka.security.oauth.token_endpoint"];
/// What a broker says of every token that it does not take.
const INVALID: &str = "invalid_token";

impl Case {
    /// Has it fetch tokens from this endpoint.
    pub(super) fn tokens_of(mut self, endpoint: TokenEndpoint) -> Self {
        if endpoint.url().starts_with("https") {
            self = self.set("oauth.ca", endpoint.ca());
        }
        let url = endpoint.url().to_owned();
        self.endpoint = Some(endpoint);
        let client = [("oauth.client_id", CLIENT_ID), ("oauth.client_secret", CLIENT_SECRET)];
        let case = self.set("mechanism", "OAUTHBEARER").set("oauth.token_endpoint", &url);
        client.into_iter().fold(case, |case, (key, value)| case.set(key, value))
    }
}

/// Brokers that take any token without a signature.
fn unsecured(name: &str, endpoint: TokenEndpoint) -> Case {
    let at = secured().at(Listener::OauthUnsecured);
    Case::new(name, at).set("protocol", "sasl_plaintext").tokens_of(endpoint)
}

/// Brokers that take tokens of one key, audience and issuer.
fn signed(name: &str, answers: Answers) -> Case {
    let broker = secured();
    let case = Case::new(name, broker.at(Listener::OauthJwks)).set("protocol", "sasl_ssl");
    case.set("ca", &broker.authority.pem).tokens_of(TokenEndpoint::https(answers))
}

fn any() -> Answers {
    Answers::tokens(Signature::None)
}

fn of_broker(broker: &Secured) -> Answers {
    Answers::tokens(Signature::Of(Arc::clone(&broker.key)))
}

fn endpoints() -> Vec<Case> {
    let https = |name: &str, answers| unsecured(name, TokenEndpoint::https(answers));
    let told = |expires_in| Answers { expires_in, ..any() };
    let html = Reply::Status(200, "text/html", "<html>Sign in</html>");
    let extensions = any().claim("extensions", json!(["logicalCluster=lkc-1", "identityPoolId=pool-1"]));
    let asking =
        |answers: Answers| Answers { scope: Some("kafka:write kafka:read"), audience: Some("kafka"), ..answers };
    vec![
        https("a token over HTTPS", any()),
        https("a life in text", told(ExpiresIn::Text)),
        https("a life that the token tells", told(ExpiresIn::Absent)),
        unsecured("a token over HTTP", TokenEndpoint::http(any())),
        https("scope and audience", asking(any()))
            .set("oauth.scope", "kafka:write kafka:read")
            .set("oauth.audience", "kafka"),
        https("extensions", extensions.clone()).set("oauth.extensions", "logicalCluster=lkc-1,identityPoolId=pool-1"),
        https("other extensions", extensions)
            .set("oauth.extensions", "logicalCluster=lkc-2")
            .says(&["logicalCluster", "kafka.security.oauth.extensions"]),
        https("a wrong secret", any()).set("oauth.client_secret", "canary").says(CLIENT).says_too("invalid_client"),
        https("an unknown client", any()).set("oauth.client_id", "nobody").says(CLIENT).says_too("401 Unauthorized"),
        https("a wrong scope", asking(any()))
            .set("oauth.audience", "kafka")
            .set("oauth.scope", "all")
            .says(&["invalid_scope", "kafka.security.oauth.scope"]),
        https("a wrong audience of the endpoint", asking(any()))
            .set("oauth.scope", "kafka:write kafka:read")
            .says(&["invalid_target", "kafka.security.oauth.audience"]),
        https("an endpoint that fails", any().reply(Reply::json(500, "{}"))).says(ENDPOINT).says_too("500 Internal"),
        https("an endpoint that hangs", any().reply(Reply::Hang)).says(ENDPOINT).says_too("does not answer within"),
        https("an answer without a token", any().reply(Reply::json(200, "{}")))
            .says(ENDPOINT)
            .says_too("without a token"),
        https("an answer in HTML", any().reply(html)).says(ENDPOINT).says_too("no token in JSON"),
        https("another path", any().reply(Reply::Status(404, "text/plain", "no")))
            .says(ENDPOINT)
            .says_too("404 Not Found"),
        https("an endpoint of an unknown authority", any())
            .unset("oauth.ca")
            .says(&["UnknownIssuer", "kafka.security.oauth.ca"]),
        unsecured("an endpoint of another name", TokenEndpoint::misnamed(any()))
            .says(&["not valid for name", "kafka.security.oauth.token_endpoint"]),
        https("a broker without tokens", any()).to(secured().at(Listener::Sasl)).says(&["kafka.security.mechanism"]),
    ]
}

fn judged_by_brokers(broker: &Secured) -> Vec<Case> {
    let stranger = Arc::new(Key::new());
    let refused: &[&'static str] = &[INVALID, "kafka.security.oauth.audience"];
    vec![
        signed("a signed token", of_broker(broker)),
        signed("an expired token", of_broker(broker).claim("exp", 1_700_000_000))
            .says(refused)
            .says_too("expired at 2023-11-14"),
        signed("another audience", of_broker(broker).claim("aud", "elsewhere"))
            .says(refused)
            .says_too("audience elsewhere"),
        signed("another issuer", of_broker(broker).claim("iss", "https://x"))
            .says(refused)
            .says_too("issuer https://x"),
        signed("a stranger's token", Answers::tokens(Signature::Of(stranger))).says(refused),
        signed("a token without a signature", any()).says(refused),
    ]
}

fn of_msk(broker: &Secured) -> Vec<Case> {
    let msk = |name: &str| {
        let case = Case::new(name, broker.at(Listener::MskIam)).set("protocol", "sasl_ssl");
        case.set("ca", &broker.authority.pem).set("mechanism", "AWS_MSK_IAM")
    };
    let refused: &[&'static str] =
        &[INVALID, "secret_access_key", "kafka.security.aws_region", "kafka-cluster:Connect"];
    vec![
        msk("MSK, the default region"),
        msk("MSK, a region that is set").set("aws_region", "cn-north-1"),
        msk("MSK, temporary credentials").env("AWS_SESSION_TOKEN", SESSION_TOKEN),
        msk("MSK, a wrong secret").env("AWS_SECRET_ACCESS_KEY", "canary").says(refused),
        msk("MSK, another access key").env("AWS_ACCESS_KEY_ID", "AKIAOTHER").says(refused).says_too("AKIAOTHER"),
        msk("MSK, another session").env("AWS_SESSION_TOKEN", "canary").says(refused),
        msk("MSK, another region").set("aws_region", "us-east-1").says(refused).says_too("us-east-1"),
    ]
}

/// A program gives what has ended already.
fn of_expired_credentials(broker: &Secured, folder: &Path) -> Case {
    let keys = json!({
        "Version": 1,
        "AccessKeyId": "AKIAIOSFODNN7EXAMPLE",
        "SecretAccessKey": SECRET_KEY,
        "SessionToken": "canary",
        "Expiration": "2020-01-01T00:00:00Z",
    });
    let [file, config] = ["keys.json", "config"].map(|name| folder.join(name));
    fs::write(&file, keys.to_string()).unwrap();
    let process = format!("cat {}", file.display());
    fs::write(&config, format!("[default]\nregion = eu-west-1\ncredential_process = {process}\n")).unwrap();
    let mut case = of_msk(broker).swap_remove(0).env("AWS_CONFIG_FILE", config.to_str().unwrap());
    case.name = "MSK, credentials that have expired".to_owned();
    let case = case.env("AWS_ACCESS_KEY_ID", "").env("AWS_SECRET_ACCESS_KEY", "").env("PATH", "/usr/bin:/bin");
    case.says(&["AWS_MSK_IAM", "expired"])
}

/// Whom the endpoint is signed by: its own setting alone counts, else the bundle and the system's authorities together.
fn by_authorities(folder: &Path) -> [Case; 4] {
    let other = folder.join("other.pem");
    fs::write(&other, Authority::new().pem).unwrap();
    let other = other.to_str().unwrap();
    let case = |name: &str, at: &str| {
        let endpoint = TokenEndpoint::https(any());
        let file = folder.join(format!("{at}.pem"));
        fs::write(&file, endpoint.ca()).unwrap();
        (unsecured(name, endpoint).unset("oauth.ca"), file.to_str().unwrap().to_owned())
    };
    let (bundle, file) = case("an authority of the bundle", "bundle");
    let (system, beside) = case("an authority of the system, and another in the bundle", "system");
    let (own, not_own) = case("another authority than that of the setting", "own");
    let (brokers, not_theirs) = case("an authority of brokers", "brokers");
    [
        bundle.env("AWS_CA_BUNDLE", &file),
        system.env("SSL_CERT_FILE", &beside).env("AWS_CA_BUNDLE", other),
        own.env("AWS_CA_BUNDLE", &not_own).set("oauth.ca", other).says(&["UnknownIssuer", "kafka.security.oauth.ca"]),
        brokers
            .to(secured().at(Listener::OauthJwks))
            .set("protocol", "sasl_ssl")
            .set("ca", &not_theirs)
            .says(&["UnknownIssuer", "kafka.security.oauth.ca"]),
    ]
}

#[test]
fn each_token_delivers_and_each_mistake_is_told() {
    let broker = secured();
    let mut cases = endpoints();
    cases.extend(judged_by_brokers(broker));
    cases.extend(of_msk(broker));
    let folder = tempfile::tempdir().unwrap();
    cases.push(of_expired_credentials(broker, folder.path()));
    cases.extend(by_authorities(folder.path()));
    run_all(Simulators::start(), cases);
}
