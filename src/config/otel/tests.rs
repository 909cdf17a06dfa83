use super::*;

type Set<'a> = &'a [(&'a str, &'a str)];

fn read(set: Set<'_>) -> (Otel, Vec<String>) {
    Otel::read(|name| set.iter().find(|(key, _)| *key == name).map(|(_, text)| (*text).to_owned()))
}

/// What is read without any warning.
fn quiet(set: Set<'_>) -> Otel {
    let (otel, warnings) = read(set);
    assert_eq!(warnings, [""; 0], "{set:?}");
    otel
}

/// Metrics are on and nothing is wrong with them, beside these.
fn metrics(set: Set<'_>) -> (Otlp, Otel, Vec<String>) {
    let (otel, warnings) = read(&[set, &[("OTEL_METRICS_EXPORTER", "otlp")]].concat());
    (otel.metrics.clone().unwrap_or_else(|| panic!("{set:?}: {warnings:?}")), otel, warnings)
}

#[test]
fn a_signal_is_on_where_its_exporter_or_an_endpoint_asks_for_it() {
    const SHARED: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
    const OF_TRACES: (&str, &str) = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://traces/in");
    let cases: &[(Set<'_>, [Option<&str>; 2])] = &[
        (&[], [None, None]),
        (&[("OTEL_EXPORTER_OTLP_ENDPOINT", " "), ("OTEL_METRICS_EXPORTER", "")], [None, None]),
        (&[SHARED], [Some("http://collector:4318/v1/metrics"), Some("http://collector:4318/v1/traces")]),
        (
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c/otlp/?key=1#x")],
            [Some("https://c/otlp/v1/metrics?key=1"), Some("https://c/otlp/v1/traces?key=1")],
        ),
        (&[SHARED, OF_TRACES], [Some("http://collector:4318/v1/metrics"), Some("https://traces/in")]),
        (&[OF_TRACES], [None, Some("https://traces/in")]),
        (&[("OTEL_METRICS_EXPORTER", "OTLP")], [Some("http://localhost:4318/v1/metrics"), None]),
        (&[("OTEL_TRACES_EXPORTER", "otlp")], [None, Some("http://localhost:4318/v1/traces")]),
        (&[SHARED, ("OTEL_TRACES_EXPORTER", "none")], [Some("http://collector:4318/v1/metrics"), None]),
        // Who names exporters means those alone.
        (&[SHARED, ("OTEL_METRICS_EXPORTER", "prometheus")], [None, Some("http://collector:4318/v1/traces")]),
        (&[("OTEL_METRICS_EXPORTER", "prometheus, otlp,")], [Some("http://localhost:4318/v1/metrics"), None]),
        (&[SHARED, ("OTEL_SDK_DISABLED", "True")], [None, None]),
        (
            &[SHARED, OF_TRACES, ("OTEL_SDK_DISABLED", "false"), ("OTEL_METRICS_EXPORTER", "none")],
            [None, Some("https://traces/in")],
        ),
    ];
    for (set, expected) in cases {
        let Otel { metrics, traces, is_disabled, .. } = quiet(set);
        let urls = [metrics, traces].map(|signal| signal.map(|otlp| otlp.url()));
        assert_eq!(urls.each_ref().map(Option::as_deref), *expected, "{set:?}");
        assert_eq!(is_disabled, set.contains(&("OTEL_SDK_DISABLED", "True")), "{set:?}");
    }
}

#[test]
fn what_cannot_be_used_turns_a_signal_off_and_says_so_in_one_line() {
    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://c:4318/v1/metrics");
    let cases: &[(Set<'_>, &str)] = &[
        (&[ENDPOINT, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], "OTEL_EXPORTER_OTLP_PROTOCOL: \"grpc\" is not spoken"),
        (
            &[
                ENDPOINT,
                ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/json"),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ],
            "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: \"http/json\" is not spoken",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "collector:4318")],
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: \"collector:4318\" is not a URL",
        ),
        (&[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "ftp://c?key=CANARY")], "\"ftp://c\" is not a URL"),
        (
            &[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://user:CANARY@c:4318")],
            "\"http://<redacted>\" is not a URL without a user",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://user:p/CANARY@c")],
            "\"http://<redacted>\" is not a URL without a user",
        ),
        (&[ENDPOINT, ("OTEL_METRICS_EXPORTER", "console")], "OTEL_METRICS_EXPORTER: \"console\" is no exporter"),
        (
            &[ENDPOINT, ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/CANARY")],
            "OTEL_EXPORTER_OTLP_CLIENT_KEY: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE is not set",
        ),
        (
            &[ENDPOINT, ("OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE", "/c")],
            "OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE: OTEL_EXPORTER_OTLP_CLIENT_KEY is not set",
        ),
    ];
    for (set, expected) in cases {
        let (otel, warnings) = read(set);
        assert_eq!((&otel.metrics, warnings.len()), (&None, 1), "{set:?}: {warnings:?}");
        let warning = &warnings[0];
        assert!(warning.contains(expected), "{warning}");
        assert!(warning.contains(';') && !warning.contains("CANARY") && !warning.contains('\n'), "{warning}");
    }
}

#[test]
fn what_signals_share_is_told_once() {
    let shared = [("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4318")];
    assert_eq!(read(&shared).1.len(), 1);
    let (otel, warnings) = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317")]);
    assert_eq!((otel.metrics.is_some(), otel.traces.is_some(), warnings.len()), (true, true, 1));
    assert!(warnings[0].contains("gRPC"), "{warnings:?}");
}

#[test]
fn numbers_names_and_headers_that_are_wrong_are_ignored_with_a_warning() {
    let cases: &[(&str, &str, &str)] = &[
        (
            "OTEL_METRIC_EXPORT_INTERVAL",
            "0",
            "\"0\" is ignored; use a number of milliseconds from 1 to 4294967295, as 60000",
        ),
        ("OTEL_METRIC_EXPORT_INTERVAL", "-5", "is ignored"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "0", "as 30000"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "ten", "\"ten\" is ignored"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "\"zstd\" is ignored; use gzip or none"),
        ("OTEL_TRACES_SAMPLER", "xray", "\"xray\" is ignored, and every trace is kept"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0", "as 5000"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "use a number of spans from 1 to 100000, as 8192"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "999999999", "is ignored"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "user@CANARY", "\"<redacted>\" is ignored"),
        ("OTEL_SDK_DISABLED", "1", "\"1\" is ignored; use true or false"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "CANARY", "header 1 is left out: has no ="),
        ("OTEL_EXPORTER_OTLP_HEADERS", "=CANARY", "header 1 is left out: has no name"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=1,,b=CANARY%zz", "header 2 is left out: has a %"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=CANARY%0Ab", "header 1 is left out: its value holds a control character"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "CANARY x=1", "header 1 is left out: its name is none"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "Content-Encoding=CANARY", "header 1 is left out: the exporter sets it"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=1,CANARY", "all of it is ignored: attribute 2 has no ="),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=CANARY%ff", "attribute 1 does not decode"),
    ];
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
    let usual = quiet(&[endpoint]);
    for (name, text, expected) in cases {
        let (mut otel, warnings) = read(&[endpoint, (name, text)]);
        for otlp in [&mut otel.metrics, &mut otel.traces].into_iter().flatten() {
            otlp.headers.clear();
        }
        assert_eq!(otel, usual, "{name}={text}");
        assert_eq!(warnings.len(), 1, "{name}={text}: {warnings:?}");
        let warning = &warnings[0];
        assert!(warning.starts_with(&format!("{name}: ")) && warning.contains(expected), "{warning}");
        assert!(!warning.contains("CANARY"), "{warning}");
    }
}

#[test]
fn headers_are_decoded_and_those_of_a_signal_take_the_place_of_the_shared() {
    let value = |otlp: &Otlp, name: &str| {
        let found = otlp.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.read().unwrap_or_default())
    };
    let shared = ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Basic%20YTpi=, x-tenant = a%2Cb+c ,");
    let (otlp, _, warnings) = metrics(&[shared]);
    assert_eq!((otlp.headers.len(), warnings.len(), otlp.origin.headers), (2, 0, shared.0));
    assert_eq!(value(&otlp, "authorization").as_deref(), Some("Basic YTpi="));
    assert_eq!(value(&otlp, "x-tenant").as_deref(), Some("a,b+c"));
    let (otlp, ..) = metrics(&[shared, ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "api-key=%C3%A4")]);
    assert_eq!((otlp.headers.len(), value(&otlp, "api-key").as_deref()), (1, Some("ä")));
    let shown = format!(
        "{:?}",
        metrics(&[("OTEL_EXPORTER_OTLP_HEADERS", "k=CANARY"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c?CANARY")]).1
    );
    assert!(shown.contains("http://c/v1/metrics") && !shown.contains("CANARY"), "{shown}");
}

#[test]
fn what_is_said_of_a_signal_rules_over_what_is_shared() {
    let (otlp, otel, warnings) = metrics(&[
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "3000"),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "2000"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
        ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "GZIP"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca"),
        ("OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", "/metrics-ca"),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/certificate"),
        ("OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY", "/key"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
        // What is about traces alone is not read.
        ("OTEL_TRACES_SAMPLER", "nonsense"),
    ]);
    assert_eq!(warnings, [""; 0]);
    assert_eq!((otlp.timeout, otlp.is_compressed), (Duration::from_secs(2), true));
    assert_eq!(otlp.ca.as_deref(), Some("/metrics-ca"));
    assert_eq!(otlp.identity, Some(("/certificate".to_owned(), Secret::Inline("/key".to_owned()))));
    let OtlpOrigin { ca, certificate, key, .. } = otlp.origin;
    assert_eq!(ca, "OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE");
    assert_eq!((certificate, key), ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY"));
    assert_eq!(otel.export_interval, Duration::from_millis(200));
    // The shorter of the two times of one request holds, and a bad number hides no good one.
    let (otlp, _, warnings) = metrics(&[
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "x"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "9000"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "1000"),
    ]);
    assert_eq!((otlp.timeout, warnings.len()), (Duration::from_secs(1), 1));
}

#[test]
fn traces_are_sampled_and_batched_as_asked() {
    let on = |follows_parent, sampler| Sampling { sampler, follows_parent };
    let cases: &[(&str, Option<&str>, Sampling)] = &[
        ("", None, on(false, Sampler::AlwaysOn)),
        ("always_off", None, on(false, Sampler::AlwaysOff)),
        ("parentbased_always_on", Some("0.1"), on(true, Sampler::AlwaysOn)),
        ("ParentBased_AlwaysOff", None, on(false, Sampler::AlwaysOn)),
        ("traceidratio", Some("0.25"), on(false, Sampler::Ratio(0.25))),
        ("parentbased_traceidratio", None, on(true, Sampler::Ratio(1.0))),
        ("traceidratio", Some("25"), on(false, Sampler::Ratio(1.0))),
        ("traceidratio", Some("NaN"), on(false, Sampler::Ratio(1.0))),
    ];
    for (name, argument, expected) in cases {
        let set = [
            ("OTEL_TRACES_EXPORTER", "otlp"),
            ("OTEL_TRACES_SAMPLER", name),
            ("OTEL_TRACES_SAMPLER_ARG", argument.unwrap_or_default()),
        ];
        assert_eq!(read(&set).0.sampling, *expected, "{name} {argument:?}");
    }
    let set = [
        ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "64"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "700"),
    ];
    let otel = quiet(&set);
    assert_eq!(otel.batch, Batch { delay: Duration::from_millis(100), queue: 64, size: 64 });
    assert_eq!(otel.traces.map(|otlp| otlp.timeout), Some(Duration::from_millis(700)));
    let (otel, warnings) = read(&[&set[..], &[("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "65")]].concat());
    assert_eq!((otel.batch.size, warnings.len()), (64, 1), "{warnings:?}");
}

#[test]
fn the_service_has_the_name_that_was_given_last() {
    let attributes =
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=of%20attributes,a%3Db=1,a%3Db=2,deployment.environment.name=test");
    let otel = quiet(&[attributes]);
    assert_eq!(otel.service_name.as_deref(), Some("of attributes"));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(otel.resource, [pair("a=b", "2"), pair("deployment.environment.name", "test")]);
    let otel = quiet(&[attributes, ("OTEL_SERVICE_NAME", "own")]);
    assert_eq!((otel.service_name.as_deref(), otel.resource.len()), (Some("own"), 2));
    assert_eq!(quiet(&[]).service_name, None);
}

#[test]
fn files_that_cannot_be_read_are_told_by_their_variable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("no-pem");
    std::fs::write(&path, "CANARY").unwrap();
    let path = path.display().to_string();
    let cases: &[(Set<'_>, &[&str])] = &[
        (&[], &[]),
        (
            &[("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nonexistent")],
            &["OTEL_EXPORTER_OTLP_CERTIFICATE: cannot read /nonexistent: "],
        ),
        (
            &[("OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE", &path), ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "CANARY")],
            &[
                "OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE: ",
                "OTEL_EXPORTER_OTLP_CLIENT_KEY: cannot read the file that it names",
            ],
        ),
    ];
    for (set, expected) in cases {
        let (otlp, ..) = metrics(set);
        let mut environment = Environment { variable: &|_| None, told: Diagnostics::default() };
        assert_eq!(otlp.has_files(&mut environment), expected.is_empty());
        let warnings = environment.told.warnings;
        assert_eq!(warnings.len(), expected.len(), "{warnings:?}");
        for (warning, expected) in warnings.iter().zip(*expected) {
            assert!(warning.starts_with(expected) && warning.contains(", and nothing is exported; "), "{warning}");
            assert!(!warning.contains("CANARY"), "{warning}");
        }
    }
}
