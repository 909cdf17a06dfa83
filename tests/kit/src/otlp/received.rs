//! What a collector has taken, and questions to it.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span as Sent;

/// Attributes as text, by name.
pub type Attributes = BTreeMap<String, String>;

/// What a collector has taken, in the order of the requests.
#[derive(Debug, Clone, Default)]
pub struct Received {
    /// Each push of metrics.
    pub metrics: Vec<ExportMetricsServiceRequest>,
    /// Each batch of spans.
    pub traces: Vec<ExportTraceServiceRequest>,
}

/// A span, with its ids in hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// What it is a span of.
    pub name: String,
    /// Its trace.
    pub trace: String,
    /// Itself.
    pub id: String,
    /// Its parent; empty for the root of a trace.
    pub parent: String,
    /// The kind by the number that OTLP has for it: 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub kind: i32,
    /// Traces and spans that it is linked to.
    pub links: Vec<(String, String)>,
    /// Its attributes.
    pub attributes: Attributes,
    /// The message of its status, if that is an error.
    pub error: Option<String>,
    /// Its beginning and its end, in nanoseconds since 1970.
    pub time: [u64; 2],
}

impl Received {
    /// What was told last of a counter, a gauge or the count of a histogram: the sum over its series with these attributes.
    pub fn sum(&self, name: &str, attributes: &[(&str, &str)]) -> Option<f64> {
        let points = self.points(name);
        let is_asked =
            |of: &Attributes| attributes.iter().all(|(key, value)| of.get(*key).is_some_and(|is| is == value));
        let mut found = points.into_iter().filter(|(of, _)| is_asked(of)).map(|(_, value)| value).peekable();
        found.peek()?;
        Some(found.sum())
    }

    /// The last points of a metric: the attributes of each, and its value, or its count if it is a histogram.
    pub fn points(&self, name: &str) -> Vec<(Attributes, f64)> {
        let metrics = |push: &ExportMetricsServiceRequest| -> Vec<Metric> {
            let scopes = push.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
            scopes.flat_map(|scope| &scope.metrics).filter(|metric| metric.name == name).cloned().collect()
        };
        let last = self.metrics.iter().rev().map(metrics).find(|found| !found.is_empty()).unwrap_or_default();
        last.iter().flat_map(points).collect()
    }

    /// The names of all metrics so far.
    pub fn names(&self) -> Vec<String> {
        let scopes = self.metrics.iter().flat_map(|push| &push.resource_metrics).flat_map(|one| &one.scope_metrics);
        let mut names: Vec<String> =
            scopes.flat_map(|scope| &scope.metrics).map(|metric| metric.name.clone()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// The spans of a name.
    pub fn spans(&self, name: &str) -> Vec<Span> {
        self.all_spans().into_iter().filter(|span| span.name == name).collect()
    }

    /// All spans.
    pub fn all_spans(&self) -> Vec<Span> {
        let scopes = self.traces.iter().flat_map(|batch| &batch.resource_spans).flat_map(|one| &one.scope_spans);
        scopes.flat_map(|scope| &scope.spans).map(span).collect()
    }

    /// Who has sent, as the last request says it.
    pub fn resource(&self) -> Attributes {
        let of_metrics = self.metrics.iter().flat_map(|push| &push.resource_metrics).map(|one| &one.resource);
        let of_traces = self.traces.iter().flat_map(|batch| &batch.resource_spans).map(|one| &one.resource);
        let last = of_metrics.chain(of_traces).flatten().last();
        last.map(|Resource { attributes, .. }| texts(attributes)).unwrap_or_default()
    }

    /// All of it as text, to look for what must not be there.
    pub fn text(&self) -> String {
        format!("{self:?}")
    }
}

fn points(metric: &Metric) -> Vec<(Attributes, f64)> {
    let number = |point: &NumberDataPoint| {
        let value = match point.value {
            Some(Number::AsDouble(value)) => value,
            // The counts of tests are small.
            Some(Number::AsInt(value)) => value as f64,
            None => f64::NAN,
        };
        (texts(&point.attributes), value)
    };
    match &metric.data {
        Some(Data::Sum(sum)) => sum.data_points.iter().map(number).collect(),
        Some(Data::Gauge(gauge)) => gauge.data_points.iter().map(number).collect(),
        Some(Data::Histogram(histogram)) => {
            histogram.data_points.iter().map(|point| (texts(&point.attributes), point.count as f64)).collect()
        }
        _ => Vec::new(),
    }
}

fn span(sent: &Sent) -> Span {
    /// STATUS_CODE_ERROR.
    const ERROR: i32 = 2;
    let error = sent.status.as_ref().filter(|status| status.code == ERROR);
    Span {
        name: sent.name.clone(),
        trace: hex(&sent.trace_id),
        id: hex(&sent.span_id),
        parent: hex(&sent.parent_span_id),
        kind: sent.kind,
        links: sent.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect(),
        attributes: texts(&sent.attributes),
        error: error.map(|status| status.message.clone()),
        time: [sent.start_time_unix_nano, sent.end_time_unix_nano],
    }
}

fn texts(attributes: &[KeyValue]) -> Attributes {
    attributes.iter().map(|one| (one.key.clone(), one.value.as_ref().map(text).unwrap_or_default())).collect()
}

fn text(value: &AnyValue) -> String {
    match &value.value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::BoolValue(is_so)) => is_so.to_string(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::ArrayValue(all)) => format!("[{}]", all.values.iter().map(text).collect::<Vec<_>>().join(",")),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
