//! The telemetry of a process: metrics, which are asked for or pushed, and traces, which are pushed.

use std::sync::Arc;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;

use super::metrics::Metrics;
use super::otlp::{self, Client, Exports};
use super::program::RunKind;
use crate::config::{Config, Otel, Otlp};
use crate::observe::{Observers, Tracing};
use crate::service::ServiceHandle;
use crate::sync::Follower;

/// What a process tells of itself.
pub struct Telemetry {
    /// None if the variables of OpenTelemetry turn it off.
    metrics: Option<Metrics>,
    /// None if nobody is told of traces.
    tracers: Option<SdkTracerProvider>,
    clients: Vec<Client>,
    observers: Observers,
}

impl Telemetry {
    /// Telemetry as settings and the variables of OpenTelemetry ask for it. What cannot be had is a warning. It needs a runtime, and
    /// contacts nobody.
    pub async fn start(config: &Config, otel: &Otel, run: RunKind) -> Self {
        if otel.is_disabled {
            return Self { metrics: None, tracers: None, clients: Vec::new(), observers: Observers::default() };
        }
        let (exports, resource) = (Arc::new(Exports::default()), otlp::resource(otel, &config.name));
        let mut clients = Vec::new();
        let mut reader = None;
        if let Some((client, of_metrics)) = client(otel.metrics.as_ref(), &exports).await {
            clients.push(client.clone());
            reader = usable(otlp::metric_reader(client, of_metrics, otel.export_interval));
        }
        let mut tracers = None;
        if let Some((client, of_traces)) = client(otel.traces.as_ref(), &exports).await {
            clients.push(client.clone());
            tracers = usable(otlp::tracer_provider(client, of_traces, otel, resource.clone()));
        }
        let metrics = Metrics::new(config, &run, &resource, reader, exports);
        let metrics = usable(metrics.map_err(|why| format!("there are no metrics: {why}")));
        let tracing = Tracing::by(tracers.as_ref().map(|tracers| tracers.tracer(env!("CARGO_PKG_NAME"))));
        let observers = metrics.as_ref().map(|metrics| metrics.observers().clone()).unwrap_or_default();
        Self { metrics, tracers, clients, observers: Observers { tracing, ..observers } }
    }

    /// What an engine measures with.
    pub fn observers(&self) -> &Observers {
        &self.observers
    }

    /// Who has to be told of syncs.
    pub fn follower(&self) -> Arc<dyn Follower> {
        match &self.metrics {
            Some(metrics) => metrics.ledger(),
            None => Arc::new(()),
        }
    }

    /// There is a sidecar.
    pub fn watch(&self, service: &ServiceHandle) {
        self.metrics.iter().for_each(|metrics| metrics.watch(service.clone()));
    }

    /// What `/metrics` says, in Prometheus's text format 0.0.4. With a thousand scopes it takes tens of milliseconds. None if telemetry
    /// is off.
    pub fn text(&self) -> Option<String> {
        self.metrics.as_ref().map(Metrics::text)
    }

    /// Exports the last values and spans, within three seconds.
    pub async fn end(&self) {
        let meters = self.metrics.as_ref().and_then(Metrics::pushing);
        otlp::end(&self.clients, meters, self.tracers.clone()).await;
    }
}

/// A client for a signal that is wanted, and can be had.
async fn client<'a>(otlp: Option<&'a Otlp>, exports: &Arc<Exports>) -> Option<(Client, &'a Otlp)> {
    let otlp = otlp?;
    usable(Client::new(otlp, exports).await).map(|client| (client, otlp))
}

fn usable<T>(made: Result<T, String>) -> Option<T> {
    made.map_err(|why| tracing::warn!("{why}")).ok()
}
