//! Writes JSON straight into bytes: a million tasks must cost the simulator less than they cost its client.

use std::fmt::{self, Write as _};

/// Objects under construction. Each method writes one member; what is not written is absent.
#[derive(Default)]
pub(crate) struct Json(Vec<u8>);

impl Json {
    /// A whole object.
    pub(crate) fn object_of(write: impl FnOnce(&mut Json)) -> Vec<u8> {
        Json::object_of_size(0, write)
    }

    /// A whole object of about this many bytes: large ones are not copied as they grow.
    pub(crate) fn object_of_size(bytes: usize, write: impl FnOnce(&mut Json)) -> Vec<u8> {
        let mut json = Json(Vec::with_capacity(bytes));
        json.item(write);
        json.0
    }

    /// Bytes written so far.
    pub(crate) fn length(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        self.string(text);
    }

    /// Text from `format_args!`, without a String between. Its parts must need no escape: names, ids
    /// and ARNs never do.
    pub(crate) fn format(&mut self, key: &str, text: fmt::Arguments<'_>) {
        self.key(key);
        self.0.push(b'"');
        self.write(text);
        self.0.push(b'"');
    }

    pub(crate) fn number(&mut self, key: &str, number: u64) {
        self.raw(key, format_args!("{number}"));
    }

    pub(crate) fn flag(&mut self, key: &str, flag: bool) {
        self.raw(key, format_args!("{flag}"));
    }

    pub(crate) fn null(&mut self, key: &str) {
        self.raw(key, format_args!("null"));
    }

    /// An instant in steps of 0.1 ms, as fractional epoch seconds: most with milliseconds, some
    /// finer, some with an exponent, all of which AWS sends.
    pub(crate) fn time(&mut self, key: &str, steps: u64) {
        let (seconds, fine) = (steps / 10_000, steps % 10_000);
        let (fraction, digits) = if fine % 10 == 0 { (fine / 10, 3) } else { (fine, 4) };
        if (steps / 10).is_multiple_of(7) {
            let (billions, rest) = (seconds / 1_000_000_000, seconds % 1_000_000_000);
            self.raw(key, format_args!("{billions}.{rest:09}{fraction:0digits$}E9"));
        } else {
            self.raw(key, format_args!("{seconds}.{fraction:0digits$}"));
        }
    }

    pub(crate) fn object(&mut self, key: &str, write: impl FnOnce(&mut Json)) {
        self.key(key);
        self.enclosed(b'{', b'}', write);
    }

    pub(crate) fn list(&mut self, key: &str, write: impl FnOnce(&mut Json)) {
        self.key(key);
        self.enclosed(b'[', b']', write);
    }

    pub(crate) fn texts(&mut self, key: &str, texts: &[&str]) {
        self.list(key, |list| texts.iter().for_each(|text| list.element(text)));
    }

    /// An object in a list.
    pub(crate) fn item(&mut self, write: impl FnOnce(&mut Json)) {
        self.comma();
        self.enclosed(b'{', b'}', write);
    }

    /// An object in a list, of texts alone.
    pub(crate) fn record(&mut self, members: &[(&str, &str)]) {
        self.item(|item| members.iter().for_each(|(key, text)| item.text(key, text)));
    }

    /// A text in a list.
    pub(crate) fn element(&mut self, text: &str) {
        self.comma();
        self.string(text);
    }

    fn key(&mut self, key: &str) {
        self.0.reserve(key.len() + 4);
        self.comma();
        // Keys are the API's own and need no escape.
        self.0.push(b'"');
        self.0.extend_from_slice(key.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn comma(&mut self) {
        // A text ends with a quote, so an opening bracket is always one.
        if !matches!(self.0.last(), None | Some(b'{' | b'[')) {
            self.0.push(b',');
        }
    }

    fn enclosed(&mut self, open: u8, close: u8, write: impl FnOnce(&mut Json)) {
        self.0.push(open);
        write(self);
        self.0.push(close);
    }

    fn string(&mut self, text: &str) {
        let needs_escape = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
        self.0.push(b'"');
        // Nearly all texts need none; looking at every byte is faster than stopping at the first.
        if !text.bytes().fold(false, |any, byte| any | needs_escape(byte)) {
            self.0.extend_from_slice(text.as_bytes());
        } else {
            for byte in text.bytes() {
                if needs_escape(byte) {
                    self.write(format_args!("\\u{byte:04x}"));
                } else {
                    self.0.push(byte);
                }
            }
        }
        self.0.push(b'"');
    }

    fn raw(&mut self, key: &str, value: fmt::Arguments<'_>) {
        self.key(key);
        self.write(value);
    }

    fn write(&mut self, text: fmt::Arguments<'_>) {
        // Writing to bytes cannot fail.
        let _ = self.write_fmt(text);
    }
}

/// Formats straight into the bytes, without the error handling of `io::Write`.
impl fmt::Write for Json {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_separated_and_texts_escaped() {
        let odd = "\"q\" \\ {\n\u{1f} ü 支";
        let bytes = Json::object_of(|json| {
            json.text("text", odd);
            json.format("format", format_args!("{:02x}/ü", 10));
            json.null("null");
            json.flag("flag", true);
            json.object("empty", |_| {});
            json.texts("texts", &["a", "{"]);
            json.number("number", 7);
            json.list("list", |list| {
                list.item(|item| item.number("n", 1));
                list.item(|item| item.texts("none", &[]));
                list.record(&[("a", "b"), ("c", "d")]);
            });
        });
        let expected = serde_json::json!({
            "text": odd, "format": "0a/ü", "null": null, "flag": true, "empty": {}, "texts": ["a", "{"],
            "number": 7, "list": [{"n": 1}, {"none": []}, {"a": "b", "c": "d"}],
        });
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&bytes).ok(), Some(expected));
    }

    #[test]
    fn times_keep_every_step() {
        let check = |steps, expected: &str| {
            let bytes = Json::object_of(|json| json.time("at", steps));
            assert_eq!(String::from_utf8_lossy(&bytes), format!("{{\"at\":{expected}}}"));
        };
        check(17_000_001_230_410, "1700000123.041");
        check(17_000_001_234_567, "1700000123.4567");
        check(17_000_001_239_996, "1700000123.9996");
        check(17_000_001_230_520, "1.700000123052E9");
    }
}
