//! The instruments, made of their table, and what reads them: `/metrics`, and whoever pushes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter, MeterProvider};
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{self as sdk, PeriodicReader, SdkMeterProvider, Stream};
use parking_lot::Mutex;
use prometheus::{Registry, TextEncoder};

use super::ledger::Ledger;
use super::otlp::Exports;
use super::program::{Program, RunKind, Surroundings};
use super::table::{INSTRUMENTS, Instrument, Kind, Look, Read};
use crate::config::Config;
use crate::observe::{Latencies, Observers};
use crate::service::ServiceHandle;

/// Attribute sets that an instrument may have: those of a thousand scopes, each with four types or categories.
const MOST: usize = 4_096;

/// For how long a look at the program is good.
const GOOD: Duration = Duration::from_millis(100);

/// The scope of the instruments (OpenTelemetry's instrumentation scope).
const SCOPE: &str = "ecs_sdm";

/// Names that are not those of the rules. `_count` is the end of a histogram's, and promtool says so.
const RENAMED: [(&str, &str); 1] = [("process_unix_file_descriptor_count", "process_open_fds")];

/// The metrics of a process.
pub(super) struct Metrics {
    registry: Registry,
    /// That of `/metrics`, and that of the pushes, if there are any.
    providers: Vec<SdkMeterProvider>,
    ledger: Arc<Ledger>,
    surroundings: Arc<Surroundings>,
    observers: Observers,
}

/// What the instruments look at.
struct Source {
    ledger: Arc<Ledger>,
    surroundings: Arc<Surroundings>,
    program: Mutex<Option<(Instant, Arc<Program>)>>,
}

impl Source {
    fn program(&self) -> Arc<Program> {
        let mut program = self.program.lock();
        let now = Instant::now();
        if let Some((_, good)) = program.as_ref().filter(|(at, _)| now < *at + GOOD) {
            return Arc::clone(good);
        }
        let new = Arc::new(self.surroundings.look());
        *program = Some((now, Arc::clone(&new)));
        new
    }
}

impl Metrics {
    /// The metrics of a process with these settings, which are asked for and, with `push`, pushed.
    ///
    /// # Errors
    /// The registry refuses its collector, which is a bug of ours.
    pub(super) fn new(
        config: &Config,
        run: &RunKind,
        resource: &Resource,
        push: Option<PeriodicReader<MetricExporter>>,
        exports: Arc<Exports>,
    ) -> Result<Self, String> {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).scope_info_enabled(false);
        let exporter = exporter.build().map_err(|error| error.to_string())?;
        // One for each that reads: instruments that are looked at would else be looked at for both at once, and what has gone since
        // would be there once more for the other.
        let of = |resource: &Resource| SdkMeterProvider::builder().with_resource(resource.clone()).with_view(limit);
        let mut providers = vec![of(resource).with_reader(exporter).build()];
        providers.extend(push.map(|push| of(resource).with_reader(push).build()));
        let meters: Vec<Meter> = providers.iter().map(|provider| provider.meter(SCOPE)).collect();
        let histograms = |name| -> Vec<_> { meters.iter().filter_map(|meter| histogram(meter, name)).collect() };
        let durations = histograms("ecs_sdm.sync.duration");
        let latencies = Latencies {
            call: histograms("ecs_sdm.aws.call.duration"),
            send: histograms("messaging.client.operation.duration"),
        };
        let observers = Observers { latencies, ..Observers::default() };
        let ledger = Arc::new(Ledger::new(move |seconds, outcome| {
            durations.iter().for_each(|duration| duration.record(seconds, &[KeyValue::new("outcome", outcome)]));
        }));
        let surroundings = Arc::new(Surroundings::new(config, run, &observers, exports));
        let source = Arc::new(Source {
            ledger: Arc::clone(&ledger),
            surroundings: Arc::clone(&surroundings),
            program: Mutex::default(),
        });
        meters.iter().for_each(|meter| register(meter, &source));
        Ok(Self { registry, providers, ledger, surroundings, observers })
    }

    /// Who has to be told of syncs.
    pub(super) fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.ledger)
    }

    /// What an engine measures with.
    pub(super) fn observers(&self) -> &Observers {
        &self.observers
    }

    /// There is a sidecar.
    pub(super) fn watch(&self, service: ServiceHandle) {
        // There is one in a process.
        let _ = self.surroundings.service.set(service);
    }

    /// What pushes, and has to be shut down.
    pub(super) fn pushing(&self) -> Option<SdkMeterProvider> {
        self.providers.get(1).cloned()
    }

    /// What `/metrics` says, in Prometheus's text format 0.0.4. With a thousand scopes it takes tens of milliseconds.
    pub(super) fn text(&self) -> String {
        let mut families = self.registry.gather();
        for family in &mut families {
            let renamed = RENAMED.iter().find(|(name, _)| *name == family.name());
            renamed.iter().for_each(|(_, name)| family.set_name((*name).to_owned()));
        }
        // Only a family without a metric could not be written, and there is none.
        TextEncoder::new().encode_to_string(&families).unwrap_or_default()
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        // What is dropped without it says so in the log.
        self.providers.iter().for_each(|provider| _ = provider.shutdown());
    }
}

/// How many attribute sets an instrument may have.
fn limit(_: &sdk::Instrument) -> Option<Stream> {
    Stream::builder().with_cardinality_limit(MOST).build().ok()
}

/// The histogram of a row. None if there is no such row, which a test finds.
fn histogram(meter: &Meter, name: &'static str) -> Option<Histogram<f64>> {
    let row = INSTRUMENTS.iter().find(|row| row.name == name)?;
    let Kind::Histogram(bounds) = row.kind else { return None };
    let histogram = meter.f64_histogram(name).with_unit(row.unit).with_description(row.question);
    Some(histogram.with_boundaries(bounds.to_vec()).build())
}

/// Has each row that is looked at read when somebody asks.
fn register(meter: &Meter, source: &Arc<Source>) {
    for row in INSTRUMENTS {
        let &Instrument { name, unit, question, kind, read, .. } = row;
        let Read::Look(read) = read else { continue };
        let source = Arc::clone(source);
        let look = move |take: &mut dyn FnMut(f64, &[KeyValue])| {
            read(&Look { seen: &source.ledger.seen(), program: &source.program() }, take);
        };
        match kind {
            Kind::Counter => {
                let counter = meter.f64_observable_counter(name).with_unit(unit).with_description(question);
                counter.with_callback(move |to| look(&mut |value, of| to.observe(value, of))).build();
            }
            Kind::Gauge => {
                let gauge = meter.f64_observable_gauge(name).with_unit(unit).with_description(question);
                gauge.with_callback(move |to| look(&mut |value, of| to.observe(value, of))).build();
            }
            Kind::UpDownCounter => {
                let counter = meter.f64_observable_up_down_counter(name).with_unit(unit).with_description(question);
                counter.with_callback(move |to| look(&mut |value, of| to.observe(value, of))).build();
            }
            Kind::Histogram(_) => {}
        }
    }
}
