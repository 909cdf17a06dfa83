//! What a token shows of itself, where it is a JWT (RFC 7519). Nobody's signature is checked: that is the broker's work.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_types::base64;
use serde_json::{Map, Value};

use crate::contract::rfc3339;
use crate::foreign::one_line;

/// The latest expiry that has a date of four digits, in seconds since the epoch.
const YEAR_10000: f64 = 253_402_300_800.0;

/// The claims that a broker may refuse a token for. Any of them may be odd.
#[derive(Debug)]
pub(super) struct Claims(Map<String, Value>);

impl Claims {
    /// The claims of a token; None where it is no JWT.
    pub(super) fn of(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (_, payload) = (parts.next()?, parts.next()?);
        let mut payload = payload.trim_end_matches('=').replace('-', "+").replace('_', "/");
        payload.extend(std::iter::repeat_n('=', (4 - payload.len() % 4) % 4));
        serde_json::from_slice(&base64::decode(payload).ok()?).ok().map(Self)
    }

    /// Whom the token stands for.
    pub(super) fn subject(&self) -> Option<String> {
        self.0.get("sub")?.as_str().filter(|subject| !subject.is_empty() && !subject.contains('\0')).map(str::to_owned)
    }

    /// When it expires.
    pub(super) fn expires(&self) -> Option<SystemTime> {
        let seconds = self.0.get("exp")?.as_f64().filter(|seconds| (0.0..YEAR_10000).contains(seconds))?;
        UNIX_EPOCH.checked_add(Duration::from_secs_f64(seconds))
    }

    /// In words.
    pub(super) fn shown(&self, now: SystemTime) -> String {
        let expiry = match (self.expires(), self.0.get("exp")) {
            (Some(at), _) => {
                let is = if at <= now { "expired at" } else { "expires at" };
                let millis = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
                format!("{is} {}", rfc3339(i64::try_from(millis).unwrap_or(i64::MAX)))
            }
            (None, Some(odd)) => format!("an expiry that is no time in seconds ({odd})"),
            (None, None) => "no expiry".to_owned(),
        };
        let named = |claim: &str, name: &str| match self.0.get(claim).map(words) {
            Some(words) if !words.is_empty() => format!("{name} {words}"),
            _ => format!("no {name}"),
        };
        let all = [named("sub", "subject"), named("aud", "audience"), named("iss", "issuer"), expiry];
        one_line(&all.join(", "))
    }
}

/// A text, or a list of them, in words; anything else as JSON has it.
fn words(claim: &Value) -> String {
    match claim {
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(words).collect::<Vec<_>>().join(" and "),
        other => other.to_string(),
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
            (
                r#"{"sub":5,"aud":[],"iss":"","exp":1795848000000}"#,
                "subject 5, no audience, no issuer, an expiry that is no time in seconds (1795848000000)",
            ),
            (
                r#"{"aud":[1,"b"],"exp":"soon"}"#,
                "no subject, audience 1 and b, no issuer, an expiry that is no time in seconds (\"soon\")",
            ),
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
