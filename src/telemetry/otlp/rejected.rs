//! What a collector has rejected although it took the request: the partial success of OTLP ("Partial Success" of its specification). It
//! is read here because the SDK tells it in a line of its own alone, with the collector's words.

/// Where each answer has its partial success, and that what was rejected: field 1 of both, in the answers to metrics and to traces
/// (opentelemetry-proto, `metrics_service.proto` and `trace_service.proto`).
const FIELD: u64 = 1;

/// How many points or spans were rejected, as the body of an answer says. 0 where it does not say, or is none of OTLP.
pub(super) fn rejected(body: &[u8]) -> u64 {
    let partial = fields(body).find_map(|(field, value)| match value {
        Value::Bytes(bytes) if field == FIELD => Some(bytes),
        _ => None,
    });
    let count = fields(partial.unwrap_or_default()).find_map(|(field, value)| match value {
        Value::Number(count) if field == FIELD => Some(count),
        _ => None,
    });
    count.unwrap_or_default()
}

/// A value of protobuf's wire format (protobuf.dev/programming-guides/encoding).
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message, as far as it can be read.
fn fields(mut rest: &[u8]) -> impl Iterator<Item = (u64, Value<'_>)> {
    std::iter::from_fn(move || {
        let tag = number(&mut rest)?;
        let value = match tag & 7 {
            0 => Value::Number(number(&mut rest)?),
            2 => {
                let length = usize::try_from(number(&mut rest)?).ok()?;
                let (bytes, after) = rest.split_at_checked(length)?;
                rest = after;
                Value::Bytes(bytes)
            }
            // Such fields are in neither message.
            _ => return None,
        };
        Some((tag >> 3, value))
    })
}

/// A number of 7 bits a byte, the lowest first.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::rejected;

    #[test]
    fn what_was_rejected_is_read_and_nothing_else_is_taken_for_it() {
        let cases: &[(&[u8], u64)] = &[
            (b"", 0),
            (b"{}", 0),
            (b"<html>", 0),
            // All was taken, and the message is a warning.
            (b"\x0a\x04\x12\x02hm", 0),
            (b"\x0a\x02\x08\x05", 5),
            (b"\x0a\x06\x12\x01x\x08\x96\x01", 150),
            (b"\x10\x07\x0a\x02\x08\x05", 5),
            // It breaks off.
            (b"\x0a\x09\x08\x05", 0),
            (b"\x0a\x02\x08\x80", 0),
            (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 0),
        ];
        for (body, expected) in cases {
            assert_eq!(rejected(body), *expected, "{body:?}");
        }
    }
}
