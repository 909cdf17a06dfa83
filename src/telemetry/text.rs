//! Logs for people: one line an event, the message first, then its fields, then what it is about.

use std::fmt;
use std::time::SystemTime;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// The instant in UTC, to the millisecond (RFC 3339).
pub(super) struct Utc;

impl FormatTime for Utc {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", humantime::format_rfc3339_millis(SystemTime::now()))
    }
}

/// `2026-11-28T16:45:00.123Z  WARN a list did not end action="ListTasks" sync=… account=… region=…`. Below `INFO` the module that
/// says so stands before the message.
pub(super) struct Text;

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        let (dim, plain) = if writer.has_ansi_escapes() { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        write!(writer, "{dim}")?;
        Utc.format_time(&mut writer)?;
        write!(writer, "{plain} ")?;
        write_level(&mut writer, *metadata.level())?;
        if *metadata.level() > Level::INFO {
            write!(writer, "{dim}{}:{plain} ", metadata.target())?;
        }
        context.format_fields(writer.by_ref(), event)?;
        // The span of a scope names its sync too, so that the innermost says all.
        if let Some(span) = context.lookup_current()
            && let Some(fields) = span.extensions().get::<FormattedFields<N>>()
            && !fields.is_empty()
        {
            write!(writer, " {dim}{fields}{plain}")?;
        }
        writeln!(writer)
    }
}

/// The level in five letters. Its colours can be read on dark and on light terminals.
fn write_level(writer: &mut Writer<'_>, level: Level) -> fmt::Result {
    let colour = match level {
        Level::ERROR => "\x1b[1;31m",
        Level::WARN => "\x1b[1;35m",
        Level::INFO => "\x1b[32m",
        _ => "\x1b[2m",
    };
    if writer.has_ansi_escapes() { write!(writer, "{colour}{level:>5}\x1b[0m ") } else { write!(writer, "{level:>5} ") }
}
