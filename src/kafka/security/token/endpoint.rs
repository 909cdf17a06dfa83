//! The token endpoint of an OAuth 2.0 server, asked with client credentials (RFC 6749, section 4.4).

use std::time::{Duration, SystemTime};

use reqwest::{Response, StatusCode};
use serde_json::{Map, Value};

use super::claims::Claims;
use super::echo::Echo;
use super::{Asked, Token, TokenFault};
use crate::config::{OauthConfig, SecretError};
use crate::foreign::one_line;
use crate::web::{self, Peer, Suspect, Unusable, causes, suspect};

/// The longest attempt.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer. Tokens have some thousand bytes.
const LONGEST_ANSWER: usize = 1 << 20;

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
struct Issued {
    access_token: String,
    life: Option<Duration>,
}

impl Endpoint {
    pub(super) fn of(settings: &OauthConfig) -> Option<Self> {
        let url = settings.token_endpoint.clone()?;
        Some(Self { url, settings: settings.clone() })
    }

    pub(super) async fn issue(&self) -> Result<Token, TokenFault> {
        let OauthConfig { client_id, client_secret, scope, audience, extensions, ca, .. } = &self.settings;
        let unread = |error: SecretError| {
            format!("kafka.security.oauth.client_secret: {}; name a file that holds it", error.with_cause())
        };
        // A file may lie where reading it takes long.
        let secret = client_secret.clone();
        let secret = tokio::task::spawn_blocking(move || secret.map(|secret| secret.read()).transpose()).await;
        let secret = secret.map_err(|error| TokenFault::passing(error.to_string()))?;
        let secret = secret.map_err(|error| TokenFault::lasting(unread(error)))?.unwrap_or_default();
        let peer = Peer {
            urls: std::slice::from_ref(&self.url),
            ca_key: "kafka.security.oauth.ca",
            ca: ca.as_deref(),
            identity: None,
            timeout: TIMEOUT,
        };
        let http = web::client(&peer).await.map_err(unusable)?;
        let options = [("scope", scope), ("audience", audience)];
        let options = options.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let form: Vec<_> = std::iter::once(("grant_type", "client_credentials")).chain(options).collect();
        let id = client_id.as_deref().unwrap_or_default();
        // As they are, as Kafka's own client has it, and not form-encoded as RFC 6749 wants it.
        let request =
            http.post(&self.url).basic_auth(id, Some(&secret)).header("accept", "application/json").form(&form);
        let unreached = |error: reqwest::Error| TokenFault::passing(self.unreached(&error));
        let asked = Asked::now();
        let mut response = request.send().await.map_err(unreached)?;
        let (status, mut body) = (response.status(), Vec::new());
        while let Some(piece) = response.chunk().await.map_err(unreached)? {
            if body.len() + piece.len() > LONGEST_ANSWER {
                return Err(
                    self.refused(&TokenFault::lasting(format!("answers with more than a token; see {ENDPOINT}")))
                );
            }
            body.extend(piece);
        }
        if let Some(place) = leads_to(&response) {
            return Err(
                self.refused(&TokenFault::lasting(format!("answers {status}, and leads to {place}; see {ENDPOINT}")))
            );
        }
        let answer = issued(status, &String::from_utf8_lossy(&body), &Echo::of(id, &secret));
        let Issued { access_token, life } = answer.map_err(|fault| self.refused(&fault))?;
        let claims = Claims::of(&access_token);
        let told = claims.as_ref().and_then(Claims::expires);
        let told = told.map(|at| at.duration_since(SystemTime::now()).unwrap_or_default());
        let principal = claims.as_ref().and_then(Claims::subject).unwrap_or_else(|| id.to_owned());
        let life = life.or(told).unwrap_or(LIFE);
        let mut token = Token::new(access_token, principal, asked, life, clue(claims.as_ref()));
        token.extensions = extensions.clone().into_iter().collect();
        Ok(token)
    }

    /// Nothing was answered.
    pub(super) fn late(&self, within: &impl std::fmt::Display) -> String {
        format!("the token endpoint {} does not answer within {within}; see {ENDPOINT}", web::named(&self.url))
    }

    fn refused(&self, fault: &TokenFault) -> TokenFault {
        let TokenFault { reason, is_final } = fault;
        TokenFault { reason: format!("the token endpoint {} {reason}", web::named(&self.url)), is_final: *is_final }
    }

    fn unreached(&self, error: &reqwest::Error) -> String {
        if error.is_timeout() {
            return self.late(&humantime::format_duration(TIMEOUT));
        }
        let said = format!("{}: {}", web::named(&self.url), causes(error));
        if let Some(fault) = of_certificate(&said) {
            return format!("the token endpoint cannot be reached: {said}; {fault}");
        }
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

/// Where a redirection leads, which is not followed: the secret would go there. A query may hold secrets, and is not shown.
fn leads_to(response: &Response) -> Option<String> {
    let location = response.headers().get("location").filter(|_| response.status().is_redirection())?;
    let place = response.url().join(location.to_str().ok()?).ok()?;
    Some(one_line(&format!("{}{}", place.origin().ascii_serialization(), place.path())))
}

/// What no setting of ours mends about an endpoint's certificate.
fn of_certificate(said: &str) -> Option<&'static str> {
    let says = |word: &str| said.contains("invalid peer certificate") && said.to_lowercase().contains(word);
    if says("expired") {
        Some("its certificate has expired: have it renewed, or see the clock of this machine")
    } else if says("not valid yet") || says("notvalidyet") {
        Some("its certificate is not valid yet: see the clock of this machine")
    } else if says("causedasendentity") {
        Some(
            "its certificate is an authority's own (CA:TRUE): it needs one that an authority has signed, or one with CA:FALSE",
        )
    } else {
        None
    }
}

fn unusable(unusable: Unusable) -> TokenFault {
    TokenFault::lasting(match unusable {
        Unusable::Setting("url", reason) => format!("{ENDPOINT}: {reason}"),
        Unusable::Setting(part, reason) => {
            format!("kafka.security.oauth.{part}: {reason}; name a file of certificates in PEM, or give their text")
        }
        Unusable::Bundle(diagnostic) => diagnostic.to_string(),
    })
}

/// The token of an answer, or why there is none, in words that follow the endpoint's name.
fn issued(status: StatusCode, text: &str, echo: &Echo) -> Result<Issued, TokenFault> {
    // Some servers begin with a byte order mark.
    let answer: Option<Map<String, Value>> = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok();
    let member = |name: &str| answer.as_ref().and_then(|answer| answer.get(name)).filter(|value| !value.is_null());
    // Those of a refusal are of RFC 6749, section 5.2. Some servers have objects there.
    let said =
        |name| member(name).map(|value| echo.without(&value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    let (error, error_description) = (said("error"), said("error_description"));
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
    let token = match (member("access_token"), &answer, error) {
        (Some(Value::String(token)), ..) if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(token.clone())
        }
        (Some(_), ..) => {
            Err("answers with a token (access_token) that is no text of letters, digits and signs".to_owned())
        }
        (None, _, Some(error)) => Err(format!("answers without a token{}", described(&error, error_description))),
        (None, Some(_), None) => Err("answers without a token (access_token)".to_owned()),
        (None, None, None) => Err("answers with what is no token in JSON".to_owned()),
    };
    let access_token = token.map_err(|what| TokenFault::lasting(format!("{what}; see {ENDPOINT}")))?;
    Ok(Issued { access_token, life: member("expires_in").and_then(seconds) })
}

fn described(error: &str, description: Option<String>) -> String {
    let said = description.map_or_else(|| error.to_owned(), |description| format!("{error}: {description}"));
    format!(": {}", one_line(&said))
}

fn seconds(value: &Value) -> Option<Duration> {
    let seconds = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
    // Below zero it has ended. No number is none.
    Duration::try_from_secs_f64(if seconds < 0.0 { 0.0 } else { seconds }).ok()
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
