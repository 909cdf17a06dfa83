//! What a token shows of itself, where it is a JWT (RFC 7519). Nobody's signature is checked: that is the broker's work.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_types::base64;
use serde::Deserialize;
use serde_json::Value;

use crate::contract::rfc3339;
use crate::foreign::one_line;

/// The claims that a broker may refuse a token for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Claims {
    sub: Option<String>,
    iss: Option<String>,
    /// A text, or a list of them.
    aud: Option<Value>,
    /// Seconds since the epoch.
    exp: Option<f64>,
}

impl Claims {
    /// The claims of a token; None where it is no JWT.
    pub(super) fn of(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (_, payload) = (parts.next()?, parts.next()?);
        let mut payload = payload.replace('-', "+").replace('_', "/");
        payload.extend(std::iter::repeat_n('=', (4 - payload.len() % 4) % 4));
        serde_json::from_slice(&base64::decode(payload).ok()?).ok()
    }

    /// Whom the token stands for.
    pub(super) fn subject(&self) -> Option<String> {
        self.sub.clone()
    }

    /// When it expires.
    pub(super) fn expires(&self) -> Option<SystemTime> {
        let seconds = self.exp.filter(|seconds| (0.0..1e12).contains(seconds))?;
        UNIX_EPOCH.checked_add(Duration::from_secs_f64(seconds))
    }

    /// In words.
    pub(super) fn shown(&self, now: SystemTime) -> String {
        let audience = self.aud.as_ref().map(|audience| match audience {
            Value::String(text) => text.clone(),
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" and "),
            other => other.to_string(),
        });
        let expiry = self.expires().map(|at| {
            let is = if at <= now { "expired at" } else { "expires at" };
            let millis = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
            format!("{is} {}", rfc3339(i64::try_from(millis).unwrap_or(i64::MAX)))
        });
        let named = |name: &str, value: &Option<String>| match value {
            Some(value) => format!("{name} {value}"),
            None => format!("no {name}"),
        };
        let all = [
            named("subject", &self.sub),
            named("audience", &audience),
            named("issuer", &self.iss),
            expiry.unwrap_or_else(|| "no expiry".to_owned()),
        ];
        one_line(&all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> String {
        let payload = base64::encode(payload).replace('+', "-").replace('/', "_");
        format!("eyJhbGciOiJub25lIn0.{}.", payload.trim_end_matches('='))
    }

    #[test]
    fn claims_are_shown_in_words() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        for (payload, shown) in [
            (
                r#"{"sub":"prod","aud":"kafka","iss":"https://login","exp":2000}"#,
                "subject prod, audience kafka, issuer https://login, expires at 1970-01-01T00:33:20.000Z",
            ),
            (
                r#"{"aud":["a","b"],"exp":999.5}"#,
                "no subject, audience a and b, no issuer, expired at 1970-01-01T00:16:39.500Z",
            ),
            ("{}", "no subject, no audience, no issuer, no expiry"),
            (r#"{"sub":"ü?>~"}"#, "subject ü?>~, no audience, no issuer, no expiry"),
        ] {
            assert_eq!(Claims::of(&token(payload)).unwrap().shown(now), shown, "{payload}");
        }
    }

    #[test]
    fn what_is_no_jwt_shows_nothing() {
        for token in ["", "opaque", "a.b", "a.!.c", &token("[1]"), &token("no JSON")] {
            assert!(Claims::of(token).is_none(), "{token}");
        }
    }
}
