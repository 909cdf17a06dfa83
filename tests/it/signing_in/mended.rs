//! What keeps a sync from signing in is mended, and the next sync of the same engine signs in. Until then each sync says the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ecs_sdm_producer::config::{Config, Mechanism, Secret, SecurityProtocol};
use ecs_sdm_producer::report::Outcome;
use ecs_sim::Simulator;
use kit::certificates::Authority;
use kit::secured::{Listener, PASSWORD, SECRET_KEY, USER};
use kit::settings::{config, on_broker};
use kit::token_endpoint::{Answers, CLIENT_SECRET, Signature, TokenEndpoint};
use tempfile::TempDir;

use super::rotation::{engine, sync};
use super::tokens::oauth_of;
use super::{secured, simulator};

/// Settings that are wrong, what is said of them, and what mends them.
struct Case {
    name: &'static str,
    says: &'static str,
    config: Config,
    mend: Box<dyn FnOnce() + Send>,
}

/// A file that is wrong, and how it is mended.
fn wrong_file(folder: &TempDir, name: &str, wrong: &str, right: &str) -> (PathBuf, Box<dyn FnOnce() + Send>) {
    let (path, right) = (folder.path().join(name), right.to_owned());
    fs::write(&path, wrong).unwrap();
    let written = path.clone();
    (path, Box::new(move || fs::write(written, right).unwrap()))
}

fn text(path: &Path) -> Option<String> {
    Some(path.to_str().unwrap().to_owned())
}

fn settings(simulator: &Simulator, listener: Listener, mechanism: Option<Mechanism>) -> Config {
    let mut config = on_broker(config(simulator), &secured().at(listener), "mended");
    config.kafka.startup_timeout = Duration::from_secs(6);
    let security = &mut config.kafka.security;
    security.protocol = if mechanism.is_some() { SecurityProtocol::SaslSsl } else { SecurityProtocol::Ssl };
    (security.mechanism, security.ca) = (mechanism, Some(secured().authority.pem.clone()));
    config
}

/// The client's secret of an endpoint, its authority, and the audience of another one.
fn of_endpoints(
    simulator: &Simulator,
    folder: &TempDir,
    endpoint: &TokenEndpoint,
    elsewhere: &Arc<TokenEndpoint>,
) -> [Case; 3] {
    let mut config = settings(simulator, Listener::OauthJwks, Some(Mechanism::OauthBearer));
    config.kafka.security.oauth = oauth_of(endpoint);

    let mut of_secret = config.clone();
    let (path, mend_secret) = wrong_file(folder, "client-secret", "canary", CLIENT_SECRET);
    of_secret.kafka.security.oauth.client_secret = Some(Secret::File(path));
    let mut of_ca = config.clone();
    let (path, mend_ca) = wrong_file(folder, "endpoint.pem", &Authority::new().pem, endpoint.ca());
    of_ca.kafka.security.oauth.ca = text(&path);

    config.kafka.security.oauth = oauth_of(elsewhere);
    let elsewhere = Arc::clone(elsewhere);
    let mend_audience = Box::new(move || elsewhere.answer(|answers| answers.claims.clear()));
    let says = "kafka.security.oauth.client_secret";
    [
        Case { name: "a client's secret", says, config: of_secret, mend: mend_secret },
        Case { name: "an endpoint's authority", says: "kafka.security.oauth.ca", config: of_ca, mend: mend_ca },
        Case { name: "an audience", says: "audience elsewhere", config, mend: mend_audience },
    ]
}

#[test]
fn what_is_mended_is_taken_up_and_what_is_not_is_said_again() {
    let (simulator, folder) = (simulator(), tempfile::tempdir().unwrap());
    let tokens = Answers::tokens(Signature::Of(Arc::clone(&secured().key)));
    let endpoint = TokenEndpoint::https(tokens.clone());
    let elsewhere = Arc::new(TokenEndpoint::https(tokens.claim("aud", "elsewhere")));
    let mut cases = Vec::from(of_endpoints(&simulator, &folder, &endpoint, &elsewhere));

    let mut plain = settings(&simulator, Listener::SaslTls, Some(Mechanism::Plain));
    let (path, mend) = wrong_file(&folder, "password", "canary", PASSWORD);
    plain.kafka.security.username = Some(USER.to_owned());
    plain.kafka.security.password = Some(Secret::File(path));
    cases.push(Case { name: "a password", says: "kafka.security.password", config: plain, mend });

    let mut tls = settings(&simulator, Listener::Tls, None);
    let (path, mend) = wrong_file(&folder, "ca.pem", &Authority::new().pem, &secured().authority.pem);
    tls.kafka.security.ca = text(&path);
    cases.push(Case { name: "an authority", says: "kafka.security.ca", config: tls, mend });

    let mut msk = settings(&simulator, Listener::MskIam, Some(Mechanism::AwsMskIam));
    let (path, mend) = wrong_file(&folder, "secret-key", "canary", SECRET_KEY);
    msk.secret_access_key = Some(Secret::File(path));
    cases.push(Case { name: "a key of AWS", says: "secret_access_key", config: msk, mend });

    thread::scope(|scope| {
        for Case { name, says, config, mend } in cases {
            scope.spawn(move || {
                let mut engine = engine(&config);
                for _ in 0..3 {
                    let report = sync(&mut engine);
                    assert_eq!(report.outcome, Outcome::Failed, "{name}");
                    assert!(report.text().contains(says), "{name}: {says} is not in: {}", report.text());
                }
                mend();
                let report = sync(&mut engine);
                assert_eq!(report.outcome, Outcome::Completed, "{name}: {}", report.text());
            });
        }
    });
}
