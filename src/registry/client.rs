//! Requests to the registry. The next URL is tried only if one does not answer, or answers 408, 429 or 5xx.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::error::{Error, Operation, Refusal, hint};
use super::subject::Subject;
use crate::config::{Config, Secret};
use crate::foreign::one_line;
use crate::web::{self, Peer, causes};

/// The longest attempt at one URL.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Rounds over all URLs, so that an outage of a second or two does not matter.
const ROUNDS: u32 = 3;

/// How many characters of an answer are shown that is not a registry's.
const SHOWN: usize = 200;

/// Whether the registry would accept a schema under its subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compatibility {
    /// The subject has no schema yet.
    New,
    /// The schema may be registered, or already is.
    Compatible,
    /// Why it may not, in the registry's words.
    Incompatible(Vec<String>),
}

/// A client for one use: secrets may be in files, which are read again for each sync.
pub struct Client {
    http: reqwest::Client,
    urls: Vec<String>,
    /// Index of the URL that answered last. It is asked first, so that a silent URL costs its timeout only once.
    answered: AtomicUsize,
    basic: Option<(String, String)>,
    bearer: Option<String>,
    /// The wait before the second round; it doubles before the third.
    pause: Duration,
}

#[derive(Deserialize)]
struct ErrorBody {
    error_code: i64,
    message: String,
}

#[derive(Deserialize)]
struct IdBody {
    id: u32,
}

#[derive(Deserialize)]
struct CompatibilityBody {
    is_compatible: bool,
    /// Reasons, from Confluent's registry.
    #[serde(default)]
    messages: Vec<String>,
    /// The reason, from Apicurio.
    reason: Option<String>,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("urls", &self.urls).finish_non_exhaustive()
    }
}

impl Client {
    /// A client for `schema_registry.url`. Nothing is contacted. reqwest chooses the proxy, as described in [`crate::aws::http`].
    ///
    /// # Errors
    /// A setting that cannot be used: a file that cannot be read, or an invalid certificate.
    pub async fn new(config: &Config) -> Result<Self, Error> {
        let settings = &config.schema_registry;
        let failed = |key| move |reason: String| Error::Setting { key, reason };
        let secret = |key, secret: &Option<Secret>| {
            let read = secret.as_ref().map(|secret| secret.read()).transpose();
            read.map_err(|error| failed(key)(error.with_cause()))
        };
        let password = secret("password", &settings.password)?;
        let peer = Peer {
            urls: &settings.url,
            ca_key: "schema_registry.ca",
            ca: settings.ca.as_deref(),
            identity: settings.certificate.as_deref().zip(settings.key.as_ref()),
            timeout: TIMEOUT,
        };
        Ok(Self {
            http: web::client(&peer).await?,
            answered: AtomicUsize::new(0),
            urls: settings.url.iter().map(|url| url.trim_end_matches('/').to_owned()).collect(),
            basic: settings.username.clone().map(|username| (username, password.unwrap_or_default())),
            bearer: secret("bearer_token", &settings.bearer_token)?,
            pause: config.limits.backoff_base,
        })
    }

    /// The id of a registered schema.
    ///
    /// # Errors
    /// The registry cannot be reached, or refuses; the schema is not registered under its subject.
    pub async fn look_up(&self, subject: &Subject) -> Result<u32, Error> {
        let path = format!("/subjects/{}?normalize=true", subject.name);
        self.id(Operation::LookUp, &path, subject).await
    }

    /// Registers a schema, unless it is registered already, and returns its id.
    ///
    /// # Errors
    /// The registry cannot be reached, or refuses.
    pub async fn register(&self, subject: &Subject) -> Result<u32, Error> {
        let path = format!("/subjects/{}/versions?normalize=true", subject.name);
        let registered = self.id(Operation::Register, &path, subject).await;
        match &registered {
            // Another producer has just registered it: some registries answer that with a conflict.
            Err(Error::Refused { status: 409, .. }) => self.look_up(subject).await.or(registered),
            _ => registered,
        }
    }

    /// Tests a schema against those of its subject, as the subject's compatibility level demands.
    ///
    /// # Errors
    /// The registry cannot be reached, or refuses to test.
    pub async fn test(&self, subject: &Subject) -> Result<Compatibility, Error> {
        // Asked first, because not every registry says that an unknown subject is the reason why it refuses to test.
        let versions = self.ask(Method::GET, &format!("/subjects/{}/versions", subject.name), None).await?;
        match versions {
            Err(refusal) if refusal.is_unknown() => return Ok(Compatibility::New),
            Err(refusal) => return Err(refusal.of(Operation::Test, subject)),
            Ok(_) => {}
        }
        let path = format!("/compatibility/subjects/{}/versions?normalize=true&verbose=true", subject.name);
        let answer = self.ask(Method::POST, &path, Some(subject.body())).await?;
        let judged: CompatibilityBody = self.read(Operation::Test, subject, answer)?;
        Ok(if judged.is_compatible {
            Compatibility::Compatible
        } else {
            let reasons = judged.messages.iter().chain(&judged.reason);
            Compatibility::Incompatible(reasons.map(|reason| one_line(reason)).collect())
        })
    }

    /// The mode that a registry is in for a subject, such as `READONLY`. None if it does not tell: not all registries have modes.
    pub async fn mode(&self, subject: &Subject) -> Option<String> {
        let path = format!("/mode/{}?defaultToGlobal=true", subject.name);
        let answer = self.ask(Method::GET, &path, None).await.ok()?.ok()?;
        answer["mode"].as_str().map(one_line)
    }

    async fn id(&self, operation: Operation, path: &str, subject: &Subject) -> Result<u32, Error> {
        let answer = self.ask(Method::POST, path, Some(subject.body())).await?;
        self.read(operation, subject, answer).map(|IdBody { id }| id)
    }

    fn read<T: for<'a> Deserialize<'a>>(
        &self,
        operation: Operation,
        subject: &Subject,
        answer: Result<Value, Refusal>,
    ) -> Result<T, Error> {
        let value = answer.map_err(|refusal| refusal.of(operation, subject))?;
        T::deserialize(&value).map_err(|error| {
            Refusal { status: 200, code: None, message: format!("{error} in {}", shortened(&value.to_string())) }
                .of(operation, subject)
        })
    }

    /// Asks the URLs in order, for some rounds, until one answers.
    async fn ask(&self, method: Method, path: &str, body: Option<String>) -> Result<Result<Value, Refusal>, Error> {
        let mut tried = Vec::new();
        for round in 0..ROUNDS {
            if round > 0 {
                tokio::time::sleep(self.pause * 2_u32.pow(round - 1)).await;
            }
            tried.clear();
            let first = self.answered.load(Ordering::Relaxed);
            for index in (0..self.urls.len()).map(|offset| (first + offset) % self.urls.len()) {
                let url = &self.urls[index];
                match self.attempt(method.clone(), &format!("{url}{path}"), body.clone()).await {
                    Ok(answer) => {
                        self.answered.store(index, Ordering::Relaxed);
                        return Ok(answer);
                    }
                    Err(reason) => {
                        tracing::debug!(url, reason, "the schema registry does not answer");
                        tried.push(format!("{}: {reason}", web::named(url)));
                    }
                }
            }
        }
        let tried = tried.join(", ");
        Err(Error::Unreachable { hint: hint(&tried), tried })
    }

    /// Sends one request. An `Err` means that the next URL is worth a try.
    async fn attempt(&self, method: Method, url: &str, body: Option<String>) -> Result<Result<Value, Refusal>, String> {
        let mut request = self.http.request(method, url).header("accept", "application/vnd.schemaregistry.v1+json");
        if let Some((username, password)) = &self.basic {
            request = request.basic_auth(username, Some(password));
        }
        if let Some(token) = &self.bearer {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/vnd.schemaregistry.v1+json").body(body);
        }
        let response = request.send().await.map_err(|error| causes(&error))?;
        let status = response.status();
        let text = response.text().await.map_err(|error| causes(&error))?;
        let is_transient = matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
        if is_transient || status.is_server_error() {
            return Err(format!("{status}: {}", message(&text).1));
        }
        if status.is_success() {
            let unreadable = |_| Refusal { status: status.as_u16(), code: None, message: shortened(&text) };
            return Ok(serde_json::from_str(&text).map_err(unreadable));
        }
        let (code, message) = message(&text);
        Ok(Err(Refusal { status: status.as_u16(), code, message: format!("{status}: {message}") }))
    }
}

/// The registry's error code and message, or the beginning of any other answer.
fn message(text: &str) -> (Option<i64>, String) {
    match serde_json::from_str::<ErrorBody>(text) {
        Ok(ErrorBody { error_code, message }) => (Some(error_code), format!("{} ({error_code})", one_line(&message))),
        Err(_) => (None, shortened(text)),
    }
}

fn shortened(text: &str) -> String {
    let line: String = one_line(text).chars().take(SHOWN).collect();
    if line.is_empty() { "no text".to_owned() } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_registry_says_becomes_one_line_without_control_characters() {
        assert_eq!(message("<html>\u{1b}[31mNo\n</html>"), (None, "<html> [31mNo </html>".to_owned()));
        let json = r#"{"error_code": 40403, "message": "Schema\u001b[2J\nnot found"}"#;
        assert_eq!(message(json), (Some(40_403), "Schema [2J not found (40403)".to_owned()));
        assert_eq!(message("\n").1, "no text");
    }
}
