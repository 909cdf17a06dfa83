//! The token endpoint of an OAuth 2.0 server, asked with client credentials (RFC 6749, section 4.4).

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::claims::Claims;
use super::{Token, TokenFault};
use crate::config::OauthConfig;
use crate::foreign::one_line;
use crate::web::{self, Peer, Suspect, Unusable, causes, suspect};

/// The longest attempt.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A token's life where nothing tells it (RFC 6749 leaves it to the documentation of the server).
const LIFE: Duration = Duration::from_secs(3_600);

const CLIENT: &str = "kafka.security.oauth.client_id and kafka.security.oauth.client_secret";
const ENDPOINT: &str = "kafka.security.oauth.token_endpoint";

/// The endpoint, and as whom it is asked. The secret and the authorities are read again for each token, and so may be rotated.
#[derive(Debug)]
pub(super) struct Endpoint {
    url: String,
    settings: OauthConfig,
}

/// A token as the endpoint gives it (RFC 6749, section 5.1).
#[derive(Debug, PartialEq)]
struct Issued {
    access_token: String,
    life: Option<Duration>,
}

/// The members of its answers that count here; those of a refusal are of section 5.2.
#[derive(Default, Deserialize)]
struct Answer {
    access_token: Option<String>,
    /// Seconds, which some servers give as text.
    expires_in: Option<Value>,
    error: Option<String>,
    error_description: Option<String>,
}

impl Endpoint {
    pub(super) fn of(settings: &OauthConfig) -> Option<Self> {
        let url = settings.token_endpoint.clone()?;
        Some(Self { url, settings: settings.clone() })
    }

    pub(super) async fn issue(&self) -> Result<Token, TokenFault> {
        let OauthConfig { client_id, client_secret, scope, audience, extensions, ca, .. } = &self.settings;
        let unread =
            |error| format!("kafka.security.oauth.client_secret: {}; name a file that holds it", web::unread(&error));
        let secret = client_secret.as_ref().map(|secret| secret.read()).transpose();
        let secret = secret.map_err(|error| TokenFault::lasting(unread(error)))?.unwrap_or_default();
        let peer = Peer {
            urls: std::slice::from_ref(&self.url),
            ca_key: "kafka.security.oauth.ca",
            ca: ca.as_deref(),
            identity: None,
            timeout: TIMEOUT,
        };
        let http = web::client(&peer).await.map_err(unusable)?;
        let asked = [("scope", scope), ("audience", audience)];
        let asked = asked.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let form: Vec<_> = std::iter::once(("grant_type", "client_credentials")).chain(asked).collect();
        let id = client_id.as_deref().unwrap_or_default();
        // As they are, as Kafka's own client has it, and not form-encoded as RFC 6749 wants it.
        let request =
            http.post(&self.url).basic_auth(id, Some(&secret)).header("accept", "application/json").form(&form);
        let unreached = |error: reqwest::Error| TokenFault::passing(self.unreached(&error));
        let response = request.send().await.map_err(unreached)?;
        let status = response.status();
        let text = response.text().await.map_err(unreached)?;
        // An endpoint may repeat what it was sent.
        let text = if secret.is_empty() { text } else { text.replace(&secret, "<redacted>") };
        let refused = |TokenFault { reason, is_final }| TokenFault {
            reason: format!("the token endpoint {} {reason}", web::named(&self.url)),
            is_final,
        };
        let Issued { access_token, life } = issued(status, &text).map_err(refused)?;
        let claims = Claims::of(&access_token);
        let told = claims.as_ref().and_then(Claims::expires);
        let told = told.map(|at| at.duration_since(SystemTime::now()).unwrap_or_default());
        let principal = claims.as_ref().and_then(Claims::subject).unwrap_or_else(|| id.to_owned());
        let mut token = Token::new(access_token, principal, life.or(told).unwrap_or(LIFE), clue(claims.as_ref()));
        token.extensions = extensions.clone().into_iter().collect();
        Ok(token)
    }

    /// Nothing was answered.
    pub(super) fn late(&self, within: &impl std::fmt::Display) -> String {
        format!("the token endpoint {} does not answer within {within}; see {ENDPOINT}", web::named(&self.url))
    }

    fn unreached(&self, error: &reqwest::Error) -> String {
        if error.is_timeout() {
            return self.late(&humantime::format_duration(TIMEOUT));
        }
        let said = format!("{}: {}", web::named(&self.url), causes(error));
        let see = match suspect(&said) {
            Suspect::Authorities if said.contains("not valid for name") => ENDPOINT,
            Suspect::Authorities => "kafka.security.oauth.ca",
            Suspect::Scheme => "kafka.security.oauth.token_endpoint: is it http instead of https?",
            Suspect::Proxy => "that variable and NO_PROXY",
            Suspect::Identity | Suspect::Url => ENDPOINT,
        };
        format!("the token endpoint cannot be reached: {said}; see {see}")
    }
}

fn unusable(unusable: Unusable) -> TokenFault {
    TokenFault::lasting(match unusable {
        Unusable::Setting("url", reason) => format!("{ENDPOINT}: {reason}"),
        Unusable::Setting(part, reason) => format!("kafka.security.oauth.{part}: {reason}"),
        Unusable::Bundle(diagnostic) => diagnostic.to_string(),
    })
}

/// The token of an answer, or why there is none, in words that follow the endpoint's name.
fn issued(status: StatusCode, text: &str) -> Result<Issued, TokenFault> {
    let answer: Option<Answer> = serde_json::from_str(text).ok();
    let is_json = answer.is_some();
    let Answer { access_token, expires_in, error, error_description } = answer.unwrap_or_default();
    if status.is_server_error() {
        let said = error.map(|error| described(&error, error_description)).unwrap_or_default();
        return Err(TokenFault::passing(format!("answers {status}{said}; see {ENDPOINT}, and its log")));
    }
    if !status.is_success() {
        let see = match error.as_deref() {
            // Servers have JSON for what they do not serve, too.
            _ if matches!(status.as_u16(), 404 | 405) => ENDPOINT,
            Some("invalid_scope") => "kafka.security.oauth.scope",
            Some("invalid_target") => "kafka.security.oauth.audience",
            Some("invalid_request") => "kafka.security.oauth.scope and kafka.security.oauth.audience",
            Some("access_denied") => {
                "kafka.security.oauth.client_id, kafka.security.oauth.scope and kafka.security.oauth.audience"
            }
            Some(_) => CLIENT,
            None if matches!(status.as_u16(), 401 | 403) => CLIENT,
            None => ENDPOINT,
        };
        let said = error.map(|error| described(&error, error_description)).unwrap_or_default();
        return Err(TokenFault::lasting(format!("answers {status}{said}; see {see}")));
    }
    let legal = |token: &String| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let Some(access_token) = access_token.filter(legal) else {
        let what = match (is_json, error) {
            (_, Some(error)) => format!("answers without a token{}", described(&error, error_description)),
            (true, None) => "answers without a token (access_token)".to_owned(),
            (false, None) => "answers with what is no token in JSON".to_owned(),
        };
        return Err(TokenFault::lasting(format!("{what}; see {ENDPOINT}")));
    };
    Ok(Issued { access_token, life: expires_in.as_ref().and_then(seconds) })
}

fn described(error: &str, description: Option<String>) -> String {
    let said = description.map_or_else(|| error.to_owned(), |description| format!("{error}: {description}"));
    format!(": {}", one_line(&said))
}

fn seconds(value: &Value) -> Option<Duration> {
    let seconds = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    // Below zero it has ended.
    Duration::try_from_secs_f64(seconds.max(0.0)).ok()
}

/// What a token shows, and which settings to look at where a broker refuses it.
fn clue(claims: Option<&Claims>) -> String {
    let shown = match claims {
        Some(claims) => format!("the token has {}", claims.shown(SystemTime::now())),
        None => "the token shows nothing of itself".to_owned(),
    };
    let keys = "kafka.security.oauth.token_endpoint, kafka.security.oauth.client_id, kafka.security.oauth.scope, \
                kafka.security.oauth.audience and kafka.security.oauth.extensions";
    format!("{shown}; see {keys}, and what the brokers expect")
}

#[cfg(test)]
mod tests;
