//! What the variables of OpenTelemetry ask for: whether metrics and traces are exported by OTLP, to whom and how. Each is judged here,
//! since the SDK ignores what it cannot use, quotes values in its errors, and spins where an interval is 0.
//!
//! Nothing is an error: an inventory must not fail for its telemetry. What cannot be used turns its signal off, what is a bad number or
//! name is ignored, and a warning says so. Their meaning: opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables and
//! opentelemetry.io/docs/specs/otel/protocol/exporter.

mod environment;
mod pairs;
mod signal;

use std::fmt;
use std::time::Duration;

use self::environment::Environment;
use super::diagnostics::Diagnostics;
use super::secret::Secret;
use super::shown::quoted;

/// Whether anything is exported at all: `true` turns everything off, whatever the others say.
const DISABLED: &str = "OTEL_SDK_DISABLED";
const INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
const RESOURCE: &str = "OTEL_RESOURCE_ATTRIBUTES";

/// The longest of all times, 49 days: milliseconds in 32 bits.
const LONGEST: u64 = u32::MAX as u64;

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// Numbers.
    Metrics,
    /// Spans.
    Traces,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Metrics => "metrics",
            Self::Traces => "traces",
        })
    }
}

/// What the variables of OpenTelemetry ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct Otel {
    /// Whether all telemetry is off, `/metrics` too.
    pub is_disabled: bool,
    /// How metrics are pushed. None: they are not.
    pub metrics: Option<Otlp>,
    /// How traces are. None: there are none.
    pub traces: Option<Otlp>,
    /// How often metrics are pushed.
    pub export_interval: Duration,
    /// Which traces are kept.
    pub sampling: Sampling,
    /// How spans wait for their export.
    pub batch: Batch,
    /// `service.name`, of OTEL_SERVICE_NAME, or else of OTEL_RESOURCE_ATTRIBUTES.
    pub service_name: Option<String>,
    /// What else OTEL_RESOURCE_ATTRIBUTES says, as pairs of name and value.
    pub resource: Vec<(String, String)>,
}

/// How one signal is exported: OTLP over HTTP, in protobuf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Otlp {
    /// What is exported.
    pub signal: Signal,
    /// The URL without its query. It has no user.
    pub address: String,
    /// The query of the URL, where it has one. Some backends take their key there.
    pub query: Option<Secret>,
    /// Headers of each request.
    pub headers: Vec<(String, Secret)>,
    /// The longest request: what OTEL_EXPORTER_OTLP_TIMEOUT says, or the time of one export if that is shorter.
    pub timeout: Duration,
    /// Whether bodies are compressed by gzip.
    pub is_compressed: bool,
    /// The authorities that alone are trusted: a path, or PEM text.
    pub ca: Option<String>,
    /// The client's certificate and its key, each a path or PEM text.
    pub identity: Option<(String, Secret)>,
    /// Which variables the above are from, for whoever has to look at them.
    pub origin: OtlpOrigin,
}

/// The variables that an [`Otlp`] is from; where none is set, those that all signals share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtlpOrigin {
    /// The variable with the URL.
    pub endpoint: &'static str,
    /// The one with headers.
    pub headers: &'static str,
    /// The one with the authorities that are trusted.
    pub ca: &'static str,
    /// The one with the client's certificate.
    pub certificate: &'static str,
    /// The one with its key.
    pub key: &'static str,
}

/// Which traces are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// What decides of a trace that begins here.
    pub sampler: Sampler,
    /// Whether a trace that has begun elsewhere is kept as was decided there.
    pub follows_parent: bool,
}

/// What decides whether a trace is kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sampler {
    /// Each is.
    AlwaysOn,
    /// None is.
    AlwaysOff,
    /// This share is, from 0 to 1.
    Ratio(f64),
}

/// How spans wait for their export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// How long.
    pub delay: Duration,
    /// How many. More are dropped.
    pub queue: usize,
    /// How many one request has at most.
    pub size: usize,
}

impl Default for Otel {
    /// Nothing is exported.
    fn default() -> Self {
        Self {
            is_disabled: false,
            metrics: None,
            traces: None,
            export_interval: Duration::from_secs(60),
            sampling: Sampling { sampler: Sampler::AlwaysOn, follows_parent: false },
            // The specification's 2,048 do not hold the spans of the scopes that are read at once: 4 types × 200 × 64.
            batch: Batch { delay: Duration::from_secs(5), queue: 8_192, size: 512 },
            service_name: None,
            resource: Vec::new(),
        }
    }
}

impl Otel {
    /// What the environment of this process asks for, and warnings, a line each. A variable that is not UTF-8 counts as not set. A
    /// signal whose files cannot be used is off.
    pub fn from_process() -> (Self, Vec<String>) {
        let variable = |name: &str| std::env::var(name).ok();
        let mut environment = Environment { variable: &variable, told: Diagnostics::default() };
        let mut otel = Self::judge(&mut environment);
        for signal in [&mut otel.metrics, &mut otel.traces] {
            signal.take_if(|otlp| !otlp.has_files(&mut environment));
        }
        (otel, environment.told.warnings)
    }

    /// The same of these variables, whose files are not looked at. One that is blank counts as not set.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> (Self, Vec<String>) {
        let mut environment = Environment { variable: &variable, told: Diagnostics::default() };
        let otel = Self::judge(&mut environment);
        (otel, environment.told.warnings)
    }

    fn judge(from: &mut Environment<'_>) -> Self {
        let mut otel = Self { is_disabled: from.switch(DISABLED), ..Self::default() };
        if otel.is_disabled {
            return otel;
        }
        otel.metrics = Otlp::judge(Signal::Metrics, from);
        otel.traces = Otlp::judge(Signal::Traces, from);
        if otel.metrics.is_some() {
            otel.export_interval = from.time(&[INTERVAL], otel.export_interval);
        }
        if otel.traces.is_some() {
            otel.sampling = Sampling::judge(from).unwrap_or(otel.sampling);
            otel.batch = otel.batch.judge(from);
        }
        // `/metrics` tells the resource too.
        otel.resource = from.pairs(RESOURCE);
        otel.service_name = from.get("OTEL_SERVICE_NAME").map(|name| name.trim().to_owned());
        let is_name = |(name, _): &(String, String)| name == "service.name";
        for (_, value) in otel.resource.extract_if(.., |pair| is_name(pair)) {
            otel.service_name.get_or_insert(value);
        }
        otel
    }
}

impl Sampling {
    fn judge(from: &mut Environment<'_>) -> Option<Self> {
        let name = from.get(SAMPLER)?;
        let lower = name.trim().to_ascii_lowercase();
        let (follows_parent, base) = match lower.strip_prefix("parentbased_") {
            Some(base) => (true, base),
            None => (false, lower.as_str()),
        };
        let sampler = match base {
            "always_on" => Sampler::AlwaysOn,
            "always_off" => Sampler::AlwaysOff,
            "traceidratio" => Sampler::Ratio(from.share(SAMPLER_ARGUMENT)),
            _ => {
                let shown = quoted(name.trim());
                from.warn(
                    SAMPLER,
                    format_args!(
                        "{shown} is ignored, and every trace is kept; use always_on, always_off, traceidratio, or one \
                         of these after parentbased_"
                    ),
                );
                return None;
            }
        };
        Some(Self { sampler, follows_parent })
    }
}

impl Batch {
    fn judge(self, from: &mut Environment<'_>) -> Self {
        let delay = from.time(&["OTEL_BSP_SCHEDULE_DELAY"], self.delay);
        let queue = from.spans("OTEL_BSP_MAX_QUEUE_SIZE", self.queue);
        let size = from.spans("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", self.size);
        if size > queue && size != self.size {
            from.warn(
                "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
                format_args!("{size} are more than wait at once (OTEL_BSP_MAX_QUEUE_SIZE), which holds: {queue}"),
            );
        }
        Self { delay, queue, size: size.min(queue) }
    }
}

#[cfg(test)]
mod tests;
