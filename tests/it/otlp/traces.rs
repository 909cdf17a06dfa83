//! Traces: a sync, its scopes, their types, and what of their calls and batches is worth a span.

use std::collections::BTreeSet;

use ecs_sim::{CANARY, Fault, Shape};
use kit::broker::bootstrap_servers;
use kit::otlp::Span;
use kit::settings::role;
use kit::topic::{limit, read};
use kit::{OBJECTS, REGION};

use super::*;

/// The spans below a span.
fn children<'a>(spans: &'a [Span], parent: &Span) -> Vec<&'a Span> {
    spans.iter().filter(|span| (&span.trace, &span.parent) == (&parent.trace, &parent.id)).collect()
}

#[test]
fn each_scope_has_a_trace_that_is_linked_to_its_syncs_and_each_type_a_span_with_its_counts() {
    let (simulator, collector) = (simulator(), Collector::start());
    let roles = format!("{},{}", role(0), role(1));
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()), ("ECS_SDM_ASSUME_ROLE_ARNS", &roles)];
    let (output, report) = dry_run(&simulator, &variables);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let spans = collector.received().all_spans();
    let [sync] = &collector.spans("sync")[..] else { panic!("one sync: {spans:?}") };
    assert_eq!((sync.parent.as_str(), sync.attributes["ecs_sdm.outcome"].as_str()), ("", "COMPLETED"));
    assert_eq!(sync.attributes["ecs_sdm.sync"], report["sync"].as_str().unwrap());
    let scopes = collector.spans("scope");
    assert_eq!(scopes.len(), 2, "{scopes:?}");
    for scope in &scopes {
        assert_eq!((scope.parent.as_str(), &scope.links), ("", &vec![(sync.trace.clone(), sync.id.clone())]));
        assert_ne!(scope.trace, sync.trace);
        assert_eq!(scope.attributes["cloud.region"], REGION);
        let role =
            format!("arn:aws:iam::{}:role/{}", scope.attributes["cloud.account.id"], scope.attributes["ecs_sdm.role"]);
        let of_scope = |object: &str| {
            let types = report["types"].as_array().unwrap();
            types.iter().find(|one| one["role"] == role.as_str() && one["object"] == object).unwrap().clone()
        };
        let types = children(&spans, scope);
        assert_eq!(types.iter().map(|span| span.name.as_str()).collect::<BTreeSet<_>>(), BTreeSet::from(OBJECTS));
        for one in types {
            let counts = of_scope(&one.name);
            assert_eq!((one.attributes["ecs_sdm.state"].as_str(), &one.error), ("complete", &None));
            for count in ["asked", "described", "gone", "acknowledged"] {
                let told = one.attributes[&format!("ecs_sdm.{count}")].parse::<u64>().ok();
                assert_eq!(told, counts[count].as_u64(), "{count} of {}", one.name);
            }
            assert!(one.time[0] >= scope.time[0] && one.time[1] <= scope.time[1], "{one:?} in {scope:?}");
            let calls = children(&spans, one);
            assert!(!calls.is_empty() && calls.iter().all(|call| call.kind == 3 && call.error.is_none()), "{calls:?}");
            assert!(
                calls.iter().all(|call| call.time[0] <= call.time[1] && call.name.starts_with("ECS/")),
                "{calls:?}"
            );
        }
    }
}

#[test]
fn a_type_has_two_hundred_spans_at_most_and_those_that_failed_are_among_them() {
    let shape = Shape { task_definitions: 900, ..SHAPE };
    let simulator = Simulator::start(World { shape, ..World::default() }).unwrap();
    drop(simulator.fault(Fault::throttling("DescribeTaskDefinition").times(3)));
    drop(simulator.fault(Fault::access_denied("DescribeServices")));
    let collector = Collector::start();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
        ("ECS_SDM_RATES__TASK_DEFINITION_READ__BURST", "10000"),
        ("ECS_SDM_RATES__TASK_DEFINITION_READ__PER_SECOND", "10000"),
    ];
    let (output, _) = dry_run(&simulator, &variables);
    assert_eq!(code(&output), 1, "{}", text(&output.stderr));
    let spans = collector.received().all_spans();
    let [definitions] = &collector.spans("EcsTaskDefinition")[..] else { panic!("one type: {spans:?}") };
    let calls = children(&spans, definitions);
    assert!(calls.len() <= 200, "{} spans", calls.len());
    let throttled = calls.iter().filter(|call| call.error.as_deref() == Some("ThrottlingException")).count();
    assert_eq!(throttled, 3, "{calls:?}");
    let services = &collector.spans("EcsService")[0];
    assert_eq!((services.attributes["ecs_sdm.state"].as_str(), services.error.as_deref()), ("denied", Some("denied")));
    assert_eq!(collector.spans("scope")[0].error.as_deref(), Some("incomplete"));
    let omitted: usize = definitions.attributes["ecs_sdm.spans.omitted"].parse().unwrap();
    assert_eq!(omitted + calls.len(), 900 + 9 + 3, "each call is a span, or counted");
    let denied = children(&spans, &collector.spans("EcsService")[0]).into_iter().filter(|call| call.error.is_some());
    assert!(
        denied.clone().count() > 0
            && denied.clone().all(|call| call.attributes["error.type"] == "AccessDeniedException")
    );
}

#[test]
fn log_lines_bear_the_ids_of_what_is_sampled_and_of_nothing_else() {
    for (sampler, is_sampled) in [("always_on", true), ("always_off", false)] {
        let (simulator, collector) = (simulator(), Collector::start());
        drop(simulator.fault(Fault::access_denied("ListTasks").times(1)));
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
            ("OTEL_TRACES_SAMPLER", sampler),
            ("ECS_SDM_TELEMETRY__LOG_FORMAT", "json"),
        ];
        let (output, _) = dry_run(&simulator, &variables);
        let logs = text(&output.stderr);
        let line = logs.lines().find(|line| line.contains("a list did not end")).unwrap_or_else(|| panic!("{logs}"));
        let line: Value = serde_json::from_str(line).unwrap();
        let scopes = collector.spans("scope");
        assert_eq!(scopes.len(), usize::from(is_sampled));
        match scopes.first() {
            Some(scope) => {
                let ids = [&line["span"]["trace_id"], &line["span"]["span_id"]];
                assert_eq!(ids, [&Value::from(scope.trace.as_str()), &Value::from(scope.id.as_str())]);
            }
            None => assert!(line["span"]["trace_id"].is_null(), "{line}"),
        }
    }
}

/// `traceparent` by W3C Trace Context, level 1: version, trace, parent, flags.
#[test]
fn a_record_carries_the_span_of_its_type_where_that_is_asked_for() {
    for (headers, is_asked, sampler) in [
        ("cloudevents", true, "always_on"),
        ("none", true, "always_on"),
        ("cloudevents", false, "always_on"),
        ("cloudevents", true, "always_off"),
    ] {
        let (simulator, collector, prefix) = (simulator(), Collector::start(), unique("traceparent"));
        let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()), ("OTEL_TRACES_SAMPLER", sampler)];
        let mut command = exporting(&simulator, &variables);
        command.args(["sync", "--set", "kafka.topics_create=if_missing"]);
        for (key, value) in [
            ("kafka.bootstrap_servers", bootstrap_servers().unwrap()),
            ("kafka.topic_prefix", &prefix),
            ("kafka.headers", headers),
            ("kafka.traceparent", if is_asked { "true" } else { "false" }),
        ] {
            command.args(["--set", &format!("{key}={value}")]);
        }
        let output = command.output().unwrap();
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        let records = read(bootstrap_servers().unwrap(), &format!("{prefix}.service"));
        assert_eq!(records.len() as u64, SHAPE.services);
        let expected = collector.spans("EcsService").first().map(|of| format!("00-{}-{}-01", of.trace, of.id));
        for record in records {
            let of = |name: &str| record.headers.get(name).cloned();
            match (&expected, of("traceparent")) {
                (Some(expected), told) => assert_eq!(told.as_ref(), is_asked.then_some(expected)),
                // That nobody keeps the trace is told, too.
                (None, told) => assert!(told.is_some_and(|told| told.len() == 55 && told.ends_with("-00"))),
            }
            assert_eq!(of("ce_id").is_some(), headers == "cloudevents");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_spans_and_records_that_are_refused_are_errors() {
    let (simulator, collector, prefix) = (simulator(), Collector::start(), unique("refused_spans"));
    let broker = bootstrap_servers().unwrap();
    let sync = || {
        let mut command = exporting(&simulator, &[("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())]);
        command.args(["sync", "--set", "kafka.topics_create=if_missing", "--set", "errors.tolerance=dlq"]);
        for setting in [
            format!("kafka.bootstrap_servers={broker}"),
            format!("kafka.topic_prefix={prefix}"),
            "kafka.properties.compression.codec=none".to_owned(),
        ] {
            command.args(["--set", &setting]);
        }
        command.output().unwrap()
    };
    assert_eq!(code(&sync()), 0);
    let topic = format!("{prefix}.service");
    limit(broker, &topic, 200).await;
    let before = collector.received().all_spans().len();
    assert_eq!(code(&sync()), 1);
    let spans: Vec<Span> = collector.received().all_spans().split_off(before);
    let sends: Vec<&Span> = spans.iter().filter(|span| span.name == format!("send {topic}")).collect();
    assert!(sends.iter().all(|span| span.kind == 4 && span.attributes["messaging.system"] == "kafka"), "{sends:?}");
    let refused = sends.iter().filter(|span| span.attributes.get("error.type").is_some_and(|is| is == "dead_letter"));
    // So many are kept at most.
    assert_eq!(refused.count() as u64, SHAPE.services.min(30));
}

/// The account's environment values, and ARNs: nothing of it is in spans, metrics or their labels.
#[test]
fn no_environment_value_and_no_arn_of_an_object_is_exported() {
    let (simulator, collector) = (simulator(), Collector::start());
    drop(simulator.fault(Fault::refuse("DescribeTaskDefinition", 500, "ServerException", CANARY).times(5)));
    drop(simulator.fault(Fault::refuse("DescribeTasks", 400, "ClientException", CANARY).times(2)));
    drop(simulator.fault(Fault::drop_objects("DescribeServices", 1)));
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()), ("ECS_SDM_ASSUME_ROLE_ARNS", &role(0))];
    let (output, report) = dry_run(&simulator, &variables);
    assert!(text(&output.stdout).contains("ENVIRONMENT_KEYS"), "{report}");
    let received = collector.received();
    assert!(received.all_spans().iter().any(|span| span.error.is_some()) && !received.metrics.is_empty());
    let all = received.text();
    assert!(!all.contains("arn:aws"), "an ARN is exported");
    assert!(!all.contains(CANARY), "a value or a message is exported");
}
