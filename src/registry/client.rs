//! Requests to the registry: the next URL where one does not answer, and no other reason to leave it.

use std::error::Error as _;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::tls::{Certificate, Identity};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::error::{Error, Operation, Refusal, hint};
use super::subject::Subject;
use crate::aws::trust::{self, Trust};
use crate::config::{Config, SchemaRegistryConfig, Secret, SecretError, pem};

/// One attempt at one URL.
const ANSWER: Duration = Duration::from_secs(10);

/// Rounds over all URLs before they count as gone: what lasts a second or two is waited out.
const ROUNDS: u32 = 3;

/// How much of an answer that is not a registry's is shown.
const SHOWN: usize = 200;

/// What the registry says of a schema under a subject that has others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compatibility {
    /// The subject has no schema yet.
    New,
    /// It may be registered, or is.
    Compatible,
    /// In the registry's words: why it may not.
    Incompatible(Vec<String>),
}

/// A client for one use: secrets may come from files, which are read anew for each sync.
pub struct Client {
    http: reqwest::Client,
    urls: Vec<String>,
    /// The URL that answered last: one that is silent costs its time once.
    answered: AtomicUsize,
    basic: Option<(String, String)>,
    bearer: Option<String>,
    pause: Duration,
}

/// A registry's error body.
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
    /// Confluent's reasons.
    #[serde(default)]
    messages: Vec<String>,
    /// Apicurio's.
    reason: Option<String>,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("urls", &self.urls).finish_non_exhaustive()
    }
}

impl Client {
    /// A client for the registry of `schema_registry.url`. Nothing is contacted.
    ///
    /// # Errors
    /// A setting that makes no client: a file that cannot be read, a certificate that is none.
    pub async fn new(config: &Config) -> Result<Self, Error> {
        let settings = &config.schema_registry;
        let failed = |key| move |reason: String| Error::Setting { key, reason };
        let secret = |key, secret: &Option<Secret>| {
            let read = secret.as_ref().map(|secret| secret.read()).transpose();
            read.map_err(|error| failed(key)(unread(&error)))
        };
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("ecs-sdm-producer/", env!("CARGO_PKG_VERSION")))
            .timeout(ANSWER)
            .redirect(reqwest::redirect::Policy::none());
        if let Some(trusted) = trusted(settings).await? {
            http = http.tls_certs_only(trusted);
        }
        let identity = identity(settings)?;
        // Certificates are looked at only when the client is made.
        let key = if identity.is_some() { "certificate" } else { "ca" };
        if let Some(identity) = identity {
            http = http.identity(identity);
        }
        let password = secret("password", &settings.password)?;
        Ok(Self {
            http: http.build().map_err(|error| failed(key)(causes(&error)))?,
            answered: AtomicUsize::new(0),
            urls: settings.url.iter().map(|url| url.trim_end_matches('/').to_owned()).collect(),
            basic: settings.username.clone().map(|username| (username, password.unwrap_or_default())),
            bearer: secret("bearer_token", &settings.bearer_token)?,
            pause: config.limits.backoff_base,
        })
    }

    /// The id of a schema that is registered under its subject.
    pub(super) async fn look_up(&self, subject: &Subject) -> Result<u32, Error> {
        let path = format!("/subjects/{}?normalize=true", subject.name);
        self.id(Operation::LookUp, &path, subject).await
    }

    /// Registers a schema; the id of one that is registered already.
    ///
    /// # Errors
    /// No registry that answers, or its refusal.
    pub async fn register(&self, subject: &Subject) -> Result<u32, Error> {
        let path = format!("/subjects/{}/versions?normalize=true", subject.name);
        let registered = self.id(Operation::Register, &path, subject).await;
        match &registered {
            // Another producer was faster, which some registries call a conflict too.
            Err(Error::Refused { status: 409, .. }) => self.look_up(subject).await.or(registered),
            _ => registered,
        }
    }

    /// Holds a schema against those of its subject, as many as its compatibility level asks for.
    ///
    /// # Errors
    /// No registry that answers, or its refusal to judge.
    pub async fn test(&self, subject: &Subject) -> Result<Compatibility, Error> {
        // A subject that nobody knows is no refusal of the test, and not every registry says so of it.
        let known = self.ask(Method::GET, &format!("/subjects/{}/versions", subject.name), None).await?;
        match known {
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
            Compatibility::Incompatible(judged.messages.into_iter().chain(judged.reason).collect())
        })
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

    /// Asks the URLs in order, a few times over, until one answers.
    async fn ask(&self, method: Method, path: &str, body: Option<String>) -> Result<Result<Value, Refusal>, Error> {
        let mut tried = Vec::new();
        for round in 0..ROUNDS {
            if round > 0 {
                tokio::time::sleep(self.pause * 2_u32.pow(round - 1)).await;
            }
            tried.clear();
            let first = self.answered.load(Ordering::Relaxed);
            for place in (0..self.urls.len()).map(|place| (first + place) % self.urls.len()) {
                let url = &self.urls[place];
                match self.attempt(method.clone(), &format!("{url}{path}"), body.clone()).await {
                    Ok(answer) => {
                        self.answered.store(place, Ordering::Relaxed);
                        return Ok(answer);
                    }
                    Err(reason) => {
                        tracing::debug!(url, reason, "the schema registry does not answer");
                        tried.push(format!("{url}: {reason}"));
                    }
                }
            }
        }
        let tried = tried.join(", ");
        Err(Error::Unreachable { hint: hint(&tried), tried })
    }

    /// One request. The error is what makes the next URL worth a try.
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
        let again = matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
        if again || status.is_server_error() {
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

/// Whom TLS trusts instead of the system's: `schema_registry.ca`, else what AWS_CA_BUNDLE names.
async fn trusted(settings: &SchemaRegistryConfig) -> Result<Option<Vec<Certificate>>, Error> {
    let failed = |reason: String| Error::Setting { key: "ca", reason };
    let text = match &settings.ca {
        Some(ca) => trust::certificates(&pem(ca).map_err(|error| failed(unread(&error)))?),
        None => match Trust::load().await.map_err(Error::Bundle)?.pem() {
            Some(bundle) => bundle.to_vec(),
            None => return Ok(None),
        },
    };
    if text.is_empty() {
        return Err(failed("holds no certificate in PEM".to_owned()));
    }
    let certificates = text.iter().map(|one| Certificate::from_pem(one.as_bytes()));
    certificates.collect::<Result<_, _>>().map(Some).map_err(|error| failed(causes(&error)))
}

/// Our own certificate, for a registry that asks for one.
fn identity(settings: &SchemaRegistryConfig) -> Result<Option<Identity>, Error> {
    let (Some(certificate), Some(key)) = (&settings.certificate, &settings.key) else { return Ok(None) };
    let failed = |key| move |reason: String| Error::Setting { key, reason };
    let certificate = pem(certificate).map_err(|error| failed("certificate")(unread(&error)))?;
    let key = key.read().map_err(|error| failed("key")(unread(&error)))?;
    // What is no path may be the key itself, cut out of its PEM: it is not shown.
    let key = pem(&key).map_err(|_| failed("key")("is neither PEM text nor a file that can be read".to_owned()))?;
    let both = format!("{key}\n{certificate}");
    Identity::from_pem(both.as_bytes()).map(Some).map_err(|error| failed("certificate")(causes(&error)))
}

/// Why a setting's file cannot be read, with the system's word.
fn unread(error: &SecretError) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// The registry's number and words, or the beginning of whatever else answered.
fn message(text: &str) -> (Option<i64>, String) {
    match serde_json::from_str::<ErrorBody>(text) {
        Ok(ErrorBody { error_code, message }) => (Some(error_code), format!("{message} ({error_code})")),
        Err(_) => (None, shortened(text)),
    }
}

fn shortened(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SHOWN).collect();
    if line.is_empty() { "no text".to_owned() } else { line }
}

/// An error with its causes; the first repeats the URL, which stands before it already.
fn causes(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    if causes.is_empty() { error.to_string() } else { causes.join(": ") }
}
