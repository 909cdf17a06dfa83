//! How a token endpoint answers, and what is in its tokens.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::{JSON, Refused};
use crate::jwt::{AUDIENCE, ISSUER, Key, unsecured};
use crate::secured::USER;

/// How an endpoint answers.
#[derive(Clone)]
pub struct Answers {
    /// With a token, or otherwise.
    pub reply: Reply,
    /// How long a token lives.
    pub life: Duration,
    /// How the answer tells it.
    pub expires_in: ExpiresIn,
    /// Who has signed a token.
    pub signature: Signature,
    /// Claims that stand in a token in place of the usual ones, or beside them.
    pub claims: Map<String, Value>,
    /// The one scope that is granted; every scope without it.
    pub scope: Option<&'static str>,
    /// The one audience that tokens are for; every audience without it.
    pub audience: Option<&'static str>,
}

/// What is answered.
#[derive(Clone)]
pub enum Reply {
    /// A token to who asks for it rightly, and a refusal to everybody else.
    Token,
    /// This status, content type and text, to everybody.
    Status(u16, &'static str, &'static str),
    /// Nothing, ever.
    Hang,
}

impl Reply {
    /// This JSON, to everybody.
    pub fn json(status: u16, text: &'static str) -> Self {
        Self::Status(status, JSON, text)
    }
}

/// How the life of a token is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpiresIn {
    /// As a number, which is the rule.
    Number,
    /// As a text that holds the number.
    Text,
    /// By the token alone.
    Absent,
}

/// Who has signed a token.
#[derive(Clone)]
pub enum Signature {
    /// Nobody.
    None,
    /// Who has this key.
    Of(Arc<Key>),
}

impl Answers {
    /// Tokens that live for five minutes.
    pub fn tokens(signature: Signature) -> Self {
        Self {
            reply: Reply::Token,
            life: Duration::from_secs(300),
            expires_in: ExpiresIn::Number,
            signature,
            claims: Map::new(),
            scope: None,
            audience: None,
        }
    }

    /// The same, with this claim in each token.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// The same, with another reply.
    #[must_use]
    pub fn reply(self, reply: Reply) -> Self {
        Self { reply, ..self }
    }

    /// A token for who asks with this form, and the answer with it.
    pub(super) fn granted(&self, form: &BTreeMap<String, String>) -> Result<(String, Value), Refused> {
        let given = |name: &str| form.get(name).map(String::as_str);
        if given("grant_type") != Some("client_credentials") {
            return Err((400, "unsupported_grant_type", "only client_credentials"));
        }
        if self.scope.is_some() && given("scope") != self.scope {
            return Err((400, "invalid_scope", "the scope is unknown"));
        }
        if self.audience.is_some() && given("audience") != self.audience {
            return Err((400, "invalid_target", "the audience is unknown"));
        }
        let (life, now) = (self.life.as_secs(), SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs());
        let audience = given("audience").unwrap_or(AUDIENCE);
        let mut claims = json!({"sub": USER, "iss": ISSUER, "aud": audience, "iat": now, "exp": now + life, "scope": given("scope")});
        // Two tokens of one second are two.
        claims["jti"] = fastrand::u64(..).to_string().into();
        claims.as_object_mut().unwrap().extend(self.claims.clone());
        let token = match &self.signature {
            Signature::None => unsecured(&claims),
            Signature::Of(key) => key.sign(&claims),
        };
        let mut answer = json!({"access_token": token, "token_type": "Bearer"});
        match self.expires_in {
            ExpiresIn::Number => answer["expires_in"] = life.into(),
            ExpiresIn::Text => answer["expires_in"] = life.to_string().into(),
            ExpiresIn::Absent => {}
        }
        Ok((token, answer))
    }
}
