//! What a token endpoint repeats of what it was sent: no line of ours may hold the client's secret, however it is written.

use aws_smithy_types::base64;
use reqwest::Url;

/// What stands for words that hold the secret.
const WITHHELD: &str = "<withheld: it repeats the client's secret>";

/// Knows the client's secret.
pub(super) struct Echo {
    /// Its letters and digits: what stays of it when its other characters are escaped one way or another.
    skeleton: String,
    /// As it is, and in Base64 without padding, alone and with the client's id (HTTP Basic).
    spellings: Vec<String>,
}

impl Echo {
    pub(super) fn of(id: &str, secret: &str) -> Self {
        let mut spellings = vec![secret.to_owned()];
        for text in [secret, &format!("{id}:{secret}")] {
            let encoded = base64::encode(text);
            let encoded = encoded.trim_end_matches('=');
            spellings.extend([encoded.to_owned(), encoded.replace('+', "-").replace('/', "_")]);
        }
        spellings.retain(|spelling| !spelling.is_empty());
        Self { skeleton: skeleton(secret), spellings }
    }

    /// What an endpoint says, where it does not hold the secret.
    pub(super) fn without(&self, said: &str) -> String {
        if self.is_in(said) { WITHHELD.to_owned() } else { said.to_owned() }
    }

    fn is_in(&self, said: &str) -> bool {
        let is_spelled = |said: &str| self.spellings.iter().any(|spelling| said.contains(spelling));
        let is_escaped = |said: &str| !self.skeleton.is_empty() && skeleton(said).contains(&self.skeleton);
        is_spelled(said)
            || [said.to_owned(), from_form(said), from_html(said), from_json(said)].iter().any(|said| is_escaped(said))
    }
}

fn skeleton(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Percent-encoding, as forms and URLs have it.
fn from_form(text: &str) -> String {
    let url = Url::parse(&format!("http://localhost/?{}", text.replace('#', " ")));
    url.map(|url| url.query_pairs().flat_map(|(name, value)| [name.into_owned(), value.into_owned()]).collect())
        .unwrap_or_default()
}

fn from_html(text: &str) -> String {
    ["&quot;", "&amp;", "&lt;", "&gt;", "&apos;", "&#39;", "&#34;"]
        .iter()
        .fold(text.to_owned(), |text, entity| text.replace(entity, " "))
}

/// `\u00fc`. Other escapes of JSON have no letters that matter.
fn from_json(text: &str) -> String {
    let mut parts = text.split("\\u");
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let letter = part.get(..4).and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        decoded.extend(letter);
        decoded.push_str(if letter.is_some() { &part[4..] } else { part });
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_of_the_secret_is_repeated() {
        let secret = "S3cr3t/x y\"ü%&z";
        let echo = Echo::of("me", secret);
        for said in [
            secret,
            "S3cr3t\\/x y\\\"ü%&z",
            "{\"client_secret\": \"S3cr3t/x y\\\"\\u00fc%&z\"}",
            "S3cr3t/x\ny\"ü%&z",
            "s3cr3t%2fx%20y%22%c3%bc%25%26z",
            "S3cr3t%2Fx+y%22%C3%BC%25%26z",
            "S3cr3t/x y&quot;ü%&amp;z",
            &base64::encode(format!("me:{secret}")),
            base64::encode(format!("me:{secret}")).trim_end_matches('='),
            &base64::encode(format!("me:{secret}")).replace('+', "-").replace('/', "_"),
            &base64::encode(secret),
        ] {
            assert_eq!(echo.without(&format!("it is {said} indeed")), WITHHELD, "{said}");
        }
        assert_eq!(echo.without("invalid_client: the secret is wrong"), "invalid_client: the secret is wrong");
        assert_eq!(Echo::of("me", "").without("invalid_client"), "invalid_client");
        assert_eq!(Echo::of("me", "%/&").without("it is %/&!"), WITHHELD);
    }
}
