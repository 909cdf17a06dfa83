//! Lists of names and values: headers, and attributes of the resource. They look like W3C Baggage without its properties: `a=1,b=2`,
//! with what is no plain ASCII percent-encoded. What is wrong with one is told by its place, since even its name may be a secret.

use super::environment::Environment;

/// Headers that say what a body is. The exporter sets them.
const OURS: [&str; 6] =
    ["connection", "content-encoding", "content-length", "content-type", "host", "transfer-encoding"];

impl Environment<'_> {
    /// The headers that the first of these variables has, and its name ("Specifying headers via environment variables" of the
    /// specification of the exporter). One that is wrong is left out.
    pub(super) fn headers(&mut self, names: [&'static str; 2]) -> (Vec<(String, String)>, &'static str) {
        let variable = self.name(names);
        let Some(text) = self.get(variable) else { return (Vec::new(), variable) };
        let (mut headers, mut faults) = (Vec::new(), Vec::new());
        for (place, header) in pairs(&text) {
            match header.and_then(|(name, value)| header_of(&name, value)) {
                Ok(header) => headers.push(header),
                Err(fault) => faults.push((place, fault)),
            }
        }
        for (place, fault) in faults {
            self.warn(variable, format_args!("header {place} is left out: {fault}"));
        }
        (headers, variable)
    }

    /// The pairs of a variable; none of them if one is wrong, as the specification of the resource wants it ("Specifying resource
    /// information via an environment variable"). Of two with one name the last holds.
    pub(super) fn pairs(&mut self, variable: &'static str) -> Vec<(String, String)> {
        let text = self.get(variable).unwrap_or_default();
        let mut all: Vec<(String, String)> = Vec::new();
        for (place, pair) in pairs(&text) {
            let pair = pair.and_then(|(name, value)| Ok((decoded(&name)?, value)));
            match pair {
                Ok((name, value)) => {
                    all.retain(|(known, _)| *known != name);
                    all.push((name, value));
                }
                Err(fault) => {
                    self.warn(variable, format_args!("all of it is ignored: attribute {place} {fault}"));
                    return Vec::new();
                }
            }
        }
        all
    }
}

/// What is between the commas, but what is blank, by place: a name, and a value that is decoded.
fn pairs(text: &str) -> impl Iterator<Item = (usize, Result<(String, String), &'static str>)> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.enumerate().map(|(at, part)| (at + 1, pair(part)))
}

fn pair(part: &str) -> Result<(String, String), &'static str> {
    let (name, value) = part.split_once('=').ok_or("has no =; write NAME=VALUE, and a comma within a value as %2C")?;
    let name = name.trim();
    if name.is_empty() {
        return Err("has no name; write NAME=VALUE");
    }
    Ok((name.to_owned(), decoded(value.trim())?))
}

/// A header that can be sent, with its name in lower case.
fn header_of(name: &str, value: String) -> Result<(String, String), &'static str> {
    let name =
        http::HeaderName::try_from(name).map_err(|_| "its name is none of a header; use letters, digits and -")?;
    if OURS.contains(&name.as_str()) {
        return Err("the exporter sets it");
    }
    http::HeaderValue::try_from(value.as_bytes()).map_err(|_| "its value holds a control character")?;
    Ok((name.as_str().to_owned(), value))
}

/// Text without its percent-encoding (RFC 3986, section 2.1). A plus is a plus.
fn decoded(text: &str) -> Result<String, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let digits = after.first_chunk::<2>().map(|digits| digits.map(|digit| char::from(digit).to_digit(16)));
        let Some([Some(high), Some(low)]) = digits else {
            return Err("has a % without two hexadecimal digits after it; write it as %25");
        };
        bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| "does not decode to UTF-8")
}
