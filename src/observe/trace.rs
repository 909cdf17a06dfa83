//! Traces: one for each sync, and one for each scope, which is linked to that of its sync. A type is a span of its scope. Of its calls
//! and batches those are spans that failed, were throttled or took longest; the others are numbers on the type's span.
//!
//! No ARN, no message of AWS and no header gets into a span: only codes, names and counts.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Link, Span as _, SpanContext, SpanKind, Status, TraceContextExt, TraceFlags, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, Span};
use parking_lot::Mutex;

use super::notable::{Notable, Noted};

/// Where spans begin. The default begins none.
#[derive(Clone, Default)]
pub struct Tracing(Option<Arc<SdkTracer>>);

/// A span that has begun, and ends when it is dropped. Without tracing it is empty.
#[derive(Default)]
pub(crate) struct Traced {
    span: Mutex<Option<Span>>,
    context: Option<SpanContext>,
}

/// The span of a type in a scope, and what is worth a span of its calls and batches. It ends with the last who holds it.
#[derive(Clone, Default)]
pub struct TypeTrace {
    span: Option<Arc<TypeSpan>>,
    /// What records of the type carry.
    traceparent: Option<Arc<str>>,
}

/// What the span of a type says when it ends: attributes, and the state of a type that is not complete.
pub(crate) type Said = (Vec<KeyValue>, Option<&'static str>);

struct TypeSpan {
    tracer: Arc<SdkTracer>,
    traced: Traced,
    noted: Mutex<Noted>,
    /// What is said of the type when its span ends.
    counts: Box<dyn Fn() -> Said + Send + Sync>,
}

impl fmt::Debug for Tracing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tracing({})", self.0.is_some())
    }
}

impl fmt::Debug for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Traced({:?})", self.context)
    }
}

impl fmt::Debug for TypeTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypeTrace({:?})", self.traceparent)
    }
}

impl Tracing {
    /// Spans of this tracer, or none.
    pub fn by(tracer: Option<SdkTracer>) -> Self {
        Self(tracer.map(Arc::new))
    }

    /// The span of a sync, the first of its trace.
    pub(crate) fn sync(&self, sync: &str) -> Traced {
        self.begin("sync", vec![KeyValue::new("ecs_sdm.sync", sync.to_owned())], None)
    }

    /// The span of a scope, the first of its trace, which is linked to that of the sync.
    pub(crate) fn scope(&self, sync: &Traced, account: Option<&str>, region: &str, role: Option<&str>) -> Traced {
        let mut attributes = vec![KeyValue::new("cloud.region", region.to_owned())];
        attributes.extend(account.map(|account| KeyValue::new("cloud.account.id", account.to_owned())));
        let name = role.map(|arn| arn.rsplit('/').next().unwrap_or(arn).to_owned());
        attributes.extend(name.map(|name| KeyValue::new("ecs_sdm.role", name)));
        self.begin("scope", attributes, sync.context.clone())
    }

    /// The span of a type in a scope. `counts` is asked when it ends.
    pub(crate) fn of_type(
        &self,
        scope: &Traced,
        object: &'static str,
        counts: impl Fn() -> Said + Send + Sync + 'static,
    ) -> TypeTrace {
        let (Some(tracer), Some(parent)) = (&self.0, scope.sampled()) else {
            // That it is not sampled is told, too.
            return TypeTrace { span: None, traceparent: scope.context.as_ref().map(traceparent) };
        };
        let parent = Context::new().with_remote_span_context(parent.clone());
        let span = tracer.span_builder(object).with_kind(SpanKind::Internal).start_with_context(&**tracer, &parent);
        let (noted, traced) = (Mutex::default(), Traced::of(span));
        let traceparent = traced.context.as_ref().map(traceparent);
        let (tracer, counts) = (Arc::clone(tracer), Box::new(counts));
        TypeTrace { span: Some(Arc::new(TypeSpan { tracer, traced, noted, counts })), traceparent }
    }

    fn begin(&self, name: &'static str, attributes: Vec<KeyValue>, link: Option<SpanContext>) -> Traced {
        let Some(tracer) = &self.0 else { return Traced::default() };
        let links = link.into_iter().map(Link::with_context).collect();
        let builder = tracer.span_builder(name).with_kind(SpanKind::Internal).with_attributes(attributes);
        Traced::of(builder.with_links(links).start_with_context(&**tracer, &Context::new()))
    }
}

impl Traced {
    fn of(span: Span) -> Self {
        let context = Some(span.span_context().clone());
        Self { span: Mutex::new(Some(span)), context }
    }

    /// Its context, if anybody will see it.
    fn sampled(&self) -> Option<&SpanContext> {
        self.context.as_ref().filter(|context| context.is_sampled())
    }

    /// The ids of its trace and of itself, for the logs, if anybody will see it.
    pub(crate) fn ids(&self) -> Option<(String, String)> {
        self.sampled().map(|context| (context.trace_id().to_string(), context.span_id().to_string()))
    }

    /// Ends it, with what it has come to. Without an error all is well.
    pub(crate) fn end(&self, attributes: Vec<KeyValue>, error: Option<&'static str>) {
        let Some(mut span) = self.span.lock().take() else { return };
        span.set_attributes(attributes);
        error.into_iter().for_each(|error| span.set_status(Status::error(error)));
        span.end();
    }
}

impl TypeTrace {
    /// What records of this type carry in their header. None without tracing.
    pub(crate) fn traceparent(&self) -> Option<String> {
        self.traceparent.as_deref().map(str::to_owned)
    }

    /// A call of AWS has ended so, or a batch.
    pub(crate) fn note(&self, notable: impl FnOnce() -> Notable) {
        if let Some(span) = &self.span {
            span.noted.lock().take(notable());
        }
    }
}

impl Drop for TypeSpan {
    fn drop(&mut self) {
        let noted = std::mem::take(&mut *self.noted.lock());
        let omitted = noted.omitted();
        if let Some(parent) = self.traced.sampled() {
            let parent = Context::new().with_remote_span_context(parent.clone());
            noted.all().for_each(|one| self.span(&parent, one));
        }
        let (mut attributes, state) = (self.counts)();
        attributes.push(counted("ecs_sdm.spans.omitted", omitted as u64));
        self.traced.end(attributes, state);
    }
}

impl TypeSpan {
    /// Makes a span of what has ended already.
    fn span(&self, parent: &Context, one: Notable) {
        let Notable { name, is_call, began, took, error } = one;
        let (kind, attributes) = match is_call {
            true => (
                SpanKind::Client,
                vec![
                    KeyValue::new("rpc.method", name.clone()),
                    KeyValue::new("rpc.service", "ECS"),
                    KeyValue::new("rpc.system", "aws-api"),
                ],
            ),
            false => (SpanKind::Producer, super::messaging(Arc::from(name.as_str())).to_vec()),
        };
        let name = if is_call { format!("ECS/{name}") } else { format!("send {name}") };
        let builder = self.tracer.span_builder(name).with_kind(kind).with_attributes(attributes).with_start_time(began);
        let mut span = builder.start_with_context(&*self.tracer, parent);
        if let Some(error) = error {
            span.set_attribute(KeyValue::new("error.type", error.clone()));
            span.set_status(Status::error(error));
        }
        span.end_with_timestamp(began + took);
    }
}

/// A count as an attribute. OpenTelemetry has no unsigned integers, and no count comes near 2^63.
pub(crate) fn counted(name: &'static str, count: u64) -> KeyValue {
    KeyValue::new(name, i64::try_from(count).unwrap_or(i64::MAX))
}

/// A `traceparent` by W3C Trace Context, level 1: version, trace, parent, and whether it is sampled.
fn traceparent(context: &SpanContext) -> Arc<str> {
    let flags = context.trace_flags() & TraceFlags::SAMPLED;
    format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), flags.to_u8()).into()
}

/// A time of day that lies so far back.
pub(crate) fn ago(took: Duration) -> SystemTime {
    SystemTime::now().checked_sub(took).unwrap_or(SystemTime::UNIX_EPOCH)
}
