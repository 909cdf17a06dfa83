//! Logs: quiet, structured, on standard error.

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::LogFormat;

/// Who writes requests and answers at TRACE: the AWS SDK (`aws-smithy-runtime` prints whole bodies) and its HTTP stack.
const TALKATIVE: &[&str] = &["aws_", "h2", "hyper", "rustls", "tokio_rustls", "tower"];

/// What the credential chain may say: that a switch such as AWS_USE_FIPS_ENDPOINT has an odd value. All else of `aws_config` is
/// dropped: it writes raw answers of STS, with the keys in them, as warnings. What came of the chain we say ourselves.
const SWITCHES: &str = "aws_config::default_provider::use_";

/// A subscriber that writes what `directives` (the syntax of `RUST_LOG`) let through; `info` where they are empty.
///
/// Answers hold environment values, so the SDK's own TRACE lines are never written, whatever the directives say.
pub fn subscriber<W>(
    format: LogFormat,
    directives: &str,
    writer: W,
    ansi: bool,
) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let wanted = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).parse_lossy(directives);
    let filter = wanted.and(filter_fn(is_safe));
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(ansi);
    let layer = match format {
        LogFormat::Text => layer.with_filter(filter).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_filter(filter).boxed(),
    };
    tracing_subscriber::registry().with(layer)
}

fn is_safe(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    if target.starts_with("aws_config") {
        return target.starts_with(SWITCHES);
    }
    *metadata.level() != Level::TRACE || !TALKATIVE.iter().any(|prefix| target.starts_with(prefix))
}
