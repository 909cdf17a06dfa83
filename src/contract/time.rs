//! Instants: rounded to milliseconds, and from milliseconds to text.

use std::time::{Duration, UNIX_EPOCH};

use aws_smithy_types::DateTime;

/// Milliseconds since the epoch, rounded to the nearest. AWS sends fractions of seconds, and truncating could lose a millisecond.
pub fn millis(time: &DateTime) -> i64 {
    let nanos = time.as_nanos();
    i64::try_from((nanos + 500_000).div_euclid(1_000_000)).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// Writes an instant as RFC 3339 text: UTC, exactly three decimals and `Z`.
pub fn rfc3339(millis: i64) -> String {
    const YEAR_10000: u64 = 253_402_300_800_000;
    // humantime writes the years 1970 to 9999. An instant outside them can only be a malformed member of an answer.
    match u64::try_from(millis) {
        Ok(since_epoch) if since_epoch < YEAR_10000 => {
            humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(since_epoch)).to_string()
        }
        _ => format!("{millis}ms"),
    }
}
