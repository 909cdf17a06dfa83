//! Names and their texts: the SASL extensions of OAUTHBEARER.

use figment::value::{Dict, Value};

use super::shown::quoted;
use super::value::RawValue;

/// The setting with SASL extensions.
pub(super) const EXTENSIONS: &str = "kafka.security.oauth.extensions";

/// The name of an extension in the key of it alone.
pub(super) fn name_in(key: &str) -> &str {
    key.strip_prefix(EXTENSIONS).and_then(|rest| rest.strip_prefix('.')).unwrap_or(key)
}

/// What such a setting takes.
pub(super) const TAKES: &str = "takes a table such as { logicalCluster = \"lkc-1\" }, or logicalCluster=lkc-1,…";

/// The table of a value, or why it is none. Empty parts of a text are dropped, as in a list.
pub(super) fn convert(raw: &RawValue) -> Result<Value, String> {
    let mut pairs = Dict::new();
    match raw {
        RawValue::Table(entries) => {
            for (name, given) in entries {
                pairs.insert(name.clone(), text_of(name, &given.raw)?);
            }
        }
        RawValue::Untyped(text) | RawValue::Text(text) => {
            for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
                let (name, value) = part.split_once('=').ok_or_else(|| format!("{} has no =", quoted(part)))?;
                let (name, value) = (name.trim(), RawValue::Text(value.trim().to_owned()));
                if pairs.insert(name.to_owned(), text_of(name, &value)?).is_some() {
                    return Err(format!("{name} stands in it twice"));
                }
            }
        }
        _ => return Err("is no table".to_owned()),
    }
    Ok(Value::from(pairs))
}

/// The text of an extension (RFC 7628, section 3.1: `key` and `value`), or why it is none. `auth` is what the token itself goes by.
pub(super) fn text_of(name: &str, raw: &RawValue) -> Result<Value, String> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Err(format!("{} is no name of an extension, which has letters alone", quoted(name)));
    }
    if name == "auth" {
        return Err("auth is the name of the token itself".to_owned());
    }
    let text = raw.text().ok_or_else(|| format!("the value of {name} is not text"))?;
    let is_legal = |byte: u8| byte.is_ascii_graphic() || b" \t\r\n".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_legal) {
        return Err(format!("the value of {name} is empty, or holds what is not printable ASCII"));
    }
    Ok(Value::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(raw: &RawValue) -> Result<Vec<(String, String)>, String> {
        let pairs = convert(raw)?.into_dict().unwrap();
        Ok(pairs.into_iter().map(|(name, text)| (name, text.into_string().unwrap())).collect())
    }

    #[test]
    fn a_text_is_split_at_commas_and_its_parts_at_the_first_equals_sign() {
        let pairs = converted(&RawValue::Untyped(" logicalCluster=lkc-1, ,identityPoolId=pool=1,".to_owned())).unwrap();
        let expected = [("identityPoolId", "pool=1"), ("logicalCluster", "lkc-1")];
        assert_eq!(pairs, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }

    #[test]
    fn what_no_broker_would_take_is_refused() {
        let table = ["lkc-1", "a=", "=b", "auth=t", "a-b=c", "a=1,a=2", "a=\u{e9}", "a=b\u{1}c"];
        for text in table {
            assert!(converted(&RawValue::Untyped(text.to_owned())).is_err(), "{text}");
        }
        assert!(converted(&RawValue::Flag(true)).is_err());
    }
}
