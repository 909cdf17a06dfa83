use std::io::{self, Write};
use std::time::Instant as StdInstant;

use kit::certificates::{Authority, Pair};
use kit::otlp::{Collector, Reply};
use kit::server::Closed;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Span, Tracer, TracerProvider};
use parking_lot::Mutex;
use tokio::task::spawn_blocking;
use tracing::subscriber::{DefaultGuard, set_default};
use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::config::Signal;

const KEY: &str = "header CANARY";

/// What the variables ask for, with this collector, headers and a user's query.
fn otel(url: &str, more: &[(&str, &str)]) -> Otel {
    let set = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=header%20CANARY,user-agent=theirs"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "600000"),
        ("OTEL_BSP_SCHEDULE_DELAY", "600000"),
        ("OTEL_SERVICE_NAME", "tested"),
    ];
    let find = |name: &str| more.iter().chain(&set).find(|(key, _)| *key == name).map(|(_, text)| (*text).to_owned());
    let (otel, warnings) = Otel::read(find);
    assert_eq!(warnings, [""; 0]);
    otel
}

/// What is logged on this thread, where the runtime of a test has its tasks.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }
}

/// Both signals, as the program has them.
struct Both {
    exports: Arc<Exports>,
    clients: Vec<Client>,
    meters: SdkMeterProvider,
    tracers: SdkTracerProvider,
    lines: Lines,
    _logs: DefaultGuard,
}

impl Both {
    async fn start(otel: &Otel) -> Self {
        let lines = Lines::default();
        let logs = set_default(tracing_subscriber::fmt().with_writer(lines.clone()).with_ansi(false).finish());
        let exports = Arc::new(Exports::default());
        let of_metrics = otel.metrics.as_ref().unwrap();
        let metrics = Client::new(of_metrics, &exports).await.unwrap();
        let resource = resource(otel, "setting");
        let reader = metric_reader(metrics.clone(), of_metrics, otel.export_interval).unwrap();
        let meters = SdkMeterProvider::builder().with_resource(resource.clone()).with_reader(reader).build();
        let mut clients = vec![metrics];
        let tracers = match &otel.traces {
            Some(of_traces) => {
                let traces = Client::new(of_traces, &exports).await.unwrap();
                clients.push(traces.clone());
                tracer_provider(traces, of_traces, otel, resource).unwrap()
            }
            None => SdkTracerProvider::builder().build(),
        };
        Self { exports, clients, meters, tracers, lines, _logs: logs }
    }

    /// Counts, and makes a span.
    fn work(&self) {
        self.meters
            .meter("ecs_sdm")
            .u64_counter("ecs_sdm.syncs")
            .build()
            .add(2, &[KeyValue::new("outcome", "completed")]);
        self.tracers.tracer("ecs_sdm").start("sync").end();
    }

    /// Ends it all, and gives how long that took, and the lines.
    async fn end(self) -> (Duration, Arc<Exports>, String) {
        let began = StdInstant::now();
        end(&self.clients, Some(self.meters), Some(self.tracers)).await;
        (began.elapsed(), self.exports, self.lines.text())
    }
}

fn counts(exports: &Exports) -> [u64; 4] {
    let of = |signal| [exports.accepted(signal), exports.failed(signal)];
    let [[a, b], [c, d]] = [of(Signal::Metrics), of(Signal::Traces)];
    [a, b, c, d]
}

#[tokio::test]
async fn the_last_values_and_spans_are_exported_at_the_end() {
    for compression in ["none", "gzip"] {
        let collector = Collector::start();
        let url = format!("{}/in?token=query-CANARY", collector.url());
        let both = Both::start(&otel(&url, &[("OTEL_EXPORTER_OTLP_COMPRESSION", compression)])).await;
        both.work();
        assert_eq!(collector.connections(), 0, "nothing is contacted before");
        let (_, exports, lines) = both.end().await;
        assert_eq!((counts(&exports), lines.as_str()), ([1, 0, 1, 0], ""));
        assert_eq!(collector.sum("ecs_sdm.syncs", &[("outcome", "completed")]), Some(2.0));
        let spans = collector.spans("sync");
        assert_eq!((spans.len(), spans[0].parent.as_str()), (1, ""));
        let resource = collector.received().resource();
        assert_eq!(
            (resource["service.name"].as_str(), resource["service.version"].as_str()),
            ("tested", env!("CARGO_PKG_VERSION"))
        );
        assert_eq!(resource["telemetry.sdk.language"], "rust");
        let mut targets: Vec<String> = collector.asked().iter().map(|asked| asked.target.clone()).collect();
        targets.sort();
        assert_eq!(targets, ["/in/v1/metrics?token=query-CANARY", "/in/v1/traces?token=query-CANARY"]);
        for asked in collector.asked() {
            assert_eq!([&asked.headers["x-key"], &asked.headers["user-agent"]], [KEY, "theirs"]);
            assert_eq!(asked.headers.get("content-encoding").is_some(), compression == "gzip");
        }
    }
}

#[tokio::test]
async fn a_collector_that_refuses_is_told_of_once_with_what_to_look_at_and_without_its_words() {
    for (status, see) in
        [(401, "; see OTEL_EXPORTER_OTLP_HEADERS"), (404, "; see OTEL_EXPORTER_OTLP_ENDPOINT"), (503, "")]
    {
        let collector = Collector::with(Reply::Status(status, "answer CANARY"));
        let both = Both::start(&otel(&format!("{}?CANARY", collector.url()), &[])).await;
        both.work();
        let meters = both.meters.clone();
        spawn_blocking(move || (0..5).for_each(|_| drop(meters.force_flush()))).await.unwrap();
        let (_, exports, lines) = both.end().await;
        let [accepted, failed, ..] = counts(&exports);
        assert_eq!((accepted, failed), (0, 6), "{lines}");
        assert_eq!(lines.lines().count(), 1, "{lines}");
        let expected =
            format!("metrics are not exported: the collector {}/v1/metrics answers {status} ", collector.url());
        assert!(lines.contains(&expected) && lines.trim_end().ends_with(see), "{lines}");
        assert!(!lines.contains("CANARY"), "{lines}");
    }
}

#[tokio::test]
async fn a_collector_that_hangs_holds_up_the_end_for_its_time_and_no_longer() {
    let collector = Arc::new(Collector::with(Reply::Hang));
    let both = Both::start(&otel(collector.url(), &[])).await;
    both.work();
    // One push is under way, and the last comes behind it.
    let meters = both.meters.clone();
    let hung = thread::spawn(move || drop(meters.force_flush()));
    let asked = Arc::clone(&collector);
    spawn_blocking(move || asked.wait_for_requests(1)).await.unwrap();
    let (took, exports, lines) = both.end().await;
    hung.join().unwrap();
    // The limit is the program's own, and not a guess of this test.
    assert!(took < END, "{took:?}");
    assert_eq!(counts(&exports), [0, 2, 0, 1], "{lines}");
    assert_eq!(collector.asked().len(), 3, "the last push has its try after the one that hung");
    assert!(lines.contains("does not answer before this process ends") && lines.lines().count() == 1, "{lines}");
}

#[tokio::test]
async fn where_nobody_listens_the_end_does_not_try_again() {
    let closed = Closed::new().unwrap();
    let url = format!("http://{}", closed.address().unwrap());
    let both = Both::start(&otel(&url, &[])).await;
    both.work();
    let (_, exports, lines) = both.end().await;
    assert_eq!(counts(&exports), [0, 1, 0, 1]);
    assert!(lines.contains("cannot be reached: ") && lines.contains("see OTEL_EXPORTER_OTLP_ENDPOINT"), "{lines}");
    assert_eq!(lines.lines().count(), 1, "{lines}");
}

#[tokio::test]
async fn what_a_collector_rejects_is_told_and_not_sent_again() {
    let collector = Collector::with(Reply::Reject(3));
    let both = Both::start(&otel(collector.url(), &[])).await;
    both.work();
    let (_, exports, lines) = both.end().await;
    assert_eq!(counts(&exports), [0, 1, 0, 1]);
    assert!(
        lines.contains("are not exported whole: ")
            && lines.contains("rejects 3 ")
            && lines.lines().count() == 1
            && !lines.contains("CANARY"),
        "{lines}"
    );
    assert_eq!(collector.asked().len(), 2);
}

#[tokio::test]
async fn what_is_answered_again_is_told() {
    let collector = Collector::with(Reply::Status(500, ""));
    let both = Both::start(&otel(collector.url(), &[])).await;
    both.work();
    let (meters, is_there) = (both.meters.clone(), Arc::new(collector));
    let there = Arc::clone(&is_there);
    let flushed = move || {
        assert!(meters.force_flush().is_err());
        there.reply(Reply::Accept);
        (0..2).for_each(|_| meters.force_flush().unwrap());
    };
    spawn_blocking(flushed).await.unwrap();
    let (_, exports, lines) = both.end().await;
    assert_eq!(counts(&exports), [3, 1, 1, 0]);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].contains("metrics are exported again"), "{lines:?}");
}

#[tokio::test]
async fn the_variables_say_whom_a_client_trusts_and_as_whom_it_speaks() {
    let (clients, others) = (Authority::new(), Authority::new());
    let collector = Collector::https(Some(&clients));
    let Pair { certificate, key } = clients.client();
    let trusts = [("OTEL_EXPORTER_OTLP_CERTIFICATE", collector.ca())];
    let misled = [("OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", others.pem.as_str())];
    let speaks =
        [("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", certificate.as_str()), ("OTEL_EXPORTER_OTLP_CLIENT_KEY", &key)];
    for (more, expected) in [
        ([&trusts[..], &speaks].concat(), None),
        ([&misled[..], &speaks].concat(), Some("OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE")),
        (trusts.to_vec(), Some("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE")),
    ] {
        let both =
            Both::start(&otel(collector.url(), &[&more[..], &[("OTEL_TRACES_EXPORTER", "none")]].concat())).await;
        both.work();
        let (_, exports, lines) = both.end().await;
        assert_eq!(exports.accepted(Signal::Metrics), u64::from(expected.is_none()), "{lines}");
        match expected {
            None => assert_eq!(lines, ""),
            Some(variable) => assert!(lines.trim_end().ends_with(&format!("; see {variable}")), "{lines}"),
        }
    }
}

#[tokio::test]
async fn files_that_cannot_be_used_are_told_by_their_variable() {
    let folder = tempfile::tempdir().unwrap();
    let no_pem = folder.path().join("ca");
    std::fs::write(&no_pem, "CANARY").unwrap();
    let no_pem = no_pem.display().to_string();
    for (more, variable) in [
        (&[("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nonexistent")][..], "OTEL_EXPORTER_OTLP_CERTIFICATE: "),
        (&[("OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", &no_pem)], "OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE: "),
        (
            &[("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", &no_pem), ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/nonexistent")],
            "OTEL_EXPORTER_OTLP_CLIENT_KEY: ",
        ),
    ] {
        let otel = otel("https://127.0.0.1:1", more);
        let error = Client::new(otel.metrics.as_ref().unwrap(), &Arc::default()).await.unwrap_err();
        assert!(error.starts_with(variable) && error.ends_with("; metrics are not exported"), "{error}");
        assert!(!error.contains("CANARY"), "{error}");
    }
}

#[test]
fn a_name_of_the_variables_rules_over_the_setting() {
    let name = |otel: &Otel| resource(otel, "setting").get(&"service.name".into()).map(|name| name.to_string());
    assert_eq!(name(&Otel::default()).as_deref(), Some("setting"));
    assert_eq!(name(&otel("http://c", &[])).as_deref(), Some("tested"));
    let versioned = otel("http://c", &[("OTEL_RESOURCE_ATTRIBUTES", "service.version=9")]);
    let version = resource(&versioned, "setting").get(&"service.version".into());
    assert_eq!(version.map(|version| version.to_string()).as_deref(), Some("9"));
}
