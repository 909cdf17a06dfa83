//! The ways to AWS: proxies, private certificate authorities, and the endpoints of every partition, with the real program.

use std::collections::BTreeSet;
use std::process::Output;

use ecs_sim::{Shape, Simulator, World};
use kit::program::{code, program, text};
use kit::proxy::Proxy;

const SMALL: Shape =
    Shape { clusters: 2, services: 12, tasks: 30, stopped_tasks: 0, task_definitions: 3, inactive_clusters: 0 };

/// Variables, and the hosts of ECS and STS that they lead to.
type Endpoints = (&'static [(&'static str, &'static str)], [&'static str; 2]);

/// By region, FIPS and dual-stack: the AWS General Reference's endpoint tables.
const ENDPOINTS: &[Endpoints] = &[
    (&[("AWS_REGION", "eu-west-1")], ["ecs.eu-west-1.amazonaws.com", "sts.eu-west-1.amazonaws.com"]),
    (&[("AWS_REGION", "cn-north-1")], ["ecs.cn-north-1.amazonaws.com.cn", "sts.cn-north-1.amazonaws.com.cn"]),
    (&[("AWS_REGION", "us-gov-west-1")], ["ecs.us-gov-west-1.amazonaws.com", "sts.us-gov-west-1.amazonaws.com"]),
    (
        &[("AWS_REGION", "us-east-1"), ("AWS_USE_FIPS_ENDPOINT", "true")],
        ["ecs-fips.us-east-1.amazonaws.com", "sts-fips.us-east-1.amazonaws.com"],
    ),
    (
        &[("AWS_REGION", "us-gov-east-1"), ("AWS_USE_FIPS_ENDPOINT", "true")],
        ["ecs-fips.us-gov-east-1.amazonaws.com", "sts.us-gov-east-1.amazonaws.com"],
    ),
    (
        &[("AWS_REGION", "eu-west-1"), ("AWS_USE_DUALSTACK_ENDPOINT", "true")],
        ["ecs.eu-west-1.api.aws", "sts.eu-west-1.api.aws"],
    ),
    (
        &[("AWS_REGION", "us-west-2"), ("AWS_USE_DUALSTACK_ENDPOINT", "true"), ("AWS_USE_FIPS_ENDPOINT", "true")],
        ["ecs-fips.us-west-2.api.aws", "sts-fips.us-west-2.api.aws"],
    ),
    (
        &[("AWS_REGION", "cn-northwest-1"), ("AWS_USE_DUALSTACK_ENDPOINT", "true")],
        ["ecs.cn-northwest-1.api.amazonwebservices.com.cn", "sts.cn-northwest-1.api.amazonwebservices.com.cn"],
    ),
];

fn simulator() -> Simulator {
    Simulator::start(World { shape: SMALL, ..World::default() }).unwrap()
}

fn address(simulator: &Simulator) -> String {
    simulator.endpoint().trim_start_matches("http://").to_owned()
}

/// A dry run of the real program that finds AWS by nothing but these variables.
async fn dry_run(variables: &[(&str, &str)], settings: &[&str]) -> Output {
    let mut command = program(None);
    command.env("AWS_ACCESS_KEY_ID", "AKIA").env("AWS_SECRET_ACCESS_KEY", "secret").env("AWS_REGION", "eu-west-1");
    command.envs(variables.iter().copied()).args(["sync", "--dry-run"]);
    for setting in settings {
        command.args(["--set", setting]);
    }
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn lines(output: &Output) -> usize {
    text(&output.stdout).lines().count()
}

const RECORDS: usize = 2 + 12 + 30 + 3;

#[tokio::test(flavor = "multi_thread")]
async fn every_partition_is_reached_through_a_proxy_and_under_a_private_ca() {
    let simulator = simulator();
    let hosts: Vec<&str> = ENDPOINTS.iter().flat_map(|(_, hosts)| *hosts).collect();
    let proxy = Proxy::start(&hosts, &address(&simulator)).await;
    let (ca, url) = (proxy.ca().display().to_string(), format!("http://user:p%40ss@{}", proxy.address()));
    for (variables, hosts) in ENDPOINTS {
        let mut variables = variables.to_vec();
        variables.extend([("HTTPS_PROXY", url.as_str()), ("AWS_CA_BUNDLE", ca.as_str()), ("RUST_LOG", "trace")]);
        let output = dry_run(&variables, &[]).await;
        let said = text(&output.stderr);
        assert_eq!(code(&output), 0, "{variables:?}: {said}");
        let shown = ["p@ss", "p%40ss", "dXNlcjpwQHNz"].into_iter().find(|secret| said.contains(secret));
        assert_eq!(shown, None, "the proxy's password is not for the logs");
        assert_eq!(lines(&output), RECORDS, "{variables:?}");
        let asked = proxy.asked();
        assert_eq!(asked.hosts, hosts.iter().map(|host| (*host).to_owned()).collect::<BTreeSet<_>>(), "{variables:?}");
        assert_eq!(asked.refused, Vec::<String>::new());
        // user:p@ss
        let basic = asked.authorizations.iter().map(|line| line.split(' ').next_back().unwrap()).collect::<Vec<_>>();
        assert_eq!(basic, ["dXNlcjpwQHNz"], "{variables:?}");
    }
    assert_eq!(simulator.counters().breaches, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_and_the_profile_take_the_same_way() {
    let simulator = simulator();
    let hosts = ["ecs.cn-north-1.amazonaws.com.cn", "sts.cn-northwest-1.amazonaws.com.cn"];
    let proxy = Proxy::start(&hosts, &address(&simulator)).await;
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("config");
    let ca = proxy.ca().display().to_string();
    std::fs::write(&profile, format!("[profile company]\nregion = cn-northwest-1\nca_bundle = {ca}\n")).unwrap();
    let (profile, url) = (profile.display().to_string(), proxy.address().to_owned());
    let variables = [
        ("AWS_CONFIG_FILE", profile.as_str()),
        ("AWS_PROFILE", "company"),
        ("AWS_REGION", ""),
        // As with curl, an address without a scheme is an HTTP proxy's.
        ("https_proxy", url.as_str()),
    ];
    let settings = [r#"roles=[{arn = "arn:aws-cn:iam::222222222222:role/reader", regions = ["cn-north-1"]}]"#];
    let output = dry_run(&variables, &settings).await;
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert_eq!(lines(&output), RECORDS);
    assert_eq!(proxy.asked().hosts, hosts.map(str::to_owned).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_another_ca_is_one_clear_line_and_no_retry() {
    let simulator = simulator();
    let proxy = Proxy::start(&ENDPOINTS[0].1, &address(&simulator)).await;
    let (ca, url) = (proxy.other_ca().display().to_string(), format!("http://{}", proxy.address()));
    let wrong = [("HTTPS_PROXY", url.as_str()), ("AWS_CA_BUNDLE", ca.as_str())];
    let role = "assume_role_arns=arn:aws:iam::222222222222:role/reader,arn:aws:iam::333333333333:role/reader";
    // Without a bundle the system's certificates are trusted, and those do not know this CA either.
    for (variables, settings) in [(&wrong[..], &[][..]), (&wrong[..1], &[]), (&wrong, &[role])] {
        let output = dry_run(variables, settings).await;
        let said = text(&output.stderr);
        assert_eq!((code(&output), lines(&output)), (2, 0), "{said}");
        let (logs, report): (Vec<&str>, Vec<&str>) =
            said.lines().filter(|line| line.contains("certificate")).partition(|line| line.contains("WARN"));
        assert_eq!((logs.len(), report.len()), (1, 1), "{said}");
        assert!(report[0].contains("invalid peer certificate") && report[0].contains("AWS_CA_BUNDLE"), "{said}");
        assert!(said.contains(", 0 requests"), "what was never sent is no request: {said}");
        assert_eq!(proxy.asked().hosts, ["sts.eu-west-1.amazonaws.com".to_owned()].into(), "and no other is tried");
    }
    assert_eq!(simulator.counters().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_lets_nothing_through_fails_the_sync_with_its_refusal() {
    let simulator = simulator();
    let proxy = Proxy::start(&[], &address(&simulator)).await;
    let url = format!("http://{}", proxy.address());
    let output = dry_run(&[("HTTPS_PROXY", &url)], &["maximum_retries=0"]).await;
    let said = text(&output.stderr);
    assert_eq!((code(&output), lines(&output)), (2, 0), "{said}");
    assert!(said.contains("Proxy: ") && said.contains("HTTPS_PROXY"), "{said}");
    assert!(proxy.asked().refused.iter().all(|line| line.starts_with("CONNECT ")));
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_of_ones_own_hold_for_each_service_and_stand_beside_the_proxy() {
    let (ecs, sts) = (simulator(), simulator());
    let (ecs_url, sts_url) = (ecs.endpoint(), sts.endpoint());
    let variables = [
        ("AWS_ENDPOINT_URL_ECS", ecs_url.as_str()),
        ("AWS_ENDPOINT_URL_STS", sts_url.as_str()),
        ("HTTP_PROXY", "http://127.0.0.1:1"),
        ("NO_PROXY", "127.0.0.1"),
    ];
    let output = dry_run(&variables, &[]).await;
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert_eq!(sts.counters().calls.keys().collect::<Vec<_>>(), ["GetCallerIdentity"]);
    assert!(!ecs.counters().calls.contains_key("GetCallerIdentity"));
    assert_eq!(lines(&output), RECORDS);

    // Without NO_PROXY the proxy is asked, also for plain HTTP.
    let output = dry_run(&variables[..3], &["maximum_retries=0"]).await;
    assert_eq!((code(&output), lines(&output)), (2, 0), "{}", text(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_that_cannot_be_are_told_at_once() {
    let simulator = simulator();
    let tls = format!("https://{}", address(&simulator));
    for variables in [
        &[("AWS_ENDPOINT_URL", tls.as_str()), ("AWS_REGION", "eu-west-1")][..],
        &[("AWS_ENDPOINT_URL", "localhost"), ("AWS_REGION", "eu-west-1")],
        &[("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("AWS_USE_FIPS_ENDPOINT", "true")],
        &[("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("AWS_USE_DUALSTACK_ENDPOINT", "true")],
    ] {
        let output = dry_run(variables, &[]).await;
        let said = text(&output.stderr);
        assert_eq!((code(&output), lines(&output)), (2, 0), "{variables:?}: {said}");
        let report: Vec<&str> = said.lines().filter(|line| line.starts_with("  denied: ")).collect();
        assert_eq!(report.len(), 1, "{variables:?}: {said}");
        assert!(report[0].contains("Endpoint: ") && report[0].contains("AWS_ENDPOINT_URL"), "{variables:?}: {said}");
        assert!(said.contains(", 0 requests"), "{variables:?}: {said}");
    }
}
