//! OTLP over HTTP: what the SDK's exporters send, sent by our own client, so that proxies, NO_PROXY, AWS_CA_BUNDLE and the certificates
//! hold as everywhere else; and its end, which no collector holds up.
//!
//! The SDK exports on threads of its own, which have no reactor: reqwest would panic there, and the thread would never come back
//! (github.com/open-telemetry/opentelemetry-rust/issues/2673). So a thread hands each request to a task, and waits for its answer.

mod exports;
mod rejected;
mod way;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    Compression, ExporterBuildError, MetricExporter, Protocol, RetryPolicy, SpanExporter, WithExportConfig,
    WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler as SdkSampler, SdkTracerProvider, ShouldSample,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

pub(crate) use self::exports::Exports;
use self::way::Way;
use crate::config::{Batch, Otel, Otlp, Sampler, Sampling};

/// How long the end of telemetry takes at most.
pub(crate) const END: Duration = Duration::from_secs(3);

/// Where the SDK believes that it sends to. [`Client`] knows better: the SDK would quote a URL and its key.
const NOMINAL: &str = "http://localhost:4318";

/// What a thread of the SDK asks for, and where it waits for the answer.
type Asked = (Bytes, oneshot::Sender<Answer>);
type Answer = Result<Response<Bytes>, HttpError>;

/// Sends the exports of one signal. Its task ends with the last clone.
#[derive(Clone)]
pub(crate) struct Client {
    requests: mpsc::Sender<Asked>,
    /// When the end began.
    end: watch::Sender<Option<Instant>>,
    _sending: Arc<JoinSet<()>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl Client {
    /// A client whose requests run on this runtime. Nothing is contacted.
    ///
    /// # Errors
    /// One line: the variable whose certificate or key cannot be used, and why. The signal has to stay off.
    pub(crate) async fn new(otlp: &Otlp, exports: &Arc<Exports>) -> Result<Self, String> {
        let end = watch::Sender::new(None);
        let way = Way::new(otlp, Arc::clone(exports), end.subscribe()).await?;
        // A signal has one thread, which asks for one thing at a time.
        let (requests, mut asked) = mpsc::channel::<Asked>(1);
        let mut sending = JoinSet::new();
        sending.spawn(async move {
            while let Some((body, reply)) = asked.recv().await {
                // Who asked may have gone.
                let _ = reply.send(way.send(body).await);
            }
        });
        Ok(Self { requests, end, _sending: Arc::new(sending) })
    }

    /// Bounds all requests: what is under way gets a second more, and what comes yet is given up in time for [`END`].
    pub(crate) fn end(&self) {
        self.end.send_if_modified(|end| end.is_none() && end.replace(Instant::now()).is_none());
    }
}

/// `async_trait` written out, so that the macro is no dependency of ours.
impl HttpClient for Client {
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        // URL and headers are those that `config` has judged. The exporter's own may hold what was refused.
        let body = request.into_body();
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let gone = || HttpError::from("the runtime has ended");
            self.requests.send((body, reply)).await.map_err(|_| gone())?;
            answer.await.map_err(|_| gone())?
        })
    }
}

/// Who exports, as both signals tell it: `service.name` and what OTEL_RESOURCE_ATTRIBUTES says. `name` is the setting of that name, which
/// holds where no variable has one. There is no `service.instance.id`: a new one for each process would make new series of each run.
pub(crate) fn resource(otel: &Otel, name: &str) -> Resource {
    let name = otel.service_name.clone().unwrap_or_else(|| name.to_owned());
    let named = otel.resource.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attributes(named)
        .with_service_name(name)
        .build()
}

/// What pushes metrics. A push that failed is not tried again: the next has all that it had.
///
/// # Errors
/// One line, of the SDK.
pub(crate) fn metric_reader(
    client: Client,
    otlp: &Otlp,
    interval: Duration,
) -> Result<PeriodicReader<MetricExporter>, String> {
    let exporter = MetricExporter::builder().with_http();
    let exporter =
        configured(exporter, client, otlp, RetryPolicy::disabled()).build().map_err(|error| unbuilt(&error))?;
    Ok(PeriodicReader::builder(exporter).with_interval(interval).build())
}

/// What makes spans, and exports them. A batch that failed is tried three times more, within the time of a request.
///
/// # Errors
/// One line, of the SDK.
pub(crate) fn tracer_provider(
    client: Client,
    otlp: &Otlp,
    otel: &Otel,
    resource: Resource,
) -> Result<SdkTracerProvider, String> {
    let exporter = SpanExporter::builder().with_http();
    let exporter =
        configured(exporter, client, otlp, RetryPolicy::recommended()).build().map_err(|error| unbuilt(&error))?;
    let Batch { delay, queue, size } = otel.batch;
    let batch = BatchConfigBuilder::default()
        .with_scheduled_delay(delay)
        .with_max_queue_size(queue)
        .with_max_export_batch_size(size)
        .build();
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batch).build();
    let provider = SdkTracerProvider::builder().with_resource(resource).with_span_processor(processor);
    Ok(sampled(provider, otel.sampling).build())
}

/// The builder's word rules over the variables, which the SDK reads too. Without a compression it reads them as `config` did.
fn configured<B: WithExportConfig + WithHttpConfig>(
    exporter: B,
    client: Client,
    otlp: &Otlp,
    retries: RetryPolicy,
) -> B {
    let exporter = exporter
        .with_endpoint(NOMINAL)
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(otlp.timeout)
        .with_http_client(client)
        .with_retry_policy(retries);
    if otlp.is_compressed { exporter.with_compression(Compression::Gzip) } else { exporter }
}

fn unbuilt(error: &ExporterBuildError) -> String {
    format!("OTLP: {error}")
}

fn sampled(
    provider: opentelemetry_sdk::trace::TracerProviderBuilder,
    Sampling { sampler, follows_parent }: Sampling,
) -> opentelemetry_sdk::trace::TracerProviderBuilder {
    let sampler = match sampler {
        Sampler::AlwaysOn => SdkSampler::AlwaysOn,
        Sampler::AlwaysOff => SdkSampler::AlwaysOff,
        Sampler::Ratio(share) => SdkSampler::TraceIdRatioBased(share),
    };
    if follows_parent {
        let own: Box<dyn ShouldSample> = Box::new(sampler);
        provider.with_sampler(SdkSampler::ParentBased(own))
    } else {
        provider.with_sampler(sampler)
    }
}

/// Exports the last, and ends both providers, within [`END`].
pub(crate) async fn end(clients: &[Client], meters: Option<SdkMeterProvider>, tracers: Option<SdkTracerProvider>) {
    clients.iter().for_each(Client::end);
    // What could not be exported the client has told.
    let meters = meters.map(|meters| on_thread(move || _ = meters.shutdown()));
    let tracers = tracers.map(|tracers| on_thread(move || _ = tracers.shutdown_with_timeout(END)));
    let ended = async {
        for thread in [meters, tracers].into_iter().flatten() {
            // An error is the end of a thread that did not come to its word, or that could not begin.
            let _ = thread.await;
        }
    };
    // Time enough for the last request that is given up, on both threads.
    let _ = timeout(END, ended).await;
}

/// Both shutdowns block, and the SDK's limits for them do not hold. So each has a thread, which nobody waits for longer than [`END`].
fn on_thread(work: impl FnOnce() + Send + 'static) -> oneshot::Receiver<()> {
    let (done, ended) = oneshot::channel();
    let work = move || {
        work();
        // Nobody may wait any more.
        let _ = done.send(());
    };
    drop(thread::Builder::new().name("telemetry-end".to_owned()).spawn(work));
    ended
}

#[cfg(test)]
mod tests;
