//! Instants: from the API's fractions of seconds to milliseconds, and to text.

use aws_smithy_types::DateTime;

/// Rounds to the nearest millisecond: AWS sends fractional epoch seconds, and cutting off would lose one.
pub fn millis(time: &DateTime) -> i64 {
    let nanos = time.as_nanos();
    i64::try_from((nanos + 500_000).div_euclid(1_000_000)).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// Writes an instant as RFC 3339 text: UTC, exactly three decimals and `Z`.
pub fn rfc3339(millis: i64) -> String {
    const YEAR_10000: i64 = 253_402_300_800_000;
    let since_epoch = std::time::Duration::from_millis(millis.unsigned_abs());
    let time = if millis < 0 {
        std::time::UNIX_EPOCH.checked_sub(since_epoch)
    } else if millis < YEAR_10000 {
        std::time::UNIX_EPOCH.checked_add(since_epoch)
    } else {
        None
    };
    // humantime writes the years 1970 to 9999; an instant outside them can only be a broken member of an answer.
    match time {
        Some(time) if millis >= 0 => humantime::format_rfc3339_millis(time).to_string(),
        _ => format!("{millis}ms"),
    }
}
