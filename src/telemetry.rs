//! Logs: text or JSON, at `info` by default, and no storms. Metrics: what the syncs of a process have come to. Traces: how they went.

mod freshness;
mod ledger;
mod metrics;
mod otlp;
mod program;
mod provider;
mod storms;
mod table;
mod text;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer};

pub use self::ledger::Ledger;
pub use self::program::RunKind;
pub use self::provider::Telemetry;
pub use self::storms::Storms;
pub use self::table::{INSTRUMENTS, Instrument, Kind};
use self::text::{Text, Utc};
use crate::config::LogFormat;

/// Prefixes of log targets that write requests and answers at TRACE: the AWS SDK (`aws-smithy-runtime` writes whole bodies) and its
/// HTTP stack.
const CAPPED: &[&str] = &["aws_", "h2", "hyper", "rustls", "tokio_rustls", "tower"];

/// The only targets of `aws_config` that are logged: they warn of switches such as AWS_USE_FIPS_ENDPOINT with an invalid value. Its
/// others write raw answers of STS, with credentials in them, as warnings. `aws::credentials` reports failures of the chain.
const SWITCHES: &str = "aws_config::default_provider::use_";

/// The only events of OpenTelemetry's SDK that are logged: spans that are dropped since too many wait, and metrics that are collected no
/// more. `otlp` tells what fails, once a minute; the SDK would do so for each export, and write values of variables and answers of
/// collectors, with what is secret in them.
const OPENTELEMETRY: [&str; 3] = [
    "BatchSpanProcessor.SpanDroppingStarted",
    "BatchSpanProcessor.SpansDropped",
    "PeriodicReader.WorkerThreadTerminated",
];

/// A subscriber that writes events as `directives` say (the syntax of `RUST_LOG`; `info` if they are empty). What it holds back of
/// storms, `storms` can tell.
///
/// TRACE events of the AWS SDK are never written, whatever the directives say, because answers hold environment values.
pub fn subscriber<W>(
    format: LogFormat,
    directives: &str,
    writer: W,
    ansi: bool,
    storms: &Storms,
) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let wanted = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).parse_lossy(directives);
    // Spans of others are not shown, and would stand in the way of ours, which nobody's wish about levels and targets takes away.
    let ours = filter_fn(|metadata| metadata.is_span() && metadata.target().starts_with(env!("CARGO_CRATE_NAME")));
    let shown = wanted.and(filter_fn(|metadata: &Metadata<'_>| metadata.is_event())).or(ours);
    let filter = shown.and(filter_fn(is_safe)).and(storms.filter());
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(ansi);
    let layer = match format {
        LogFormat::Text => layer.event_format(Text).with_filter(filter).boxed(),
        LogFormat::Json => {
            // The span of a scope names its sync too, so that the innermost says all.
            let json = layer.json().flatten_event(true).with_current_span(true).with_span_list(false);
            json.with_timer(Utc).with_filter(filter).boxed()
        }
    };
    tracing_subscriber::registry().with(layer)
}

fn is_safe(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    if target.starts_with("opentelemetry") {
        return OPENTELEMETRY.contains(&metadata.name());
    }
    if target.starts_with("aws_config") {
        return target.starts_with(SWITCHES);
    }
    *metadata.level() != Level::TRACE || !CAPPED.iter().any(|prefix| target.starts_with(prefix))
}
